/** A request fails only when the memory is not there, whatever other threads hold in advance, or take meanwhile. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NIL, type SpanClass } from '../../../src/base/brand.ts';
import { attachHeap, createHeap, type Heap, OutOfMemoryError } from '../../../src/index.ts';
import { H_PAGES_IN_USE } from '../../../src/layout/header.ts';
import { PC_FREE_HI, PC_FREE_LO, PROC_PAGE_CACHE } from '../../../src/layout/proc.ts';
import type { Collector } from '../../../src/malloc/hooks.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { allocSegment } from '../../../src/threads/shadow-stack.ts';
import { Internals } from '../../support/internals.ts';

const MB = 2 ** 20;
const PAGE = 8192;
const NOSCAN = 1 as SpanClass;
/** Of a heap of 1 MiB; the first page is not handed out. */
const PAGES = MB / PAGE - 1;

let heap: Heap;
let other: Heap;
let x: Internals;

const inside = (h: Heap): Malloc => h.raw as unknown as Malloc;
const pagesInUse = (): number => x.m[H_PAGES_IN_USE]!;

/** Every free page goes to the other thread, for large objects of one page, past the path of a request that fails. */
function otherTakesAll(): void {
  const mheap = inside(other).cache.heap;
  while (mheap.alloc(1, NOSCAN) !== NIL);
}

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: MB, maxThreads: 4 });
  other = attachHeap(heap.share());
  x = new Internals(heap);
});

afterEach(() => {
  inside(heap).t.delay = undefined;
});

/** The other thread holds all pages in spans of its own, which are empty. */
function otherKeepsAll(): void {
  const addrs = Array.from({ length: (PAGES - pagesInUse()) * 4 }, () => other.raw.mallocgc(2048, null, false));
  for (const addr of addrs) other.raw.free(addr);
  expect(pagesInUse()).toBe(PAGES);
}

/** Runs `fn` when this thread has let the world go on, before it does anything else. */
function afterStop(fn: () => void): void {
  let places = 0;
  // The first is behind the lock, before the stop.
  inside(heap).t.delay = (place) => {
    if (place === 'world' && ++places === 2) fn();
  };
}

test.each([64, 2048, 20_000, 100_000])(
  'who empties the caches for %d bytes is served before the others run again',
  (size) => {
    otherKeepsAll();
    let taken = 0;
    afterStop(() => {
      taken = pagesInUse();
      otherTakesAll();
    });
    expect(heap.raw.mallocgc(size, null, false)).not.toBe(0);
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(20);
    expect(pagesInUse()).toBe(PAGES);
  },
);

test('so is who needs a page for references', () => {
  const addr = heap.raw.mallocgc(64, null, false);
  otherKeepsAll();
  afterStop(otherTakesAll);
  expect(heap.scope(() => allocSegment(inside(heap).cache.heap, addr))).not.toBe(NIL);
  expect(pagesInUse()).toBe(PAGES);
});

test('what is in use is told as it was when nothing was left, not as it is when the others have gone on', () => {
  const addrs = Array.from({ length: PAGES }, () => other.raw.mallocgc(PAGE, null, false));
  afterStop(() => {
    for (const addr of addrs) other.raw.free(addr);
  });
  let error: unknown;
  try {
    heap.raw.mallocgc(64, null, false);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(OutOfMemoryError);
  expect(error).toMatchObject({ requestedBytes: 64, inUseBytes: PAGES * PAGE, limitBytes: MB });
});

test('what is free in pieces is told too', () => {
  const addrs = Array.from({ length: PAGES }, () => heap.raw.mallocgc(PAGE, null, false)).sort((a, b) => a - b);
  const full = `${PAGES * PAGE} in use, limit ${MB})`;
  expect(() => heap.raw.mallocgc(64, null, false)).toThrow(full);
  for (const i of [10, 30, 31, 32, 70]) heap.raw.free(addrs[i]!);
  const left = `${(PAGES - 5) * PAGE} in use, limit ${MB}, largest free piece ${3 * PAGE})`;
  expect(() => heap.raw.mallocgc(4 * PAGE + 1, null, false)).toThrow(left);
});

test('a thread takes no pages in advance when there is not a block of them for each', () => {
  const cached = (h: Heap): number => {
    const at = new Internals(h).proc(h.threadId) + PROC_PAGE_CACHE;
    // The first makes pages known that the second takes.
    for (const size of [64, 2048]) h.raw.mallocgc(size, null, false);
    const { m } = new Internals(h);
    return m[at + PC_FREE_LO]! | m[at + PC_FREE_HI]!;
  };
  expect(cached(heap)).toBe(0);
  expect(cached(other)).toBe(0);
  const large = createHeap({ gc: 'off', maxBytes: 4 * MB });
  const second = attachHeap(large.share());
  expect(cached(large)).not.toBe(0);
  expect(cached(second)).not.toBe(0);
  // Alone, there is nobody to leave them to.
  expect(cached(createHeap({ gc: 'off', maxBytes: MB }))).not.toBe(0);
});

test('what a cycle frees may go to others: the collector is asked again as long as it says so', () => {
  let addrs = Array.from({ length: PAGES }, () => other.raw.mallocgc(PAGE, null, false));
  let calls = 0;
  const collector: Collector = {
    beforeSpan: () => {},
    beforeFree: () => {},
    onOutOfMemory: () => {
      calls++;
      for (const addr of addrs) other.raw.free(addr);
      addrs = calls < 3 ? addrs.map(() => other.raw.mallocgc(PAGE, null, false)) : [];
      return true;
    },
    mayFindMore: (n) => n < 5,
  };
  inside(heap).collector = collector;
  expect(heap.raw.mallocgc(64, null, false)).not.toBe(0);
  expect(calls).toBe(3);
  // And no longer.
  addrs = Array.from({ length: PAGES - pagesInUse() }, () => other.raw.mallocgc(PAGE, null, false));
  collector.onOutOfMemory = () => {
    calls++;
    return true;
  };
  expect(() => heap.raw.mallocgc(PAGE, null, false)).toThrow(OutOfMemoryError);
  expect(calls).toBe(8);
});

test('the collector may find more when others allocate, and not for ever', () => {
  const made = createHeap({ maxBytes: 4 * MB, background: false });
  const { collector } = inside(made);
  expect(collector.mayFindMore(1)).toBe(false);
  attachHeap(made.share());
  expect(collector.mayFindMore(1)).toBe(true);
  expect(collector.mayFindMore(100)).toBe(false);
});
