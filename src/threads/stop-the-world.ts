/**
 * Stopping the world (Go: `stopTheWorldWithSema`). The region protocol it uses is in sync/proc.ts.
 *
 * The coordinator holds the world lock, writes its id to H_STOP, and makes each attached thread STOPPED: at once if it
 * is IDLE, else when it has left its region. A thread in its event loop never delays a stop. What a DEAD thread was
 * changing may be half changed, so every stop but the reaper's is given up and tried again after the repair; the reaper makes
 * those HALTED that are BLOCKED.
 *
 * While the world is stopped no other thread is inside a region, and none holds a lock: whoever waits for a lock is
 * RUNNING and delays the stop until it has had it. So all shared state is as its invariants say.
 */
import type { ProcRef, Words } from '../base/brand.ts';
import { millitime, nanotime } from '../base/clock.ts';
import { SpanheapError } from '../base/errors.ts';
import { GC_RESERVED } from '../layout/gc.ts';
import { H_CACHES_CHANGER, H_REPAIRER, H_STOP } from '../layout/header.ts';
import {
  PROC_BLOCKED,
  PROC_EPOCH,
  PROC_FREE,
  PROC_HALTED,
  PROC_ID,
  PROC_IDLE,
  PROC_RUNNING,
  PROC_STATUS,
  PROC_STOPPED,
  PROC_THREAD,
} from '../layout/proc.ts';
import { EV_STOP_BEGIN, EV_STOP_END, WHY_MARK_SETUP, WHY_MARK_TERMINATION, WHY_OTHER } from '../layout/trace.ts';
import { threadMeter } from '../spans/heap-stats.ts';
import { unpark } from '../sync/park.ts';
import { LOCK_OWNER, type Proc } from '../sync/proc.ts';
import { procRef } from '../sync/proc-ref.ts';
import { changeState, isOfReaper, stateOf } from '../sync/status.ts';
import type { Mem } from '../sys/mem.ts';
import { leafLocks } from './dead.ts';
import { recordStop } from './pauses.ts';

/** A thread that stays RUNNING is looked at this often, in case a wake-up was lost with the thread that owed it. */
const LOOK_MS = 5;
/** While a thread stays RUNNING the OS is asked this often which are still there: it, or one that it waits for. */
const ASK_MS = 100;
/**
 * After this time without a safepoint a thread is named in a warning, unless told otherwise; after the second, the stop
 * is given up.
 */
const WARN_MS = 5000;
const GIVE_UP_MS = 60000;

export interface StopOptions {
  /** Stop BLOCKED threads too, take DEAD ones for stopped, and dead owners of locks for granted. For the reaper only. */
  readonly reaping?: boolean;
  /** Called with a text when a thread does not reach a safepoint for long. */
  readonly warn?: (text: string) => void;
  /** Called before the world starts again, with the nanoseconds since it was asked to stop. */
  readonly onStopped?: (ns: number) => void;
  /** What "long" is, in milliseconds. Default: 5000. */
  readonly warnAfterMs?: number;
  /** What the stop is for, as the allocation trace tells it: one of the WHY_ values. Default: WHY_OTHER. */
  readonly why?: number;
  /** Milliseconds after which it is given up: StopGivenUp is thrown, and the world runs. Default: ERR_FATAL after a minute. */
  readonly within?: number;
}

/** The world could not be stopped in the time that there was. */
export class StopGivenUp extends Error {}

/** Record of every thread slot, attached or not. */
export function allProcs(mem: Mem): ProcRef[] {
  return Array.from({ length: mem.plan.maxProcs }, (_, i) => procRef(mem, i + 1));
}

/** Records of the threads that are attached, dead ones included. */
export function attachedProcs(mem: Mem): ProcRef[] {
  return allProcs(mem).filter((p) => stateOf(mem.m, p) !== PROC_FREE);
}

/**
 * Records of all threads that ever were attached: what they have counted stays there. The lowest free record is always the
 * next that is claimed, so they are the first ones; and the last one, if it is set aside for the background worker.
 */
