/** Reuse stacks of a thread that is alone grow with what it frees and wants again; and are given up when that is over. */
import { beforeEach, describe, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import { MC_TOP, PROC_ROOM_NEXT, ROOM_WORDS, TM_REFILLS } from '../../../src/layout/proc.ts';
import { SPAN_CLASS } from '../../../src/layout/span.ts';
import { threadMeter } from '../../../src/spans/heap-stats.ts';
import { roomEnd, stackEnd, stackStart } from '../../../src/spans/reuse-stack.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed, random } from '../../support/random.ts';

const MB = 2 ** 20;
const SIZE = 64;

let heap: Heap;
let x: Internals;

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 64 * MB });
  x = new Internals(heap);
});

const make = (n: number, size = SIZE, by: Heap = heap): number[] =>
  by.scope(() => Array.from({ length: n }, () => by.raw.mallocgc(size, null, false)));
const freeAll = (addrs: readonly number[], by: Heap = heap): void =>
  by.scope(() => {
    for (const addr of addrs) by.raw.free(addr);
  });
const spanClassOf = (addr: number): number => x.m[x.span(addr) + SPAN_CLASS]!;
/** Slots on a thread's stack of a class, and those it has room for. */
const stack = (spanClass: number, by: Heap = heap): { slots: number; room: number } => {
  const p = x.proc(by.threadId);
  const start = stackStart(x.m, p, spanClass);
  return {
    slots: (x.m[x.classOf(by.threadId, spanClass) + MC_TOP]! - start) / 2,
    room: (stackEnd(x.m, p, spanClass) - start) / 2,
  };
};
const inRoom = (by: Heap = heap): number => x.m[x.proc(by.threadId) + PROC_ROOM_NEXT]!;
const refills = (): number => x.mem.mf[threadMeter(x.proc(heap.threadId), TM_REFILLS)]!;

/** Frees and allocates so many objects in turns, until the stack of their class holds them all. Returns their class. */
function swing(n: number, size = SIZE, by: Heap = heap): number {
  let spanClass = -1;
  for (let round = 0; round < 40; round++) {
    const addrs = make(n, size, by);
    spanClass = spanClassOf(addrs[0]!);
    freeAll(addrs, by);
  }
  return spanClass;
}

test('what is freed and allocated in turns soon comes from the stack alone, the last freed first', () => {
  const spanClass = swing(3000);
  expect(stack(spanClass).slots).toBeGreaterThanOrEqual(3000);
  heap.verify();
  const before = refills();
  const addrs = make(3000);
  expect(new Set(addrs).size).toBe(3000);
  heap.verify();
  freeAll(addrs);
  expect(make(3000)).toEqual(addrs.toReversed());
  expect(refills()).toBe(before);
  heap.verify();
});

test('what is freed once is given back', () => {
  freeAll(make(200_000));
  expect(inRoom()).toBe(0);
  expect(heap.stats().heapInUseBytes).toBeLessThan(1.2 * MB);
  heap.verify();
});

test('large slots are flushed as ever', () => {
  const spanClass = swing(500, 2048);
  expect(stack(spanClass).room).toBe(4);
  heap.verify();
});

test('the heap does not become larger than it was while a stack holds slots', () => {
  swing(30_000);
  const { peakHeapBytes } = heap.stats();
  expect(heap.stats().heapInUseBytes).toBeGreaterThan(0.9 * peakHeapBytes);
  const others = make(14_000, 128);
  expect(heap.stats().peakHeapBytes).toBe(peakHeapBytes);
  heap.verify();
  freeAll(others);
  heap.verify();
});

test('a large object takes the pages of slots that a stack holds', () => {
  swing(30_000);
  const { peakHeapBytes } = heap.stats();
  heap.raw.mallocgc(MB, null, false);
  expect(heap.stats().peakHeapBytes).toBe(peakHeapBytes);
  heap.verify();
});

test('counts stay right', () => {
  swing(1000);
  const { Mallocs, Frees } = heap.memStats();
  expect([Mallocs, Frees]).toEqual([40_000, 40_000]);
  const addrs = make(500);
  expect(heap.memStats()).toMatchObject({ Mallocs: 40_500, Frees: 40_000, HeapObjects: 500 });
  freeAll(addrs);
  heap.raw.mallocgc(MB, null, false);
  expect(heap.memStats()).toMatchObject({ Mallocs: 40_501, Frees: 40_500, HeapObjects: 1 });
});

