/** Sweeping in proportion to allocation: the line, what is owed, and that all is swept 1 MiB before the trigger. */
import { describe, expect, test } from 'vitest';
import { type Sweeper, SweepPacing } from '../../../src/gc/sweep-pacing.ts';
import { PACER_WORDS, SWEEP_PAGES_PER_BYTE } from '../../../src/layout/pacer.ts';
import { newSeed, random } from '../../support/random.ts';

const MIB = 1 << 20;
const PAGE = 8192;

/** A sweeper of spans of so many pages, and pacing for it. */
class World implements Sweeper {
  live = 0;
  swept = 0;
  readonly spans: number[];
  readonly words = new Float64Array(PACER_WORDS);
  readonly pacing = new SweepPacing(this.words);
  /** Called after each span. */
  onSweep: () => void = () => {};

  constructor(spans: number[]) {
    this.spans = spans;
  }

  heapLive(): number {
    return this.live;
  }

  pagesSwept(): number {
    return this.swept;
  }

  sweepOne(): boolean {
    const pages = this.spans.pop();
    if (pages === undefined) return false;
    this.swept += pages;
    this.onSweep();
    return true;
  }
}

describe('the line', () => {
  test('leads to all pages 1 MiB before the trigger', () => {
    const { pacing } = new World([]);
    pacing.pace(21 * MIB, 10 * MIB, 1000, 200, false);
    expect(pacing.pagesPerByte()).toBe(800 / (10 * MIB));
    expect(pacing.pagesTarget(0, 0, 20 * MIB)).toBe(800);
    expect(pacing.pagesTarget(0, 0, 15 * MIB)).toBe(400);
  });

  test('is at most one page of distance steep, wherever the trigger is', () => {
    for (const trigger of [0, 10 * MIB, 11 * MIB, 11 * MIB + PAGE]) {
      const { pacing } = new World([]);
      pacing.pace(trigger, 10 * MIB, 1000, 0, false);
      expect(pacing.pagesPerByte()).toBe(1000 / PAGE);
    }
  });

  test('is flat when sweeping is done or nothing is left', () => {
    for (const [inUse, swept, done] of [
      [1000, 200, true],
      [1000, 1000, false],
      [900, 1000, false],
    ] as const) {
      const { pacing } = new World([]);
      pacing.pace(21 * MIB, 10 * MIB, 1000, 0, false);
      pacing.pace(21 * MIB, 10 * MIB, inUse, swept, done);
      expect(pacing.pagesPerByte()).toBe(0);
    }
  });

  test('asks nothing for a heap that has shrunk, but for what is allocated', () => {
    const { pacing } = new World([]);
    pacing.pace(21 * MIB, 10 * MIB, 1000, 0, false);
    expect(pacing.pagesTarget(0, 0, 5 * MIB)).toBe(0);
    expect(pacing.pagesTarget(MIB, 0, 5 * MIB)).toBe(100);
    expect(pacing.pagesTarget(MIB, 30, 5 * MIB)).toBe(70);
  });
});

describe('deductSweepCredit', () => {
  test('sweeps until the line is reached, and no further', () => {
    const world = new World(new Array(1000).fill(1));
    world.pacing.pace(11 * MIB, 0, 1000, 0, false);
    world.live = 4 * MIB;
    world.pacing.deductSweepCredit(MIB, 0, world);
    expect(world.swept).toBe(500);
    world.pacing.deductSweepCredit(MIB, 0, world);
    expect(world.swept).toBe(500);
  });

  test('takes off what the caller has swept', () => {
    const world = new World(new Array(1000).fill(1));
    world.pacing.pace(11 * MIB, 0, 1000, 0, false);
    world.pacing.deductSweepCredit(MIB, 60, world);
    expect(world.swept).toBe(40);
  });

  test('what others have swept counts', () => {
    const world = new World(new Array(1000).fill(1));
    world.pacing.pace(11 * MIB, 0, 1000, 0, false);
    world.swept = 90;
    world.pacing.deductSweepCredit(MIB, 0, world);
    expect(world.swept).toBe(100);
  });

  test('ends when nothing is left, and then nobody owes anything', () => {
    const world = new World([1, 1]);
    world.pacing.pace(11 * MIB, 0, 1000, 0, false);
    world.live = 9 * MIB;
    world.pacing.deductSweepCredit(MIB, 0, world);
    expect([world.swept, world.words[SWEEP_PAGES_PER_BYTE]]).toEqual([2, 0]);
  });

  test('follows a line that is drawn anew while it sweeps', () => {
    const world = new World(new Array(1000).fill(1));
    world.pacing.pace(11 * MIB, 0, 1000, 0, false);
    world.live = 9 * MIB;
    world.onSweep = () => {
      if (world.swept === 10) world.pacing.pace(101 * MIB, 9 * MIB, 1000, 10, false);
    };
    world.pacing.deductSweepCredit(MIB, 0, world);
    // 990 pages over 91 MiB from here on.
    expect(world.swept).toBe(10 + Math.trunc(990 / 91));
  });
});

test('whatever is allocated, all is swept when the heap is 1 MiB before the trigger', () => {
  const { below } = random(newSeed('sweep pacing'));
  for (let round = 0; round < 50; round++) {
    const world = new World(Array.from({ length: 200 + below(2000) }, () => 1 + below(10)));
    const pages = world.spans.reduce((n, p) => n + p, 0);
    world.live = below(50 * MIB);
    const trigger = world.live + 2 * MIB + below(100 * MIB);
    world.pacing.pace(trigger, world.live, pages, 0, false);
    while (world.live < trigger - MIB) {
      const bytes = PAGE * (1 + below(20));
      world.pacing.deductSweepCredit(bytes, 0, world);
      world.live += bytes;
    }
    expect(pages - world.swept).toBeLessThanOrEqual(1);
  }
});
