// Who finds a thread gone may be late to say so: by then its record may be free, or another thread's.
import { beforeEach, expect, test, vi } from 'vitest';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import {
  PROC_COUNTED,
  PROC_DEAD,
  PROC_EPOCH,
  PROC_FREE,
  PROC_IDLE,
  PROC_NAMED,
  PROC_OS_THREAD,
  PROC_THREAD,
} from '../../../src/layout/proc.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { isStatusOf, statusWord } from '../../../src/sync/status.ts';
import { attachmentOf, isOfGoneThread, markDead } from '../../../src/threads/dead.ts';
import { procsOfThread, reapGone } from '../../../src/threads/reap.ts';
import { Internals } from '../../support/internals.ts';

let heap: Heap;
let x: Internals;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24, maxThreads: 4, background: false });
  x = new Internals(heap);
});

test('of a thread that has left nothing is DEAD: neither its free record, nor who has that next', () => {
  const first = attachHeap(heap.share());
  const p = x.proc(first.threadId);
  const epoch = attachmentOf(x.m, p);
  first.detach();
  expect(attachmentOf(x.m, p)).toBe(0);
  expect([markDead(x.mem, p, epoch), x.status(first.threadId)]).toEqual([false, PROC_FREE]);
  const next = attachHeap(heap.share());
  expect(next.threadId).toBe(first.threadId);
  expect([markDead(x.mem, p, epoch), x.status(next.threadId)]).toEqual([false, PROC_IDLE]);
  next.scope(() => {});
  expect(markDead(x.mem, p, attachmentOf(x.m, p))).toBe(true);
  expect(() => next.scope(() => {})).toThrow(/not attached to the heap any more/);
  heap.reap(next.threadId);
  heap.verify();
});

test('one that died while it attached can be made DEAD, by its own epoch only', () => {
  const gone = attachHeap(heap.share());
  const p = x.proc(gone.threadId);
  const epoch = attachmentOf(x.m, p);
  gone.detach();
  // What `claimProc` does first of all.
  Atomics.store(x.m, p + PROC_EPOCH, epoch + 2);
  expect([markDead(x.mem, p, epoch), markDead(x.mem, p, epoch + 4)]).toEqual([false, false]);
  expect(x.status(gone.threadId)).toBe(PROC_FREE);
  // What the record tells of its thread is of the one that was there before.
  x.m[p + PROC_THREAD] = 4711;
  x.m[p + PROC_OS_THREAD] = 4711;
  const { heap: mheap } = (heap.raw as unknown as Malloc).cache;
  expect([reapGone(mheap, (id) => id === 4711), procsOfThread(mheap, 4710)]).toEqual([false, []]);
  x.m[p + PROC_NAMED] = epoch + 2;
  expect([isOfGoneThread(x.mem, p, (id) => id === 4711), procsOfThread(mheap, 4710)]).toEqual([true, [gone.threadId]]);
  expect([markDead(x.mem, p, epoch + 2), x.status(gone.threadId)]).toEqual([true, PROC_DEAD]);
});

test.each<[string, (p: number) => void]>([
  ['before it was counted', (p) => (x.m[p + PROC_COUNTED] = 0)],
  ['with its word, and not the sum', (p) => (x.m[p + PROC_COUNTED] = 1)],
])('one that died while it attached, %s, leaves the number of threads right', (_, die) => {
  const gone = attachHeap(heap.share());
  const p = x.proc(gone.threadId);
  const epoch = attachmentOf(x.m, p);
  gone.detach();
  Atomics.store(x.m, p + PROC_EPOCH, epoch + 2);
  die(p);
  expect(heap.reap(gone.threadId)).toBe(true);
  expect([heap.stats().threads, x.m[p + PROC_COUNTED], x.status(gone.threadId)]).toEqual([1, 0, PROC_FREE]);
  attachHeap(heap.share());
  expect([heap.stats().threads, heap.verify().threads]).toEqual([2, 2]);
});

test('one that died while it detached leaves the number of threads right', () => {
  const gone = attachHeap(heap.share());
  x.m[x.proc(gone.threadId) + PROC_COUNTED] = 0;
  expect(heap.stats().threads).toBe(2);
  expect(heap.reap(gone.threadId)).toBe(true);
  expect([heap.stats().threads, heap.verify().threads]).toEqual([1, 1]);
});

test('who attaches while several are reaped is not taken for one of them', () => {
  const gone = [attachHeap(heap.share()), attachHeap(heap.share())];
  const osThread = 2 ** 30;
  for (const h of gone) Atomics.store(x.m, x.proc(h.threadId) + PROC_OS_THREAD, osThread);
  const { cache } = heap.raw as unknown as Malloc;
  const { t } = cache.heap;
  const unlockWorld = t.unlockWorld.bind(t);
  const next: Heap[] = [];
  vi.spyOn(t, 'unlockWorld').mockImplementation(() => {
    unlockWorld();
    while (next.length < gone.length) next.push(attachHeap(heap.share()));
  });
  expect(reapGone(cache.heap, (id) => id === osThread)).toBe(true);
  expect(next.map((h) => h.threadId)).toEqual(gone.map((h) => h.threadId));
  for (const h of next) expect([h.attached, h.scope(() => 1)]).toEqual([true, 1]);
  heap.verify();
});

test('a status is of one attachment, as far as 24 bits tell', () => {
  for (const epoch of [1, 3, 2 ** 23 + 1, 2 ** 24 - 1, 2 ** 24 + 1, 2 ** 30 + 1]) {
    expect(isStatusOf(statusWord(PROC_IDLE, epoch), epoch)).toBe(true);
    expect(isStatusOf(statusWord(PROC_DEAD, epoch), epoch)).toBe(true);
    expect(isStatusOf(statusWord(PROC_FREE, epoch - 1), epoch)).toBe(true);
    expect(isStatusOf(statusWord(PROC_IDLE, epoch - 1), epoch)).toBe(false);
    for (const other of [epoch - 2, epoch + 2]) expect(isStatusOf(statusWord(PROC_IDLE, epoch), other)).toBe(false);
    expect(isStatusOf(statusWord(PROC_FREE, epoch + 1), epoch)).toBe(false);
  }
});
