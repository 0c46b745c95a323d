/** mcentral: spans that no thread owns, taken by those that need them, and freed into by anybody. */
import { beforeEach, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, PointerError } from '../../../src/index.ts';
import { LIST_CENTRAL, SPAN_LIST, SPAN_OWNER } from '../../../src/layout/span.ts';
import { Internals } from '../../support/internals.ts';

let heap: Heap;
let x: Internals;

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, maxThreads: 4 });
  x = new Internals(heap);
});

/** Objects of a thread that is gone. */
function leave(n: number, size: number): number[] {
  const gone = attachHeap(heap.share());
  const addrs = Array.from({ length: n }, () => gone.raw.mallocgc(size, null, true));
  gone.detach();
  return addrs;
}

test('spans of a thread that detached are on mcentral: the full ones and the partial one', () => {
  const addrs = leave(20, 1024);
  const lists = [...new Set(addrs.map((addr) => x.span(addr)))].map((s) => x.m[s + SPAN_LIST]! - LIST_CENTRAL);
  expect(lists.map((list) => list >> 1)).toEqual([1, 1, 0]);
  for (const addr of addrs) expect(x.m[x.span(addr) + SPAN_OWNER]).toBe(0);
});

test('a thread takes partial spans from there before it makes new ones', () => {
  const addrs = leave(20, 1024);
  const partial = x.span(addrs[19]!);
  const bytes = heap.stats().heapInUseBytes;
  const mine = Array.from({ length: 4 }, () => heap.raw.mallocgc(1024, null, true));
  expect(mine.map((addr) => x.span(addr))).toEqual([partial, partial, partial, partial]);
  expect(x.m[partial + SPAN_OWNER]).toBe(heap.threadId);
  expect(heap.stats().heapInUseBytes).toBe(bytes);
  heap.verify();
});

test('a free makes a full span partial, and the next request of the class takes it', () => {
  const addrs = leave(8, 1024);
  const s = x.span(addrs[0]!);
  heap.raw.free(addrs[3]!);
  expect((x.m[s + SPAN_LIST]! - LIST_CENTRAL) >> 1).toBe(0);
  heap.verify();
  expect(heap.raw.mallocgc(1024, null, true)).toBe(addrs[3]);
  heap.verify();
});

test('the last free gives the span back', () => {
  const addrs = leave(8, 1024);
  for (const addr of addrs) heap.raw.free(addr);
  expect(heap.stats().heapInUseBytes).toBe(0);
  heap.verify();
});

test('tiny objects: each is freed once, the block with its last', () => {
  const addrs = leave(10, 3);
  for (const addr of addrs) {
    heap.raw.free(addr);
    expect(() => heap.raw.free(addr)).toThrow(PointerError);
    heap.verify();
  }
  expect(heap.stats().heapInUseBytes).toBe(0);
});

test('slots taken from a span with old objects are zero when asked to be', () => {
  const addrs = leave(8, 1024);
  for (const addr of addrs) heap.memory.u8.fill(0xff, addr, addr + 1024);
  for (const addr of addrs.slice(0, 7)) heap.raw.free(addr);
  for (let i = 0; i < 7; i++) {
    const addr = heap.raw.mallocgc(1024, null, true);
    expect(heap.memory.u8.subarray(addr, addr + 1024).every((b) => b === 0)).toBe(true);
  }
  expect(heap.memory.u8[addrs[7]!]).toBe(0xff);
});
