// A worker is terminated, and the thread that started it goes on with the heap at once: it waits for a thread that is
// gone, and the event that would tell it cannot come while it waits.
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, inject, test } from 'vitest';
import type { ProcRef, Words } from '../../../src/base/brand.ts';
import { attachHeap, createHeap, type Heap, slice, u32 } from '../../../src/index.ts';
import { GC_WORKING } from '../../../src/layout/gc.ts';
import { H_WORLD_LOCK } from '../../../src/layout/header.ts';
import { PROC_DEAD, PROC_MARKING, PROC_OS_THREAD, PROC_RUNNING, PROC_STOPPED } from '../../../src/layout/proc.ts';
import { isHeld } from '../../../src/layout/snapshot.ts';
import { readClasses } from '../../../src/runtime/init.ts';
import { isOsThreadGone, osThreadId } from '../../../src/runtime/worker-threads.ts';
import { stateOf } from '../../../src/sync/status.ts';
import { attachProc } from '../../../src/threads/attach.ts';
import type { AttachingInput } from '../../support/attaching-worker.ts';
import { Internals, setState } from '../../support/internals.ts';
import { Cell, R_ID, R_PARKED, R_WORDS, type ReferencesInput } from '../../support/references-worker.ts';
import { until } from '../../support/workers.ts';

const knowsThreads = existsSync('/proc/thread-self');

/** A worker that stays where it is: in its region, or before `place`. Or one with another role, that has begun. */
async function parked(
  heap: Heap,
  parkAt?: NonNullable<ReferencesInput['parkAt']>,
  role: ReferencesInput['role'] = 'hold',
): Promise<{ worker: Worker; id: number }> {
  const control = new Int32Array(new SharedArrayBuffer(R_WORDS * 4));
  const workerData: ReferencesInput = {
    shared: heap.share(),
    control,
    role,
    local: 100,
    handles: 10,
    ...(parkAt && { parkAt }),
  };
  const worker = new Worker(`${inject('workerDir')}/references-worker.mjs`, { workerData });
  if (heap.attached) heap.watch(worker);
  await until('the worker is where it stays', () => Atomics.load(control, R_PARKED) === 1);
  return { worker, id: Atomics.load(control, R_ID) };
}

function inside(heap: Heap) {
  const internals = new Internals(heap);
  return { m: internals.m, proc: (id: number) => internals.proc(id) };
}

test.runIf(knowsThreads)('this thread is there, and one that never was is not', () => {
  expect(osThreadId()).toBeGreaterThan(0);
  expect(isOsThreadGone(osThreadId())).toBe(false);
  expect(isOsThreadGone(2 ** 30)).toBe(true);
});

test.runIf(knowsThreads)('in its region: a collection does not wait for it', { timeout: 30_000 }, async () => {
  const heap = createHeap({ background: false });
  const { worker, id } = await parked(heap);
  const { m, proc } = inside(heap);
  expect(m[proc(id) + PROC_OS_THREAD]).toBeGreaterThan(0);
  void worker.terminate();
  heap.gc();
  expect(heap.stats().threads).toBe(1);
  heap.verify();
});

test.runIf(knowsThreads)('with the world lock: so does the next who needs it', { timeout: 30_000 }, async () => {
  const heap = createHeap({ background: false });
  const { worker } = await parked(heap, { place: 'world', visits: 1 });
  void worker.terminate();
  heap.verify();
  expect(heap.stats().threads).toBe(1);
});

test.runIf(knowsThreads)('before it has started those that it stopped: they start', { timeout: 30_000 }, async () => {
  const heap = createHeap({ background: false });
  const { worker } = await parked(heap, { place: 'world', visits: 1 });
  void worker.terminate();
  const { m, proc } = inside(heap);
  // As it is when H_STOP is 0 already, and the threads are still STOPPED.
  setState(m, proc(heap.threadId), PROC_STOPPED);
  heap.scope(() => heap.new(Cell, { key: 1 }));
  expect(heap.stats().threads).toBe(1);
  heap.verify();
});

