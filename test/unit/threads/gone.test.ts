// A worker is terminated, and the thread that started it goes on with the heap at once: it waits for a thread that is gone, and the
// event that would tell it cannot come while it waits.
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, inject, test } from 'vitest';
import { createHeap, type Heap } from '../../../src/index.ts';
import { PROC_OS_THREAD, PROC_STOPPED } from '../../../src/layout/proc.ts';
import { isOsThreadGone, osThreadId } from '../../../src/runtime/worker-threads.ts';
import { Internals, setState } from '../../support/internals.ts';
import { Cell, R_ID, R_PARKED, R_WORDS, type ReferencesInput } from '../../support/references-worker.ts';
import { until } from '../../support/workers.ts';

const knowsThreads = existsSync('/proc/thread-self');

/** A worker that stays where it is: in its region, or before `place`. */
async function parked(
  heap: Heap,
  parkAt?: NonNullable<ReferencesInput['parkAt']>,
): Promise<{ worker: Worker; id: number }> {
  const control = new Int32Array(new SharedArrayBuffer(R_WORDS * 4));
  const workerData: ReferencesInput = {
    shared: heap.share(),
    control,
    role: 'hold',
    local: 100,
    handles: 10,
    ...(parkAt && { parkAt }),
  };
  const worker = new Worker(`${inject('workerDir')}/references-worker.mjs`, { workerData });
  heap.watch(worker);
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
