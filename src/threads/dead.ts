/**
 * Threads that are gone. One is DEAD when somebody has said so: who watches a worker, or who waits for a thread and sees that
 * the OS has it no more. From then on others know not to wait for it, and the next to stop the world for it repairs what it
 * left (reap.ts).
 *
 * The OS is asked because the event that tells of a worker's end comes by the event loop of the thread that started it, and
 * that thread may be the one that waits: for a lock, or for the world to go on. A record is looked at by its epoch, before and
 * after: the answer is about the thread that had it all the time.
 */
import type { ProcRef } from '../base/brand.ts';
import { CENTRAL_LOCK, CENTRAL_WORDS } from '../layout/central.ts';
import { MAX_SPAN_CLASSES } from '../layout/constants.ts';
import { GC_WORK_LOCK } from '../layout/gc.ts';
import { H_HEAP_LOCK, H_SPECIALS_LOCK } from '../layout/header.ts';
import { PROC_DEAD, PROC_EPOCH, PROC_FREE, PROC_OS_THREAD, PROC_STATUS } from '../layout/proc.ts';
import { unpark } from '../sync/park.ts';
import type { Mem } from '../sys/mem.ts';

/** Whether the OS has a thread with this id no more. Only for ids that were seen in this process. */
export type IsGone = (osThread: number) => boolean;

/** All leaf locks. */
export function leafLocks(mem: Mem): number[] {
  const locks = [H_HEAP_LOCK, H_SPECIALS_LOCK, GC_WORK_LOCK];
  for (let c = 0; c < MAX_SPAN_CLASSES; c++) locks.push(mem.plan.centrals + c * CENTRAL_WORDS + CENTRAL_LOCK);
  return locks;
}

/** Whether a record is somebody's, one who is attached or is about to be. */
export function isTaken(m: Int32Array<ArrayBufferLike>, ref: ProcRef): boolean {
  return (Atomics.load(m, ref + PROC_EPOCH) & 1) === 1;
}

/** False: the record is nobody's. Takes no lock. */
export function markDead(mem: Mem, ref: ProcRef): boolean {
  const { m } = mem;
  const word = ref + PROC_STATUS;
  for (let status = Atomics.load(m, word); status !== PROC_DEAD; ) {
    // Died while it attached: nothing to repair, but the record is taken.
    if (status === PROC_FREE && !isTaken(m, ref)) return false;
    const seen = Atomics.compareExchange(m, word, status, PROC_DEAD);
    if (seen === status) break;
    status = seen;
  }
  unpark(m, word);
  for (const lock of leafLocks(mem)) if (Atomics.load(m, lock) !== 0) unpark(m, lock);
  return true;
}

/** Makes a thread DEAD if it is gone. False: it is not, or nobody knows. */
export function markIfGone(mem: Mem, ref: ProcRef, isGone: IsGone): boolean {
  const { m } = mem;
  const epoch = Atomics.load(m, ref + PROC_EPOCH);
  const osThread = Atomics.load(m, ref + PROC_OS_THREAD);
  if ((epoch & 1) === 0 || osThread === 0 || !isGone(osThread)) return false;
  return Atomics.load(m, ref + PROC_EPOCH) === epoch && markDead(mem, ref);
}
