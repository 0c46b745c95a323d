/**
 * Threads that are gone. One is DEAD when somebody has said so: who watches a worker, or who waits for a thread and sees that
 * the OS has it no more. From then on others know not to wait for it, and the next to stop the world for it repairs what it
 * left (reap.ts).
 *
 * The OS is asked because the event that tells of a worker's end comes by the event loop of the thread that started it,
 * and that thread may be the one that waits: for a lock, or for the world to go on. Whoever finds that a thread is gone
 * may be held up before he says so, until the record is another thread's: so it is one attachment of the record, by its
 * epoch, that is made DEAD.
 */
import type { ProcRef, Words } from '../base/brand.ts';
import { CENTRAL_LOCK, CENTRAL_WORDS } from '../layout/central.ts';
import { MAX_SPAN_CLASSES } from '../layout/constants.ts';
import { GC_WORK_LOCK } from '../layout/gc.ts';
import { H_HEAP_LOCK, H_SPECIALS_LOCK } from '../layout/header.ts';
import { PROC_DEAD, PROC_EPOCH, PROC_NAMED, PROC_OS_THREAD, PROC_STATUS } from '../layout/proc.ts';
import { unpark } from '../sync/park.ts';
import { isStatusOf, statusWord } from '../sync/status.ts';
import type { Mem } from '../sys/mem.ts';

/** Whether the OS has a thread with this id no more. Only for ids that were seen in this process. */
export type IsGone = (osThread: number) => boolean;

/** All leaf locks. */
export function leafLocks(mem: Mem): number[] {
  const locks = [H_HEAP_LOCK, H_SPECIALS_LOCK, GC_WORK_LOCK];
  for (let c = 0; c < MAX_SPAN_CLASSES; c++) locks.push(mem.plan.centrals + c * CENTRAL_WORDS + CENTRAL_LOCK);
  return locks;
}

/** The epoch of whoever has a record, attached or about to be; 0: nobody has. */
export function attachmentOf(m: Words, ref: ProcRef): number {
  const epoch = Atomics.load(m, ref + PROC_EPOCH);
  return (epoch & 1) === 1 ? epoch : 0;
}

/** Makes one attachment of a record DEAD, also one that died while it attached. False: it has ended. Takes no lock. */
export function markDead(mem: Mem, ref: ProcRef, epoch: number): boolean {
  const { m } = mem;
  const word = ref + PROC_STATUS;
  const dead = statusWord(PROC_DEAD, epoch);
  for (let status = Atomics.load(m, word); status !== dead; ) {
    if (!isStatusOf(status, epoch)) return false;
    const seen = Atomics.compareExchange(m, word, status, dead);
    if (seen === status) break;
    status = seen;
  }
  unpark(m, word);
  for (const lock of leafLocks(mem)) if (Atomics.load(m, lock) !== 0) unpark(m, lock);
  return true;
}

/**
 * Makes a thread DEAD if `isGone` says so of its record. What that looks at must be of the attachment that was there
 * before, or of a later one: see `isNamed`.
 */
export function markIf(mem: Mem, ref: ProcRef, isGone: (ref: ProcRef) => boolean): boolean {
  const epoch = attachmentOf(mem.m, ref);
  return epoch !== 0 && isGone(ref) && markDead(mem, ref, epoch);
}

/**
 * Whether what a record says of its thread is of the present attachment: for a moment after the claim it is of the one
 * before.
 */
export function isNamed(m: Words, ref: ProcRef): boolean {
  return Atomics.load(m, ref + PROC_NAMED) === Atomics.load(m, ref + PROC_EPOCH);
}

/** Whether the thread of a record is gone. False also if nobody knows. */
export function isOfGoneThread({ m }: Mem, ref: ProcRef, isGone: IsGone): boolean {
  const osThread = isNamed(m, ref) ? Atomics.load(m, ref + PROC_OS_THREAD) : 0;
  return osThread !== 0 && isGone(osThread);
}
