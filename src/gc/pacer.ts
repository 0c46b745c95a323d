/**
 * When a collection starts, where it should be done, and who has to mark how much (Go: `gcControllerState`,
 * mgcpacer.go). Arithmetic only: no clock and no lock; what it has to know of the heap it asks PacerBooks. Its own state
 * is a block of doubles in shared memory (layout/pacer.ts), so each thread has a GCController of its own over the same
 * words.
 *
 * One cycle, as the collector calls it:
 *
 *   heapLive ≥ trigger()     start                    any thread, without lock
 *   startCycle(now, …)       the plan of workers      world stopped, works and times in the books set to 0
 *   update() / revise()      the assist ratios        any thread, while the collector marks
 *   assistWork, assistCredit debt to work and back    any thread, while the collector marks
 *   endCycle(now, …)         cons/mark                world stopped, before the books change
 *   resetLive(bytesMarked)   what survived            world stopped; then the books take heapLive = bytesMarked and
 *                                                     heapScan = heapScanWork
 *   commit(false)            goal and trigger         world stopped; sweeping begins
 *   setGCPercent, …          a new setting            at any time: then commit(isSweepDone), and update()
 *
 * Who writes: everything but `update` and `revise` is called with the world stopped or under the heap lock (Go has the
 * same rule). `revise` stores three words, PACER_ASSIST_WORK_PER_BYTE, PACER_ASSIST_BYTES_PER_WORK and PACER_HEAP_GOAL,
 * from whichever thread comes by: it reads words that nobody changes while the collector marks, so two calls at once
 * store nearly the same, and either is right. Who reads without lock: those three and PACER_TRIGGER, plainly. A reader
 * that is late starts a cycle or an assist a little early or late; nothing depends on it being exact.
 */
import {
  PACER_ASSIST_BYTES_PER_WORK,
  PACER_ASSIST_WORK_PER_BYTE,
  PACER_CONS_MARK,
  PACER_DEDICATED_WORKERS,
  PACER_FRACTIONAL_GOAL,
  PACER_GC_PERCENT,
  PACER_GC_PERCENT_HEAP_GOAL,
  PACER_HEAP_GOAL,
  PACER_HEAP_MARKED,
  PACER_HEAP_MINIMUM,
  PACER_IDLE_WORKERS_MAX,
  PACER_LAST_HEAP_GOAL,
  PACER_LAST_HEAP_SCAN,
  PACER_LAST_STACK_SCAN,
  PACER_MARK_START_TIME,
  PACER_MEMORY_LIMIT,
  PACER_RULES,
  PACER_RUNWAY,
  PACER_SWEEP_DIST_MIN_TRIGGER,
  PACER_TRIGGER,
  PACER_TRIGGERED,
  PACER_WORDS,
} from '../layout/pacer.ts';
import {
  extendedGoal,
  GC_BACKGROUND_UTILIZATION,
  gcPercentGoal,
  heapMinimum,
  memoryLimitGoal,
  NO_LIMIT,
  runwayFor,
  SWEEP_MIN_HEAP_DISTANCE,
  triggerBefore,
  UNSET,
} from './pacing/goals.ts';
import { RULES_NEWEST, type RulesNumber, rulesOf } from './pacing/rules.ts';
import { dedicatedMarkWorkers, fractionalUtilizationGoal, idleMarkWorkersMax } from './pacing/workers.ts';

/**
 * What the pacer has to know of the heap, in bytes; the same names as in Go. Each may change at any time and is read
 * once per call. An answer that is a little old does no harm.
 */
export interface PacerBooks {
  /** Bytes of objects, live or not swept yet; free slots of spans that threads hold count as used. */
  heapLive(): number;
  /** The part of heapLive that a marker has to scan. Stands still while the collector marks. */
  heapScan(): number;
  /** Bytes scanned by this cycle: objects, shadow stacks with handles, and named roots with other globals. */
  heapScanWork(): number;
  stackScanWork(): number;
  globalsScanWork(): number;
  /** Bytes of shadow stacks and handle tables in use by all threads. */
  maxStackScan(): number;
  /** Bytes of named roots and other globals. */
  globalsScan(): number;
  // The memory limit looks at these.
  /** Bytes of free pages that are not given back to the OS. */
  heapFree(): number;
  /** Bytes of objects ever allocated, and ever freed. */
  totalAlloc(): number;
  totalFree(): number;
  /** Bytes of memory in use by the heap, its metadata included: all that the limit is about. */
  mappedReady(): number;
}

