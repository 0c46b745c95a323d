/** Repair, from states that a thread can leave behind when it dies between two stores. The test plays the dead thread. */
import { beforeEach, expect, test, vi } from 'vitest';
import { releaseAll } from '../../../src/cache/release.ts';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import { PAGE_SHIFT } from '../../../src/layout/constants.ts';
import {
  GC_PAUSED,
  GC_STARTER,
  GC_WORK_LOCK,
  GC_WORKER,
  WORKER_ATTACHING,
  WORKER_RETIRING,
  WORKER_STARTING,
} from '../../../src/layout/gc.ts';
import {
  H_CACHES_CHANGER,
  H_HEAP_LOCK,
  H_PROCS,
  H_REPAIRER,
  H_SPECIALS_LOCK,
  H_STOP,
  H_WORLD_LOCK,
} from '../../../src/layout/header.ts';
import {
  MC_FULL_FIRST,
  MC_PARTIAL_COUNT,
  MC_WIN,
  PC_FREE_LO,
  PROC_BLOCKED,
  PROC_DEAD,
  PROC_EPOCH,
  PROC_FREE,
  PROC_ID,
  PROC_IDLE,
  PROC_PAGE_CACHE,
  PROC_PAUSES,
  PROC_REMOTE_HEAD,
  PROC_RUNNING,
  PROC_STOPPED,
  PROC_THREAD,
  PROC_TINY,
} from '../../../src/layout/proc.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_BASE,
  SPAN_CACHE,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_OWNER,
  SPAN_REMOTE_QUEUED,
  SPAN_STATE,
  SPAN_STATE_FREEING,
  SPAN_TYPES,
} from '../../../src/layout/span.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { setMarked } from '../../../src/spans/mark.ts';
import { tryReapWorker } from '../../../src/threads/reap.ts';
import { Internals } from '../../support/internals.ts';

let heap: Heap;
let ghost: Heap;
let x: Internals;

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 2 ** 25, maxThreads: 4 });
  ghost = attachHeap(heap.share());
  x = new Internals(heap);
});

function die(): void {
  expect(heap.reap(ghost.threadId)).toBe(true);
  heap.verify();
}

const make = (by: Heap, n: number, size: number): number[] =>
  Array.from({ length: n }, () => by.raw.mallocgc(size, null, true));

test('its objects stay, and can be freed', () => {
  const addrs = [1, 16, 100, 5000, 50_000].flatMap((size) => make(ghost, 20, size));
  die();
  expect(heap.stats().liveObjects).toBeGreaterThan(75);
  for (const addr of addrs) heap.raw.free(addr);
  heap.verify();
  expect(heap.stats().heapInUseBytes).toBe(0);
});

test('frees that were noted for it are carried out', () => {
  const addrs = [3, 100, 5000].flatMap((size) => make(ghost, 20, size));
  for (const addr of addrs) heap.raw.free(addr);
  die();
  expect(heap.stats().heapInUseBytes).toBe(0);
});

test('an object whose type was not written yet is no object', () => {
  const type = ghost.raw.type({ name: 'cell', size: 32, pointers: [0] });
  const addrs = Array.from({ length: 3 }, () => ghost.raw.newobject(type));
  const s = x.span(addrs[1]!);
  x.mem.m16[x.m[s + SPAN_TYPES]! + 1] = 0;
  die();
  expect(heap.stats().liveObjects).toBe(2);
  expect(() => heap.raw.free(addrs[1]!)).toThrow(/free already/);
});

test('a mark in a span that the page reclaimer was not told of is made known to it', () => {
  const { m, mem } = x;
  let found = -1;
  heap.setHooks({
    onDelay: (place) => {
      if (place !== 'gc.begun' || found >= 0) return;
      const addr = heap.raw.mallocgc(64, null, true);
      const page = addr >>> PAGE_SHIFT;
      // As a marker leaves it that dies when it has set the first mark of a span.
      setMarked(mem, addr);
      m[mem.plan.pageMarks + (page >>> 5)]! &= ~(1 << page);
      expect(() => heap.verify()).toThrow('arena.pageMarks');
      die();
      found = m[mem.plan.pageMarks + (page >>> 5)]! & (1 << page);
    },
  });
  heap.gc();
  expect(found).not.toBe(-1);
  expect(found).not.toBe(0);
});

