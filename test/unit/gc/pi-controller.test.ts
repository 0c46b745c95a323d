/** The PI controller: it reaches its setpoint, stays within bounds, and recovers from what does not fit in a double. */
import { expect, test } from 'vitest';
import { PiController, type PiGains } from '../../../src/gc/pi-controller.ts';
import { PI_ERR_INTEGRAL, PI_ERR_OVERFLOW, PI_INPUT_OVERFLOW, PI_WORDS } from '../../../src/layout/pacer.ts';

/** Gains of Go's background scavenger, with periods in nanoseconds. */
const SCAVENGE_GAINS: PiGains = { kp: 0.3375, ti: 3.2e6, tt: 1e9, min: 0.001, max: 1000 };

const GAINS: PiGains = { kp: 0.5, ti: 4, tt: 10, min: -100, max: 100 };

function make(gains: PiGains = GAINS): { pi: PiController; words: Float64Array } {
  const words = new Float64Array(PI_WORDS + 2).fill(3);
  words.fill(0, 1, 1 + PI_WORDS);
  return { pi: new PiController(words, 1, gains), words };
}

test('drives a process to its setpoint', () => {
  const { pi } = make();
  let value = 0;
  for (let i = 0; i < 500; i++) value += 0.2 * (pi.next(value, 40, 1) - value);
  expect(value).toBeCloseTo(40, 3);
});

test('output is bounded, and the integral does not wind up meanwhile', () => {
  const { pi, words } = make();
  for (let i = 0; i < 10_000; i++) expect(pi.next(0, 1000, 1)).toBe(100);
  // Without back-calculation it would be 10 000 · 125.
  expect(words[1 + PI_ERR_INTEGRAL]).toBeLessThan(2000);
  let rounds = 0;
  while (pi.next(0, -1000, 1) > -100) rounds++;
  expect(rounds).toBeLessThan(20);
});

test('keeps its state in the words it was given, and no others', () => {
  const { pi, words } = make();
  const first = pi.next(1, 2, 1);
  expect([words[0], words[1 + PI_WORDS]]).toEqual([3, 3]);
  const other = new PiController(words, 1, GAINS);
  expect(other.next(1, 2, 1)).toBeGreaterThan(first);
  other.reset();
  expect(pi.next(1, 2, 1)).toBe(first);
});

test('an overflow is NaN once, is marked, and forgets the past', () => {
  const { pi, words } = make();
  const first = pi.next(1, 2, 1);
  expect(pi.next(0, Number.POSITIVE_INFINITY, 1)).toBeNaN();
  expect([words[1 + PI_INPUT_OVERFLOW], words[1 + PI_ERR_OVERFLOW]]).toEqual([1, 0]);
  expect(pi.next(1, 2, 1)).toBe(first);
  expect(pi.next(0, 1e300, 1e300)).toBeNaN();
  expect(words[1 + PI_ERR_OVERFLOW]).toBe(1);
  expect(pi.next(1, 2, 1)).toBe(first);
});

test('the scavenger’s: sleeping longer when it takes more than it should', () => {
  const { pi } = make(SCAVENGE_GAINS);
  expect(pi.next(0.5, 0.01, 1e6)).toBe(SCAVENGE_GAINS.min);
  expect(pi.next(0.001, 2, 1e6)).toBeGreaterThan(SCAVENGE_GAINS.min);
});