/** GOGC so large that the hard goal does not matter, for when it is off. */
const GC_PERCENT_WHEN_OFF = 100_000;
/** Live heap beyond which the cycle has to end, relative to a goal that it has passed. */
const MAX_OVERSHOOT = 1.1;
/** Bytes of scan work assumed to remain, however much was done. */
const MIN_SCAN_WORK_REMAINING = 1000;
/** Least bytes of scan work in one assist, so that assists come in few pieces (Go: `gcOverAssistWork`). */
export const GC_OVER_ASSIST_WORK = 64 << 10;

export class GCController {
  /** The shared state, for those who only look; offsets are in layout/pacer.ts. */
  readonly words: Float64Array<ArrayBufferLike>;
  readonly #books: PacerBooks;

  /** A controller over `words` (at least PACER_WORDS), which some thread has initialised, or will, with `init`. */
  constructor(words: Float64Array<ArrayBufferLike>, books: PacerBooks) {
    this.words = words;
    this.#books = books;
  }

  /**
   * Makes the state of a new heap: nothing marked, nothing to sweep. `gcPercent` −1 is off, `memoryLimit` (bytes)
   * Infinity is none.
   */
  init(gcPercent: number, memoryLimit: number, rules: RulesNumber = RULES_NEWEST): void {
    const { words } = this;
    for (let i = 0; i < PACER_WORDS; i++) words[i] = 0;
    words[PACER_RULES] = rules;
    words[PACER_TRIGGERED] = UNSET;
    this.setGCPercent(gcPercent);
    this.setMemoryLimit(memoryLimit);
    this.commit(true);
  }

  /** Sets GOGC, any negative number being off, and returns what it was. `commit` makes it count. */
  setGCPercent(percent: number): number {
    const { words } = this;
    const old = words[PACER_GC_PERCENT];
    words[PACER_GC_PERCENT] = percent < 0 ? -1 : percent;
    words[PACER_HEAP_MINIMUM] = heapMinimum(percent);
    return old;
  }

  /**
   * Sets GOMEMLIMIT in bytes, Infinity being none, and returns what it was. A negative number only asks. `commit`
   * makes it count.
   */
  setMemoryLimit(bytes: number): number {
    const { words } = this;
    const old = words[PACER_MEMORY_LIMIT];
    if (bytes >= 0) words[PACER_MEMORY_LIMIT] = Math.min(bytes, NO_LIMIT);
    return old >= NO_LIMIT ? Number.POSITIVE_INFINITY : old;
  }

  /**
   * Computes goal and trigger from what the last cycle found and from the settings: after a cycle, and when a
   * setting has changed. While a cycle runs, `revise` must follow (`update` does that).
   */
  commit(isSweepDone: boolean): void {
    const { words } = this;
    const books = this.#books;
    const marked = words[PACER_HEAP_MARKED];
    const roots = words[PACER_LAST_STACK_SCAN] + books.globalsScan();
    words[PACER_SWEEP_DIST_MIN_TRIGGER] = isSweepDone ? 0 : books.heapLive() + SWEEP_MIN_HEAP_DISTANCE;
    words[PACER_GC_PERCENT_HEAP_GOAL] = gcPercentGoal(
      words[PACER_GC_PERCENT],
      marked,
      roots,
      words[PACER_HEAP_MINIMUM],
    );
    words[PACER_RUNWAY] = runwayFor(words[PACER_CONS_MARK], words[PACER_LAST_HEAP_SCAN] + roots);
    words[PACER_HEAP_GOAL] = this.heapGoal();
    words[PACER_TRIGGER] = this.trigger();
  }

