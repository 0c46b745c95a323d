import { GCController, type PacerBooks } from '../../src/gc/pacer.ts';
import { NO_LIMIT, UNSET } from '../../src/gc/pacing/goals.ts';
import { RULES_GO_1_19 } from '../../src/gc/pacing/rules.ts';
import { dedicatedMarkWorkers, fractionalUtilizationGoal, idleMarkWorkersMax } from '../../src/gc/pacing/workers.ts';
import { PiController, type PiGains } from '../../src/gc/pi-controller.ts';
import * as layout from '../../src/layout/pacer.ts';
import { type Checker, type Doc, type Int, list, type Skipped, same, type Tally } from './tally.ts';

/** A number as the vectors write it; null is "none". */
type Value = Int | null;
type Values = Readonly<Record<string, Value>>;

const RATIOS = ['assistWorkPerByte', 'assistBytesPerWork'];
const FLOATS = ['consMark', 'piErrIntegral', 'fractionalGoal', ...RATIOS];

function float(v: Value): number {
  if (v === '+Inf') return Number.POSITIVE_INFINITY;
  return v === '-Inf' ? Number.NEGATIVE_INFINITY : Number(v);
}

/** From here on a double is no longer every integer. */
const EXACT = 2 ** 53;
/** How far a double may be off that is made of such numbers. */
const TOLERANCE = 1e-12;

const isNear = (got: number, want: number): boolean => Math.abs(got - want) <= TOLERANCE * Math.abs(want);

/**
 * As Go has it in 64 bits, or as near as a double comes from 2⁵³ on. With GOGC off and no limit the goal is one such number,
 * and the assist ratios are made of it.
 */
function matches(field: string, got: number, want: Value, goal: number): boolean {
  if (goal >= EXACT && RATIOS.includes(field)) return got === float(want) || isNear(got, float(want));
  if (want === null) return got === (field.startsWith('memoryLimit') ? NO_LIMIT : UNSET);
  if (typeof want === 'number' || FLOATS.includes(field)) return Object.is(got, float(want)) || got === want;
  return got >= EXACT && isNear(got, Number(want));
}

function differing(what: string, fields: readonly string[], got: Values, want: readonly Value[]): string | null {
  const goal = Number(got['heapGoal'] ?? 0);
  for (const [i, field] of fields.entries()) {
    const g = got[field];
    if (typeof g !== 'number') throw new Error(`unknown field ${field}`);
    if (!matches(field, g, want[i] as Value, goal)) return same(`${what}: ${field}`, g, want[i]);
  }
  return fields.length === want.length ? null : `${what}: ${want.length} values for ${fields.length} fields`;
}

/** A controller and the books that Go keeps beside it, as plain numbers. */
class World {
  heapLive = 0;
  heapScan = 0;
  heapScanWork = 0;
  stackScanWork = 0;
  globalsScanWork = 0;
  maxStackScan = 0;
  globalsScan = 0;
  heapFree = 0;
  totalAlloc = 0;
  totalFree = 0;
  mappedReady = 0;
  readonly words = new Float64Array(layout.PACER_WORDS);
  readonly pacer: GCController;

  constructor(gcPercent: number, memoryLimit: Value) {
    const books: PacerBooks = {
      heapLive: () => this.heapLive,
      heapScan: () => this.heapScan,
      heapScanWork: () => this.heapScanWork,
      stackScanWork: () => this.stackScanWork,
      globalsScanWork: () => this.globalsScanWork,
      maxStackScan: () => this.maxStackScan,
      globalsScan: () => this.globalsScan,
      heapFree: () => this.heapFree,
      totalAlloc: () => this.totalAlloc,
      totalFree: () => this.totalFree,
      mappedReady: () => this.mappedReady,
    };
    this.pacer = new GCController(this.words, books);
    this.pacer.init(gcPercent, limitOf(memoryLimit), RULES_GO_1_19);
  }

  /** Fields of a state, by the names of the vectors. */
  state(): Record<string, number> {
    const w = this.words;
    const { heapLive, heapScan, maxStackScan, globalsScan, pacer } = this;
    return {
      gcPercent: w[layout.PACER_GC_PERCENT],
      memoryLimit: w[layout.PACER_MEMORY_LIMIT],
      heapMinimum: w[layout.PACER_HEAP_MINIMUM],
      runway: w[layout.PACER_RUNWAY],
      consMark: w[layout.PACER_CONS_MARK],
      piErrIntegral: w[layout.PACER_CONS_MARK_PI + layout.PI_ERR_INTEGRAL],
      gcPercentHeapGoal: w[layout.PACER_GC_PERCENT_HEAP_GOAL],
      sweepDistMinTrigger: w[layout.PACER_SWEEP_DIST_MIN_TRIGGER],
      triggered: w[layout.PACER_TRIGGERED],
      heapLive,
      heapScan,
      lastHeapScan: w[layout.PACER_LAST_HEAP_SCAN],
      lastStackScan: w[layout.PACER_LAST_STACK_SCAN],
      maxStackScan,
      globalsScan,
      heapMarked: w[layout.PACER_HEAP_MARKED],
      dedicatedWorkers: w[layout.PACER_DEDICATED_WORKERS],
      fractionalGoal: w[layout.PACER_FRACTIONAL_GOAL],
      idleWorkersMax: w[layout.PACER_IDLE_WORKERS_MAX],
      assistWorkPerByte: w[layout.PACER_ASSIST_WORK_PER_BYTE],
      assistBytesPerWork: w[layout.PACER_ASSIST_BYTES_PER_WORK],
      heapGoal: pacer.heapGoal(),
      minTrigger: pacer.minTrigger(),
      trigger: pacer.trigger(),
      memoryLimitHeapGoal: pacer.memoryLimitHeapGoal(),
    };
  }

