/**
 * One thread's part in cycles that are held open for snapshots: beginning one, ending it, waiting for another's. What
 * holding means, and who may do what when, stands in threads/hold.ts.
 */
import { SnapshotAbortedError } from '../base/errors.ts';
import { GC_EPOCH_SWEEPGEN, GC_STARTED } from '../layout/gc.ts';
import { H_BITS_EPOCH, H_SWEEPGEN } from '../layout/header.ts';
import {
  isHeld,
  LOG_PAGES,
  PHASE_HELD,
  PROC_SNAP_LOG,
  SNAP_CYCLE,
  SNAP_DIRTY,
  SNAP_EPOCH,
  SNAP_LOG_LIMIT,
  SNAP_PROGRESS,
  SNAP_STATE,
  WHY_STUCK,
} from '../layout/snapshot.ts';
import { parkWhile } from '../sync/park.ts';
import { procRef } from '../sync/proc.ts';
import { giveUp, setPhase, snapshotOwner } from '../threads/hold.ts';
import { allProcs, type Patience } from '../threads/stop-the-world.ts';
import type { Collector } from './collector.ts';
import { begin, isMarking } from './cycle.ts';

/** Milliseconds without progress after which who waits for a snapshot gives it up; that it sleeps in between. */
const STUCK_MS = 60_000;
const NAP_MS = 20;
/** The log of a snapshot may take one of so many parts of the heap's reservation. */
const LOG_SHARE = 8;

export class HeldCycle {
  readonly #c: Collector;
  /** The wait that this thread is in, SNAP_PROGRESS as it has seen it last, and when that changed. */
  #waiting: Patience | undefined;
  #progress = 0;
  #progressAt = 0;

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
        m[SNAP_EPOCH] = m[GC_EPOCH_SWEEPGEN] === m[H_SWEEPGEN] ? -1 : m[H_BITS_EPOCH] + 1;
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
    copy();
    setPhase(heap, PHASE_HELD);
  }

  /** Ends the cycle that was held, sweep included. In a region, at a safepoint. */
  finish(): void {
    const { m } = this.#c.mem;
    if (m[SNAP_CYCLE] === m[GC_STARTED]) this.#c.markToEnd(m[SNAP_CYCLE]);
    this.#c.sweepRest();
  }

  /** Throws SnapshotAbortedError when this thread holds the cycle open: it would wait for itself. */
  refuseOwn(): void {
    const { t, mem } = this.#c;
    if (!isHeld(mem.m) || snapshotOwner(mem.m) !== t.id) return;
    throw new SnapshotAbortedError(
      'gc: this thread is taking a snapshot, which keeps the collector from ending a cycle; let it end, or give it up, first',
    );
  }

  /**
   * All is marked, but another thread's snapshot keeps the cycle open: asleep outside of the region for a moment. One that
   * makes no progress for a minute is given up.
   */
  await(patience: Patience): void {
    this.refuseOwn();
    const { t, mem } = this.#c;
    const { m } = mem;
    const state = Atomics.load(m, SNAP_STATE);
    const holder = snapshotOwner(m);
    const now = performance.now();
    if (m[SNAP_PROGRESS] !== this.#progress || this.#waiting !== patience) {
      this.#waiting = patience;
      this.#progress = m[SNAP_PROGRESS];
      this.#progressAt = now;
    }
    if (now - this.#progressAt > STUCK_MS) {
      giveUp(m, WHY_STUCK);
      return;
    }
    if (holder === 0) return;
    patience.mention(m, procRef(mem, holder), 'has been taking a snapshot, which the collector waits for,');
    t.release();
    if (isHeld(m)) parkWhile(m, SNAP_STATE, state, NAP_MS);
    t.resume();
  }
}
