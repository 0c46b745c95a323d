/**
 * Reaping: a thread is gone without having detached (its worker was terminated, or crashed), perhaps in a slow path,
 * perhaps with a lock. Somebody who knows tells the heap; `heap.watch(worker)` does it by itself.
 *
 * Order. The record is made DEAD first, without any lock: from then on a coordinator that waits for the thread goes on,
 * threads that wait for its locks become BLOCKED, and the world lock, if it held that, can be taken over. Then the
 * world is stopped, and all that are DEAD by then are reaped together: the heap repaired, their locks released (only
 * then may the reaper take one itself), their records freed. Among them is the background worker, if one of them has
 * started it: a worker's workers end before it does.
 *
 * The reaper is at a safepoint, unless it waits for a lock of a dead thread inside of its region, and nobody else comes
 * (`reapBlocked`). Then it is to the repair what the others are that wait so: it holds no lock, and what it has in hand
 * carries its id. It takes the world lock without leaving its region, and only if that is free.
 */
import type { ProcRef } from '../base/brand.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import { GC_RESERVED, GC_STARTER, GC_WORKER } from '../layout/gc.ts';
import { H_REPAIRER } from '../layout/header.ts';
import { PROC_DEAD, PROC_ID, PROC_THREAD } from '../layout/proc.ts';
import { EV_REAPED } from '../layout/trace.ts';
import { closeCallbacks } from '../spans/callback-queue.ts';
import type { MHeap } from '../spans/mheap.ts';
import type { Proc } from '../sync/proc.ts';
import { procRef } from '../sync/proc-ref.ts';
import { freeStatus, stateOf } from '../sync/status.ts';
import { endTraceOf } from '../sync/trace.ts';
import type { Mem } from '../sys/mem.ts';
import { countProc } from './attach.ts';
import { attachmentOf, type IsGone, isNamed, isOfGoneThread, markDead, markIf } from './dead.ts';
import { repair } from './repair.ts';
import {
  allProcs,
  releaseLocksOf,
  StopGivenUp,
  type StopOptions,
  stopLocked,
  withWorldStopped,
} from './stop-the-world.ts';

/** Milliseconds that `tryReapWorker` and `reapBlocked` wait for others. */
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
  const epoch = attachmentOf(mem.m, ref);
  if (epoch === 0) return false;
  if (!markDead(mem, ref, epoch)) return false;
  reapMarked(heap, options);
  return true;
}

/** Reaps all threads that are DEAD, and the background worker that one of them has started. */
function reapMarked(heap: MHeap, options: StopOptions): void {
  // Both at once: the one that is not DEAD would be waited for.
  markWorkerOfDead(heap.t.mem);
  withWorldStopped(heap.t, () => reapDead(heap), { ...options, reaping: true });
}

/** The same with the world stopped. */
function reapDead(heap: MHeap): void {
  const { t } = heap;
  const { mem } = t;
  const { m, plan } = mem;
  // Its starter may have been found DEAD by another, who has not come to this yet.
  markWorkerOfDead(mem);
  const isDead = (id: number): boolean => stateOf(m, procRef(mem, id)) === PROC_DEAD;
  const dead = Array.from({ length: plan.maxProcs }, (_, i) => i + 1).filter(isDead);
  // Another reaper has been faster.
  if (dead.length === 0) return;
  Atomics.store(m, H_REPAIRER, t.id);
  forgetStarter(mem, dead);
  repair(heap, dead);
  for (const id of dead) releaseLocksOf(mem, id);
  for (const id of dead) bury(t, id);
  // Not if anything has failed: then the heap is not whole, and nobody is started.
  Atomics.store(m, H_REPAIRER, 0);
}

/**
 * The background worker of a thread that is DEAD is gone as well, though nobody may have said so. In this order: if the
 * starter is still the one that is DEAD, the attachment that was seen before is that of its worker, or has ended.
 */
function markWorkerOfDead(mem: Mem): void {
  const { m } = mem;
  if (m[GC_RESERVED] === 0) return;
  const worker = procRef(mem, m[GC_RESERVED]);
  const epoch = attachmentOf(m, worker);
  const starter = Atomics.load(m, GC_STARTER);
  if (epoch === 0 || starter === 0 || stateOf(m, procRef(mem, starter)) !== PROC_DEAD) return;
  markDead(mem, worker, epoch);
}

/**
 * If one of the dead has started the background worker, that is dead too, or has never come, and another may be
 * started. In this order, and before GC_WORKER stops naming the worker: who claims the next start stores GC_STARTER
 * last.
 */