export function usedProcs(mem: Mem): ProcRef[] {
  const { m, plan } = mem;
  const isUsed = (p: ProcRef): boolean => Atomics.load(m, p + PROC_EPOCH) !== 0;
  const worker = m[GC_RESERVED] === 0 ? null : procRef(mem, plan.maxProcs);
  const procs: ProcRef[] = [];
  for (let id = 1; id <= plan.maxProcs; id++) {
    const p = procRef(mem, id);
    if (p === worker || !isUsed(p)) break;
    procs.push(p);
  }
  if (worker !== null && isUsed(worker)) procs.push(worker);
  return procs;
}

/** The sum of one of the meters TM_… over all threads, those that are gone included. */
export function sumMeter(mem: Mem, meter: number): number {
  return usedProcs(mem).reduce((sum, p) => sum + mem.mf[threadMeter(p, meter)], 0);
}

/**
 * Runs `fn` while no other thread is inside a region. Blocks until they have left; may not be called with a lock held.
 * Throws ERR_FATAL when a thread does not reach a safepoint for a minute; the world runs again then.
 */
export function withWorldStopped<T>(t: Proc, fn: () => T, options: StopOptions = {}): T {
  for (;;) {
    const done = withWorldLocked(t, () => stopLocked(t, fn, options), options);
    if (done !== undefined) return done.result;
    awaitReaper(t);
  }
}

/** Runs `fn` with the world lock. In a region or not; may not be called with a lock held. */
export function withWorldLocked<T>(t: Proc, fn: () => T, options: StopOptions = {}): T {
  if (options.reaping !== true) t.callOuts.refuseInHook('stopping the world');
  if (!t.mem.shared) return fn();
  lockWorldUnlessBroken(t, options);
  try {
    return fn();
  } finally {
    t.unlockWorld();
  }
}

/** As `withWorldStopped`, with the world lock held already. Undefined: given up, a thread is to be reaped first. */
export function stopLocked<T>(t: Proc, fn: () => T, options: StopOptions = {}): { result: T } | undefined {
  const asked = nanotime();
  const why = options.why ?? WHY_OTHER;
  const trace = t.trace.number;
  let stopped: number | undefined;
  if (trace !== 0) t.trace.event(EV_STOP_BEGIN, why, 0, 0, 0, 0);
  try {
    if (t.mem.shared && !stopAll(t, options)) return undefined;
    t.holdsRunningWorld = false;
    stopped = nanotime();
    return { result: timed(fn, asked, options) };
  } finally {
    // A trace that this stop was for begins or ends in its middle.
    const now = nanotime();
    if (trace !== 0 && t.trace.number === trace) {
      t.trace.numbers(EV_STOP_END, why, now - asked, (stopped ?? asked) - asked);
    }
    if (t.mem.shared) {
      t.holdsRunningWorld = true;
      endStop(t, stopped !== undefined);
    }
    const gc = why === WHY_MARK_SETUP || why === WHY_MARK_TERMINATION;
    if (stopped !== undefined) recordStop(t.mem, gc, stopped - asked, nanotime() - asked);
  }
}

/** Tells `options.onStopped` how long the others have stood, or will have in a moment. */
function timed<T>(fn: () => T, asked: number, options: StopOptions): T {
  const result = fn();
  options.onStopped?.(nanotime() - asked);
  return result;
}

/**
 * Takes the world lock when no thread has died while it was changing the others' caches, or repairing the heap: whoever had
 * stopped them is gone, and only a reaper may start them again.
 */
export function lockWorldUnlessBroken(t: Proc, options: StopOptions = {}): void {
  for (;;) {
    if (!t.lockWorld(options.within)) throw new StopGivenUp();
    if (options.reaping || !isBroken(t.mem)) return;
    t.unlockWorld();
    awaitReaper(t);
  }
}

/** Whether a coordinator has died that was changing what belongs to others: nobody may be started until a reaper has been. */
function isBroken({ m }: Mem): boolean {
  return Atomics.load(m, H_CACHES_CHANGER) !== 0 || Atomics.load(m, H_REPAIRER) !== 0;
}

/**
 * A dead thread is to be reaped first, by somebody who needs the world lock for it: in the end by this thread. At a
 * safepoint.
 */
export function awaitReaper(t: Proc): void {
  t.parkWhile(H_STOP, Atomics.load(t.mem.m, H_STOP), LOOK_MS);
  t.lookAround();
}

