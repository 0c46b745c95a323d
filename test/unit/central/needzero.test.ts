/** What others free of a span is not zero when it comes again, whoever takes their notes. */
import { expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';

const T = { name: 'T', size: 4096, pointers: [0] };

/** Kinds of objects of a span that holds some: how one is made, its size, and what comes before its own bytes. */
const KINDS = [
  { what: 'without pointers', size: 4096, from: 0, make: (h: Heap) => h.raw.mallocgc(4096, null, true) },
  { what: 'with pointers', size: 4096, from: 4, make: (h: Heap) => h.raw.newobject(h.raw.type(T)) },
  { what: 'tiny', size: 8, from: 0, make: (h: Heap) => h.raw.mallocgc(8, null, true) },
];

/** So many pairs of objects, filled. The halves of a tiny block are a pair, so all of it goes when one goes. */
function fill(heap: Heap, kind: (typeof KINDS)[number], pairs: number) {
  return Array.from({ length: pairs * 2 }, () => {
    const addr = kind.make(heap);
    heap.memory.u8.fill(0xee, addr + kind.from, addr + kind.size);
    return { addr, pinned: heap.raw.pin(addr) };
  });
}

/** How many of the addresses come again, and how many objects that do are not zero. */
function again(heap: Heap, kind: (typeof KINDS)[number], freed: ReadonlySet<number>) {
  const { u8 } = heap.memory;
  return heap.scope(() => {
    let reused = 0;
    let dirty = 0;
    for (let i = 0; i < freed.size * 2; i++) {
      const addr = heap.raw.keepAlive(kind.make(heap));
      if (!freed.has(addr)) continue;
      reused++;
      if (u8.subarray(addr, addr + kind.size).some((byte) => byte !== 0)) dirty++;
    }
    return { reused: reused > 0, dirty };
  });
}

test.each(KINDS)('objects $what that another thread has freed, and a sweep has found so, are cleared', (kind) => {
  const heap = createHeap({ maxBytes: 2 ** 24, background: false });
  const other = attachHeap(heap.share());
  // Of a span, but not all of it; blocks as a whole.
  const [pairs, part] = kind.size === 8 ? [600, 2] : [8, 1];
  const objects = fill(heap, kind, pairs).filter((_, i) => (i & part) !== 0);
  for (const { addr, pinned } of objects) {
    pinned.unpin();
    other.raw.free(addr);
  }
  heap.gc();
  const freed = new Set(objects.map((o) => o.addr));
  expect(again(heap, kind, freed)).toEqual({ reused: true, dirty: 0 });
  heap.verify();
});

test.each([true, false])('tiny blocks that are freed beside a snapshot are cleared; shared: %s', async (shared) => {
  const heap = createHeap({ maxBytes: 2 ** 24, shared, background: false });
  const tiny = KINDS[2]!;
  const objects = fill(heap, tiny, 1000).filter((_, i) => (i & 2) !== 0);
  // Several pieces.
  const large = Array.from({ length: 40 }, () => heap.raw.pin(heap.raw.mallocgc(200_000, null, true)));
  let pieces = 0;
  for await (const _ of heap.snapshot()) {
    if (pieces++ > 0) continue;
    for (const { addr, pinned } of objects) {
      pinned.unpin();
      heap.raw.free(addr);
    }
  }
  expect(pieces).toBeGreaterThan(1);
  heap.gc();
  expect(again(heap, tiny, new Set(objects.map((o) => o.addr)))).toEqual({ reused: true, dirty: 0 });
  for (const pinned of large) pinned.unpin();
  heap.verify();
});
