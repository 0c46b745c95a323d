/**
 * The pacer's rules: goal, trigger and its bounds, the memory limit, assist ratios, the plan of workers, and where the
 * newest rules differ from Go 1.19's. That the 1.19 ones are Go's to the bit is the oracle's (test/oracle/pacer.ts).
 */
import { describe, expect, test } from 'vitest';
import { GC_OVER_ASSIST_WORK, GCController } from '../../../src/gc/pacer.ts';
import { gcPercentGoal, NO_LIMIT, runwayFor, triggerBefore, UNSET } from '../../../src/gc/pacing/goals.ts';
import { RULES_GO_1_19, RULES_NEWEST, type RulesNumber } from '../../../src/gc/pacing/rules.ts';
import { dedicatedMarkWorkers, fractionalUtilizationGoal, idleMarkWorkersMax } from '../../../src/gc/pacing/workers.ts';
import {
  PACER_ASSIST_BYTES_PER_WORK,
  PACER_ASSIST_WORK_PER_BYTE,
  PACER_CONS_MARK,
  PACER_GC_PERCENT_HEAP_GOAL,
  PACER_HEAP_GOAL,
  PACER_HEAP_MARKED,
  PACER_LAST_HEAP_GOAL,
  PACER_LAST_HEAP_SCAN,
  PACER_TRIGGER,
  PACER_TRIGGERED,
  PACER_WORDS,
} from '../../../src/layout/pacer.ts';
import { newSeed, random } from '../../support/random.ts';
import { MIB, newPacer, type PlainBooks, type Program, runCycle, type Settings } from './pacing-model.ts';

/** A pacer that has found `marked` bytes live, all of them to scan. */
function paced(marked: number, settings: Settings = {}): ReturnType<typeof newPacer> {
  const made = newPacer(settings);
  const { pacer, books } = made;
  pacer.startCycle(0, 4, false);
  books.heapWork = marked;
  pacer.resetLive(marked);
  books.live = books.scan = marked;
  pacer.commit(true);
  return made;
}

/** Runs a cycle in which the heap grew by `grown` and `work` was scanned, with nobody assisting. */
function cycle(pacer: GCController, books: PlainBooks, grown: number, work: number, assistNs = 0): void {
  books.live = pacer.trigger();
  pacer.startCycle(0, 1, false);
  books.live += grown;
  books.heapWork = work;
  pacer.endCycle(1000, 1, assistNs, 0);
  pacer.resetLive(64 * MIB);
  books.live = 64 * MIB;
  pacer.commit(true);
}

describe('trigger', () => {
  test('lies within its bounds, whatever the runway', () => {
    const { below } = random(newSeed('trigger bounds'));
    for (let i = 0; i < 5000; i++) {
      const marked = below(2 ** 31);
      const goal = below(2 ** 31) + below(2 ** 31);
      const minTrigger = below(2) * Math.min(goal, below(2 ** 31));
      const runway = below(3) === 0 ? UNSET - below(2 ** 31) : below(2 ** 31) >>> below(20);
      const t = triggerBefore(goal, minTrigger, marked, runway);
      const about = `goal ${goal}, min ${minTrigger}, marked ${marked}, runway ${runway}`;
      if (marked >= goal) {
        expect(t, about).toBe(goal);
        continue;
      }
      const step = Math.floor((goal - marked) / 64);
      expect(t, about).toBeLessThanOrEqual(goal);
      expect(t, about).toBeGreaterThanOrEqual(Math.max(minTrigger, marked + 45 * step));
      expect(t, about).toBeLessThanOrEqual(Math.max(minTrigger, marked + 61 * step, goal - 4 * MIB));
    }
  });

  test('comes the runway before the goal, where the bounds allow it', () => {
    expect(triggerBefore(200 * MIB, 0, 100 * MIB, 20 * MIB)).toBe(180 * MIB);
    expect(triggerBefore(200 * MIB, 0, 100 * MIB, 90 * MIB)).toBe(100 * MIB + 45 * (100 / 64) * MIB);
    expect(triggerBefore(200 * MIB, 0, 100 * MIB, 0)).toBe(196 * MIB);
  });

  test('is at the lower bound for a negative estimate: uint64 makes that a runway beyond every goal', () => {
    expect(runwayFor(-0.5, 1000)).toBeGreaterThan(2 ** 63);
    expect(Object.is(runwayFor(-1e-9, 1), 0)).toBe(true);
    expect(triggerBefore(200 * MIB, 0, 100 * MIB, runwayFor(-1, MIB))).toBe(100 * MIB + 45 * (100 / 64) * MIB);
  });

  test('leaves the sweeper 1 MiB until it is done, and moves the goal for it', () => {
    const { pacer, books, words } = paced(MIB, { gcPercent: 10 });
    books.live = 3 * MIB;
    pacer.commit(false);
    expect(pacer.minTrigger()).toBe(4 * MIB);
    expect([pacer.trigger(), pacer.heapGoal()]).toEqual([4 * MIB, 4 * MIB]);
    pacer.commit(true);
    expect(pacer.minTrigger()).toBe(0);
    expect(pacer.heapGoal()).toBe(Math.floor(1.1 * MIB));
    expect([words[PACER_TRIGGER], words[PACER_HEAP_GOAL]]).toEqual([pacer.trigger(), pacer.heapGoal()]);
  });
});