test('a tiny block without an object is free', () => {
  const addr = ghost.raw.mallocgc(5, null, true);
  x.m[x.m[x.span(addr) + SPAN_TYPES]!] = 0;
  die();
  expect(heap.stats().heapInUseBytes).toBe(0);
});

test('a span that was half given back is free: some of its pages gone from the table, its bits 0', () => {
  const [addr] = make(ghost, 1, 50_000);
  const s = x.span(addr!);
  const bit = x.m[s + SPAN_ALLOC_BITS]!;
  x.m[bit >>> 5] = 0;
  x.m[s + SPAN_OWNER] = ghost.threadId;
  x.m[s + SPAN_STATE] = SPAN_STATE_FREEING;
  const first = x.mem.plan.spans + (x.m[s + SPAN_BASE]! >>> 13);
  x.m[first] = 0;
  x.m[first + 1] = 0;
  make(heap, 200, 100);
  die();
  expect(heap.raw.mallocgc(50_000, null, true)).toBeGreaterThan(0);
  heap.verify();
});

test('a large object whose bit was cleared and no more is free', () => {
  const [addr] = make(ghost, 1, 50_000);
  const bit = x.m[x.span(addr!) + SPAN_ALLOC_BITS]!;
  x.m[bit >>> 5] = 0;
  die();
  expect(heap.stats().heapInUseBytes).toBe(0);
});

test('a note that it left without telling the owner reaches the owner', () => {
  const [addr] = make(heap, 30, 1024);
  heap.raw.free(make(heap, 1, 1024)[0]!);
  ghost.raw.free(addr!);
  const s = x.span(addr!);
  expect(x.m[s + SPAN_DEFER]).not.toBe(0);
  // Died between marking the span as queued and putting it on the stack.
  expect(x.m[s + SPAN_REMOTE_QUEUED]).toBe(1);
  x.m[x.proc(heap.threadId) + PROC_REMOTE_HEAD] = 0;
  die();
  heap.raw.free(heap.raw.mallocgc(50_000, null, true));
  expect(() => heap.raw.free(addr!)).toThrow(/free already/);
  heap.verify();
});

test('a span that it began to free in without closing the fast path of its owner is closed', () => {
  const [addr] = make(heap, 30, 1024);
  ghost.raw.free(addr!);
  const s = x.span(addr!);
  expect(x.m[s + SPAN_CACHE]).toBe(0);
  x.m[s + SPAN_CACHE] = x.classOf(heap.threadId, x.m[s + SPAN_CLASS]!);
  die();
  expect(x.m[s + SPAN_CACHE]).toBe(0);
  expect(() => heap.raw.free(addr!)).toThrow(/free already/);
});

test('a record that was on a stack when its span was gone can be queued again', () => {
  const third = attachHeap(heap.share());
  const addrs = make(third, 9, 1024);
  for (const addr of addrs.slice(0, 7)) heap.raw.free(addr);
  const s = x.span(addrs[0]!);
  heap.setHooks({
    onDelay: (place) => {
      if (place !== 'defer.noted') return;
      heap.setHooks({});
      // The owner takes the note before the span is queued for it, and gives the empty span back.
      third.raw.free(third.raw.mallocgc(50_000, null, true));
      const { t, cache } = third.raw as unknown as Malloc;
      t.enter();
      releaseAll(cache);
      t.leave();
      expect(x.m[s + SPAN_STATE]).toBe(0);
    },
  });
  heap.raw.free(addrs[7]!);
  expect(x.m[s + SPAN_REMOTE_QUEUED]).toBe(1);
  die();
  expect(x.m[s + SPAN_REMOTE_QUEUED]).toBe(0);
  const again = make(third, 30, 1024);
  for (const addr of again) heap.raw.free(addr);
  heap.verify();
});

