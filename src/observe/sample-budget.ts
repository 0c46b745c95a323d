/**
 * How much of a thread's time samples of the heap profile may take. V8 walks a stack in some 10 µs, ten times what Go needs;
 * a program that allocates several GiB a second, and does nothing else, would spend a tenth of its time on it. So a thread
 * whose samples take more than a twenty-fifth of its time takes fewer: one in 2, 4, 8, … times as many bytes, until they do
 * not. Each object that is sampled is noted with the rate that its gap was drawn with, so estimates stay unbiased, and the
 * spread of estimates grows as it does with any rarer rate. Whoever asks for more samples than are usual gets them all.
 */
import { MEM_PROFILE_RATE } from '../cache/sampling.ts';

/** Samples between two looks. */
const SAMPLES = 16;
/** Nanoseconds that one sample counts as at most: longer ones were interrupted. */
const LONGEST = 100_000;
/**
 * Shares of the time above and below which samples become rarer, and more frequent again. Twice the lower is below the
 * upper.
 */
const MOST = 0.04;
const LEAST = 0.015;
const RAREST = 1 << 10;

export class SampleBudget {
  /** One sample in so many times the bytes of the rate. */
  thinning = 1;
  #count = 0;
  #spent = 0;
  #since = 0;

  /** A sample was taken, from one time to another, in nanoseconds, at this rate. */
  spend(from: number, to: number, rate: number): void {
    if (this.#count === 0) this.#since = from;
    this.#spent += Math.min(to - from, LONGEST);
    if (++this.#count < SAMPLES) return;
    const share = this.#spent / Math.max(1, to - this.#since);
    if (share > MOST && rate >= MEM_PROFILE_RATE) this.thinning = Math.min(RAREST, this.thinning * 2);
    else if (share < LEAST) this.thinning = Math.max(1, this.thinning / 2);
    this.#count = 0;
    this.#spent = 0;
  }
}
