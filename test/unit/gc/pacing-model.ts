/** A heap that is nothing but numbers, to run the pacer on: books, and a program that allocates while marking goes on. */
import { GCController, type PacerBooks } from '../../../src/gc/pacer.ts';
import { RULES_NEWEST, type RulesNumber } from '../../../src/gc/pacing/rules.ts';
import { PACER_HEAP_GOAL, PACER_WORDS } from '../../../src/layout/pacer.ts';

export const MIB = 1 << 20;

/** Books whose entries a test sets. */
export class PlainBooks implements PacerBooks {
  live = 0;
  scan = 0;
  heapWork = 0;
  stackWork = 0;
  globalsWork = 0;
  stacks = 0;
  globals = 0;
  free = 0;
  allocated = 0;
  freed = 0;
  ready = 0;
  heapLive = (): number => this.live;
  heapScan = (): number => this.scan;
  heapScanWork = (): number => this.heapWork;
  stackScanWork = (): number => this.stackWork;
  globalsScanWork = (): number => this.globalsWork;
  maxStackScan = (): number => this.stacks;
  globalsScan = (): number => this.globals;
  heapFree = (): number => this.free;
  totalAlloc = (): number => this.allocated;
  totalFree = (): number => this.freed;
  mappedReady = (): number => this.ready;
}

export interface Settings {
  readonly gcPercent?: number;
  readonly memoryLimit?: number;
  readonly rules?: RulesNumber;
}

/** A controller with books of its own. */
export function newPacer({ gcPercent = 100, memoryLimit = Number.POSITIVE_INFINITY, rules }: Settings = {}): {
  pacer: GCController;
  books: PlainBooks;
  words: Float64Array;
} {
  const books = new PlainBooks();
  const words = new Float64Array(PACER_WORDS);
  const pacer = new GCController(words, books);
  pacer.init(gcPercent, memoryLimit, rules ?? RULES_NEWEST);
  return { pacer, books, words };
}

export interface Program {
  readonly procs: number;
  /** Bytes that the program allocates in a nanosecond of CPU time, and that a marker scans in one. */
  readonly allocRate: number;
  readonly scanRate: number;
  /** Bytes of the roots. */
  readonly stacks: number;
  readonly globals: number;
}

export interface CycleReport {
  /** Share of the CPUs that marking took while it went on. */
  readonly utilization: number;
  /** Heap at the end of marking, and its goal when marking began. */
  readonly peak: number;
  readonly goal: number;
  readonly trigger: number;
}

/**
 * One cycle, as the collector does it: the heap grows to its trigger, then workers mark with 25 % of the CPUs and build
 * up credit, while the program allocates with the rest and pays for it from the credit, or by assists when there is
 * none. `live` bytes survive, and so does what was allocated meanwhile.
 */
export function runCycle(pacer: GCController, books: PlainBooks, program: Program, live: number): CycleReport {
  const { procs, allocRate, scanRate } = program;
  books.stacks = program.stacks;
  books.globals = program.globals;
  const trigger = Math.max(pacer.trigger(), books.live);
  books.scan += trigger - books.live;
  books.live = trigger;
  books.heapWork = books.stackWork = books.globalsWork = 0;
  pacer.startCycle(0, procs, false);
  const goal = pacer.words[PACER_HEAP_GOAL];
  books.stackWork = program.stacks;
  books.globalsWork = program.globals;
  const step = live / scanRate / procs / 200;
  let [elapsed, assist, credit] = [0, 0, 0];
  while (books.heapWork < live) {
    pacer.update();
    const perByte = pacer.assistWork(2 ** 40) / 2 ** 40;
    const background = 0.25 * procs * step * scanRate;
    credit += background;
    const time = 0.75 * procs * step;
    const free = time * allocRate;
    const bytes = free * perByte <= credit ? free : (time + credit / scanRate) / (1 / allocRate + perByte / scanRate);
    const owed = Math.max(bytes * perByte - credit, 0);
    credit = Math.max(credit - bytes * perByte, 0);
    books.live += bytes;
    books.heapWork += background + owed;
    assist += owed / scanRate;
    elapsed += step;
  }
  books.heapWork = live;
  const peak = books.live;
  pacer.endCycle(elapsed, procs, assist, 0);
  const marked = Math.round(live + peak - trigger);
  pacer.resetLive(marked);
  books.live = marked;
  books.scan = books.heapWork;
  pacer.commit(false);
  return { utilization: 0.25 + assist / (elapsed * procs), peak, goal, trigger };
}
