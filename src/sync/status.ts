/**
 * The status word of a thread's record: its state, and the attachment of the record that this is the state of. All changes
 * are made by compare-and-exchange of both, but those that begin and end an attachment, when nobody else makes any. So one
 * who is held up between looking at a thread and changing its state, as a reaper may be, never does it to another thread
 * that has been given the record since.
 *
 * A record's word keeps the epoch of the attachment that freed it, plus one, until the next thread is ready: while a thread
 * attaches, its word is FREE, with the epoch before its own.
 */
import type { Words } from '../base/brand.ts';
import { PROC_BLOCKED, PROC_DEAD, PROC_EPOCH, PROC_FREE, PROC_HALTED, PROC_STATUS } from '../layout/proc.ts';

const STATE_BITS = 8;
const STATE_MASK = (1 << STATE_BITS) - 1;

/** The word of a thread in this state. Of the epoch, the low 24 bits: a record is not given away so often meanwhile. */
export function statusWord(state: number, epoch: number): number {
  return (epoch << STATE_BITS) | state;
}

/** The state, one of the PROC_ values, of a status word. */
export function stateIn(status: number): number {
  return status & STATE_MASK;
}

/** The state of the record at `p`. */
export function stateOf(m: Words, p: number): number {
  return stateIn(Atomics.load(m, p + PROC_STATUS));
}

/** Changes the state of whoever has the record, if it is `from`. Returns the state that it found. */
export function changeState(m: Words, p: number, from: number, to: number): number {
  for (;;) {
    const seen = Atomics.load(m, p + PROC_STATUS);
    if (stateIn(seen) !== from) return stateIn(seen);
    if (Atomics.compareExchange(m, p + PROC_STATUS, seen, seen ^ from ^ to) === seen) return from;
  }
}

/** The same for one attachment of the record. False: it has ended, or has not this state. */
export function changeStateOf(m: Words, p: number, epoch: number, from: number, to: number): boolean {
  const word = statusWord(from, epoch);
  return Atomics.compareExchange(m, p + PROC_STATUS, word, statusWord(to, epoch)) === word;
}

/** Whether this is the status of that attachment, be it one that has only claimed the record. */
export function isStatusOf(status: number, epoch: number): boolean {
  return statusWord(stateIn(status), epoch) === status || status === statusWord(PROC_FREE, epoch - 1);
}

/** The record is nobody's from here on. */
export function freeStatus(m: Words, p: number): void {
  const next = Atomics.load(m, p + PROC_EPOCH) + 1;
  Atomics.store(m, p + PROC_STATUS, statusWord(PROC_FREE, next));
  Atomics.store(m, p + PROC_EPOCH, next);
}

/** Whether a thread's state says that a reaper is to come first. HALTED: it is at work, or the last one has died. */
export function isOfReaper(state: number): boolean {
  return state === PROC_DEAD || state === PROC_BLOCKED || state === PROC_HALTED;
}
