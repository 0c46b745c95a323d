/**
 * The two sets of pacing rules: the newest, and those of Go 1.19, which the vectors of the oracle come from. This file
 * is all of the difference between them.
 *
 *                 go1.19                                        newest
 *   cons/mark     smoothed by a PI controller, may be negative  largest of the last five readings (since Go 1.20)
 *   runway from   the trigger, wherever the cycle started        the heap as it was when the cycle started (1.20)
 *   headroom      1 MiB                                         3 %, at least 1 MiB (since Go 1.21)
 *   utilization   as measured                                   at most 99 % (ours, see `MAX_UTILIZATION`)
 *   aims for      up to (1 + gcPercent/100) goals                at most 1.07 goals (ours, see `MAX_OVERSHOOT`)
 */
import { CONS_MARK_READINGS, PACER_CONS_MARK, PACER_CONS_MARK_PI, PACER_LAST_CONS_MARK } from '../../layout/pacer.ts';
import { PiController, type PiGains } from '../pi-controller.ts';

type Doubles = Float64Array<ArrayBufferLike>;

/** Values of the word PACER_RULES. */
export const RULES_NEWEST = 0;
export const RULES_GO_1_19 = 1;
export type RulesNumber = typeof RULES_NEWEST | typeof RULES_GO_1_19;

export interface Rules {
  readonly name: string;
  /** Bytes to stay below the goal that the memory limit allows (Go: `memoryLimitHeapGoalHeadroom`). */
  headroom(goal: number): number;
  /** Where the cycle that starts with `heapLive` bytes counts as started (Go: `triggered`). */
  triggeredAt(trigger: number, heapLive: number): number;
  /** Largest share of the CPU, 0 … 1, that the cons/mark estimate takes as the collector's. */
  readonly maxUtilization: number;
  /** How far beyond its goal, 1 … ∞ times, a cycle that finds more than it expected may aim. */
  readonly maxOvershoot: number;
  /** Updates the estimate with the reading of a cycle. */
  addConsMark(words: Doubles, reading: number): void;
}

const MIN_HEADROOM = 1 << 20;
const HEADROOM_PERCENT = 3;

/**
 * Go divides by 1 − utilization, and utilization is the workers' share plus the assists'. Go's threads hardly ever
 * assist for 75 % of their time; a program here that marks with assists alone does, and its reading would be infinite
 * or negative: it would start the next cycle late when it should start early.
 */
const MAX_UTILIZATION = 0.99;

/**
 * Go lets a cycle that finds more than the last one go on to the goal that a heap of that size would have had: up to twice
 * its own with gcPercent 100. Its collector has a head start on its programs, so that they rarely get there. Ours gets
 * there whenever a live set grows: cycles ended 15 to 58 % above their goals. The price is
 * that in such a cycle assists are longer.
 */
const MAX_OVERSHOOT = 1.07;

/** Gains of `consMarkController`. */
const CONS_MARK_GAINS: PiGains = { kp: 0.9, ti: 4, tt: 1000, min: -1000, max: 1000 };

const newest: Rules = {
  name: 'newest',
  headroom: (goal) => Math.max(Math.floor(goal / 100) * HEADROOM_PERCENT, MIN_HEADROOM),
  triggeredAt: (_, heapLive) => heapLive,
  maxUtilization: MAX_UTILIZATION,
  maxOvershoot: MAX_OVERSHOOT,
  addConsMark(words, reading) {
    // A cycle that found nothing to scan says nothing about the cost of scanning.
    if (!Number.isFinite(reading)) return;
    let largest = reading;
    const last = PACER_LAST_CONS_MARK + CONS_MARK_READINGS - 1;
    for (let i = PACER_LAST_CONS_MARK; i <= last; i++) {
      if (words[i] > largest) largest = words[i];
      words[i] = i < last ? words[i + 1] : reading;
    }
    words[PACER_CONS_MARK] = largest;
  },
};

const go1_19: Rules = {
  name: 'go1.19',
  headroom: () => MIN_HEADROOM,
  triggeredAt: (trigger) => trigger,
  maxUtilization: Number.POSITIVE_INFINITY,
  maxOvershoot: Number.MAX_VALUE,
  addConsMark(words, reading) {
    const controller = new PiController(words, PACER_CONS_MARK_PI, CONS_MARK_GAINS);
    const next = controller.next(words[PACER_CONS_MARK], reading, 1);
    words[PACER_CONS_MARK] = Number.isNaN(next) ? 0 : next;
  },
};

/** By the word PACER_RULES. */
export function rulesOf(number: number): Rules {
  return number === RULES_GO_1_19 ? go1_19 : newest;
}