describe('somebody else comes', () => {
  test('and the stacks are as small as in any heap with several threads, once one is full', () => {
    const spanClass = swing(3000);
    const addrs = make(3000);
    const other = attachHeap(heap.share());
    freeAll(addrs);
    expect(stack(spanClass)).toMatchObject({ room: 127 });
    expect(inRoom()).toBe(0);
    heap.verify();
    const again = make(3000);
    freeAll(again);
    expect(stack(spanClass).slots).toBeLessThanOrEqual(127);
    other.detach();
    swing(3000);
    expect(stack(spanClass).slots).toBeGreaterThanOrEqual(3000);
    heap.verify();
  });

  test('and has the room when the first has left', () => {
    swing(3000);
    const other = attachHeap(heap.share());
    heap.detach();
    expect(roomEnd(x.mem)).toBe(x.mem.plan.reuseRoom);
    const spanClass = swing(3000, SIZE, other);
    expect(stack(spanClass, other).slots).toBeGreaterThanOrEqual(3000);
    other.verify();
  });

  test('and reaps the first: what its stacks held is free', () => {
    swing(3000);
    const kept = make(1000);
    const other = attachHeap(heap.share());
    other.reap(heap.threadId);
    other.verify();
    expect(other.memStats().HeapObjects).toBe(1000);
    freeAll(kept, other);
    expect(other.stats().heapInUseBytes).toBeLessThan(1.2 * MB);
    other.verify();
  });
});

test('stacks of many sizes share the room, and begin again when it is full', () => {
  let most = 0;
  const sizes = [16, 32, 48];
  for (let round = 0; round < 12; round++) {
    for (const addrs of sizes.map((size) => make(200_000, size))) freeAll(addrs);
    most = Math.max(most, inRoom() - x.mem.plan.reuseRoom);
    if (round % 4 === 0) heap.verify();
  }
  expect(most).toBeGreaterThan(ROOM_WORDS / 2);
  expect(most).toBeLessThanOrEqual(ROOM_WORDS);
  // More than there is room for.
  for (let round = 0; round < 6; round++) freeAll(make(600_000, 32));
  heap.verify();
  expect(heap.memStats().HeapObjects).toBe(0);
});

test('a cycle of the collector empties them, and they grow again', () => {
  heap = createHeap({ gc: 'on', background: false, maxBytes: 64 * MB });
  x = new Internals(heap);
  const spanClass = swing(3000);
  expect(stack(spanClass).slots).toBeGreaterThanOrEqual(3000);
  const type = heap.raw.type({ name: 'kept', size: 8, pointers: [] });
  expect(type.size).toBe(8);
  heap.gc();
  expect(inRoom()).toBe(0);
  heap.verify();
  swing(3000);
  expect(stack(spanClass).slots).toBeGreaterThanOrEqual(3000);
  heap.verify();
});

test('any sequence of phases leaves a sound heap with exactly the objects that live', () => {
  const r = random(newSeed('phases of freeing and allocating'));
  const sizes = [16, 24, 64, 200, 512, 1024, 1500];
  const live: number[] = [];
  let other: Heap | undefined;
  for (let phase = 0; phase < 120; phase++) {
    const n = r.below(4000);
    if (r.oneIn(2)) {
      const size = r.pick(sizes);
      live.push(...make(n, r.oneIn(2) ? size : r.pick(sizes)));
    } else {
      const from = r.oneIn(2) ? Math.max(0, live.length - n) : r.below(live.length + 1);
      const some = live.splice(from, n);
      freeAll(r.oneIn(2) ? some : some.toReversed());
    }
    if (r.oneIn(20)) {
      if (other === undefined) other = attachHeap(heap.share());
      else {
        other.detach();
        other = undefined;
      }
    }
    if (r.oneIn(8)) heap.verify();
    if (live.length > 60_000) freeAll(live.splice(0, 50_000));
  }
  heap.verify();
  expect(heap.memStats().HeapObjects).toBe(live.length);
  expect(new Set(live).size).toBe(live.length);
  freeAll(live);
  heap.verify();
});
