// A thread that does nothing but small operations, and looks at the clock after each: what stops it shows as a gap.
// Each operation allocates a few objects and stores them where others were.
import { watchRunQueue } from './run-queue.ts';

/** Objects of one operation. */
export const PER_OPERATION = 8;
/** The slots are passed through in steps, not one after the other. */
const STRIDE = 7;
/** Shorter gaps are taken as they are: asking what the thread waited for takes some microseconds. */
const LOOK_MS = 0.3;

/** In milliseconds. */
export interface Gaps {
  /** The longest without the time that the thread waited for a processor while other programs ran. */
  readonly own: number;
  /** The longest by the clock. */
  readonly clock: number;
}

export class Mutator {
  readonly #operation: () => void;
  readonly #waited = watchRunQueue();
  #next = 0;

  /** `replace` replaces the object of a slot; `inScope` runs a whole operation. */
  constructor(slots: number, replace: (slot: number) => void, inScope: (fn: () => void) => void) {
    const replaceSome = (): void => {
      for (let k = 0; k < PER_OPERATION; k++) {
        replace(this.#next);
        this.#next = (this.#next + STRIDE) % slots;
      }
    };
    this.#operation = () => inScope(replaceSome);
  }

  /** Works until `over` says so, which is asked after each operation. */
  run(over: (now: number) => boolean): Gaps {
    let own = 0;
    let clock = 0;
    this.#waited();
    let last = performance.now();
    for (;;) {
      this.#operation();
      let now = performance.now();
      const gap = now - last;
      if (gap > clock) clock = gap;
      if (gap > LOOK_MS) {
        own = Math.max(own, gap - this.#waited());
        now = performance.now();
      } else if (gap > own) own = gap;
      last = now;
      if (over(now)) return { own, clock };
    }
  }

  runFor(ms: number): Gaps {
    const end = performance.now() + ms;
    return this.run((now) => now >= end);
  }
}