  start(procs: number, periodic: boolean): void {
    this.heapScanWork = this.stackScanWork = this.globalsScanWork = 0;
    this.pacer.startCycle(0, procs, periodic);
  }

  end(bytesMarked: number, assistNs: number, idleNs: number, elapsed: number, procs: number): void {
    this.pacer.endCycle(elapsed, procs, assistNs, idleNs);
    this.pacer.resetLive(bytesMarked);
    this.heapLive = bytesMarked;
    this.heapScan = this.heapScanWork;
    this.pacer.commit(false);
  }
}

function limitOf(v: Value): number {
  return v === null ? Number.POSITIVE_INFINITY : Number(v);
}

type Arg = Value | boolean | readonly Value[];
type Step = readonly [string, ...Arg[]];

/** Does one step, by its name. */
const STEPS: Readonly<Record<string, (w: World, n: readonly number[], step: Step) => void>> = {
  start(w, [stacks, globals, scannable, procs]) {
    w.maxStackScan = stacks!;
    w.globalsScan = globals!;
    const marked = w.words[layout.PACER_HEAP_MARKED];
    const at = Math.max(w.pacer.trigger(), marked);
    w.heapLive = at;
    w.heapScan += Math.trunc((at - marked) * scannable!);
    w.start(procs!, false);
  },
  startAt(w, [stacks, globals, procs], step) {
    w.maxStackScan = stacks!;
    w.globalsScan = globals!;
    w.start(procs!, step[4] === true);
  },
  revise(w, [live, scan, heapWork, stackWork, globalsWork]) {
    w.heapLive += live!;
    w.heapScan += scan!;
    w.heapScanWork += heapWork!;
    w.stackScanWork += stackWork!;
    w.globalsScanWork += globalsWork!;
    w.pacer.update();
  },
  end(w, [marked, assist, idle, elapsed, procs]) {
    w.end(marked!, assist!, idle!, elapsed!, procs!);
  },
  mutate(w, [live, scan]) {
    w.heapLive += live!;
    w.heapScan += scan!;
  },
  setGCPercent(w, [percent], step) {
    w.pacer.setGCPercent(percent!);
    w.pacer.commit(step[2] === true);
  },
  setMemoryLimit(w, _, step) {
    w.pacer.setMemoryLimit(limitOf(step[1] as Value));
    w.pacer.commit(step[2] === true);
  },
  commit(w, _, step) {
    w.pacer.commit(step[1] === true);
  },
  stats(w, [free, alloc, freed, ready]) {
    w.heapFree = free!;
    w.totalAlloc = alloc!;
    w.totalFree = freed!;
    w.mappedReady = ready!;
  },
};

interface Scenario {
  readonly id: string;
  readonly gcPercent: number;
  readonly memoryLimit: Value;
  readonly init: readonly Value[];
  readonly steps: readonly Step[];
  readonly negativeRunway?: boolean;
  readonly int64Overflow?: boolean;
}

const REVISED = ['heapGoal', ...RATIOS];

/** Takes from `want` what of `got` cannot be compared. */
function forgive(
  fields: readonly string[],
  got: Record<string, number>,
  want: readonly Value[],
  negativeRunway: boolean,
  ratiosOverflow: boolean,
): void {
  for (const [i, field] of fields.entries()) {
    // With GOGC off Go has what is left of an overflow there, and nobody reads it.
    const minimum = field === 'heapMinimum' && got['gcPercent'] === -1;
    // A negative number as uint64 means "more than every goal"; which one it is depends on the machine.
    const goal = got['heapGoal'] ?? 0;
    const runway = field === 'runway' && negativeRunway && Number(want[i]) > goal && got['runway']! > goal;
    if (minimum || runway || (ratiosOverflow && RATIOS.includes(field))) got[field] = float(want[i] as Value);
  }
}

/**
 * Runs a scenario. Where Go's 64-bit integers overflow it compares what does not depend on that: not the assist ratios
 * for a goal beyond 2⁵³, and nothing after the heap itself was so large.
 */