test('whoever dies while it reclaims leaves no cache as it is: all are made anew, and the stopped go on', () => {
  const third = attachHeap(heap.share());
  const addrs = [heap, third, ghost].flatMap((by) => [...make(by, 300, 64), ...make(by, 5, 7), ...make(by, 2, 50_000)]);
  for (let i = 0; i < addrs.length; i += 3) third.raw.free(addrs[i]!);
  const c = x.classOf(third.threadId, x.m[x.span(addrs[310]!) + SPAN_CLASS]!);
  // What a death in the middle of it may leave: lists, windows, tiny blocks, page caches half changed.
  x.m[c + MC_FULL_FIRST] = 0;
  x.m[c + MC_PARTIAL_COUNT] = 5;
  x.m[c + MC_WIN] = -1;
  x.m[x.proc(third.threadId) + PROC_TINY] = 12_345;
  x.m[x.proc(heap.threadId) + PROC_PAGE_CACHE + PC_FREE_LO] = -1;
  Atomics.store(x.m, H_CACHES_CHANGER, ghost.threadId);
  Atomics.store(x.m, H_STOP, ghost.threadId);
  Atomics.store(x.m, H_WORLD_LOCK, ghost.threadId);
  x.setStatus(third.threadId, PROC_STOPPED);
  die();
  expect(x.m[H_CACHES_CHANGER]).toBe(0);
  expect(x.status(third.threadId)).toBe(PROC_IDLE);
  for (let i = 0; i < addrs.length; i++) if (i % 3 !== 0) third.raw.free(addrs[i]!);
  make(third, 100, 64);
  make(heap, 100, 64);
  third.verify();
});

test('a thread that died while it was attaching leaves a record that can be reaped', () => {
  const before = heap.stats().threads;
  // Claimed: its epoch is odd, its status still FREE.
  const p = x.proc(3);
  Atomics.add(x.m, p + PROC_EPOCH, 1);
  x.m[p + PROC_ID] = 3;
  Atomics.add(x.m, H_PROCS, 1);
  expect(heap.stats().threads).toBe(before + 1);
  expect(heap.reap(3)).toBe(true);
  expect(heap.stats().threads).toBe(before);
  expect(attachHeap(heap.share()).threadId).toBe(3);
  heap.verify();
});

const LOCKS = { mheap: H_HEAP_LOCK, specials: H_SPECIALS_LOCK, 'full work buffers': GC_WORK_LOCK };

test.each([...Object.entries(LOCKS), ['nothing', 0]])(
  'two dead threads, the second with %s, are reaped together',
  (_, lock) => {
    const third = attachHeap(heap.share());
    const addrs = [...make(ghost, 100, 64), ...make(third, 100, 64)];
    // The reaper of one must neither take the other's absence for a reason to wait, nor wait for its lock.
    x.setStatus(third.threadId, PROC_DEAD);
    if (lock !== 0) Atomics.store(x.m, lock as number, third.threadId);
    expect(heap.reap(ghost.threadId)).toBe(true);
    expect([x.status(ghost.threadId), x.status(third.threadId)]).toEqual([PROC_FREE, PROC_FREE]);
    expect(heap.reap(third.threadId)).toBe(false);
    expect(x.locks().filter(([word]) => x.m[word] !== 0)).toEqual([]);
    heap.verify();
    for (const addr of addrs) heap.raw.free(addr);
    heap.verify();
    expect(heap.stats().heapInUseBytes).toBe(0);
  },
);

test('a reaper that gives up leaves those stopped whose caches are half changed', () => {
  const [third, fourth] = [attachHeap(heap.share()), attachHeap(heap.share())];
  for (const word of [H_CACHES_CHANGER, H_STOP, H_WORLD_LOCK]) Atomics.store(x.m, word, ghost.threadId);
  x.setStatus(third.threadId, PROC_STOPPED);
  x.setStatus(fourth.threadId, PROC_RUNNING);
  const { heap: mheap } = (heap.raw as unknown as Malloc).cache;
  x.m[x.proc(ghost.threadId) + PROC_THREAD] = 1000;
  expect(tryReapWorker(mheap, 999)).toBe(false);
  expect(x.m[H_STOP]).toBe(0);
  expect(x.status(third.threadId)).toBe(PROC_STOPPED);
  x.setStatus(fourth.threadId, PROC_IDLE);
  expect(tryReapWorker(mheap, 999)).toBe(true);
  expect([third, fourth].map((h) => x.status(h.threadId))).toEqual([PROC_IDLE, PROC_IDLE]);
  expect(x.m[H_CACHES_CHANGER]).toBe(0);
  heap.verify();
});

