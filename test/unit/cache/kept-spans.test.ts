/** Empty spans that a thread keeps for the next objects of their class. */
import { beforeEach, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import { MC_PARTIAL_FIRST, MC_PARTIAL_LAST, PROC_EMPTY_PAGES } from '../../../src/layout/proc.ts';
import { LIST_PROC_PARTIAL, SPAN_ALLOC_COUNT, SPAN_CLASS } from '../../../src/layout/span.ts';
import { listPush, listRemove, spanBase } from '../../../src/spans/mspan.ts';
import { Internals } from '../../support/internals.ts';

const MB = 2 ** 20;
const PAGE = 8192;
/** Four to a page. */
const SIZE = 2048;

let heap: Heap;
let x: Internals;

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 32 * MB });
  x = new Internals(heap);
});

const make = (n: number): number[] => Array.from({ length: n }, () => heap.raw.mallocgc(SIZE, null, false));
const kept = (by: Heap = heap): number => x.m[x.proc(by.threadId) + PROC_EMPTY_PAGES]!;
const freeAll = (addrs: readonly number[]): void => {
  for (const addr of addrs) heap.raw.free(addr);
};

test('they are taken again before any page is, and after those that hold objects', () => {
  const addrs = make(64);
  // Of one span one object stays.
  freeAll(addrs.filter((_, i) => i !== 21));
  heap.verify();
  expect(kept()).toBeGreaterThan(8);
  const partial = spanBase(x.m, x.span(addrs[21]!));
  const before = heap.stats().heapInUseBytes;
  const again = make(40);
  expect(again.filter((addr) => addr - (addr % PAGE) === partial)).toHaveLength(3);
  expect(heap.stats().heapInUseBytes).toBe(before);
  heap.verify();
});

test('a thread that is alone keeps what it gave back and wanted again', () => {
  for (let round = 0; round < 3; round++) freeAll(make(2000));
  expect(kept()).toBeGreaterThan(480);
  heap.verify();
  // Other sizes want the memory: the heap does not grow for them, and less is kept from then on.
  const { peakHeapBytes } = heap.stats();
  freeAll(Array.from({ length: 3900 }, () => heap.raw.mallocgc(1024, null, false)));
  expect(heap.stats().peakHeapBytes).toBe(peakHeapBytes);
  heap.verify();
});

test('a thread that is not alone keeps 128 pages, however often it wants them again', () => {
  const other = attachHeap(heap.share());
  for (let round = 0; round < 3; round++) freeAll(make(2000));
  expect(kept()).toBe(128);
  other.detach();
});

test('no more than 128 pages of them', () => {
  freeAll(make(2000));
  expect(kept()).toBe(128);
  expect(heap.stats().heapInUseBytes).toBeLessThan(128 * PAGE + 8 * PAGE);
  heap.verify();
});

test.each([
  ['an object of another class', (): number => heap.raw.mallocgc(1024, null, false)],
  [
    'a large object',
    (): number => heap.raw.mallocgc(4 * PAGE, null, false) && heap.raw.mallocgc(5 * PAGE, null, false),
  ],
])('%s does not make the heap larger than it was while there are some', (_, allocate) => {
  freeAll(make(400));
  const { peakHeapBytes } = heap.stats();
  const all = kept();
  for (let i = 0; kept() > all - 40 && i < 1e4; i++) allocate();
  expect(kept()).toBeLessThanOrEqual(all - 40);
  expect(heap.stats().peakHeapBytes).toBe(peakHeapBytes);
  heap.verify();
});

test('detaching and reaping give them back', () => {
  for (const end of ['detach', 'reap']) {
    const other = attachHeap(heap.share());
    const addrs = Array.from({ length: 64 }, () => other.raw.mallocgc(SIZE, null, false));
    for (const addr of addrs) other.raw.free(addr);
    expect(kept(other)).toBeGreaterThan(8);
    if (end === 'detach') other.detach();
    else heap.reap(other.threadId);
    heap.verify();
    expect(heap.stats().heapInUseBytes).toBe(0);
  }
});

test('verify wants them at the end of the list', () => {
  const addrs = make(64);
  freeAll(addrs.filter((_, i) => i !== 21));
  const s = x.span(addrs[21]!);
  const list = x.classOf(heap.threadId, x.m[s + SPAN_CLASS]!) + MC_PARTIAL_FIRST;
  const last = x.m[list + MC_PARTIAL_LAST - MC_PARTIAL_FIRST] as typeof s;
  expect(x.m[last + SPAN_ALLOC_COUNT]).toBe(0);
  listRemove(x.m, list, last);
  listPush(x.m, list, last, LIST_PROC_PARTIAL);
  expect(() => heap.verify()).toThrow(/mcache\.partial: .* comes after an empty one/);
});
