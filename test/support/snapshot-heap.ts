/** A small heap with something of everything that snapshots tell of. */
import {
  array,
  bytes,
  createHeap,
  f64,
  type Heap,
  type HeapOptions,
  i32,
  map,
  type Ref,
  ref,
  slice,
  string,
  struct,
  u32,
} from '../../src/index.ts';

export const Point = struct('Point', { x: f64, y: f64 });
export const Thing = struct('Thing', {
  id: i32,
  name: string,
  blob: bytes,
  at: Point,
  get next() {
    return ref(Thing);
  },
  get kids() {
    return slice(ref(Thing));
  },
  numbers: slice(f64),
  point: ref(Point),
  pair: array(ref(Point), 2),
  words: map(string, u32),
  counts: map(u32, u32),
});

export const NAMES = ['a', 'tiny', 'a name of some length', 'Grüße, 世界', '', 'x'.repeat(70)];

/** `count` things in a list, the named root "things"; each with all there is. */
export function snapshotHeap(count: number, options: HeapOptions = {}): Heap {
  const heap = createHeap({ maxBytes: 2 ** 25, background: false, ...options });
  heap.scope(() => {
    let next: Ref<typeof Thing> | null = null;
    function make(i: number): Ref<typeof Thing> {
      const thing = heap.new(Thing, {
        id: i,
        name: NAMES[i % NAMES.length]!,
        blob: new Uint8Array([i, 255, 0]),
        at: { x: i, y: -i },
        numbers: Array.from({ length: i % 5 }, (_, k) => k + 0.5),
        point: heap.new(Point, { x: 1, y: 2 }),
        next,
      });
      if (next !== null) thing.kids.push(next);
      thing.pair.set(1, thing.point);
      return thing;
    }
    for (let i = 0; i < count; i++) next = make(i);
    heap.roots.set('things', next!);
    const first = next!;
    for (let i = 0; i < 40; i++) first.words.set(i % 2 === 0 ? `w${i}` : `a word that is long ${i}`, i);
    for (let i = 0; i < 3000; i++) first.counts.set(i * 7, i);
    heap.roots.set(
      'large',
      heap.new(
        slice(ref(Thing)),
        Array.from({ length: 20_000 }, () => first),
      ),
    );
  });
  return heap;
}
