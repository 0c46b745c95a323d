/**
 * Reaping: a thread is gone without having detached (its worker was terminated, or crashed), perhaps in a slow path,
 * perhaps with a lock. Somebody who knows tells the heap; `heap.watch(worker)` does it by itself.
 *
 * Order. The record is made DEAD first, without any lock: from then on a coordinator that waits for the thread goes
 * on, threads that wait for its locks become BLOCKED, and the world lock, if it held that, can be taken over. Then the
 * world is stopped, and all that are DEAD by then are reaped together: the heap repaired, their locks released (only then may
 * the reaper take one itself), their records freed. Then the background worker, if such a thread has started it: a worker's
 * workers end before it does.
 */
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import {
  GC_RESERVED,
  GC_STARTER,
  GC_WORKER,
  WORKER_ATTACHING,
  WORKER_RETIRING,
  WORKER_STARTING,
} from '../layout/gc.ts';
import { H_REPAIRER } from '../layout/header.ts';
import { PROC_DEAD, PROC_ID, PROC_STATUS, PROC_THREAD } from '../layout/proc.ts';
import { EV_REAPED } from '../layout/trace.ts';
import { closeCallbacks } from '../spans/callback-queue.ts';
import type { MHeap } from '../spans/mheap.ts';
import type { Proc } from '../sync/proc.ts';
import { procRef } from '../sync/proc-ref.ts';
import { endTraceOf } from '../sync/trace.ts';
import type { Mem } from '../sys/mem.ts';
import { freeProc } from './attach.ts';
import { type IsGone, isTaken, markDead, markIfGone } from './dead.ts';
import { repair } from './repair.ts';
import { allProcs, releaseLocksOf, StopGivenUp, type StopOptions, withWorldStopped } from './stop-the-world.ts';

/** Milliseconds that `tryReap` waits for. */
const TRY_MS = 50;

/**
 * Takes back all that a dead thread held. The thread must really be gone: one that still runs finds itself detached. The
 * collector's background worker ends with the worker that started it, and is reaped with it.
 * False if no such thread is attached. Blocks until the other threads have reached safepoints.
 */
export function reap(heap: MHeap, id: number, options: StopOptions = {}): boolean {
  const { t } = heap;
  const { mem } = t;
  if (!Number.isInteger(id) || id < 1 || id > mem.plan.maxProcs) {
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `reap: ${describe(id)} is not the id of a thread of this heap`);
  }
  if (id === t.id) throw new ArgumentError('ERR_INVALID_ARGUMENT', 'reap: a thread cannot reap itself; use detach');
  const ref = procRef(mem, id);
  // Both at once: whichever is stopped for first, the other would be waited for. The worker before its starter: whoever finds
  // that one DEAD can reap both.
  if (Atomics.load(mem.m, GC_STARTER) === id) markDead(mem, procRef(mem, mem.m[GC_RESERVED]));
  if (!markDead(mem, ref)) return false;
  const reaped = withWorldStopped(t, () => reapDead(heap), { ...options, reaping: true });
  const { within: _, ...patient } = options;
  for (const each of new Set([id, ...reaped])) reapStartedBy(heap, each, patient);
  return true;
}

/** Reaps all threads that are DEAD, and returns their ids. World stopped. */
function reapDead(heap: MHeap): readonly number[] {
  const { t } = heap;
  const { mem } = t;
  const { m, plan } = mem;
  const isDead = (id: number): boolean => Atomics.load(m, procRef(mem, id) + PROC_STATUS) === PROC_DEAD;
  const dead = Array.from({ length: plan.maxProcs }, (_, i) => i + 1).filter(isDead);
  // Another reaper has been faster.
  if (dead.length === 0) return dead;
  Atomics.store(m, H_REPAIRER, t.id);
  forgetStarter(mem, dead);
  repair(heap, dead);
  for (const id of dead) releaseLocksOf(mem, id);
  for (const id of dead) bury(t, id);
  // Not if anything has failed: then the heap is not whole, and nobody is started.
  Atomics.store(m, H_REPAIRER, 0);
  return dead;
}

/**
 * If one of the dead has started the background worker, and that is dead too, or has never come, another may be started. In this
 * order, and before GC_WORKER stops naming the worker: who claims the next start stores GC_STARTER last.
 */
function forgetStarter(mem: Mem, dead: readonly number[]): void {
  const { m } = mem;
  const starter = Atomics.load(m, GC_STARTER);
  const worker = m[GC_RESERVED];
  if (!dead.includes(starter) || (isTaken(m, procRef(mem, worker)) && !dead.includes(worker))) return;
  const state = Atomics.load(m, GC_WORKER);
  Atomics.store(m, GC_STARTER, 0);
  if (state !== 0) Atomics.compareExchange(m, GC_WORKER, state, 0);
}

/** The last of a dead thread, when the heap is whole again: its record is free. */
function bury(t: Proc, id: number): void {
  const { mem } = t;
  const ref = procRef(mem, id);
  closeCallbacks(t, ref);
  endTraceOf(mem, id);
  if (t.trace.number !== 0) t.trace.event(EV_REAPED, 0, id, 0, 0, 0);
  freeProc(mem, ref);
}

/**
 * As `reap`, for one who hears of the deaths of other threads only when he returns, as an event loop does: waits for the
 * others for a short while only. False: one of them may be dead as well; to be tried again. The thread is DEAD from the
 * first try on, so nobody else waits for it.
 */
export function tryReap(heap: MHeap, id: number, options: StopOptions = {}): boolean {
  try {
    reap(heap, id, { ...options, within: TRY_MS });
    return true;
  } catch (error) {
    if (error instanceof StopGivenUp) return false;
    throw error;
  }
}

/**
 * Reaps all threads that the OS has no more, whoever should have told of it. False: there is none. For a thread that waits, outside
 * of its region or at a safepoint. Blocks as `reap` does.
 */
export function reapGone(heap: MHeap, isGone: IsGone, options: StopOptions = {}): boolean {
  const { t } = heap;
  const { mem } = t;
  // All are DEAD before the first is reaped: for one that is not, the stop would wait.
  const gone = allProcs(mem).filter((p) => p !== t.ref && markIfGone(mem, p, isGone));
  for (const p of gone) reap(heap, mem.m[p + PROC_ID], options);
  return gone.length > 0;
}

/** A background worker has ended with the thread that started it, and that is this one. */
function reapStartedBy(heap: MHeap, id: number, options: StopOptions): void {
  const { m } = heap.t.mem;
  if (Atomics.compareExchange(m, GC_STARTER, id, 0) !== id) return;
  const worker = m[GC_RESERVED];
  if (worker !== id) reap(heap, worker, options);
  for (const state of [WORKER_STARTING, WORKER_ATTACHING, WORKER_RETIRING, worker])
    Atomics.compareExchange(m, GC_WORKER, state, 0);
}

/** Ids of the threads that attached from the worker with this thread id. */
export function procsOfThread(heap: MHeap, threadId: number): number[] {
  const { mem } = heap.t;
  return allProcs(mem)
    .filter((p) => isTaken(mem.m, p) && mem.m[p + PROC_THREAD] === threadId + 1)
    .map((p) => mem.m[p + PROC_ID]);
}
