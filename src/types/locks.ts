/**
 * Locks in object memory: those that programs declare (mutex.ts); and of each map one in each table, for its writers, and
 * one in the header, for its directory.
 *
 * A lock word is 0 or says who holds it: the id of a thread's record and the low bits of that record's epoch, which
 * changes whenever another thread gets the record. So a holder that is gone is known for it, even if its record has
 * been reaped and given away. Whoever meets such a lock takes it over, and repairs what it guards, or, of a mutex, tells the
 * program.
 *
 *   bit 0 … 7   id of the record, 1 … 255
 *   bit 8       CONTENDED: threads may sleep on the word; the holder wakes one
 *   bit 9 … 30  low 22 bits of PROC_EPOCH. They are the same again after 2 million threads on one record; a lock would
 *               have to be left behind, and met by nobody, for all that time.
 *
 * Holders may run code of the program, allocate, and reach safepoints. So nobody waits for such a lock inside a
 * region: a waiter spins shortly, then leaves its region and sleeps, and enters it again. A mutex is kept alive meanwhile by
 * the reference that it was asked through. Of a map everything that a waiter knew is void then: tables may have been
 * replaced, and memory collected, also that of the lock word it slept on. (Sleeping only reads the word, so that harms nobody.)
 * Lock words of maps are written only between safepoints after they were reached from the map's header, when no collection can
 * have freed them; and the map itself never frees headers, directories and tables, but leaves them to the collector. That
 * is why a compare-and-exchange never hits foreign memory.
 *
 * Order: no thread waits for a table's lock while it holds the map's. It takes a second table's lock only if it need not
 * wait for it. Two maps: as with any two locks, threads
 * that `update` both, one inside the other, must do it in one order. Within one map no thread waits for itself: it throws.
 *
 * Unlocking is a plain store, a tenth of what an atomic exchange costs. A waiter may set CONTENDED just between the look at
 * the word and that store. Then it finds the word changed when it goes to sleep, and does not; only if this thread is
 * suspended exactly there, the waiter sleeps until it looks around by itself.
 *
 * Plain accesses in between. Whoever holds a lock changes what it guards by plain stores. V8 compiles accesses to
 * typed arrays in program order: they are on its effect chain, are neither merged nor moved across one another, and not
 * across the calls that atomic operations are. The processor's order is the business of fence.ts.
 */
import { PROC_DEAD, PROC_EPOCH, PROC_FREE } from '../layout/proc.ts';
import { fence } from '../sync/fence.ts';
import { parkWhile, unpark } from '../sync/park.ts';
import { procRef } from '../sync/proc-ref.ts';
import { stateOf } from '../sync/status.ts';
import type { Env } from './env.ts';

/** Id of the thread in a lock word; 0: nobody has the lock. */
export const OWNER_MASK = 0xff;
const CONTENDED = 0x100;
const EPOCH_SHIFT = 9;
const EPOCH_MASK = 0x3fffff;

/** Looks at a lock before sleeping: about 30 µs, half of what waking a sleeper costs. */
const SPIN = 3000;
/** A sleeper looks around this often, in milliseconds, for a holder that died. */
const NAP_MS = 20;

export interface Locks {
  /** Takes the lock at this word of object memory if nobody has it. */
  readonly tryLock: (word: number) => boolean;
  /** `all`: wakes all who sleep on it, not just one, because nobody will take this lock again. */
  readonly unlock: (word: number, all: boolean) => void;
  /**
   * Returns when it is worth trying again, at the latest after `ms` milliseconds: of 0 it only looks who has the lock. A
   * safepoint. If that is a thread that is gone, it is taken over from it, and `takenOver` is called with the lock held.
   */
  readonly wait: (word: number, takenOver: () => void, ms?: number) => void;
  /** Whether this thread holds the lock. */
  readonly isMine: (word: number) => boolean;
  /** Whether a thread holds the lock that is gone. */
  readonly isAbandoned: (word: number) => boolean;
}

/** The locks of one thread. `throwMine`: called when it waits for a lock that it holds itself; throws. */
export function makeLocks({ mem, t }: Pick<Env, 'mem' | 't'>, throwMine: () => never): Locks {
  const { m, i32 } = mem;
  const me = t.id | ((m[t.ref + PROC_EPOCH]! & EPOCH_MASK) << EPOCH_SHIFT);
  /** Set after a sleep until the next lock is taken: others may be sleeping still. One notify too many does no harm. */
  let flag = 0;

  function tryLock(word: number): boolean {
    if (Atomics.compareExchange(i32, word, 0, me | flag) !== 0) return false;
    flag = 0;
    return true;
  }

  function unlock(word: number, all: boolean): void {
    fence();
    if (i32[word] === me) i32[word] = 0;
    else wake(word, all);
  }

  function wake(word: number, all: boolean): void {
    Atomics.store(i32, word, 0);
    unpark(i32, word, all ? Number.POSITIVE_INFINITY : 1);
  }

  function isMine(word: number): boolean {
    return (Atomics.load(i32, word) & ~CONTENDED) === me;
  }

  function isGone(holder: number): boolean {
    const ref = procRef(mem, holder & OWNER_MASK);
    if ((Atomics.load(m, ref + PROC_EPOCH) & EPOCH_MASK) !== holder >>> EPOCH_SHIFT) return true;
    const state = stateOf(m, ref);
    return state === PROC_DEAD || state === PROC_FREE;
  }

  function isAbandoned(word: number): boolean {
    const holder = Atomics.load(i32, word);
    return holder !== 0 && isGone(holder);
  }

  function wait(word: number, takenOver: () => void, ms = NAP_MS): void {
    const first = Atomics.load(i32, word);
    if (first === 0) return;
    if ((first & ~CONTENDED) === me) throwMine();
    if (isGone(first)) {
      if (Atomics.compareExchange(i32, word, first, me | (first & CONTENDED)) === first) takenOver();
      return;
    }
    if (ms <= 0) return;
    for (let i = 0; i < SPIN; i++) if (Atomics.load(i32, word) === 0) return;
    const seen = Atomics.load(i32, word);
    if (seen === 0) return;
    const marked = seen | CONTENDED;
    if (seen !== marked && Atomics.compareExchange(i32, word, seen, marked) !== seen) return;
    sleep(word, marked, Math.min(ms, NAP_MS));
    flag = CONTENDED;
  }

  function sleep(word: number, holder: number, ms: number): void {
    const inside = t.depth > 0 && mem.shared;
    if (inside) t.release();
    t.trace.readForOthers();
    parkWhile(i32, word, holder, ms);
    if (inside) t.resume();
    t.lookAround();
  }

  return { tryLock, unlock, wait, isMine, isAbandoned };
}
