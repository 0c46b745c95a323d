/**
 * This thread's hold on the heap: its region (may it touch the heap now?) and the locks it holds.
 *
 * The region protocol. The state in the thread's record is changed only by compare-and-exchange (status.ts):
 *
 *        attach            enter               leave
 *   FREE ------> IDLE <==============> RUNNING
 *     ^            | ^                    |
 *     |  stop (by  | | start              | its thread is gone (by the reaper)
 *     |  another)  v |                    v
 *     |          STOPPED                DEAD  --- reap ---> FREE
 *     +--- quit (detach) --- RUNNING
 *
 * - Only the thread itself makes IDLE → RUNNING and RUNNING → IDLE. Only the coordinator, which holds the world lock,
 *   makes IDLE → STOPPED and back. So a thread that the coordinator has STOPPED cannot be inside a region, and stays
 *   outside until it is started again: its next `enter` fails and waits.
 * - A RUNNING thread is asked to leave through the word H_STOP. Both sides use sequentially consistent accesses: the
 *   coordinator writes H_STOP and then reads `status`, the thread writes `status` and then reads H_STOP. In every
 *   order at least one sees the other, so either the coordinator finds the thread IDLE, or the thread wakes the
 *   coordinator. Without the read of H_STOP in `release` a stop could sleep through its whole timeout.
 * - `poll` leaves the region and waits for H_STOP to fall before it enters again, and so does everybody who enters: a
 *   coordinator cannot starve.
 * - What a stop may change of a thread's caches is looked at again by whoever comes back into its region (`refresh`).
 *
 * The ragged barrier (Go: `forEachP`; threads/ragged.ts) asks each thread to do something once, at a safepoint of its own,
 * without stopping them all: STOP_RAGGED in H_STOP sends `poll` here too, and the thread goes on at once.
 *
 * Locks: a word with the owner's id, so that a dead owner is known. 0 → id by compare-and-exchange; a waiter spins
 * for about as long as a wake-up takes, then sets CONTENDED and sleeps. Whoever got the lock after sleeping keeps the
 * flag set, since others may still sleep; unlocking is one exchange, which wakes a sleeper only if the flag was set.
 * A thread that waits for a leaf lock stays RUNNING: holders never poll, so it is served soon and a stop waits for
 * it. Only if the owner is DEAD, or is BLOCKED itself (a sweeper, whose span is waited for), does the waiter become BLOCKED,
 * which the reaper alone may stop:
 *
 *              owner is DEAD          reaper stops the world
 *   RUNNING <================> BLOCKED <================> HALTED
 *               goes on                 and starts it
 *
 * A thread that finds itself HALTED does not even look at the lock, for that may be free by then: released by this reaper,
 * or by the one before, after whose stop this thread has not woken up yet.
 */
import type { ProcRef, Words } from '../base/brand.ts';
import { millitime } from '../base/clock.ts';
import { SpanheapError } from '../base/errors.ts';
import { fatal } from '../base/fatal.ts';
import { GC_RAGGED } from '../layout/gc.ts';
import { H_STOP, H_TRACE, H_WORLD_LOCK, STOP_RAGGED } from '../layout/header.ts';
import {
  PROC_BLOCKED,
  PROC_DEAD,
  PROC_EPOCH,
  PROC_FREE,
  PROC_HALTED,
  PROC_ID,
  PROC_IDLE,
  PROC_RAGGED,
  PROC_RUNNING,
  PROC_STATUS,
  PROC_STATUS_NAMES,
  PROC_STOPPED,
} from '../layout/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { CallOuts } from './call-outs.ts';
import { loadAcquire } from './fence.ts';
import { parkWhile, unpark } from './park.ts';
import { procRef } from './proc-ref.ts';
import { lockName } from './ranks.ts';
import { changeStateOf, isOfReaper, stateIn, stateOf, statusWord } from './status.ts';
import { TraceWriter } from './trace.ts';
import { type DelayHook, type Liveness, NO_GATE, NOT_KNOWN } from './wired.ts';

/** Set in a lock word while threads may sleep on it. The rest of the word is the owner's id. */
export const LOCK_CONTENDED = 0x10000;
export const LOCK_OWNER = 0xffff;

