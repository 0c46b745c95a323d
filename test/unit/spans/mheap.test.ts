/** What of mheap the raw API alone does not reach: mark-bit arenas and their roles, manual spans, page caches. */
import { beforeEach, expect, it } from 'vitest';
import { attachHeap, createHeap } from '../../../src/index.ts';
import { ARENA_BITS, ARENA_EPOCH, ARENA_NEXT, ARENA_WORDS, PIECE_WORDS } from '../../../src/layout/bits-arena.ts';
import { PAGE_SIZE } from '../../../src/layout/constants.ts';
import {
  H_BITS_CURRENT,
  H_BITS_FREE,
  H_BITS_NEXT,
  H_BITS_PREVIOUS,
  H_HEAP_LOCK,
  H_PAGES_IN_USE,
} from '../../../src/layout/header.ts';
import { PROC_BITS_END, PROC_PAGE_CACHE } from '../../../src/layout/proc.ts';
import { SPAN_BASE, SPAN_STATE, SPAN_STATE_DEAD, SPAN_STATE_MANUAL } from '../../../src/layout/span.ts';
import { cacheHas, isCacheEmpty } from '../../../src/pages/page-cache.ts';
import { initMem, readClasses } from '../../../src/runtime/init.ts';
import { checkOptions } from '../../../src/runtime/options.ts';
import { allocBits, nextMarkBitArenaEpoch, tryAllocBits } from '../../../src/spans/bits-arena.ts';
import type { MHeap } from '../../../src/spans/mheap.ts';
import { spanOf } from '../../../src/spans/mspan.ts';
import type { Proc } from '../../../src/sync/proc.ts';
import { attachProc } from '../../../src/threads/attach.ts';

let heap: MHeap;
let t: Proc;
let m: Int32Array<ArrayBufferLike>;

beforeEach(() => {
  const mem = initMem(checkOptions({ maxBytes: 1 << 24 }));
  heap = attachProc(mem, readClasses(mem), { thread: 0, osThread: 0 }).heap;
  t = heap.t;
  m = mem.m;
});

/** Lengths of the lists free, next, current, previous. */
function roles(): number[] {
  return [H_BITS_FREE, H_BITS_NEXT, H_BITS_CURRENT, H_BITS_PREVIOUS].map((head) => {
    let n = 0;
    for (let arena = m[head]!; arena !== 0; arena = m[arena + ARENA_NEXT]!) n++;
    return n;
  });
}

function cut(words: number): number {
  t.lock(H_HEAP_LOCK);
  const bits = allocBits(t, words);
  t.unlock(H_HEAP_LOCK);
  return bits;
}

function nextEpoch(): void {
  t.lock(H_HEAP_LOCK);
  nextMarkBitArenaEpoch(t);
  t.unlock(H_HEAP_LOCK);
}

it('bits of one thread come one after the other, zeroed, and never overlap', () => {
  const seen = new Set<number>();
  const broken: number[] = [];
  for (let i = 0; i < 5000; i++) {
    // Now and then more than a piece has.
    const words = i % 500 === 499 ? 4098 : 2 << (i % 6);
    const bits = tryAllocBits(t, words) || cut(words);
    for (let w = bits; w < bits + words; w++) {
      if (m[w] !== 0 || seen.has(w)) broken.push(w);
      seen.add(w);
      m[w] = -1;
    }
  }
  expect(broken).toEqual([]);
  // Two arenas' worth at least: the roles were filled in order.
  expect(roles()[1]).toBeGreaterThan(1);
});

it('a piece of bits begins or ends where a page does', () => {
  const first = cut(4);
  expect(first % PIECE_WORDS).toBe(ARENA_BITS);
  const ends = new Set<number>();
  for (let i = 0; i < 2000; i++) {
    tryAllocBits(t, 30);
    ends.add(m[t.ref + PROC_BITS_END]! % PIECE_WORDS);
  }
  expect([...ends]).toEqual([0]);
});

it.each(['leaves', 'is reaped'])('threads that come and go cut on from the same piece of bits: each %s', (end) => {
  const first = createHeap({ gc: 'off', maxBytes: 1 << 24, maxThreads: 2 });
  for (let i = 0; i < 1500; i++) {
    const other = attachHeap(first.share());
    other.raw.mallocgc(8000, null, true);
    if (end === 'leaves') other.detach();
    else first.reap(other.threadId);
  }
  first.verify();
  expect(first.stats().liveObjects).toBe(1500);
});

it('more threads than a small heap has pages for: each has its piece of bits in every role', () => {
  const first = createHeap({ gc: 'on', background: false, maxBytes: 1 << 24, maxThreads: 255 });
  const all = Array.from({ length: 250 }, () => attachHeap(first.share()));
  for (let cycle = 0; cycle < 5; cycle++) {
    for (const heap of all) heap.raw.mallocgc(64, null, true);
    first.gc();
  }
  first.verify();
  for (const heap of all) heap.detach();
});

it('an epoch moves each arena from next to current to previous to free, and a free one is zeroed for its next use', () => {
  const bits = cut(4);
  m[bits] = -1;
  expect(roles()).toEqual([0, 1, 0, 0]);
  nextEpoch();
  expect(roles()).toEqual([0, 0, 1, 0]);
  // A piece of the epoch before must not be cut any more.
  expect(tryAllocBits(t, 4)).toBe(0);
  const second = cut(4);
  expect(Math.floor((second - bits) / ARENA_WORDS)).not.toBe(0);
  nextEpoch();
  expect(roles()).toEqual([0, 0, 1, 1]);
  nextEpoch();
  expect(roles()).toEqual([1, 0, 0, 1]);
  expect(m[bits]).toBe(-1);
  const third = cut(4);
  expect(third).toBe(bits);
  expect(m[bits]).toBe(0);
  expect(m[m[H_BITS_NEXT]! + ARENA_EPOCH]).toBe(3);
});

it('a manual span is whole pages in state manual, and goes back whole', () => {
  const before = m[H_PAGES_IN_USE]!;
  const s = heap.allocManual(20);
  expect(m[s + SPAN_STATE]).toBe(SPAN_STATE_MANUAL);
  expect(m[s + SPAN_BASE]! % PAGE_SIZE).toBe(0);
  expect(spanOf(t.mem, m[s + SPAN_BASE]! + 20 * PAGE_SIZE - 1)).toBe(s);
  expect(m[H_PAGES_IN_USE]).toBe(before + 20);
  heap.freeManual(s);
  expect(m[s + SPAN_STATE]).toBe(SPAN_STATE_DEAD);
  expect(spanOf(t.mem, m[s + SPAN_BASE]!)).toBe(0);
  expect(m[H_PAGES_IN_USE]).toBe(before);
  expect(() => heap.freeManual(s)).toThrow('freeManual');
});

it('small requests come from the page cache; a page of its block goes back to it, and a flush empties it', () => {
  const cache = t.ref + PROC_PAGE_CACHE;
  // The first pages of a heap are those it grows by; from then on there is something to fill a cache with.
  heap.allocManual(1);
  const s = heap.allocManual(1);
  const page = m[s + SPAN_BASE]! / PAGE_SIZE;
  expect(isCacheEmpty(t.mem, cache)).toBe(false);
  expect(cacheHas(t.mem, cache, page)).toBe(false);
  heap.freeManual(s);
  expect(cacheHas(t.mem, cache, page)).toBe(true);
  expect(heap.pages.isFree(page)).toBe(false);
  heap.flush(t.ref);
  expect(isCacheEmpty(t.mem, cache)).toBe(true);
  expect(heap.pages.isFree(page)).toBe(true);
  expect(heap.pages.check()).toBe(null);
});
