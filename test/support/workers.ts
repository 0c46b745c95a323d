/** Starts workers of the tests, and waits for what they do. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { inject } from 'vitest';
import type { Heap } from '../../src/index.ts';
import { PROC_FREE } from '../../src/layout/proc.ts';
import { procRef } from '../../src/sync/proc-ref.ts';
import { stateOf } from '../../src/sync/status.ts';
import { W_ERRORS, W_HEAP_ID, workerWord } from './control.ts';
import type { WorkerInput } from './heap-worker.ts';
import { Internals } from './internals.ts';

export interface Hand {
  readonly index: number;
  readonly worker: Worker;
  /** First of its control words. */
  readonly at: number;
  /** Its thread's id in the heap. */
  heapId: number;
  /** Its exit code, and the error that it threw if it did. */
  readonly ended: Promise<{ code: number; error: unknown }>;
}

/** Starts a worker; resolves when it has attached. */
export async function startHand(
  heap: Heap,
  control: Int32Array<SharedArrayBuffer>,
  index: number,
  input: Omit<WorkerInput, 'shared' | 'control' | 'index'>,
): Promise<Hand> {
  const at = workerWord(index);
  Atomics.store(control, at + W_HEAP_ID, 0);
  const workerData: WorkerInput = { ...input, shared: heap.share(), control, index };
  const worker = new Worker(`${inject('workerDir')}/heap-worker.mjs`, { workerData });
  let error: unknown;
  worker.on('error', (e) => {
    error = e;
  });
  const ended = new Promise<{ code: number; error: unknown }>((resolve) => {
    worker.once('exit', (code) => resolve({ code, error }));
  });
  const hand: Hand = { index, worker, at, heapId: 0, ended };
  await until(`worker ${index} attached`, () => Atomics.load(control, at + W_HEAP_ID) !== 0 || error !== undefined);
  if (error !== undefined) throw error;
  hand.heapId = Atomics.load(control, at + W_HEAP_ID);
  return hand;
}

/**
 * Reaps a thread whose worker has ended. One that waited for it may have been faster: then it is gone from the heap, or will be
 * in a moment.
 */
export async function reapEnded(heap: Heap, id: number): Promise<void> {
  if (heap.reap(id)) return;
  const { mem } = new Internals(heap);
  await until(`thread ${id} is reaped`, () => stateOf(mem.m, procRef(mem, id)) === PROC_FREE);
}

/** Waits until the condition holds. The limit is for the test that hangs, not a measurement. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > limit) throw new Error(`waited in vain until ${what}`);
    await sleep(1);
  }
}

/** Waits for the end of workers that end by themselves; throws what one of them threw. */
export async function allEnded(hands: readonly Hand[], control: Int32Array<SharedArrayBuffer>): Promise<void> {
  for (const hand of hands) {
    const { code, error } = await hand.ended;
    if (error !== undefined) throw error;
    if (code !== 0) throw new Error(`worker ${hand.index} ended with code ${code}`);
    if (control[hand.at + W_ERRORS] !== 0)
      throw new Error(`worker ${hand.index} found ${control[hand.at + W_ERRORS]} damaged objects`);
  }
}

/** What a worker posts next. */
export async function messageOf(worker: Worker): Promise<unknown> {
  return (await once(worker, 'message'))[0];
}

/** Collects again and again until all these workers have ended. */
export async function collectMeanwhile(heap: Heap, workers: readonly Worker[]): Promise<void> {
  let running = true;
  void Promise.all(workers.map((worker) => once(worker, 'exit'))).then(() => (running = false));
  while (running) {
    heap.gc();
    await sleep(0);
  }
}

/** Until no other thread is in its region, as when all of them sleep. */
export function untilOthersRest(heap: Heap): Promise<void> {
  const isAtRest = ([id, status]: readonly [number, string]): boolean => id === heap.threadId || status !== 'RUNNING';
  return until('the others rest', () => heap.view().threadStates().every(isAtRest));
}