describe('heap goal', () => {
  test('a new heap may grow to 4 MiB · gcPercent / 100', () => {
    for (const gcPercent of [25, 100, 400]) {
      const { pacer } = newPacer({ gcPercent });
      expect(pacer.heapGoal()).toBe(4 * MIB * (gcPercent / 100));
      expect(pacer.trigger()).toBeLessThan(pacer.heapGoal());
    }
  });

  test('is marked + (marked + roots) · gcPercent / 100', () => {
    const { pacer, books } = paced(100 * MIB, { gcPercent: 50 });
    expect(pacer.heapGoal()).toBe(150 * MIB);
    books.globals = 20 * MIB;
    pacer.commit(true);
    expect(pacer.heapGoal()).toBe(160 * MIB);
  });

  test('is exact as far as doubles are', () => {
    const { below } = random(newSeed('gcPercentGoal'));
    for (let i = 0; i < 2000; i++) {
      const marked = below(2 ** 31) * 2 ** below(17) + below(1000);
      const percent = below(900);
      const want = BigInt(marked) + ((BigInt(marked) + 77n) * BigInt(percent)) / 100n;
      if (want < 2n ** 53n) expect(gcPercentGoal(percent, marked, 77, 0), `${marked} ${percent}`).toBe(Number(want));
    }
  });

  test('leaves a cycle 64 KiB, however late it starts', () => {
    const { pacer, books } = paced(10 * MIB);
    expect(pacer.heapGoal()).toBe(20 * MIB);
    books.live = 30 * MIB;
    pacer.startCycle(0, 4, false);
    expect(pacer.heapGoal()).toBe(30 * MIB + 65_536);
    pacer.resetLive(10 * MIB);
    expect(pacer.heapGoal()).toBe(20 * MIB);
  });

  test('gcPercent can be turned off and on at any time', () => {
    const { pacer, words } = paced(10 * MIB);
    expect(pacer.setGCPercent(-7)).toBe(100);
    pacer.commit(true);
    expect(words[PACER_GC_PERCENT_HEAP_GOAL]).toBe(UNSET);
    expect(pacer.trigger()).toBeGreaterThan(2 ** 60);
    expect(pacer.setGCPercent(200)).toBe(-1);
    pacer.commit(true);
    expect(pacer.heapGoal()).toBe(30 * MIB);
  });
});

