/**
 * A proportional-integral controller with back-calculation against wind-up (Go 1.19: `piController`, mgcscavenge.go).
 *
 *   raw = kp · (setpoint − input) + I          output = raw, kept within min … max
 *   I  += kp · period / ti · (setpoint − input) + period / tt · (output − raw)
 *
 * Go's scavenger decides with it how long to sleep, and the pacer of Go 1.19 smooths its cons/mark estimate with it.
 * The state is PI_WORDS doubles (layout/pacer.ts) of an array that the caller names; one thread at a time may call `next`.
 */
import { PI_ERR_INTEGRAL, PI_ERR_OVERFLOW, PI_INPUT_OVERFLOW } from '../layout/pacer.ts';

type Doubles = Float64Array<ArrayBufferLike>;

export interface PiGains {
  /** Proportional gain. */
  readonly kp: number;
  /** Integral time, in the unit of the periods. If this or the reset time is 0 the integral stays as it is. */
  readonly ti: number;
  /** Reset time: how fast the integral forgets what went beyond the bounds. */
  readonly tt: number;
  /** Bounds of the output. */
  readonly min: number;
  readonly max: number;
}

export class PiController {
  readonly #words: Doubles;
  readonly #base: number;
  readonly #gains: PiGains;

  /** The state is at `words[base]` and after; all 0 is a new controller. */
  constructor(words: Doubles, base: number, gains: PiGains) {
    this.#words = words;
    this.#base = base;
    this.#gains = gains;
  }

  /**
   * The output for a measured `input` that should have been `setpoint`, `period` after the last call. NaN when the
   * arithmetic overflowed: the controller has forgotten its past, and the caller has to do without an answer.
   */
  next(input: number, setpoint: number, period: number): number {
    const { kp, ti, tt, min, max } = this.#gains;
    const error = setpoint - input;
    const integral = this.#words[this.#base + PI_ERR_INTEGRAL];
    const raw = kp * error + integral;
    if (!Number.isFinite(raw)) return this.#overflow(PI_INPUT_OVERFLOW);
    const output = raw < min ? min : raw > max ? max : raw;
    if (ti === 0 || tt === 0) return output;
    const next = integral + (((kp * period) / ti) * error + (period / tt) * (output - raw));
    if (!Number.isFinite(next)) return this.#overflow(PI_ERR_OVERFLOW);
    this.#words[this.#base + PI_ERR_INTEGRAL] = next;
    return output;
  }

  /** Forgets the past; the overflow marks stay. */
  reset(): void {
    this.#words[this.#base + PI_ERR_INTEGRAL] = 0;
  }

  #overflow(flag: number): number {
    this.#words[this.#base + flag] = 1;
    this.reset();
    return Number.NaN;
  }
}