  /** Goal that the memory limit allows; far above every heap when there is none. Never below what was marked. */
  memoryLimitHeapGoal(): number {
    const { words } = this;
    const books = this.#books;
    const mappedReady = books.mappedReady();
    const nonHeap = mappedReady - books.heapFree() - (books.totalAlloc() - books.totalFree());
    const { headroom } = rulesOf(words[PACER_RULES]);
    return memoryLimitGoal(words[PACER_MEMORY_LIMIT], nonHeap, mappedReady, words[PACER_HEAP_MARKED], headroom);
  }

  /**
   * Bytes of live heap at which marking should be done. Moves with what the rest of memory takes when there is a memory
   * limit, so it is computed anew; PACER_HEAP_GOAL is what it was when last somebody acted on it.
   */
  heapGoal(): number {
    const limited = this.memoryLimitHeapGoal();
    return limited < this.words[PACER_GC_PERCENT_HEAP_GOAL] ? limited : this.#percentGoal();
  }

  /** Bytes of live heap below which no cycle starts: the sweeper's share, unless the memory limit sets the goal. */
  minTrigger(): number {
    const { words } = this;
    const limited = this.memoryLimitHeapGoal() < words[PACER_GC_PERCENT_HEAP_GOAL];
    return limited ? 0 : words[PACER_SWEEP_DIST_MIN_TRIGGER];
  }

  /**
   * Bytes of live heap at which the next cycle starts, at most the goal. Without a memory limit it is the constant
   * PACER_TRIGGER from one `commit` to the next.
   */
  trigger(): number {
    const { words } = this;
    const limitGoal = this.memoryLimitHeapGoal();
    const limited = limitGoal < words[PACER_GC_PERCENT_HEAP_GOAL];
    const goal = limited ? limitGoal : this.#percentGoal();
    const min = limited ? 0 : words[PACER_SWEEP_DIST_MIN_TRIGGER];
    return triggerBefore(goal, min, words[PACER_HEAP_MARKED], words[PACER_RUNWAY]);
  }

