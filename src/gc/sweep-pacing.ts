/**
 * How much of the heap has to be swept before more of it is used (Go: `gcPaceSweeper`, `deductSweepCredit`,
 * mgcsweep.go). A line from where the heap stood when sweeping was paced last to 1 MiB before the trigger of the next
 * cycle: whoever allocates a span sweeps pages until the line is reached, so that the sweeper is done in time however
 * slow the background sweeper is.
 *
 *   pages   ┤            ╭─ all pages in use
 *   swept   ┤        ╱
 *           ┤    ╱   slope = pagesPerByte
 *     basis ┤╱
 *           └┬───────────┬────────┬──
 *    heapLive at pacing     1 MiB   trigger
 *
 * The state is three doubles in shared memory (layout/pacer.ts). `pace` and `finish` are called with the world stopped
 * or under the heap lock; `finish` also by whoever finds that nothing is left to sweep: all find that then, until the
 * world has stopped for the next cycle, so no new line can be lost. Allocating threads read without lock. They may see
 * a new slope with an old basis: they then sweep too much or too little once, and since the basis of pages is written
 * last, notice it and compute anew.
 */
import { PAGE_SIZE } from '../layout/constants.ts';
import { SWEEP_HEAP_LIVE_BASIS, SWEEP_PAGES_PER_BYTE, SWEEP_PAGES_SWEPT_BASIS } from '../layout/pacer.ts';

/** Bytes before the trigger at which sweeping should be done: what rounding and slow sweepers may be late by. */
const SWEEP_MARGIN = 1 << 20;

/** What sweeping in proportion needs of the sweeper. */
export interface Sweeper {
  /** Bytes of objects, as the pacer counts them. */
  heapLive(): number;
  /** Pages swept in this cycle, by all threads. */
  pagesSwept(): number;
  /** Sweeps one span, whatever comes; false when there is none left. May block as sweeping may. */
  sweepOne(): boolean;
}

export class SweepPacing {
  readonly #words: Float64Array<ArrayBufferLike>;

  /** Over `words`, at least PACER_WORDS long; all 0: nothing to sweep. */
  constructor(words: Float64Array<ArrayBufferLike>) {
    this.#words = words;
  }

  /** Pages to sweep per byte that the heap grows; 0 if none are owed. */
  pagesPerByte(): number {
    return this.#words[SWEEP_PAGES_PER_BYTE];
  }

  /**
   * Draws the line anew: after each `commit` of the pacer. `trigger` and `heapLive` are bytes, `pagesInUse` the pages of
   * all spans in use, `pagesSwept` those swept in this cycle.
   */
  pace(trigger: number, heapLive: number, pagesInUse: number, pagesSwept: number, isSweepDone: boolean): void {
    const words = this.#words;
    const pages = isSweepDone ? 0 : pagesInUse - pagesSwept;
    if (pages <= 0) {
      this.finish();
      return;
    }
    const distance = Math.max(trigger - heapLive - SWEEP_MARGIN, PAGE_SIZE);
    words[SWEEP_PAGES_PER_BYTE] = pages / distance;
    words[SWEEP_HEAP_LIVE_BASIS] = heapLive;
    words[SWEEP_PAGES_SWEPT_BASIS] = pagesSwept;
  }

  /** Nothing is left to sweep, so nobody owes anything. */
  finish(): void {
    this.#words[SWEEP_PAGES_PER_BYTE] = 0;
  }

  /**
   * Pages that should have been swept since the line was drawn, so that `spanBytes` more may be allocated.
   * `callerSweepPages` are pages that the caller has swept for this allocation already, and are taken off.
   */
  pagesTarget(spanBytes: number, callerSweepPages: number, heapLive: number): number {
    const words = this.#words;
    const grown = Math.max(heapLive - words[SWEEP_HEAP_LIVE_BASIS], 0) + spanBytes;
    return Math.trunc(words[SWEEP_PAGES_PER_BYTE] * grown) - callerSweepPages;
  }

  /** Sweeps what an allocation of `spanBytes` owes. To be called before the span is allocated, with no lock held. */
  deductSweepCredit(spanBytes: number, callerSweepPages: number, sweeper: Sweeper): void {
    const words = this.#words;
    while (words[SWEEP_PAGES_PER_BYTE] !== 0) {
      const basis = words[SWEEP_PAGES_SWEPT_BASIS];
      const target = this.pagesTarget(spanBytes, callerSweepPages, sweeper.heapLive());
      while (target > sweeper.pagesSwept() - basis) {
        if (!sweeper.sweepOne()) {
          this.finish();
          return;
        }
        if (words[SWEEP_PAGES_SWEPT_BASIS] !== basis) break;
      }
      if (words[SWEEP_PAGES_SWEPT_BASIS] === basis) return;
    }
  }
}
