// References of ours: local ones in a scope a pass, and cursors.

import {
  createHeap,
  f64,
  type Heap,
  i32,
  type Ref,
  ref,
  type Slice,
  type StructKind,
  slice,
  struct,
} from '../../src/index.ts';
import type { Pass } from '../measure.ts';
import { type Access, fieldOf, OTHER_ELEMENTS, OTHER_ROUNDS, OTHERS, RING, RING_MASK, type Shape } from './access.ts';

export const Item = struct('Item', {
  a: i32,
  b: i32,
  get next() {
    return ref(Item);
  },
});
export type Item = Ref<typeof Item>;
export const Pair = struct('Pair', { a: i32, b: i32 });

const BYTES = 1 << 30;

export function openSpanheap({ access, kept, elements }: Shape): Pass {
  // Off: passes free what they made, by its address.
  const heap = createHeap({ maxBytes: BYTES, gc: 'off' });
  useOthers(heap);
  const make: Record<Access, () => Pass> = {
    at: () => throughSlice(heap, elements, kept),
    next: () => alongPointers(heap, elements, kept),
    'scan of structs': () =>
      scan(
        heap,
        heap.scope(() => structs(heap, elements).hold()),
      ),
    'scan of references': () =>
      scan(
        heap,
        heap.scope(() => references(heap, elements).hold()),
      ),
  };
  return make[access]();
}

/** A dozen other structs, each made, followed, indexed and scanned, by code that all of them go through. */
export function useOthers(heap: Heap): void {
  for (let k = 0; k < OTHERS; k++) {
    const field = `f${k}`;
    const Other: StructKind = struct(`Other${k}`, {
      [field]: k % 2 ? i32 : f64,
      get link() {
        return ref(Other);
      },
    });
    for (let round = 0; round < OTHER_ROUNDS; round++) heap.scope(() => useOther(heap, Other, field));
  }
}

interface Linked {
  [field: string]: unknown;
  link: Linked | null;
}

function useOther(heap: Heap, kind: object, field: string): number {
  const List = slice(kind as typeof Item);
  const inline = heap.make(List, OTHER_ELEMENTS) as unknown as Slice<Linked>;
  const list = heap.new(slice(ref(kind as typeof Item))) as unknown as Slice<Linked>;
  let sum = 0;
  for (let i = 0; i < OTHER_ELEMENTS; i++) {
    const item = heap.new(kind as typeof Item, { [field]: i } as object) as unknown as Linked;
    item.link = i > 0 ? list.at(i - 1) : null;
    list.push(item as never);
    inline.at(i)[field] = i;
  }
  for (let r: Linked | null = list.at(OTHER_ELEMENTS - 1); r !== null; r = r.link) sum += r[field] as number;
  for (const c of [inline.cursor(), list.cursor()]) while (c.next()) sum += c.value[field] as number;
  return sum;
}

export function references(heap: Heap, n: number): Slice<Item | null> {
  const list = heap.make(slice(ref(Item)), n);
  for (let i = 0; i < n; i++) list.set(i, heap.new(Item, { a: fieldOf(i), b: i & 0xff }));
  return list;
}

function structs(heap: Heap, n: number): Slice<Ref<typeof Pair>> {
  const list = heap.make(slice(Pair), n);
  for (let i = 0; i < n; i++) {
    const item = list.at(i);
    item.a = fieldOf(i);
    item.b = i & 0xff;
  }
  return list;
}

function throughSlice(heap: Heap, n: number, kept: boolean): Pass {
  const xs = heap.scope(() => references(heap, n).hold());
  const ring: unknown[] = new Array(RING).fill(null);
  const plainPass = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const r = xs.at(i)!;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  const keepingPass = (): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const r = xs.at(i)!;
      ring[i & RING_MASK] = r;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  const pass = kept ? keepingPass : plainPass;
  return { ops: n, run: () => heap.scope(pass) };
}

function alongPointers(heap: Heap, n: number, kept: boolean): Pass {
  const first = heap.scope(() => {
    const list = references(heap, n);
    for (let i = 0; i < n; i++) list.at(i)!.next = list.at((i + 1) % n);
    return list.at(0)!;
  });
  const ring: unknown[] = new Array(RING).fill(null);
  const plainPass = (): number => {
    let sum = 0;
    let r: Item = first;
    for (let i = 0; i < n; i++) {
      r = r.next!;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  const keepingPass = (): number => {
    let sum = 0;
    let r: Item = first;
    for (let i = 0; i < n; i++) {
      r = r.next!;
      ring[i & RING_MASK] = r;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  const pass = kept ? keepingPass : plainPass;
  return { ops: n, run: () => heap.scope(pass) };
}

function scan(heap: Heap, list: Slice<Ref<typeof Pair>> | Slice<Item | null>): Pass {
  const xs = list as Slice<Ref<typeof Pair>>;
  const pass = (): number => {
    let sum = 0;
    const c = xs.cursor();
    while (c.next()) {
      const r = c.value;
      sum = (sum + r.a + r.b) | 0;
    }
    return sum;
  };
  return { ops: list.length, run: () => heap.scope(pass) };
}