describe('memory limit', () => {
  /** 100 MiB live; what is mapped is them and `others`. */
  function limited(memoryLimit: number, others: number, settings: Settings = {}): ReturnType<typeof newPacer> {
    const made = paced(100 * MIB, { gcPercent: -1, memoryLimit, ...settings });
    made.books.allocated = 100 * MIB;
    made.books.ready = 100 * MIB + others;
    return made;
  }

  test('the goal is the limit less what is not heap, less 3 % (1 MiB under the rules of 1.19)', () => {
    expect(limited(400 * MIB, 100 * MIB).pacer.heapGoal()).toBe(300 * MIB - 3 * 3 * MIB);
    expect(limited(400 * MIB, 100 * MIB, { rules: RULES_GO_1_19 }).pacer.heapGoal()).toBe(299 * MIB);
  });

  test('headroom is at least 1 MiB', () => {
    const { pacer } = newPacer({ gcPercent: -1, memoryLimit: 16 * MIB });
    expect(pacer.memoryLimitHeapGoal()).toBe(15 * MIB);
    pacer.setMemoryLimit(1.5 * MIB);
    expect(pacer.memoryLimitHeapGoal()).toBe(MIB);
  });

  test('free pages that are kept count as room, what is beyond the limit counts twice', () => {
    const { pacer, books } = limited(400 * MIB, 100 * MIB, { rules: RULES_GO_1_19 });
    books.free = 60 * MIB;
    expect(pacer.heapGoal()).toBe(359 * MIB);
    books.ready = 450 * MIB;
    books.free = 200 * MIB;
    expect(pacer.heapGoal()).toBe((400 - 150 - 50 - 1) * MIB);
  });

  test('never sets a goal below what is live', () => {
    const { below } = random(newSeed('memory limit'));
    for (const rules of [RULES_NEWEST, RULES_GO_1_19] as const) {
      for (let i = 0; i < 2000; i++) {
        const { pacer, books } = limited(below(300 * MIB), below(200 * MIB), { rules, gcPercent: below(300) - 100 });
        books.free = below(books.ready - 100 * MIB + 1);
        pacer.commit(i % 2 === 0);
        expect(pacer.heapGoal()).toBeGreaterThanOrEqual(100 * MIB);
        expect(pacer.trigger()).toBeGreaterThanOrEqual(100 * MIB);
        expect(pacer.trigger()).toBeLessThanOrEqual(pacer.heapGoal());
      }
    }
  });

  test('only lowers the goal of gcPercent', () => {
    const { pacer } = limited(2000 * MIB, 0, { gcPercent: 100 });
    expect(pacer.heapGoal()).toBe(200 * MIB);
    pacer.setMemoryLimit(150 * MIB);
    pacer.commit(false);
    expect(pacer.heapGoal()).toBe(150 * MIB - Math.floor((150 * MIB) / 100) * 3);
    expect(pacer.minTrigger()).toBe(0);
  });

  test('the setter returns the old one, and a negative one only asks', () => {
    const { pacer } = newPacer();
    expect(pacer.setMemoryLimit(123)).toBe(Number.POSITIVE_INFINITY);
    expect(pacer.setMemoryLimit(-1)).toBe(123);
    expect(pacer.setMemoryLimit(Number.POSITIVE_INFINITY)).toBe(123);
    expect(pacer.setMemoryLimit(-1)).toBe(Number.POSITIVE_INFINITY);
    expect(pacer.memoryLimitHeapGoal()).toBeLessThan(NO_LIMIT);
    expect(pacer.memoryLimitHeapGoal()).toBeGreaterThan(2 ** 62);
  });
});

