/** Reuse stacks grow with what a thread frees and wants again, far if it is alone; and are given up when that is over. */
import { beforeEach, describe, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, viewHeap } from '../../../src/index.ts';
import { H_ROOM_OWNER } from '../../../src/layout/header.ts';
import {
  MC_SIZE,
  MC_TOP,
  PROC_AREAS,
  PROC_EMPTY_PAGES,
  PROC_GROWN,
  PROC_ROOM_NEXT,
  PROC_STACKS,
  ROOM_WORDS,
  STACK_WORDS,
  TM_REFILLS,
} from '../../../src/layout/proc.ts';
import { SPAN_CLASS } from '../../../src/layout/span.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { SLOT_STACK } from '../../../src/observe/view-types.ts';
import { threadMeter } from '../../../src/spans/heap-stats.ts';
import { spanBase } from '../../../src/spans/mspan.ts';
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

  test('and has the room when the first has given its stack there up, and then left', () => {
    swing(3000);
    const addrs = make(3000);
    const other = attachHeap(heap.share());
    freeAll(addrs);
    expect(x.m[H_ROOM_OWNER]).toBe(0);
    other.verify();
    heap.detach();
    const spanClass = swing(3000, SIZE, other);
    expect(stack(spanClass, other).slots).toBeGreaterThanOrEqual(3000);
    other.verify();
  });

  test('and it holds back no more than beside others from the first, though idle stacks are never full', () => {
    for (let size = 80; size <= 1024; size += 16) swing(100, size);
    swing(20_000);
    const grown = (): number => x.m[x.proc(heap.threadId) + PROC_GROWN]!;
    expect(grown()).toBeGreaterThan(MB);
    const other = attachHeap(heap.share());
    for (let round = 0; round < 60; round++) freeAll(make(300, 48));
    expect(grown()).toBeLessThanOrEqual(512 << 10);
    expect(inRoom()).toBe(0);
    heap.verify();
    other.detach();
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

test('the budget is what was flushed and wanted again, and no more', () => {
  swing(300);
  const before = inRoom();
  // Once, and of another size as well.
  freeAll([...make(100_000), ...make(20_000, 512)]);
  expect(inRoom() - before).toBeLessThan(2048);
  expect(heap.stats().heapInUseBytes).toBeLessThan(1.5 * MB);
  heap.verify();
});

test('the budget is one for all sizes', () => {
  swing(300);
  for (let size = 80; size <= 1024; size += 16) freeAll(make(300, size));
  let grown = 0;
  for (let spanClass = 2; spanClass < 136; spanClass++) {
    if (stackStart(x.m, x.proc(heap.threadId), spanClass) < x.mem.plan.reuseRoom) continue;
    grown += stack(spanClass).room * x.m[x.classOf(heap.threadId, spanClass) + MC_SIZE]!;
  }
  expect(grown).toBeGreaterThan(0);
  // What a stack has in the record anyway is not counted.
  expect(grown).toBeLessThanOrEqual((heap.raw as unknown as Malloc).cache.holdBytes + 64 * 8192);
  heap.verify();
});

test('the budget grows by what was flushed, not by all that is taken again', () => {
  const { cache } = heap.raw as unknown as Malloc;
  const addrs = make(1800, 512);
  freeAll(addrs.filter((_, i) => i % 2 === 0));
  // These go straight back into spans that have free slots already.
  freeAll(addrs.filter((_, i) => i % 2 === 1));
  make(1800, 512);
  expect(cache.holdBytes).toBeGreaterThan(300 * 512);
  expect(cache.holdBytes).toBeLessThanOrEqual(900 * 512 + 8192);
  // What is freed and not wanted again is forgotten but for a MiB.
  freeAll(make(60_000, 512));
  expect(cache.flushedBytes).toBeLessThanOrEqual(MB);
});

test.each([
  [16, 128],
  [64, 128],
  [80, 64],
  [128, 64],
  [144, 32],
  [1024, 32],
])('%i bytes have %i k slots at most, and may have them', (size, k) => {
  heap = createHeap({ gc: 'off', maxBytes: 256 * MB });
  x = new Internals(heap);
  const most = k * 1024 - 1;
  const spanClass = swing(most, size);
  expect(stack(spanClass)).toMatchObject({ slots: most });
  // The last area grows where it is.
  expect(inRoom()).toBe(x.mem.plan.reuseRoom + k * 2048);
  // A stack that cannot hold what is freed in one go is small again.
  freeAll(make(2.5 * most, size));
  expect(stack(spanClass).room).toBeLessThanOrEqual(127);
  heap.verify();
});

test.each([
  [1024, true],
  [1152, false],
])('slots of %i bytes: their stack grows: %s', (size, does) => {
  swing(400, size);
  expect(inRoom() > 0).toBe(does);
  heap.verify();
});

test('below its peak the heap may take a new span without a flush', () => {
  // The peak.
  for (const addr of [1, 2, 3, 4, 5, 6].map(() => heap.raw.mallocgc(MB, null, false))) heap.raw.free(addr);
  const spanClass = swing(3000);
  make(1000, 256);
  expect(stack(spanClass).slots).toBeGreaterThanOrEqual(3000);
  heap.verify();
});

test('when the room is full, what is left in it is given up once stacks hold little', () => {
  heap = createHeap({ gc: 'off', maxBytes: 256 * MB });
  x = new Internals(heap);
  const room = x.mem.plan.reuseRoom;
  let most = 0;
  for (const size of [16, 24, 32, 48, 64, 80, 96, 112, 128]) {
    const n = Math.min(130_000, Math.floor((8 * MB) / size));
    const spanClass = swing(n, size);
    most = Math.max(most, inRoom() - room);
    // What it holds is wanted by others, when the heap would become larger.
    make(n, size);
    heap.verify();
    expect(stack(spanClass).slots).toBe(0);
  }
  expect(most).toBeGreaterThan(ROOM_WORDS / 2);
  expect(most).toBeLessThanOrEqual(ROOM_WORDS);
  expect(inRoom() - room).toBeLessThanOrEqual(ROOM_WORDS);
});

test('a stack that outgrows the room again and again may always begin anew', () => {
  for (let round = 0; round < 20; round++) {
    const spanClass = swing(30_000);
    expect(stack(spanClass).slots).toBeGreaterThanOrEqual(30_000);
    for (let i = 0; i < 8 && stack(spanClass).room > 127; i++) freeAll(make(300_000));
    expect(stack(spanClass).room).toBe(127);
    for (let i = 0; i < 4; i++) swing(2000);
  }
  heap.verify();
});

test('areas where another stack was before have zeros below their stacks', () => {
  swing(6000);
  heap.snapshotSync(() => {});
  const sizes = [16, 32, 48, 128, 144];
  for (let round = 0; round < 60; round++) for (const size of sizes) freeAll(make(700, size));
  heap.verify();
  const all = sizes.flatMap((size) => make(3000, size));
  expect(new Set(all).size).toBe(15_000);
  heap.verify();
});

test('memory that is found when none is left may lie on the stack itself', () => {
  heap = createHeap({ gc: 'off', maxBytes: 4 * MB });
  x = new Internals(heap);
  swing(3000);
  const all: number[] = [];
  const other = attachHeap(heap.share());
  make(1, 256, other);
  let calls = 0;
  heap.setHooks({
    onOutOfMemory: () => {
      if (calls++ > 0) return false;
      for (let i = 0; i < 10; i++) heap.raw.free(all.pop()!);
      heap.reap(other.threadId);
      return true;
    },
  });
  heap.scope(() => {
    while (calls === 0) all.push(heap.raw.mallocgc(SIZE, null, false));
  });
  expect(calls).toBe(1);
  heap.verify();
});

test('a reader sees no slots on a stack that somebody died moving', () => {
  const spanClass = swing(3000);
  make(3000);
  const { Frees } = heap.memStats();
  const area = x.proc(heap.threadId) + PROC_AREAS + 2 * spanClass;
  const end = x.proc(heap.threadId) + PROC_STACKS + (spanClass + 1) * STACK_WORDS;
  // As `place` leaves it before its last two stores, and before its last.
  x.m.set([end, end], area);
  expect(heap.memStats()).toMatchObject({ Frees, HeapObjects: 3000 });
  x.m[x.classOf(heap.threadId, spanClass) + MC_TOP] = end - 20;
  expect(heap.memStats()).toMatchObject({ Frees, HeapObjects: 3000 });
});

describe('beside another thread', () => {
  let other: Heap;
  const grown = (by: Heap = heap): number => x.m[x.proc(by.threadId) + PROC_GROWN]!;

  beforeEach(() => {
    other = attachHeap(heap.share());
  });

  test('a stack gets all the room of the record, and no more', () => {
    const spanClass = swing(100, 512);
    expect(stack(spanClass)).toEqual({ slots: 100, room: 127 });
    expect(grown()).toBe((127 - 16) * 512);
    expect(inRoom()).toBe(0);
    const before = refills();
    const addrs = make(100, 512);
    expect(refills()).toBe(before);
    freeAll(addrs);
    expect(make(100, 512)).toEqual(addrs.toReversed());
    heap.verify();
  });

  test('the last freed still comes first after a stack got more room', () => {
    for (let round = 0; grown() === 0; round++) {
      const addrs = make(30, 512);
      freeAll(addrs);
      heap.verify();
      if (grown() > 0) expect(make(30, 512)).toEqual(addrs.toReversed());
      expect(round).toBeLessThan(20);
    }
  });

  test('a stack that is full again before it has handed out what it holds is small again, for a while', () => {
    let spanClass = swing(100, 512);
    expect(stack(spanClass).room).toBe(127);
    freeAll(make(400, 512));
    expect(stack(spanClass).room).toBe(16);
    expect(grown()).toBe(0);
    heap.verify();
    spanClass = swing(100, 512);
    expect(stack(spanClass).room).toBe(16);
    for (let round = 0; stack(spanClass).room === 16; round++) {
      swing(100, 512);
      expect(round).toBeLessThan(100);
    }
    expect(stack(spanClass).room).toBe(127);
    heap.verify();
  });

  test('one that is full now and then is flushed, and keeps its room', () => {
    const spanClass = swing(100, 512);
    const held = make(40, 512);
    // More than it holds, by little each time.
    for (let i = 0; i < 300; i++) {
      freeAll(make(100, 512));
      if (i % 10 === 0) freeAll([...make(127, 512), held.pop()!]);
    }
    expect(stack(spanClass).room).toBe(127);
    heap.verify();
  });

  test('all together hold back a MiB, with the empty spans', () => {
    let most = 0;
    for (let size = 80; size <= 1024; size += 16) {
      swing(100, size);
      most = Math.max(most, grown());
    }
    expect(most).toBeGreaterThan(400 << 10);
    expect(most).toBeLessThanOrEqual(512 << 10);
    for (let size = 80; grown() < 300 << 10; size += 16) swing(100, size);
    freeAll(make(60_000, 512));
    const pages = x.m[x.proc(heap.threadId) + PROC_EMPTY_PAGES]!;
    expect(pages * 8192 + grown()).toBeLessThanOrEqual(MB + 8192);
    heap.verify();
  });

  test('stacks that nobody uses any more are given up for others that want to grow', () => {
    for (const size of [896, 1024, 960, 832, 768]) swing(100, size);
    const spanClass = spanClassOf(make(1, 256)[0]!);
    for (let round = 0; stack(spanClass).room < 127; round++) {
      swing(100, 256);
      expect(round).toBeLessThan(200);
    }
    heap.verify();
  });

  test('what was flushed while nothing more may be held back is no reason to hold back more later', () => {
    const { cache } = heap.raw as unknown as Malloc;
    const sizes = Array.from({ length: 60 }, (_, i) => 80 + 16 * i);
    for (let round = 0; round < 300; round++) for (const size of sizes) freeAll(make(60, size));
    expect(cache.holdBytes).toBeLessThan(3 * MB);
    heap.verify();
  });

  test('the heap does not become larger than it was while stacks hold slots', () => {
    const sizes = [512, 768, 1024];
    for (let round = 0; round < 40; round++) freeAll(sizes.flatMap((size) => make(100, size)));
    const { peakHeapBytes } = heap.stats();
    for (const addr of sizes.flatMap((size) => make(1, size))) expect(stack(spanClassOf(addr)).slots).toBe(99);
    make(20, 8192);
    expect(heap.stats().peakHeapBytes).toBe(peakHeapBytes);
    heap.verify();
  });

  test('a thread leaves, or is reaped, and the next one has a sound record', () => {
    swing(100, 512, other);
    expect(grown(other)).toBeGreaterThan(0);
    const id = other.threadId;
    other.detach();
    for (let round = 0; round < 3; round++) {
      other = attachHeap(heap.share());
      expect(other.threadId).toBe(id);
      expect(grown(other)).toBe(0);
      heap.verify();
      const spanClass = swing(100, 512, other);
      expect(stack(spanClass, other)).toEqual({ slots: 100, room: 127 });
      heap.reap(id);
      heap.verify();
    }
    expect(heap.memStats().HeapObjects).toBe(0);
  });

  test('one that died giving a stack more room leaves a sound record', () => {
    const spanClass = spanClassOf(make(1, 512, other)[0]!);
    swing(100, 512);
    const id = other.threadId;
    const at = x.proc(id) + PROC_STACKS + spanClass * STACK_WORDS;
    // As `grow` leaves it before the stack is moved.
    x.m[x.proc(id) + PROC_GROWN] = 111 * 512;
    x.m.fill(77, at + 2, at + STACK_WORDS - 32);
    heap.reap(id);
    heap.verify();
    other = attachHeap(heap.share());
    expect(other.threadId).toBe(id);
    heap.verify();
    expect(make(20, 512, other).every((addr) => x.span(addr) !== 0)).toBe(true);
    heap.verify();
  });

  test('a snapshot turns the stacks off for a while, and they grow again', () => {
    const spanClass = swing(100, 512);
    heap.snapshotSync(() => {});
    expect(grown()).toBe(0);
    heap.verify();
    swing(100, 512);
    expect(stack(spanClass)).toEqual({ slots: 100, room: 127 });
    heap.verify();
  });
});

test('with a collector stacks stay small', () => {
  heap = createHeap({ gc: 'on', background: false, maxBytes: 64 * MB });
  x = new Internals(heap);
  const spanClass = swing(3000);
  expect(stack(spanClass).room).toBe(127);
  expect(stack(swing(100, 512)).room).toBe(16);
  expect(inRoom()).toBe(0);
  heap.gc();
  heap.verify();
});

test('a snapshot turns them off for a while, and they grow again', () => {
  const spanClass = swing(3000);
  const kept = make(100);
  let bytes = 0;
  heap.snapshotSync((piece) => {
    bytes += piece.length;
  });
  expect(bytes).toBeGreaterThan(0);
  heap.verify();
  expect(inRoom()).toBe(0);
  expect(x.m[H_ROOM_OWNER]).toBe(0);
  swing(3000);
  expect(stack(spanClass).slots).toBeGreaterThanOrEqual(3000);
  freeAll(kept);
  heap.verify();
});

test('the view of a span names its slots on a long stack, and only those', () => {
  swing(3000);
  const addrs = make(3000);
  const [kept, ...others] = addrs;
  freeAll(others);
  const s = x.span(kept!);
  const view = viewHeap(heap.share());
  const flags = view.span(spanBase(x.m, s) >>> 13)!.slots;
  const ofSpan = others.filter((addr) => x.span(addr) === s).length;
  expect(ofSpan).toBeGreaterThan(10);
  expect(flags.filter((bits) => (bits & SLOT_STACK) !== 0)).toHaveLength(ofSpan);
});

test('any sequence of phases leaves a sound heap with exactly the objects that live', () => {
  const r = random(newSeed('phases of freeing and allocating'));
  const sizes = [16, 24, 64, 200, 512, 1024, 1500];
  const live: number[] = [];
  let other: Heap | undefined;
  for (let phase = 0; phase < 120; phase++) {
    const n = r.below(r.pick([100, 4000]));
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