test('who dies while it repairs leaves the world stopped for the next reaper, whoever else comes first', () => {
  const [dead, third] = [attachHeap(heap.share()), attachHeap(heap.share())];
  for (const word of [H_REPAIRER, H_STOP, H_WORLD_LOCK]) Atomics.store(x.m, word, ghost.threadId);
  for (const h of [dead, ghost]) x.setStatus(h.threadId, PROC_DEAD);
  x.setStatus(third.threadId, PROC_STOPPED);
  const { t } = heap.raw as unknown as Malloc;
  let waits = 0;
  const parkWhile = vi.spyOn(t, 'parkWhile').mockImplementation(() => {
    expect(x.status(third.threadId)).toBe(PROC_STOPPED);
    if (++waits > 3) throw new Error('it waits');
  });
  expect(() => heap.verify()).toThrow('it waits');
  parkWhile.mockRestore();
  expect(heap.reap(dead.threadId)).toBe(true);
  expect([dead, ghost, third].map((h) => x.status(h.threadId))).toEqual([PROC_FREE, PROC_FREE, PROC_IDLE]);
  expect(x.m[H_REPAIRER]).toBe(0);
  heap.verify();
});

test('a repair that fails starts nobody', () => {
  const third = attachHeap(heap.share());
  const { t } = heap.raw as unknown as Malloc;
  t.delay = (place) => {
    if (place === 'specials') throw new Error('fails');
  };
  expect(() => heap.reap(ghost.threadId)).toThrow('fails');
  expect([x.m[H_REPAIRER], x.m[H_STOP], x.status(third.threadId)]).toEqual([heap.threadId, 0, PROC_STOPPED]);
});

test('freeing waits for no lock between the bit and the stack: a reaper that looks then counts each slot once', () => {
  const { t } = ghost.raw as unknown as Malloc;
  const dead = attachHeap(heap.share());
  const addrs = make(ghost, 400, 16384);
  let armed = true;
  t.delay = (place) => {
    if (place !== 'mcache.settle' || !armed) return;
    armed = false;
    Atomics.store(x.m, H_HEAP_LOCK, dead.threadId);
  };
  let waits = 0;
  vi.spyOn(t, 'parkFor').mockImplementation((word) => {
    // What `parkFor` does when the owner is DEAD, and what happens meanwhile.
    waits++;
    expect(word).toBe(H_HEAP_LOCK);
    x.setStatus(t.id, PROC_BLOCKED);
    expect(heap.reap(dead.threadId)).toBe(true);
    x.setStatus(t.id, PROC_RUNNING);
  });
  for (const addr of addrs) ghost.raw.free(addr);
  expect(waits).toBe(1);
  heap.verify();
  expect(heap.memStats().HeapObjects).toBe(0);
});

test.each([
  ['has not come yet', WORKER_STARTING],
  ['attaches', WORKER_ATTACHING],
  ['leaves', WORKER_RETIRING],
])(
  'who started the background worker is reaped along with another: its worker, which %s, is forgotten at once',
  (_, state) => {
    const collected = createHeap({ maxBytes: 2 ** 24, maxThreads: 4 });
    const [starter, other] = [attachHeap(collected.share()), attachHeap(collected.share())];
    const y = new Internals(collected);
    Atomics.store(y.m, GC_STARTER, starter.threadId);
    Atomics.store(y.m, GC_WORKER, state);
    y.setStatus(starter.threadId, PROC_DEAD);
    // Even if the reaper itself goes no further than its stop.
    const { t } = collected.raw as unknown as Malloc;
    const unlockWorld = t.unlockWorld.bind(t);
    const dying = vi.spyOn(t, 'unlockWorld').mockImplementation(() => {
      unlockWorld();
      throw new Error('dies');
    });
    expect(() => collected.reap(other.threadId)).toThrow('dies');
    dying.mockRestore();
    expect([y.m[GC_STARTER], y.m[GC_WORKER], y.status(starter.threadId)]).toEqual([0, 0, PROC_FREE]);
    collected.verify();
  },
);

test('what the dead held back with pauseGC is counted anew, as often as a reaper tries', () => {
  ghost.pauseGC();
  const pause = heap.pauseGC();
  // As after a reaper that died in the middle.
  x.m[x.proc(ghost.threadId) + PROC_PAUSES] = 0;
  die();
  expect(x.m[GC_PAUSED]).toBe(1);
  pause.dispose();
  expect(x.m[GC_PAUSED]).toBe(0);
});