describe('assists', () => {
  /** In a cycle: 64 MiB were scanned last time, live heap 120, goal 128 MiB. */
  function marking(gcPercent = 100, rules: RulesNumber = RULES_NEWEST): ReturnType<typeof newPacer> {
    const made = paced(64 * MIB, { gcPercent, rules });
    made.books.live = made.books.scan = 120 * MIB;
    made.books.heapWork = 0;
    made.pacer.startCycle(0, 4, false);
    return made;
  }
  const perByte = (words: Float64Array): number => words[PACER_ASSIST_WORK_PER_BYTE];

  test('the ratio is scan work that remains by heap that remains', () => {
    const { pacer, books, words } = marking();
    expect(perByte(words)).toBe(64 / 8);
    expect(words[PACER_ASSIST_BYTES_PER_WORK]).toBe(8 / 64);
    books.heapWork = 60 * MIB;
    books.live = 124 * MIB;
    pacer.revise();
    expect(perByte(words)).toBe(1);
  });

  test('more work than expected: everything is, with the goal as far as it would be for that', () => {
    const { pacer, books, words } = marking();
    books.heapWork = 65 * MIB;
    pacer.revise();
    // 8 MiB from trigger to goal were for 64 MiB; the worst case has 120.
    expect(perByte(words)).toBe((120 - 65) / ((8 / 64) * 120));
    expect(words[PACER_HEAP_GOAL]).toBe(128 * MIB);
  });

  test('… but not beyond the hard goal, of Go 1.19', () => {
    const { pacer, books, words } = marking(10, RULES_GO_1_19);
    // The goal is 1.1 of the 64 MiB that were live; the hard goal 1.1 of that.
    const goal = Math.floor(64 * MIB * 1.1);
    books.live = 66 * MIB;
    books.scan = 2 ** 40;
    books.heapWork = 65 * MIB;
    pacer.revise();
    expect(perByte(words)).toBe((2 ** 40 - 65 * MIB) / (Math.trunc(1.1 * goal) - 66 * MIB));
  });

  test('beyond the goal 10 % more, then one byte at a time, of Go 1.19', () => {
    const { pacer, books, words } = marking(100, RULES_GO_1_19);
    books.live = 130 * MIB;
    pacer.revise();
    expect(perByte(words)).toBe((120 * MIB) / (Math.trunc(128 * MIB * 1.1) - 130 * MIB));
    books.live = 200 * MIB;
    pacer.revise();
    expect(perByte(words)).toBe(120 * MIB);
  });

  test('the newest rules never aim for more than 7 % above the goal', () => {
    const { pacer, books, words } = marking();
    const most = Math.trunc(128 * MIB * 1.07);
    books.heapWork = 65 * MIB;
    books.scan = 1024 * MIB;
    pacer.revise();
    expect(perByte(words)).toBe(((1024 - 65) * MIB) / (most - 120 * MIB));
    books.live = 130 * MIB;
    pacer.revise();
    expect(perByte(words)).toBe(((1024 - 65) * MIB) / (most - 130 * MIB));
    books.live = 138 * MIB;
    pacer.revise();
    expect(perByte(words)).toBe((1024 - 65) * MIB);
  });

  test('the ratio stays above 0 when all is scanned, and is a number when nothing was expected', () => {
    const { pacer, books, words } = marking();
    books.heapWork = 64 * MIB;
    pacer.revise();
    expect(perByte(words)).toBe(1000 / (8 * MIB));
    const first = newPacer({ rules: RULES_GO_1_19 });
    first.books.live = 4_000_000;
    first.pacer.startCycle(0, 4, false);
    first.books.heapWork = 5;
    first.pacer.revise();
    expect(perByte(first.words)).toBe(1000 / (8 * MIB - 4_000_000));
  });

  test('are next to nothing for a cycle that was asked for while the collector is off', () => {
    const { books, words, pacer } = marking(-1);
    books.heapWork = 65 * MIB;
    pacer.revise();
    expect(perByte(words)).toBeGreaterThan(0);
    expect(perByte(words)).toBeLessThan(1e-9);
    expect(pacer.assistWork(MIB)).toBe(GC_OVER_ASSIST_WORK);
  });

  test('debt is paid at the ratio, in pieces of at least 64 KiB', () => {
    const { pacer } = marking();
    expect(pacer.assistWork(MIB)).toBe(8 * MIB);
    expect(pacer.assistWork(100)).toBe(65_536);
    expect(pacer.assistCredit(65_536)).toBe(8192);
  });

  test('update revises only while a cycle runs', () => {
    const { pacer, books, words } = marking();
    books.live = 124 * MIB;
    pacer.update();
    expect(perByte(words)).toBe(16);
    pacer.resetLive(64 * MIB);
    books.live = 10;
    pacer.update();
    expect(perByte(words)).toBe(16);
  });
});