function forgetStarter(mem: Mem, dead: readonly number[]): void {
  const { m } = mem;
  if (!dead.includes(Atomics.load(m, GC_STARTER))) return;
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
  countProc(mem, ref, false);
  freeStatus(mem.m, ref);
}

/**
 * Reaps what the JS thread with this worker thread id has attached. For an event loop, which hears of the deaths of
 * other threads only when this returns: it waits for the others for a short while only. False: one of them may be dead
 * as well; to be tried again. The threads are DEAD from the first try on, so nobody else waits for them.
 */
export function tryReapWorker(heap: MHeap, threadId: number, options: StopOptions = {}): boolean {
  const { mem } = heap.t;
  return tryReapThose(heap, (p) => isAttachedBy(mem, p, threadId), options);
}

/** The same for one attachment of a record: if that has ended, nobody is reaped. */
export function tryReapAttachment(heap: MHeap, id: number, epoch: number, options: StopOptions = {}): boolean {
  const { mem } = heap.t;
  return tryReapThose(heap, (p) => p === procRef(mem, id) && attachmentOf(mem.m, p) === epoch, options);
}

/**
 * The same for the background worker that this thread has started, where nobody knows thread ids. In this order: if
 * this thread is the starter still, the attachment that was seen before is that of its worker, or has ended.
 */
export function tryReapBackground(heap: MHeap, options: StopOptions = {}): boolean {
  const { id, mem } = heap.t;
  const { m } = mem;
  const worker = procRef(mem, m[GC_RESERVED]);
  return tryReapThose(heap, (p) => p === worker && Atomics.load(m, GC_STARTER) === id, options);
}

function tryReapThose(heap: MHeap, isGone: (p: ProcRef) => boolean, options: StopOptions): boolean {
  const { mem, ref } = heap.t;
  if (!markThose(mem, (p) => p !== ref && isGone(p))) return true;
  try {
    reapMarked(heap, { ...options, within: TRY_MS });
    return true;
  } catch (error) {
    if (error instanceof StopGivenUp) return false;
    throw error;
  }
}

/**
 * Reaps all threads that the OS has no more, whoever should have told of it, and those that are DEAD already: who found
 * them may be waiting for this thread. False: there is none. For a thread that waits, outside of its region or at a
 * safepoint. Blocks as `reap` does.
 */
export function reapGone(heap: MHeap, isGone: IsGone, options: StopOptions = {}): boolean {
  const { mem } = heap.t;
  if (!markGone(heap, isGone) && !allProcs(mem).some((p) => stateOf(mem.m, p) === PROC_DEAD)) return false;
  reapMarked(heap, options);
  return true;
}

/**
 * Reaps all threads that are DEAD, for one that is BLOCKED because of them: it cannot leave its region before, and may
 * be the only one who would reap. Only if nobody else has the world lock, and the others can be stopped in a short
 * while.
 */
export function reapBlocked(heap: MHeap): void {
  const { t } = heap;
  if (!t.tryLockWorldBlocked()) return;
  try {
    stopLocked(t, () => reapDead(heap), { reaping: true, within: TRY_MS });
  } catch (error) {
    if (!(error instanceof StopGivenUp)) throw error;
  } finally {
    t.unlockWorld();
  }
}

/** Makes all threads DEAD that the OS has no more. False: there is none. Takes no lock. */
export function markGone({ t: { mem, ref } }: MHeap, isGone: IsGone): boolean {
  return markThose(mem, (p) => p !== ref && isOfGoneThread(mem, p, isGone));
}

/** Makes all DEAD before the first is reaped: for one that is not, the stop would wait. False: there is none. */
function markThose(mem: Mem, isGone: (p: ProcRef) => boolean): boolean {
  return allProcs(mem).filter((p) => markIf(mem, p, isGone)).length > 0;
}

/** Ids of the threads that attached from the worker with this thread id. */
export function procsOfThread({ t: { mem } }: MHeap, threadId: number): number[] {
  return allProcs(mem)
    .filter((p) => attachmentOf(mem.m, p) !== 0 && isAttachedBy(mem, p, threadId))
    .map((p) => mem.m[p + PROC_ID]);
}

/** A thread id below 0 is none, as of a worker that has ended, and of all in a browser: it is nobody's. */
function isAttachedBy({ m }: Mem, p: ProcRef, threadId: number): boolean {
  return threadId >= 0 && isNamed(m, p) && m[p + PROC_THREAD] === threadId + 1;
}
