/**
 * What programs do first with a heap, done once in small, so that V8 has compiled it when its code is written down: types
 * of all kinds, references, slices, maps, roots, scopes and cursors, also as a thread does that attaches; three cycles of the
 * collector. What a program seldom does (snapshots, traces, verify) is left out: each function that is kept takes its
 * part of each start.
 */
import type { Heap, Infer } from '../index.ts';
import type { Library } from './library.ts';

const BYTES = 64 << 20;
/** So often that slices grow, maps split, and spans are used up. */
const ROUNDS = 100;

/** Two threads' part, played by this one; afterwards nothing is left of it. */
export function rehearse(library: Library): void {
  const maker = library.createHeap({ maxBytes: BYTES, gcPercent: 50 });
  const user = library.attachHeap(maker.share());
  const { Item, Items, Names } = typesOf(library);
  maker.roots.set('items', maker.make(Items, 0, 4));
  maker.roots.set('names', maker.new(Names, [['first', maker.new(Item, { name: 'first', numbers: [1, 2] })]]));
  for (const heap of [maker, user]) {
    const items = heap.roots.get('items', Items)!;
    const names = heap.roots.get('names', Names)!;
    for (let i = 0; i < ROUNDS; i++) {
      heap.scope(() => {
        const item = heap.new(Item, {
          id: i,
          weight: i / 2,
          at: { x: i, y: -i },
          name: `item ${i % 100}`,
          fresh: true,
        });
        item.count.add(i);
        item.next = items.length > 0 ? items.at(items.length - 1)! : null;
        item.numbers = heap.make(library.slice(library.u32), 3);
        item.numbers.push(i, i + 1);
        items.push(item);
        names.set(item.name, item);
        names.update(`item ${i}`, (old) => old ?? item);
        if (i % 3 === 0) names.delete(`item ${i}`);
      });
    }
    readAll(heap, items, names);
    heap.gc();
  }
  user.detach();
  maker.roots.delete('items');
  maker.gc();
  maker.detach();
}

type Types = ReturnType<typeof typesOf>;
type Of<K extends keyof Types> = Infer<Types[K]>;

function readAll(heap: Heap, items: Of<'Items'>, names: Of<'Names'>): number {
  return heap.scope(() => {
    let sum = names.size;
    for (const item of items) if (item !== null) sum += item.id + item.at.x + item.name.length + item.count.load();
    for (const [name, item] of names) sum += name.length + (item?.weight ?? 0);
    const cursor = items.cursor();
    while (cursor.next()) sum += cursor.value?.near.at(1)?.id ?? 0;
    return names.has('first') ? sum + (items.at(0)?.numbers?.at(0) ?? 0) : sum;
  });
}

function typesOf({ array, atomic, bool, bytes, f64, i64, map, ref, slice, string, struct, u32, u8 }: Library) {
  const Point = struct('rehearsal.Point', { x: f64, y: f64 });
  const Item = struct('rehearsal.Item', {
    id: u32,
    kind: u8,
    fresh: bool,
    big: i64,
    weight: f64,
    at: Point,
    count: atomic(u32),
    name: string,
    data: bytes,
    numbers: slice(u32),
    get next() {
      return ref(Item);
    },
    get near() {
      return array(ref(Item), 4);
    },
  });
  return { Item, Items: slice(ref(Item)), Names: map(string, ref(Item)) };
}