/** Looks at a lock before sleeping: about 60 µs, what waking a sleeper costs. */
const SPIN = 6000;
/** A sleeper looks around this often, for an owner that died. */
const NAP_MS = 20;

/** After so many naps a sleeper looks whether it is a thread that is gone that it waits for. */
const NAPS = 8;

/** A thread that stays stopped for so long because of a dead one that nobody reaps complains, in milliseconds. */
const UNREAPED_MS = 60000;

export class Proc {
  readonly mem: Mem;
  readonly ref: ProcRef;
  readonly id: number;
  /** Nesting of regions; 0: outside. Raw addresses are only held while it is not 0. */
  depth = 0;
  /** The allocator of this thread, told whether its fast paths may run. */
  gate = NO_GATE;
  private isGuarded = false;
  /** The leaf lock this thread holds, 0 if none. */
  held = 0;
  /** Whether this thread holds the world lock while the world runs: no leaf lock may be taken then (gc/cycle.ts says why). */
  holdsRunningWorld = false;
  delay: DelayHook | undefined = undefined;
  /** Writes this thread's part of the allocation trace, while one is under way. */
  readonly trace: TraceWriter;
  liveness: Liveness = NOT_KNOWN;
  private naps = 0;
  private looking = false;
  readonly callOuts = new CallOuts(() => this.gate);
  /** What this thread does in a ragged barrier. */
  onRagged: () => void = () => {};
  private readonly m: Words;
  /** Attachment of the record that this is; another number there: the record has been given to another thread. */
  private readonly epoch: number;
  /** Status words of this attachment. */
  private readonly idle: number;
  private readonly running: number;

  constructor(mem: Mem, ref: ProcRef) {
    this.mem = mem;
    this.ref = ref;
    this.id = mem.m[ref + PROC_ID];
    this.m = mem.m;
    this.epoch = mem.m[ref + PROC_EPOCH];
    this.idle = statusWord(PROC_IDLE, this.epoch);
    this.running = statusWord(PROC_RUNNING, this.epoch);
    this.trace = new TraceWriter(this);
    // Nobody else can stop or wait for the only thread of an unshared heap: it is always inside its region.
    if (!mem.shared) {
      Atomics.store(mem.m, ref + PROC_STATUS, this.running);
      this.depth = 1;
    }
  }

  /** Makes every call take the guarded way in, for hooks that must see each object. */
  set guarded(on: boolean) {
    this.isGuarded = on;
    this.refresh();
  }

  /** Enters a region; nests. Blocks while the world is stopped. Throws if this thread was detached or reaped. */
  enter(): void {
    if (this.depth === 0) {
      this.acquire();
      this.depth = 1;
      this.refresh();
    } else {
      this.depth++;
    }
  }

  leave(): void {
    this.leaveTo(this.depth - 1);
  }

  /**
   * Leaves regions until `depth` are open, as many as before a call that is over, however it ended: JavaScript's stack
   * may have overflowed in `enter` or `leave` themselves.
   */
  leaveTo(depth: number): void {
    if (this.depth === depth) return;
    this.depth = depth;
    if (depth > 0) return;
    this.gate.setOpen(false);
    this.release();
  }

  private acquire(): void {
    if (this.m[H_STOP] !== 0) this.#awaitStart();
    const idle = this.idle;
    if (Atomics.compareExchange(this.m, this.ref + PROC_STATUS, idle, this.running) !== idle) this.#acquireSlow();
  }

  release(): void {
    this.callOuts.refuseInHook('waiting for another thread');
    const m = this.m;
    const running = this.running;
    if (Atomics.compareExchange(m, this.ref + PROC_STATUS, running, this.idle) !== running) this.#gone();
    if (loadAcquire(m, H_STOP) !== 0) unpark(m, this.ref + PROC_STATUS);
  }

  /** IDLE → RUNNING → FREE, after a stop in which the thread gave up all it held. Blocks while the world is stopped. */
  quit(): void {
    this.depth = 0;
    if (this.mem.shared) this.acquire();
    changeStateOf(this.m, this.ref, this.epoch, PROC_RUNNING, PROC_FREE);
    if (Atomics.load(this.m, H_STOP) !== 0) unpark(this.m, this.ref + PROC_STATUS);
  }

