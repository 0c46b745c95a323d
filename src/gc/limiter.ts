/**
 * Keeps the collector from taking more than half of the CPU when memory is short (Go: `gcCPULimiterState`,
 * mgclimit.go). A leaky bucket: CPU time of the collector fills it, CPU time of the program drains it, and while it is
 * full there are no assists and no scavenging, so that the heap grows beyond its goal instead of the program standing
 * still.
 *
 *   capacity = 1 s of CPU per thread        fill += GC time − mutator time, kept within 0 … capacity
 *
 * Time in and out count the same, which makes the limit 50 %, over a window that the capacity sets, and but for what one
 * update finds that no longer fits (`overflow`): so updates should be frequent while it is nearly full. Below 0 nothing is
 * saved up: an idle day does not pay for a bad minute.
 *
 * The state is doubles in shared memory (layout/pacer.ts). Everything that changes it is called by one thread at a time:
 * with the world stopped, or under one lock, which the caller has (whoever does not get it leaves the update to the
 * next). `limiting` and `needUpdate` read one word each and may be called anywhere; an answer that is a little old does
 * no harm. All times are nanoseconds; `now` counts from any origin that all threads share.
 */
import { fatal } from '../base/fatal.ts';
import {
  LIMITER_BACKGROUND,
  LIMITER_CAPACITY,
  LIMITER_ENABLED,
  LIMITER_FILL,
  LIMITER_LAST_ENABLED_CYCLE,
  LIMITER_LAST_UPDATE,
  LIMITER_OVERFLOW,
  LIMITER_PROCS,
  LIMITER_TRANSITIONING,
} from '../layout/pacer.ts';
import { GC_BACKGROUND_UTILIZATION } from './pacing/goals.ts';

/** What the limiter has to know. The first two take what they report out of the books: nothing is counted twice. */
export interface LimiterBooks {
  /** CPU time of assists, for marking and for scavenging, up to `now` and not reported before. */
  takeAssistTime(now: number): number;
  /** CPU time of threads that had nothing to do, idle marking included, up to `now` and not reported before. */
  takeIdleTime(now: number): number;
  /** Cycles completed since the heap was made (Go: `memstats.numgc`). */
  cycles(): number;
}

/** What the bucket holds per thread. */
export const CAPACITY_PER_PROC = 1e9;
/** Longest time without an update (Go: `gcCPULimiterUpdatePeriod`). */
const LIMITER_UPDATE_PERIOD = 10e6;

export class GCCPULimiter {
  readonly #words: Float64Array<ArrayBufferLike>;
  readonly #books: LimiterBooks;

  /** A limiter over `words`, at least PACER_WORDS long; all 0 is a new one, for which `resetCapacity` comes first. */
  constructor(words: Float64Array<ArrayBufferLike>, books: LimiterBooks) {
    this.#words = words;
    this.#books = books;
  }

  /** Whether the collector should do less: no assists, no scavenging. */
  limiting(): boolean {
    return this.#words[LIMITER_ENABLED] !== 0;
  }

  /** Number of the last cycle in which it limited, 0 if it never did (Go: /gc/limiter/last-enabled:gc-cycle). */
  lastEnabledCycle(): number {
    return this.#words[LIMITER_LAST_ENABLED_CYCLE];
  }

  /** CPU time of the collector beyond what the bucket could hold, since the heap was made. */
  overflow(): number {
    return this.#words[LIMITER_OVERFLOW];
  }

  /** Whether the last update is so long ago that somebody should do the next. */
  needUpdate(now: number): boolean {
    return now - this.#words[LIMITER_LAST_UPDATE] > LIMITER_UPDATE_PERIOD;
  }

  /** Counts the time since the last update. A `now` before it is ignored: somebody else was faster. */
  update(now: number): void {
    if (this.#words[LIMITER_TRANSITIONING] !== 0) fatal('gcCPULimiter: update during transition');
    this.#flush(now);
  }

  /**
   * The world has stopped at `now`, to begin marking or to end it. `background` is the share of all CPU time, 0 … 1,
   * that background workers take from now on, if `marking`. Until `finishGCTransition` nothing else may be called.
   */
  startGCTransition(marking: boolean, now: number, background: number = GC_BACKGROUND_UTILIZATION): void {
    const words = this.#words;
    this.update(now);
    words[LIMITER_BACKGROUND] = marking ? background : 0;
    words[LIMITER_TRANSITIONING] = 1;
  }

  /** The world goes on at `now`. While it stood nobody but the collector had the CPUs, so all of them count as its. */
  finishGCTransition(now: number): void {
    const words = this.#words;
    if (words[LIMITER_TRANSITIONING] === 0) fatal('gcCPULimiter: finishGCTransition without startGCTransition');
    const stopped = now - words[LIMITER_LAST_UPDATE];
    if (stopped >= 0) this.accumulate(0, stopped * words[LIMITER_PROCS]);
    words[LIMITER_LAST_UPDATE] = now;
    words[LIMITER_TRANSITIONING] = 0;
  }

  /** The number of threads that can collect is `procs` from `now` on. */
  resetCapacity(now: number, procs: number): void {
    const words = this.#words;
    this.update(now);
    words[LIMITER_PROCS] = procs;
    const capacity = procs * CAPACITY_PER_PROC;
    words[LIMITER_CAPACITY] = capacity;
    if (words[LIMITER_FILL] > capacity) {
      words[LIMITER_FILL] = capacity;
      this.#enable();
    } else if (words[LIMITER_FILL] < capacity) {
      words[LIMITER_ENABLED] = 0;
    }
  }

  /** Puts CPU time into the bucket; `update` and the transitions call it. */
  accumulate(mutatorTime: number, gcTime: number): void {
    const words = this.#words;
    const headroom = words[LIMITER_CAPACITY] - words[LIMITER_FILL];
    const change = gcTime - mutatorTime;
    if (change > 0 && headroom <= change) {
      words[LIMITER_OVERFLOW] += change - headroom;
      words[LIMITER_FILL] = words[LIMITER_CAPACITY];
      if (headroom > 0) this.#enable();
      return;
    }
    words[LIMITER_FILL] = Math.max(words[LIMITER_FILL] + change, 0);
    // Written only when it changes: every assist reads the line that it is in.
    if (change !== 0 && headroom === 0) words[LIMITER_ENABLED] = 0;
  }

  #enable(): void {
    this.#words[LIMITER_ENABLED] = 1;
    this.#words[LIMITER_LAST_ENABLED_CYCLE] = this.#books.cycles() + 1;
  }

  #flush(now: number): void {
    const words = this.#words;
    const elapsed = now - words[LIMITER_LAST_UPDATE];
    if (elapsed < 0) return;
    words[LIMITER_LAST_UPDATE] = now;
    const total = elapsed * words[LIMITER_PROCS];
    // The workers' share is one of all time, so idle time comes off afterwards.
    const gc = this.#books.takeAssistTime(now) + Math.trunc(total * words[LIMITER_BACKGROUND]);
    this.accumulate(total - this.#books.takeIdleTime(now) - gc, gc);
  }
}