describe('cons/mark', () => {
  const consMark = (words: Float64Array): number => words[PACER_CONS_MARK];
  /** The reading of a cycle that grew so many MiB while 64 MiB were scanned by a quarter of the CPU. */
  const reading = (mib: number): number => (mib * 0.25) / (64 * 0.75);

  test('newest rules: the largest of the last five readings', () => {
    const { pacer, books, words } = paced(64 * MIB);
    const seen = [3, 9, 2, 4, 5, 6, 1].map((grown) => {
      cycle(pacer, books, grown * MIB, 64 * MIB);
      return consMark(words);
    });
    expect(seen).toEqual([3, 9, 9, 9, 9, 9, 6].map(reading));
  });

  test('rules of 1.19: smoothed, so that one jump counts for a part', () => {
    const { pacer, books, words } = paced(64 * MIB, { rules: RULES_GO_1_19 });
    for (let i = 0; i < 60; i++) cycle(pacer, books, 4 * MIB, 64 * MIB);
    expect(consMark(words)).toBeCloseTo(reading(4), 3);
    cycle(pacer, books, 24 * MIB, 64 * MIB);
    expect(consMark(words)).toBeGreaterThan(reading(4) * 1.5);
    expect(consMark(words)).toBeLessThan(reading(24) * 0.98);
  });

  test('a cycle counts from where it started; under 1.19 from the trigger', () => {
    for (const [rules, from] of [
      [RULES_NEWEST, 126 * MIB],
      [RULES_GO_1_19, 125 * MIB],
    ] as const) {
      const { pacer, books, words } = paced(64 * MIB, { rules });
      expect(pacer.trigger()).toBe(125 * MIB);
      books.live = 126 * MIB;
      pacer.startCycle(0, 1, false);
      expect(words[PACER_TRIGGERED]).toBe(from);
    }
  });

  test('assists that take all of the CPU start the next cycle early, not late', () => {
    const { pacer, books, words } = paced(64 * MIB);
    cycle(pacer, books, 10 * MIB, 64 * MIB, 990);
    expect(consMark(words)).toBeGreaterThan(10);
    expect(pacer.trigger()).toBe(64 * MIB + 45 * MIB);
    const old = paced(64 * MIB, { rules: RULES_GO_1_19 });
    cycle(old.pacer, old.books, 10 * MIB, 64 * MIB, 990);
    expect(consMark(old.words)).toBeLessThan(0);
  });

  test('a cycle that scanned nothing, or during which nothing was allocated, leaves the estimate alone', () => {
    const { pacer, books, words } = paced(64 * MIB);
    cycle(pacer, books, 6 * MIB, 64 * MIB);
    cycle(pacer, books, 6 * MIB, 0);
    for (let i = 0; i < 6; i++) cycle(pacer, books, 0, 64 * MIB);
    expect(consMark(words)).toBe(reading(6));
  });

  test('the share that workers took can be told instead of assumed', () => {
    const { pacer, books, words } = paced(64 * MIB);
    books.live = pacer.trigger();
    pacer.startCycle(5, 1, false);
    books.live += 8 * MIB;
    books.heapWork = 64 * MIB;
    pacer.endCycle(1005, 1, 500, 0, 0);
    expect(consMark(words)).toBe(8 / 64);
    expect(words[PACER_LAST_HEAP_GOAL]).toBe(128 * MIB);
  });
});

test('any thread can construct a controller over the same words: the rules come with them', () => {
  const { pacer, books, words } = paced(64 * MIB, { rules: RULES_GO_1_19 });
  const before = [...words];
  const other = new GCController(words, books);
  expect([...words]).toEqual(before);
  expect(other.trigger()).toBe(pacer.trigger());
  other.setMemoryLimit(100 * MIB);
  other.commit(true);
  expect(pacer.heapGoal()).toBe(99 * MIB);
  expect([words[PACER_HEAP_MARKED], words[PACER_LAST_HEAP_SCAN]]).toEqual([64 * MIB, 64 * MIB]);
});