  /** Safepoint. Blocks while another thread stops the world. Call only where the thread's caches are consistent. */
  poll(): void {
    if (this.m[H_STOP] !== 0) this.#pollSlow();
  }

  #pollSlow(): void {
    const m = this.m;
    if (!this.mem.shared || this.callOuts.isReading) return;
    const asked = Atomics.load(m, H_STOP);
    if ((asked & STOP_RAGGED) !== 0) this.#joinRagged();
    if (!this.#isOther(asked)) return;
    this.release();
    for (let stop = Atomics.load(m, H_STOP); (stop & LOCK_OWNER) !== 0; stop = Atomics.load(m, H_STOP)) {
      this.parkWhile(H_STOP, stop, NAP_MS);
      this.#lookAroundOutside();
    }
    this.resume();
  }

  /** Back into the region after `release`, in the middle of a call: what a stop may have changed is looked at again. */
  resume(): void {
    this.acquire();
    this.refresh();
  }

  /** This thread's part in the ragged barrier, once. */
  #joinRagged(): void {
    const m = this.m;
    const barrier = Atomics.load(m, GC_RAGGED);
    if (m[this.ref + PROC_RAGGED] === barrier) return;
    this.onRagged();
    Atomics.store(m, this.ref + PROC_RAGGED, barrier);
    unpark(m, this.ref + PROC_STATUS);
  }

  /** After a stop: what the fast paths go by may have changed (see malloc/fast.ts), and whether each call is traced. */
  refresh(): void {
    this.gate.setOpen(this.depth > 0 && !this.isGuarded && this.m[H_TRACE] === 0);
  }

  /** A thread that enters again and again must not keep a coordinator waiting: it lets the stop go first. */
  #awaitStart(): void {
    const m = this.m;
    for (let stop = Atomics.load(m, H_STOP); this.#isOther(stop); stop = Atomics.load(m, H_STOP)) {
      if (this.#isDead(stop & LOCK_OWNER)) return;
      this.parkWhile(H_STOP, stop, NAP_MS);
      this.#lookAroundOutside();
    }
  }

  /** Whether another thread than this one stops the world. */
  #isOther(stop: number): boolean {
    return (stop & LOCK_OWNER) !== 0 && (stop & LOCK_OWNER) !== this.id;
  }

  #acquireSlow(): void {
    const m = this.m;
    const word = this.ref + PROC_STATUS;
    const stopped = statusWord(PROC_STOPPED, this.epoch);
    for (let since = 0; ; ) {
      const status = Atomics.compareExchange(m, word, this.idle, this.running);
      // RUNNING: the stack overflowed in `leaveTo`, before the region was left.
      if (status === this.idle || status === this.running) return;
      if (status !== stopped) this.#gone();
      this.parkWhile(word, stopped, NAP_MS);
      this.#lookAroundOutside();
      // Who stopped this thread has died, and no reaper is at it: else it would have been started before long.
      const isAbandoned = Atomics.load(m, H_STOP) === 0 && Atomics.load(m, word) === stopped;
      since = isAbandoned ? since || millitime() : 0;
      if (since !== 0 && millitime() - since > UNREAPED_MS) this.#complain();
    }
  }

  /**
   * For waits that others end, at a safepoint: now and then looks whether they are gone, and reaps them. The event that
   * tells of a worker's end cannot come while the thread waits that started it.
   */
  lookAround(): void {
    if (++this.naps % NAPS !== 0 || this.looking) return;
    this.looking = true;
    try {
      this.liveness.reapGone();
    } finally {
      this.looking = false;
    }
  }

  /** The same while the thread has left its region in the middle of a call. */
  #lookAroundOutside(): void {
    const { depth } = this;
    this.depth = 0;
    try {
      this.lookAround();
    } finally {
      this.depth = depth;
    }
  }

  /** This thread may be the one that is to reap, from its event loop. */
  #complain(): never {
    throw new SpanheapError(
      'ERR_FATAL',
      `a thread died while it had the world stopped, and was not reaped for ${UNREAPED_MS / 1000} s; use heap.watch(worker), or heap.reap(id)`,
    );
  }

  /** Whether this thread still belongs to the heap: not detached, not reaped. */
  get attached(): boolean {
    // A plain load: the next moment it may be otherwise, whatever the load.
    const status = this.m[this.ref + PROC_STATUS];
    return this.m[this.ref + PROC_EPOCH] === this.epoch && stateIn(status) !== PROC_DEAD;
  }

  #gone(): never {
    const status = stateOf(this.m, this.ref);
    const mine = this.m[this.ref + PROC_EPOCH] === this.epoch;
    throw new SpanheapError(
      'ERR_DETACHED',
      `this thread is not attached to the heap any more (its record, ${this.id}, is ${mine ? PROC_STATUS_NAMES[status] : 'another thread’s'}): it was detached or reaped`,
    );
  }

  /** A place in a slow path where tests may sleep. */
  pause(place: string): void {
    if (this.delay !== undefined) this.delay(place);
  }

  /** Takes a leaf lock. May block for as long as another thread is in its critical section. */
  lock(word: number): void {
    if (this.callOuts.isInHand) this.callOuts.refuseInHook(`the lock of ${lockName(word)}`);
    if (this.held !== 0) fatal('a leaf lock is taken while another is held');
    if (this.holdsRunningWorld) fatal('a leaf lock is taken with the world lock while the world runs');
    if (Atomics.compareExchange(this.m, word, 0, this.id) !== 0) this.#lockSlow(word);
    this.held = word;
    if (this.delay !== undefined) this.delay(lockName(word));
  }

  unlock(word: number): void {
    if (this.held !== word) fatal('a lock is released that is not held');
    if (this.delay !== undefined) this.delay(lockName(word));
    this.held = 0;
    if ((Atomics.exchange(this.m, word, 0) & LOCK_CONTENDED) !== 0) unpark(this.m, word, 1);
  }

  /** Runs `fn` with a leaf lock. */
  locked<T>(word: number, fn: () => T): T {
    this.lock(word);
    try {
      return fn();
    } finally {
      this.unlock(word);
    }
  }

  /** Runs `fn` with a leaf lock that a dead thread holds: for its reaper, who gives it up later. World stopped. */
  inPlaceOf<T>(word: number, fn: () => T): T {
    this.held = word;
    try {
      return fn();
    } finally {
      this.held = 0;
    }
  }

  /** For functions whose caller must hold the lock. */
  assertHeld(word: number): void {
    if (this.held !== word) fatal('a function was called without the lock it needs');
  }

  #lockSlow(word: number): void {
    const m = this.m;
    for (let i = 0; i < SPIN; i++) {
      if (Atomics.load(m, word) === 0 && Atomics.compareExchange(m, word, 0, this.id) === 0) return;
    }
    for (;;) {
      const seen = Atomics.compareExchange(m, word, 0, this.id | LOCK_CONTENDED);
      if (seen === 0) return;
      if ((seen & LOCK_CONTENDED) === 0) {
        Atomics.compareExchange(m, word, seen, seen | LOCK_CONTENDED);
      } else {
        this.parkFor(word, seen, seen & LOCK_OWNER);
      }
    }
  }

  /**
   * As the function of that name (park.ts), for waits that others end: who reads a trace sees first that they are not
   * waiting for it. No lock may be held.
   */
  parkWhile(word: number, expected: number, timeoutMs: number): void {
    this.trace.readForOthers();
    parkWhile(this.m, word, expected, timeoutMs);
  }

  /** Sleeps until the state of a thread is another than this one, or for a while. */
  awaitState(p: ProcRef, state: number, timeoutMs: number): void {
    const word = p + PROC_STATUS;
    const status = Atomics.load(this.m, word);
    if (stateIn(status) === state) this.parkWhile(word, status, timeoutMs);
  }

  /**
   * Sleeps until a word changes that thread `owner` will soon change, or for a while. BLOCKED if that thread is DEAD or
   * waits for one; then it does not return while a reaper has the world stopped. If none comes, this thread is the
   * reaper: for the repair it is as any other that is BLOCKED.
   */
  parkFor(word: number, seen: number, owner: number): void {
    const m = this.m;
    this.trace.readForOthers();
    const status = this.ref + PROC_STATUS;
    const hangs = owner !== 0 && isOfReaper(this.#stateOf(owner));
    const isBlocked = hangs && changeStateOf(m, this.ref, this.epoch, PROC_RUNNING, PROC_BLOCKED);
    if (hangs && Atomics.load(m, H_STOP) !== 0) unpark(m, status);
    parkWhile(m, word, seen, NAP_MS);
    if (++this.naps % NAPS === 0) {
      if (isBlocked) this.liveness.reapBlocked();
      else this.liveness.markGone();
    }
    if (isBlocked) this.#goOn();
  }

  /** BLOCKED → RUNNING, when no reaper has the world stopped. */
  #goOn(): void {
    const word = this.ref + PROC_STATUS;
    const blocked = statusWord(PROC_BLOCKED, this.epoch);
    const halted = statusWord(PROC_HALTED, this.epoch);
    for (;;) {
      const status = Atomics.compareExchange(this.m, word, blocked, this.running);
      if (status === blocked) return;
      if (status === halted) this.parkWhile(word, halted, NAP_MS);
      else this.#gone();
    }
  }

  #stateOf(id: number): number {
    return stateOf(this.m, procRef(this.mem, id));
  }

  #isDead(id: number): boolean {
    return this.#stateOf(id) === PROC_DEAD;
  }

  /**
   * Takes the world lock. The thread is outside its region while it waits, so that it can be stopped, and back inside
   * (if it was) when this returns. A world lock whose owner is DEAD is taken over; a stop may be half done then. False: it
   * could not be had within so many milliseconds.
   */
  lockWorld(within: number = Number.POSITIVE_INFINITY): boolean {
    const m = this.m;
    if (m[this.ref + PROC_EPOCH] !== this.epoch) this.#gone();
    const inside = this.depth > 0 && this.mem.shared;
    if (inside) this.release();
    // The first look at a clock costs a new thread of Node a millisecond.
    const until = within === Number.POSITIVE_INFINITY ? within : millitime() + within;
    for (let seen = 0; (seen = this.#claimWorld()) !== 0; ) {
      if ((seen & LOCK_CONTENDED) === 0) Atomics.compareExchange(m, H_WORLD_LOCK, seen, seen | LOCK_CONTENDED);
      else {
        this.parkWhile(H_WORLD_LOCK, seen, NAP_MS);
        this.#lookAroundOutside();
      }
      if (millitime() > until) {
        if (inside) this.resume();
        return false;
      }
    }
    this.holdsRunningWorld = true;
    this.pause('world');
    if (!inside) return true;
    // A coordinator starts all threads before it gives the lock up: one that left this thread stopped has died.
    changeStateOf(m, this.ref, this.epoch, PROC_STOPPED, PROC_IDLE);
    this.resume();
    return true;
  }

  /** One attempt at the world lock: 0, or the word that says who has it. */
  #claimWorld(): number {
    const m = this.m;
    for (;;) {
      const seen = Atomics.compareExchange(m, H_WORLD_LOCK, 0, this.id);
      if (seen === 0 || !this.#isDead(seen & LOCK_OWNER)) return seen;
      if (Atomics.compareExchange(m, H_WORLD_LOCK, seen, this.id) === seen) return 0;
    }
  }

  /**
   * Takes the world lock if nobody has it. BLOCKED, before and after: nobody but a reaper may stop this thread where it
   * is.
   */
  tryLockWorldBlocked(): boolean {
    if (this.#claimWorld() !== 0) return false;
    this.holdsRunningWorld = true;
    // Whoever left this thread stopped has died, as in lockWorld.
    changeStateOf(this.m, this.ref, this.epoch, PROC_HALTED, PROC_BLOCKED);
    return true;
  }

  unlockWorld(): void {
    this.pause('world');
    this.holdsRunningWorld = false;
    Atomics.exchange(this.m, H_WORLD_LOCK, 0);
    unpark(this.m, H_WORLD_LOCK, 1);
  }
}