  #percentGoal(): number {
    const { words } = this;
    return extendedGoal(words[PACER_GC_PERCENT_HEAP_GOAL], words[PACER_SWEEP_DIST_MIN_TRIGGER], words[PACER_TRIGGERED]);
  }

  /**
   * Begins a cycle on `procs` CPUs at time `now` (nanoseconds from any origin that all threads share): plans its
   * workers and sets the assist ratios. `periodic`: started because the last one was long ago. The books' scan work
   * must be 0.
   */
  startCycle(now: number, procs: number, periodic: boolean): void {
    const { words } = this;
    words[PACER_MARK_START_TIME] = now;
    const rules = rulesOf(words[PACER_RULES]);
    words[PACER_TRIGGERED] = rules.triggeredAt(this.trigger(), this.#books.heapLive());
    words[PACER_DEDICATED_WORKERS] = dedicatedMarkWorkers(procs);
    words[PACER_FRACTIONAL_GOAL] = fractionalUtilizationGoal(procs);
    words[PACER_IDLE_WORKERS_MAX] = idleMarkWorkersMax(procs, periodic);
    this.revise();
  }

  /** The books have changed. Cheap when no cycle is running. */
  update(): void {
    if (this.words[PACER_TRIGGERED] !== UNSET) this.revise();
  }

  /**
   * Sets the assist ratios so that the scan work that remains is done when the heap reaches its goal. As long as no
   * more was found than in the last cycle, that much is expected; after that, everything that could be there, and a
   * goal further away, as far as the one that a heap of that size would have had.
   */
  revise(): void {
    const { words } = this;
    const books = this.#books;
    const percent = words[PACER_GC_PERCENT] < 0 ? GC_PERCENT_WHEN_OFF : words[PACER_GC_PERCENT];
    const live = books.heapLive();
    const globals = books.globalsScan();
    const work = books.heapScanWork() + books.stackScanWork() + books.globalsScanWork();
    const worst = books.heapScan() + books.maxStackScan() + globals;
    let expected = words[PACER_LAST_HEAP_SCAN] + words[PACER_LAST_STACK_SCAN] + globals;
    let goal = this.heapGoal();
    words[PACER_HEAP_GOAL] = goal;
    if (work > expected) {
      const triggered = words[PACER_TRIGGERED];
      const extended = Math.trunc(((goal - triggered) / expected) * worst) + triggered;
      const hard = Math.trunc((1 + percent / 100) * goal);
      // When nothing was expected the quotient is no number, and the hard goal remains.
      goal = extended < hard ? extended : hard;
      expected = worst;
    }
    if (live > goal) {
      goal = Math.trunc(goal * MAX_OVERSHOOT);
      expected = worst;
    }
    goal = Math.min(goal, Math.trunc(words[PACER_HEAP_GOAL] * rulesOf(words[PACER_RULES]).maxOvershoot));
    const workRemaining = Math.max(expected - work, MIN_SCAN_WORK_REMAINING);
    const heapRemaining = Math.max(goal - live, 1);
    words[PACER_ASSIST_WORK_PER_BYTE] = workRemaining / heapRemaining;
    words[PACER_ASSIST_BYTES_PER_WORK] = heapRemaining / workRemaining;
  }

  /** Bytes to scan for a debt of `debtBytes` of allocation: what the ratio says, and at least GC_OVER_ASSIST_WORK. */
  assistWork(debtBytes: number): number {
    return Math.max(Math.trunc(this.words[PACER_ASSIST_WORK_PER_BYTE] * debtBytes), GC_OVER_ASSIST_WORK);
  }

  /** Bytes of allocation that `work` bytes of scanning pay for. */
  assistCredit(work: number): number {
    return Math.trunc(this.words[PACER_ASSIST_BYTES_PER_WORK] * work);
  }

  /**
   * Ends the marking of a cycle at `now`: estimates from it how fast the program allocates relative to marking.
   * `assistNs` and `idleMarkNs` are the CPU times of assists and of idle workers. `backgroundUtilization` is the share
   * of the CPUs, 0 … 1, that dedicated and fractional workers took; Go assumes that they keep to the plan. Reads the
   * cycle's own books, so it comes before `resetLive`.
   */
  endCycle(
    now: number,
    procs: number,
    assistNs: number,
    idleMarkNs: number,
    backgroundUtilization: number = GC_BACKGROUND_UTILIZATION,
  ): void {
    const { words } = this;
    const books = this.#books;
    words[PACER_LAST_HEAP_GOAL] = this.heapGoal();
    const grown = books.heapLive() - words[PACER_TRIGGERED];
    if (grown <= 0) return;
    const rules = rulesOf(words[PACER_RULES]);
    const cpuNs = (now - words[PACER_MARK_START_TIME]) * procs;
    const assists = cpuNs > 0 ? assistNs / cpuNs : 0;
    const idle = cpuNs > 0 ? idleMarkNs / cpuNs : 0;
    const utilization = Math.min(backgroundUtilization + assists, rules.maxUtilization);
    const work = books.heapScanWork() + books.stackScanWork() + books.globalsScanWork();
    rules.addConsMark(words, (grown * (utilization + idle)) / (work * (1 - utilization)));
  }

  /** In place of `endCycle`, for a cycle that was kept from ending: how much the heap grew in it says nothing. */
  endHeldCycle(): void {
    this.words[PACER_LAST_HEAP_GOAL] = this.heapGoal();
  }

  /**
   * The cycle is over: `bytesMarked` survived it. Keeps its scan work as what the next one expects; the books take over
   * what this leaves to them (see the top), and `commit` follows.
   */
  resetLive(bytesMarked: number): void {
    const { words } = this;
    const books = this.#books;
    words[PACER_HEAP_MARKED] = bytesMarked;
    words[PACER_LAST_HEAP_SCAN] = books.heapScanWork();
    words[PACER_LAST_STACK_SCAN] = books.stackScanWork();
    words[PACER_TRIGGERED] = UNSET;
  }
}