test('init writes its own block and nothing after it', () => {
  const words = new Float64Array(PACER_WORDS + 3).fill(7);
  new GCController(words, newPacer().books).init(100, 1e9);
  expect([...words.subarray(PACER_WORDS)]).toEqual([7, 7, 7]);
  expect([...words.subarray(0, PACER_WORDS)]).not.toContain(7);
});

describe('workers', () => {
  test('take a quarter of the CPUs: whole ones within 30 %, else with a share of the others', () => {
    for (let procs = 1; procs <= 256; procs++) {
      const dedicated = dedicatedMarkWorkers(procs);
      const fraction = fractionalUtilizationGoal(procs);
      if (fraction === 0) expect(Math.abs(dedicated / (procs / 4) - 1), `${procs}`).toBeLessThanOrEqual(0.3);
      else expect(dedicated + fraction * procs, `${procs}`).toBeCloseTo(procs / 4, 10);
      expect([1, 2, 3, 6].includes(procs)).toBe(fraction > 0);
      expect(idleMarkWorkersMax(procs, false)).toBe(procs - dedicated);
      expect(idleMarkWorkersMax(procs, true) + Math.min(dedicated, 1)).toBe(1);
    }
  });
});

describe('in a closed loop', () => {
  const PROGRAM: Program = { procs: 8, allocRate: 0.06, scanRate: 1, stacks: 8192, globals: 32_768 };

  test.each([
    ['newest', RULES_NEWEST],
    ['go1.19', RULES_GO_1_19],
  ] as const)('%s rules: steady allocation settles at a quarter of the CPU, near the goal', (_, rules) => {
    for (const gcPercent of [50, 100, 400]) {
      const { pacer, books } = newPacer({ gcPercent, rules });
      for (let i = 0; i < 50; i++) {
        const { utilization, peak, goal, trigger } = runCycle(pacer, books, PROGRAM, 64 * MIB);
        if (i < 25) continue;
        expect(utilization).toBeLessThan(0.26);
        expect(peak / goal).toBeGreaterThan(0.9);
        expect(peak / goal).toBeLessThan(1.1);
        expect(trigger).toBeLessThan(goal);
      }
    }
  });

  test('a program that allocates faster than workers mark pays with assists, and still keeps to the goal', () => {
    const { pacer, books } = newPacer();
    for (let i = 0; i < 30; i++) {
      const { utilization, peak, goal } = runCycle(pacer, books, { ...PROGRAM, allocRate: 0.5 }, 64 * MIB);
      if (i < 5) continue;
      expect(utilization).toBeGreaterThan(0.3);
      expect(peak / goal).toBeLessThan(1.1);
      expect(peak / goal).toBeGreaterThan(0.9);
    }
  });

  test('a live heap that doubles at once passes the goal by at most its factor, and one cycle later keeps to it', () => {
    const { pacer, books } = newPacer();
    for (let i = 0; i < 20; i++) runCycle(pacer, books, PROGRAM, 32 * MIB);
    const step = runCycle(pacer, books, PROGRAM, 64 * MIB);
    expect(step.peak / step.goal).toBeLessThan(2);
    for (let i = 0; i < 10; i++) {
      const { peak, goal } = runCycle(pacer, books, PROGRAM, 64 * MIB);
      expect(peak / goal).toBeLessThan(1.1);
    }
  });

  test('with gcPercent off the memory limit is the goal, and the heap stays below the limit', () => {
    const { pacer, books } = newPacer({ gcPercent: -1, memoryLimit: 256 * MIB });
    for (let i = 0; i < 30; i++) {
      const { peak, goal } = runCycle(pacer, books, PROGRAM, 64 * MIB);
      expect(goal).toBe(256 * MIB - Math.floor((256 * MIB) / 100) * 3);
      expect(peak).toBeLessThan(256 * MIB);
    }
  });
});