/** False: given up for the reaper. */
function stopAll(t: Proc, options: StopOptions): boolean {
  const { mem } = t;
  const { m } = mem;
  Atomics.store(m, H_STOP, t.id);
  const patience = new Patience(options);
  for (const p of allProcs(mem)) {
    if (p !== t.ref && !stopOne(t, p, patience, options)) return false;
  }
  if (options.reaping) return true;
  return leafLocks(mem).every((lock) => Atomics.load(m, lock) === 0);
}

function stopOne(t: Proc, p: ProcRef, patience: Patience, options: StopOptions): boolean {
  const { m } = t.mem;
  for (;;) {
    const state = changeState(m, p, PROC_IDLE, PROC_STOPPED);
    if (isOfReaper(state)) {
      if (options.reaping !== true) return false;
      // Changes nothing if it is DEAD, or HALTED already.
      if (changeState(m, p, PROC_BLOCKED, PROC_HALTED) === state) return true;
      continue;
    }
    if (state !== PROC_RUNNING) return true;
    t.awaitState(p, PROC_RUNNING, LOOK_MS);
    patience.check(t, p);
  }
}

/** How long a coordinator waits for threads to reach safepoints, and whom it names when that takes long. */
export class Patience {
  readonly #started = millitime();
  readonly #options: StopOptions;
  #named = 0;
  #asked = 0;

  constructor(options: StopOptions) {
    this.#options = options;
  }

  /**
   * `p` is not at a safepoint yet. It may be gone, or wait inside its region for a lock of one that is: those are made DEAD.
   * Warns once a thread; throws ERR_FATAL when it has been waited for too long.
   */
  check(t: Proc, p: ProcRef): void {
    const { m } = t.mem;
    const waited = millitime() - this.#started;
    if (waited - this.#asked > ASK_MS) {
      this.#asked = waited;
      t.liveness.markGone();
    }
    if (waited > (this.#options.within ?? Number.POSITIVE_INFINITY)) throw new StopGivenUp();
    if (waited > GIVE_UP_MS) {
      throw new SpanheapError('ERR_FATAL', `${nameOf(m, p)} did not reach a safepoint for ${GIVE_UP_MS / 1000} s`);
    }
    this.mention(m, p, `has not reached a safepoint`, '; call heap.poll() in long loops');
  }

  /** Warns, once a thread, when it has been waited for long. `what` it does, `advice`. */
  mention(m: Words, p: ProcRef, what: string, advice = ''): void {
    const waited = millitime() - this.#started;
    const limit = this.#options.warnAfterMs ?? WARN_MS;
    if (waited <= limit || this.#named === p) return;
    this.#named = p;
    this.#options.warn?.(`${nameOf(m, p)} ${what} for ${limit / 1000} s${advice}`);
  }
}

function nameOf(m: Words, p: ProcRef): string {
  const thread = m[p + PROC_THREAD];
  return `thread ${m[p + PROC_ID]} of the heap${thread > 0 ? ` (worker thread ${thread - 1})` : ''}`;
}

/**
 * The stop is over, or was given up. A reaper that has given up leaves a broken heap stopped as it was, and what it stopped;
 * so does one whose repair has failed.
 */
function endStop(t: Proc, isComplete: boolean): void {
  const { m } = t.mem;
  const isStart = isComplete ? Atomics.load(m, H_REPAIRER) === 0 : !isBroken(t.mem);
  Atomics.store(m, H_STOP, 0);
  unpark(m, H_STOP);
  if (isStart) startAll(t);
}

function startAll(t: Proc): void {
  const { mem } = t;
  const { m } = mem;
  for (const p of allProcs(mem)) {
    const isStarted =
      changeState(m, p, PROC_STOPPED, PROC_IDLE) === PROC_STOPPED ||
      changeState(m, p, PROC_HALTED, PROC_BLOCKED) === PROC_HALTED;
    if (isStarted) unpark(m, p + PROC_STATUS);
  }
}

/** Releases every leaf lock that this thread id holds. For the reaper, after the repair. */
export function releaseLocksOf(mem: Mem, id: number): void {
  for (const lock of leafLocks(mem)) {
    const seen = Atomics.load(mem.m, lock);
    if (seen !== 0 && (seen & LOCK_OWNER) === id) {
      Atomics.store(mem.m, lock, 0);
      unpark(mem.m, lock);
    }
  }
}
