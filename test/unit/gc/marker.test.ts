// Marking in batches: every number of pointers around the size of a batch, in one object and spread over many.
import { describe, expect, test } from 'vitest';
import { createHeap, type Heap } from '../../../src/index.ts';
import { GC_HEAP_LIVE } from '../../../src/layout/gc.ts';
import { H_PERSISTENT_NEXT } from '../../../src/layout/header.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';

const BATCH = 64;
const NODE = 48; // a size class of its own here

function openHeap(): Heap {
  return createHeap({ maxBytes: 1 << 26, gcPercent: -1, background: false, debug: { checkmark: true } });
}

/** Nodes that are there. */
function nodesOf(heap: Heap): number {
  return heap.stats().classes.find((c) => c.size === NODE && !c.noscan)?.objects ?? 0;
}

/** What the last cycle has counted as marked, when nothing was allocated since. */
function bytesMarked(heap: Heap): number {
  return new Int32Array(heap.share().meta)[GC_HEAP_LIVE]! * 8;
}

function nodeType(heap: Heap) {
  return heap.raw.type({ name: 'node', size: NODE, pointers: [0, 4] });
}

/** No memory is left for what the library notes of the heap. */
function useUpMetadata(heap: Heap): void {
  const words = new Int32Array(heap.share().meta);
  words[H_PERSISTENT_NEXT] = (heap.raw as unknown as Malloc).t.mem.plan.end & ~1;
}

/** An object with `n` pointers, which stays. */
function pointersOf(heap: Heap, n: number): number {
  const pointer = heap.raw.type({ name: 'pointer', size: 4, pointers: [0] });
  const at = heap.raw.newarray(pointer, n);
  heap.raw.pin(at);
  return at;
}

describe('marker', () => {
  for (const n of [1, 2, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 1000, 40_000]) {
    test(`${n} pointers in one object`, () => {
      const heap = openHeap();
      const { raw } = heap;
      const node = nodeType(heap);
      const at = heap.scope(() => {
        const table = pointersOf(heap, n);
        for (let i = 0; i < n; i++) {
          raw.writePointer(table + 4 * i, raw.newobject(node));
          raw.newobject(node); // nothing refers to it
        }
        return table;
      });
      expect(nodesOf(heap)).toBe(2 * n);
      heap.gc();
      expect(nodesOf(heap)).toBe(n);
      heap.scope(() => raw.writePointer(at + 4 * (n >>> 1), 0));
      heap.gc();
      expect(nodesOf(heap)).toBe(n - 1);
      heap.verify();
    });
  }

  // Then what the stack loses is found by scanning all that is marked again: until nothing is lost any more.
  test.each([
    ['small objects, several thousand in each part of the heap', 30_000, 1],
    ['large objects of many pieces', 40, 40_000],
  ])('without memory for work buffers the cycle comes to its end: %s', (_, n, length) => {
    const heap = openHeap();
    const { raw } = heap;
    const pointer = raw.type({ name: 'cell', size: 8, pointers: [0, 4] });
    const node = nodeType(heap);
    heap.scope(() => {
      const table = pointersOf(heap, n);
      let last = 0;
      for (let i = 0; i < n; i++) {
        const cells = raw.newarray(pointer, length);
        raw.writePointer(table + 4 * i, cells);
        for (let k = 0; k < length; k += 97) raw.writePointer(cells + 8 * k, raw.newobject(node));
        raw.writePointer(cells + 8 * (length - 1) + 4, last);
        last = cells;
      }
    });
    const nodes = nodesOf(heap);
    useUpMetadata(heap);
    heap.gc();
    expect(nodesOf(heap)).toBe(nodes);
    heap.verify();
  });

  // What a marker knows of types grows as it meets them: each must be scanned the first time as well.
  test.each([
    ['600 types, one object each', 600, 3, 1],
    ['600 types, arrays of two pieces', 600, 3, 20_000],
    ['types with more pointers than all before them', 3, 10_000, 1],
  ])('%s', (_, types, pointers, length) => {
    const heap = createHeap({ maxBytes: 1 << 30, gcPercent: -1, background: false });
    const { raw } = heap;
    const node = nodeType(heap);
    const offsets = Array.from({ length: pointers }, (_, i) => 4 * i);
    heap.scope(() => {
      const table = pointersOf(heap, types);
      for (let k = 0; k < types; k++) {
        const type = raw.type({ name: `t${k}`, size: 4 * pointers, pointers: offsets });
        const parent = raw.newarray(type, length);
        raw.writePointer(table + 4 * k, parent);
        for (let i = 0; i < pointers; i++) {
          raw.writePointer(parent + 4 * i, raw.newobject(node));
          raw.writePointer(parent + 4 * ((length - 1) * pointers + i), raw.newobject(node));
        }
        raw.newobject(node);
      }
    });
    heap.gc();
    expect(nodesOf(heap)).toBe(types * pointers * (length === 1 ? 1 : 2));
    heap.verify();
  });

  test('nil, the same object again, and places inside of objects, between others', () => {
    const heap = openHeap();
    const { raw } = heap;
    const node = nodeType(heap);
    const n = 3 * BATCH;
    heap.scope(() => {
      const table = pointersOf(heap, 4 * n);
      for (let i = 0; i < n; i++) {
        const to = raw.newobject(node);
        const slot = table + 16 * i;
        raw.writePointer(slot, to + (i % NODE));
        if (i % 3 === 0) raw.writePointer(slot + 8, to);
        if (i % 5 === 0) raw.writePointer(slot + 12, to + NODE - 1);
        raw.newobject(node);
      }
    });
    heap.gc();
    expect(nodesOf(heap)).toBe(n);
    expect(bytesMarked(heap), 'each object once').toBe(n * NODE + raw.roundupsize(16 * n));
    heap.verify();
  });

  test('a list and a tree that are longer than the stack has room for', () => {
    const heap = openHeap();
    const { raw } = heap;
    const node = nodeType(heap);
    const n = 60_000;
    const all = new Int32Array(n);
    heap.scope(() => {
      for (let i = 0; i < n; i++) {
        all[i] = raw.newobject(node);
        raw.newobject(node);
        if (i > 0) raw.writePointer(all[i - 1]!, all[i]!);
      }
      // All second pointers lead to leaves of a table that is marked first.
      const table = pointersOf(heap, n);
      for (let i = 0; i < n; i++) raw.writePointer(table + 4 * i, all[n - 1 - i]!);
      raw.pin(all[0]!);
    });
    heap.gc();
    expect(nodesOf(heap)).toBe(n);
  });
});
