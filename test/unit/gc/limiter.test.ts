/** The limit on the collector's CPU time: a bucket that assists fill, and in a closed loop half of the CPU. */
import { describe, expect, test } from 'vitest';
import { CAPACITY_PER_PROC, GCCPULimiter, type LimiterBooks } from '../../../src/gc/limiter.ts';
import { LIMITER_BACKGROUND, LIMITER_CAPACITY, LIMITER_FILL, PACER_WORDS } from '../../../src/layout/pacer.ts';
import { newSeed, random } from '../../support/random.ts';

const MS = 1e6;
const SECOND = 1e9;

/** A limiter, and the time that its books report at the next update. */
function newLimiter(procs: number): {
  limiter: GCCPULimiter;
  words: Float64Array;
  time: { assist: number; idle: number; cycles: number };
} {
  const time = { assist: 0, idle: 0, cycles: 0 };
  const books: LimiterBooks = {
    takeAssistTime() {
      const taken = time.assist;
      time.assist = 0;
      return taken;
    },
    takeIdleTime() {
      const taken = time.idle;
      time.idle = 0;
      return taken;
    },
    cycles: () => time.cycles,
  };
  const words = new Float64Array(PACER_WORDS);
  const limiter = new GCCPULimiter(words, books);
  limiter.resetCapacity(0, procs);
  return { limiter, words, time };
}

describe('the bucket', () => {
  test('holds a second of CPU per thread, and stays between empty and full', () => {
    const { below } = random(newSeed('limiter bucket'));
    const { limiter, words } = newLimiter(4);
    expect(words[LIMITER_CAPACITY]).toBe(4 * CAPACITY_PER_PROC);
    let overflow = 0;
    for (let i = 0; i < 3000; i++) {
      const change = below(3 * SECOND) - below(3 * SECOND);
      const fill = words[LIMITER_FILL] + change;
      overflow += Math.max(fill - 4 * SECOND, 0);
      limiter.accumulate(Math.max(-change, 0) + 5, Math.max(change, 0) + 5);
      expect(words[LIMITER_FILL]).toBe(Math.min(Math.max(fill, 0), 4 * SECOND));
      expect(limiter.limiting()).toBe(words[LIMITER_FILL] === 4 * SECOND);
      expect(limiter.overflow()).toBe(overflow);
    }
    expect(overflow).toBeGreaterThan(0);
  });

  test('limits from the nanosecond on that fills it, until one is drained', () => {
    const { limiter } = newLimiter(1);
    limiter.accumulate(0, SECOND - 1);
    expect(limiter.limiting()).toBe(false);
    limiter.accumulate(0, 1);
    expect(limiter.limiting()).toBe(true);
    limiter.accumulate(7, 7);
    expect(limiter.limiting()).toBe(true);
    limiter.accumulate(1, 0);
    expect(limiter.limiting()).toBe(false);
  });

  test('saves nothing up: after an hour without collection it is full as soon as after none', () => {
    const { limiter } = newLimiter(1);
    limiter.accumulate(3600 * SECOND, 0);
    limiter.accumulate(0, SECOND);
    expect(limiter.limiting()).toBe(true);
  });

  test('remembers the cycle in which it last became full, not how long it was', () => {
    const { limiter, time } = newLimiter(1);
    expect(limiter.lastEnabledCycle()).toBe(0);
    time.cycles = 6;
    limiter.accumulate(0, SECOND);
    time.cycles = 8;
    limiter.accumulate(0, SECOND);
    expect(limiter.lastEnabledCycle()).toBe(7);
    limiter.accumulate(5, 0);
    limiter.accumulate(0, 5);
    expect(limiter.lastEnabledCycle()).toBe(9);
  });

  test('changes with the number of threads: fewer may make it full, more give it room', () => {
    const { limiter, words, time } = newLimiter(4);
    limiter.accumulate(0, 3 * SECOND);
    time.cycles = 2;
    limiter.resetCapacity(0, 2);
    expect([words[LIMITER_FILL], limiter.limiting(), limiter.lastEnabledCycle()]).toEqual([2 * SECOND, true, 3]);
    limiter.resetCapacity(0, 3);
    expect([words[LIMITER_FILL], limiter.limiting()]).toEqual([2 * SECOND, false]);
  });
});