function checkScenario(c: Scenario, fields: readonly string[]): string | Skipped | null {
  const world = new World(c.gcPercent, c.memoryLimit);
  let ratiosOverflow = false;
  const check = (what: string, names: readonly string[], want: readonly Value[]): string | null => {
    const got = world.state();
    forgive(names, got, want, c.negativeRunway === true, ratiosOverflow);
    return differing(what, names, got, want);
  };
  const wrong = check('init', fields, c.init);
  if (wrong !== null) return wrong;
  for (const [i, step] of c.steps.entries()) {
    const run = STEPS[step[0]];
    const want = step.at(-1);
    if (run === undefined || !Array.isArray(want)) return `step ${i}: unknown step ${step[0]}`;
    run(world, step.slice(1, -1).map(Number), step);
    if (c.int64Overflow === true) {
      if (world.heapLive >= EXACT) return { skipped: 'in the end they are about heaps of more than 2⁵³ bytes' };
      if (/start|revise/.test(step[0])) ratiosOverflow = world.pacer.heapGoal() >= EXACT;
    }
    const bad = check(`step ${i} (${step[0]})`, step[0] === 'revise' ? REVISED : fields, want);
    if (bad !== null) return bad;
  }
  return null;
}

interface Goals {
  readonly in: Readonly<Record<string, Value | boolean>>;
  readonly out: Values;
}

const SET_DIRECTLY: Readonly<Record<string, number>> = {
  consMark: layout.PACER_CONS_MARK,
  heapMarked: layout.PACER_HEAP_MARKED,
  lastHeapScan: layout.PACER_LAST_HEAP_SCAN,
  lastStackScan: layout.PACER_LAST_STACK_SCAN,
  triggered: layout.PACER_TRIGGERED,
};
const BOOKS = ['heapLive', 'globalsScan', 'heapFree', 'totalAlloc', 'totalFree', 'mappedReady'] as const;

function checkGoals({ in: given, out }: Goals): string | null {
  const world = new World(Number(given['gcPercent']), given['memoryLimit'] as Value);
  for (const [field, at] of Object.entries(SET_DIRECTLY)) {
    world.words[at] = given[field] === null ? UNSET : Number(given[field]);
  }
  for (const field of BOOKS) world[field] = Number(given[field]);
  world.pacer.commit(given['sweepDone'] === true);
  const got = world.state();
  const fields = Object.keys(out);
  const want = Object.values(out);
  forgive(fields, got, want, Number(given['consMark']) < 0, false);
  return differing('goals', fields, got, want);
}

type Workers = readonly [number, boolean, number, number, number];

function checkWorkers([procs, periodic, ...want]: Workers): string | null {
  const got = [dedicatedMarkWorkers(procs), fractionalUtilizationGoal(procs), idleMarkWorkersMax(procs, periodic)];
  return same(`${procs} procs`, got, want);
}

interface Pi extends PiGains {
  readonly rows: readonly (readonly [Value, Value, Value, Value, boolean, Value, boolean, boolean])[];
}

function checkPi(c: Pi): string | null {
  const words = new Float64Array(layout.PI_WORDS);
  const controller = new PiController(words, 0, c);
  for (const [i, [input, setpoint, period, output, ok, integral, ...flags]] of c.rows.entries()) {
    const next = controller.next(float(input), float(setpoint), float(period));
    const got = [Number.isNaN(next) ? c.min : next, words[layout.PI_ERR_INTEGRAL]];
    const same64 = Object.is(got[0], float(output)) && got[1] === float(integral);
    if (!same64) return same(`row ${i}`, got, [output, integral]);
    const marks = [!Number.isNaN(next), words[layout.PI_ERR_OVERFLOW] === 1, words[layout.PI_INPUT_OVERFLOW] === 1];
    const wrong = same(`row ${i}: ok and overflows`, marks, [ok, ...flags]);
    if (wrong !== null) return wrong;
  }
  return null;
}

export const pacer: Checker = {
  name: 'pacer',
  sections: ['stateFields', 'testScenarios', 'randomScenarios', 'goals', 'workers', 'piController'],
  source: /gcController|pacer/i,
  run(doc: Doc, tally: Tally): void {
    const fields = list<string>(doc, 'stateFields');
    for (const section of ['testScenarios', 'randomScenarios']) {
      for (const c of list<Scenario>(doc, section)) tally.case(c.id, () => checkScenario(c, fields));
    }
    for (const [i, c] of list<Goals>(doc, 'goals').entries()) tally.case(`goals ${i}`, () => checkGoals(c));
    for (const c of list<Workers>(doc, 'workers')) tally.case(`workers ${c[0]} ${c[1]}`, () => checkWorkers(c));
    for (const [i, c] of list<Pi>(doc, 'piController').entries()) tally.case(`piController ${i}`, () => checkPi(c));
  },
};