test.runIf(knowsThreads).each([
  ['world', 1],
  ['reclaim', 1],
])('at %s, and nobody else is attached: the next can attach', { timeout: 60_000 }, async (place, visits) => {
  const heap = createHeap({ background: false, gc: 'off', maxBytes: 2 ** 21 });
  const shared = heap.share();
  heap.detach();
  const { worker } = await parked(heap, { place, visits }, 'fill');
  await worker.terminate();
  // In a thread of its own: one that waits in vain could not be told of here.
  const next = await parked(heap, undefined, 'poll');
  await next.worker.terminate();
  const last = attachHeap(shared);
  expect(last.stats().threads).toBe(2);
  last.reap(next.id);
  expect(last.stats().threads).toBe(1);
  last.verify();
});

test.runIf(knowsThreads).each(['mheap', 'mcentral'])(
  'with the %s lock, for which another waits that is in its region: a collection waits for neither',
  { timeout: 30_000 },
  async (place) => {
    const heap = createHeap({ background: false, maxBytes: 2 ** 26 });
    // The one that waits comes first in the order in which a stop waits for threads.
    const waiting = await parked(heap, undefined, 'churn');
    const { worker } = await parked(heap, { place, visits: 1 });
    void worker.terminate();
    heap.gc();
    expect(heap.stats().threads).toBe(2);
    await waiting.worker.terminate();
    heap.verify();
  },
);

test.runIf(knowsThreads)(
  'while it attached, with the world lock: so does the next who needs it',
  {
    timeout: 30_000,
  },
  async () => {
    const heap = createHeap({ background: false });
    const control = new Int32Array(new SharedArrayBuffer(8));
    const workerData: AttachingInput = { shared: heap.share(), control };
    const worker = new Worker(`${inject('workerDir')}/attaching-worker.mjs`, { workerData });
    heap.watch(worker);
    await until('the worker is where it stays', () => Atomics.load(control, 0) === 1);
    const { m } = inside(heap);
    expect(m[H_WORLD_LOCK]).toBe(2);
    expect(heap.stats().threads).toBe(1);
    void worker.terminate();
    heap.verify();
    expect(m[H_WORLD_LOCK]).toBe(0);
    const next = attachHeap(heap.share());
    expect(next.threadId).toBe(2);
    next.detach();
  },
);

test('attaching that fails leaves the record to the next', () => {
  const heap = createHeap({ background: false, maxThreads: 3 });
  const { m } = inside(heap);
  const { mem } = new Internals(heap);
  m[H_WORLD_LOCK] = heap.threadId;
  // As when one that it waits for comes to no safepoint.
  const failing = (): void => {
    attachProc(mem, readClasses(mem), { thread: 0, osThread: 0 }, false, ({ t }) => {
      const fail = (): never => {
        throw new Error('in vain');
      };
      t.liveness = { markGone: fail, reapGone: fail, reapBlocked: fail };
    });
  };
  for (let i = 0; i < 5; i++) expect(failing).toThrow('in vain');
  m[H_WORLD_LOCK] = 0;
  const next = attachHeap(heap.share());
  expect(next.threadId).toBe(2);
  next.detach();
  heap.verify();
});

/** A collection in whose beginning another thread ends; `then` comes before it does. */
async function collectWhileItEnds(then: (m: Words, p: ProcRef) => void): Promise<void> {
  const heap = createHeap({ background: false });
  const { worker, id } = await parked(heap, undefined, 'poll');
  const { m, proc } = inside(heap);
  const osThread = m[proc(id) + PROC_OS_THREAD]!;
  heap.setHooks({
    onDelay: (place) => {
      if (place !== 'gc.begun' || isOsThreadGone(osThread)) return;
      then(m, proc(id));
      void worker.terminate();
      untilGone(osThread);
    },
  });
  heap.gc();
  expect(heap.stats().threads).toBe(1);
  heap.verify();
}