describe('update', () => {
  test('counts time of all threads as the program’s, except assists', () => {
    const { limiter, words, time } = newLimiter(2);
    limiter.accumulate(0, SECOND);
    time.assist = 30 * MS;
    limiter.update(100 * MS);
    expect(words[LIMITER_FILL]).toBe(SECOND - 170 * MS + 30 * MS);
  });

  test('does not count idle time as the program’s', () => {
    const { limiter, words, time } = newLimiter(2);
    limiter.accumulate(0, SECOND);
    time.idle = 150 * MS;
    limiter.update(100 * MS);
    expect(words[LIMITER_FILL]).toBe(SECOND - 50 * MS);
  });

  test('counts a quarter as the workers’ while the collector marks, of all time, idle or not', () => {
    const { limiter, words, time } = newLimiter(4);
    limiter.startGCTransition(true, 0);
    limiter.finishGCTransition(0);
    limiter.accumulate(0, 2 * SECOND);
    time.idle = 300 * MS;
    limiter.update(100 * MS);
    // 400 ms in all: 100 of workers, 300 idle, so none is the program's.
    expect(words[LIMITER_FILL]).toBe(2 * SECOND + 100 * MS);
    limiter.startGCTransition(false, 100 * MS);
    expect(words[LIMITER_BACKGROUND]).toBe(0);
  });

  test('takes the share of workers that it is told', () => {
    const { limiter, words } = newLimiter(1);
    limiter.startGCTransition(true, 0, 0);
    limiter.finishGCTransition(0);
    limiter.accumulate(0, 500 * MS);
    limiter.update(100 * MS);
    expect(words[LIMITER_FILL]).toBe(400 * MS);
  });

  test('ignores a time before the last one, and leaves the books for the next', () => {
    const { limiter, words, time } = newLimiter(1);
    limiter.accumulate(0, 500 * MS);
    limiter.update(50 * MS);
    time.assist = 5;
    limiter.update(40 * MS);
    expect([words[LIMITER_FILL], time.assist]).toEqual([450 * MS, 5]);
  });

  test('is due after 10 ms', () => {
    const { limiter } = newLimiter(1);
    limiter.update(3 * MS);
    expect([limiter.needUpdate(13 * MS), limiter.needUpdate(13 * MS + 1)]).toEqual([false, true]);
  });
});

describe('a stopped world', () => {
  test('is the collector’s time on all threads', () => {
    const { limiter, words } = newLimiter(4);
    limiter.startGCTransition(true, 10 * MS);
    limiter.finishGCTransition(12 * MS);
    expect(words[LIMITER_FILL]).toBe(4 * 2 * MS);
  });

  test('has one owner: other calls are mistakes', () => {
    const { limiter } = newLimiter(1);
    expect(() => limiter.finishGCTransition(1)).toThrow('finishGCTransition without startGCTransition');
    limiter.startGCTransition(true, 1);
    expect(() => limiter.update(2)).toThrow('update during transition');
    expect(() => limiter.startGCTransition(false, 2)).toThrow('update during transition');
    limiter.finishGCTransition(3);
    limiter.update(4);
  });
});

/**
 * What a collector gets that always wants the share `wanted` of the CPU for assists, and asks the limiter every
 * millisecond: its share in the second half of the time, and the part of that which did not go into the bucket.
 */
function run(wanted: number, seconds: number): { share: number; over: number; limited: boolean } {
  const { limiter, time } = newLimiter(2);
  const half = seconds * 500;
  let [got, over, limited] = [0, 0, false];
  for (let ms = 1; ms <= 2 * half; ms++) {
    const assist = limiter.limiting() ? 0 : 2 * MS * wanted;
    limited ||= limiter.limiting();
    if (ms > half) got += assist;
    else over = limiter.overflow();
    time.assist += assist;
    limiter.update(ms * MS);
  }
  const total = 2 * MS * half;
  return { share: got / total, over: (limiter.overflow() - over) / total, limited };
}

describe('in a closed loop', () => {
  // An update that finds more than the bucket can hold comes late by that much: at most by one update each time.
  test.each([0.6, 0.75, 0.9, 0.95, 1])('a collector that wants %d of the CPU gets half of it', (wanted) => {
    const { share, over, limited } = run(wanted, 60);
    expect(limited).toBe(true);
    expect(share).toBeGreaterThan(0.48);
    expect(share - over / 2).toBeLessThan(0.51);
    expect(share).toBeLessThanOrEqual(2 / 3);
  });

  test.each([0.1, 0.3, 0.49, 0.5])('one that wants %d of it gets that', (wanted) => {
    const { share, limited } = run(wanted, 60);
    expect(limited).toBe(false);
    expect(share).toBeCloseTo(wanted, 6);
  });
});
