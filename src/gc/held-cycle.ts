/**
 * One thread's part in cycles that are held open for snapshots: beginning one, ending it, waiting for another's. What
 * holding means, and who may do what when, stands in threads/hold.ts.
 */
import { GC_EPOCH_SWEEPGEN, GC_STARTED } from '../layout/gc.ts';
import { H_BITS_EPOCH, H_SWEEPGEN } from '../layout/header.ts';
import { PACER_MEMORY_LIMIT } from '../layout/pacer.ts';
import {
  isHeld,
  LOG_PAGES,
  NO_EPOCH,
  PROC_SNAP_LOG,
  SNAP_CYCLE,
  SNAP_DIRTY,
  SNAP_EPOCH,
  SNAP_LOG_LIMIT,
  SNAP_OVER_LIMIT,
  SNAP_STATE,
  WHY_GC,
  WHY_LIMIT,
} from '../layout/snapshot.ts';
import { procRef } from '../sync/proc-ref.ts';
import { giveUp, giveUpIfStuck, setHeld, snapshotOwner } from '../threads/hold.ts';
import { allProcs, type Patience } from '../threads/stop-the-world.ts';
import type { Collector } from './collector.ts';
import { begin, isMarking } from './cycle.ts';
import { NO_LIMIT } from './pacing/goals.ts';

/** Milliseconds that who waits for a snapshot sleeps between two looks at it. */
const NAP_MS = 20;
/** The log of a snapshot may take one of so many parts of the heap's reservation. */
const LOG_SHARE = 8;

export class HeldCycle {
  readonly #c: Collector;

  constructor(c: Collector) {
    this.#c = c;
  }

  /**
   * Begins a cycle that stays open for the snapshot that this thread has claimed. `copy` runs while the world is stopped.
   * In a region, at a safepoint.
   */
  begin(copy: () => void): void {
    const c = this.#c;
    const { m } = c.mem;
    let begun = false;
    while (!begun) {
      if (isMarking(c)) c.markToEnd(m[GC_STARTED]);
      c.sweepRest();
      const due = (): boolean => {
        // Young spans are told by their bits' epoch, if that moves on with this cycle.
        m[SNAP_EPOCH] = m[GC_EPOCH_SWEEPGEN] === m[H_SWEEPGEN] ? NO_EPOCH : m[H_BITS_EPOCH] + 1;
        return true;
      };
      begun = begin(c, 'snapshot', due, () => this.#hold(copy));
    }
    c.wakeBackground();
  }

  /** World stopped, the cycle has begun. */
  #hold(copy: () => void): void {
    const { heap, mem } = this.#c;
    const { m, plan } = mem;
    for (const p of allProcs(mem)) m[p + PROC_SNAP_LOG] = 0;
    m[SNAP_CYCLE] = m[GC_STARTED];
    m[SNAP_LOG_LIMIT] = 1 + Math.floor(plan.pages / LOG_SHARE / LOG_PAGES);
    m[SNAP_DIRTY] = 1;
    m[SNAP_OVER_LIMIT] = this.#isOverLimit(0) ? 1 : 0;
    copy();
    setHeld(heap);
  }

  /** Ends the cycle that was held, sweep included. In a region, at a safepoint. */
  finish(): void {
    const { m } = this.#c.mem;
    if (m[SNAP_CYCLE] === m[GC_STARTED]) this.#c.markToEnd(m[SNAP_CYCLE]);
    this.#c.sweepRest();
  }

  /** Bytes in use, and `more`, are more than the heap's memory limit. */
  #isOverLimit(more: number): boolean {
    const { pacer, books } = this.#c;
    const limit = pacer.words[PACER_MEMORY_LIMIT];
    return limit < NO_LIMIT && books.mappedReady() + more > limit;
  }

  /**
   * Gives up what holds a cycle open for no good: one that nobody has read on for a minute; one with which the heap has
   * grown above its memory limit, by another `more` bytes. Not where it was above it already: there garbage that piled up
   * meanwhile is not the reason, and a snapshot may tell what is. False: nothing is held, or it stays.
   */
  review(more: number): boolean {
    const { m } = this.#c.mem;
    if (!isHeld(m)) return false;
    if (m[SNAP_OVER_LIMIT] === 0 && this.#isOverLimit(more)) return giveUp(m, WHY_LIMIT);
    return giveUpIfStuck(m);
  }

  /**
   * All is marked, but a snapshot keeps the cycle open: asleep outside of the region for a moment. This thread's own is
   * given up, and one that makes no progress; one whose thread is gone ends with that, which nobody else may see.
   */
  await(patience: Patience): void {
    const { t, mem } = this.#c;
    const { m } = mem;
    const state = Atomics.load(m, SNAP_STATE);
    const holder = snapshotOwner(m);
    if (holder === t.id ? giveUp(m, WHY_GC) : holder === 0 || giveUpIfStuck(m)) return;
    patience.mention(m, procRef(mem, holder), 'has been taking a snapshot, which the collector waits for,');
    t.release();
    if (isHeld(m)) t.parkWhile(SNAP_STATE, state, NAP_MS);
    t.resume();
    t.lookAround();
  }
}