function untilGone(osThread: number): void {
  while (!isOsThreadGone(osThread)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
}

test.runIf(knowsThreads)('while this thread marks: the end of marking does not wait for it', { timeout: 30_000 }, () =>
  collectWhileItEnds((m, p) => {
    // The thread ends inside its region.
    while (stateOf(m, p) !== PROC_RUNNING);
  }),
);

test.runIf(knowsThreads)(
  'while it marks itself: the others, who all wait for it, do not for long',
  { timeout: 30_000 },
  () =>
    collectWhileItEnds((m, p) => {
      // As it is when the thread ends with grey objects in its hands.
      m[p + PROC_MARKING] = 1;
      Atomics.add(m, GC_WORKING, 1);
    }),
);

test('known to be dead while it marked, where the OS cannot be asked: who waits for the end of marking reaps it', {
  timeout: 30_000,
}, () => {
  const heap = createHeap({ background: false });
  const other = attachHeap(heap.share());
  const { m, proc } = inside(heap);
  const p = proc(other.threadId);
  heap.setHooks({
    onDelay: (place) => {
      if (place !== 'gc.begun' || stateOf(m, p) === PROC_DEAD) return;
      m[p + PROC_MARKING] = 1;
      m[p + PROC_OS_THREAD] = 0;
      Atomics.add(m, GC_WORKING, 1);
      setState(m, p, PROC_DEAD);
    },
  });
  heap.gc();
  heap.setHooks({});
  expect(heap.stats().threads).toBe(1);
  heap.verify();
});

test.runIf(knowsThreads)(
  'in the middle of a snapshot: who collects does not wait for that',
  { timeout: 30_000 },
  async () => {
    const heap = createHeap({ background: false });
    heap.scope(() => heap.roots.set('data', heap.make(slice(u32), 2 ** 21)));
    const { worker } = await parked(heap, undefined, 'capture');
    const { m } = inside(heap);
    expect(isHeld(m)).toBe(true);
    void worker.terminate();
    heap.gc();
    expect(isHeld(m)).toBe(false);
    expect(heap.stats().threads).toBe(1);
    heap.verify();
  },
);

test.runIf(knowsThreads)('in the middle of a snapshot: another can be taken', { timeout: 30_000 }, async () => {
  const heap = createHeap({ background: false });
  heap.scope(() => heap.roots.set('data', heap.make(slice(u32), 2 ** 21)));
  const { worker, id } = await parked(heap, undefined, 'capture');
  const { m, proc } = inside(heap);
  expect(() => heap.snapshotSync(() => {})).toThrow(`thread ${id} is taking one already`);
  const osThread = m[proc(id) + PROC_OS_THREAD]!;
  void worker.terminate();
  untilGone(osThread);
  let bytes = 0;
  heap.snapshotSync((piece) => {
    bytes += piece.length;
  });
  expect(bytes).toBeGreaterThan(2 ** 23);
  expect(heap.stats().threads).toBe(1);
  heap.verify();
});

test.runIf(knowsThreads)(
  'with a lock that only this thread waits for, in its region: it reaps in the middle of its call',
  { timeout: 30_000 },
  async () => {
    const heap = createHeap({ background: false, maxBytes: 2 ** 26 });
    const { worker } = await parked(heap, { place: 'mheap', visits: 1 });
    void worker.terminate();
    const kept = heap.scope(() => {
      const cells = Array.from({ length: 10_000 }, (_, key) => heap.new(Cell, { key }));
      heap.make(slice(u32), 100_000);
      heap.roots.set('last', cells.at(-1)!);
      return cells.every((cell, key) => cell.key === key);
    });
    expect(kept).toBe(true);
    expect(heap.stats().threads).toBe(1);
    heap.verify();
  },
);
