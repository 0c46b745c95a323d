/** What the collector has done, counted in shared memory: pauses, cycles (Go: `memstats`, `work` for gctrace). */
import { nanotime } from '../base/clock.ts';
import {
  CYCLE_DOUBLES,
  CYCLE_RING,
  GC_CPU_BASE,
  GC_CYCLE_RING,
  GC_GOAL,
  GC_HEAP0,
  GC_HEAP1,
  GC_LAST_MARKED,
  GC_MARKED,
  GC_PAUSE_RING,
  GC_PAUSE_TOTAL,
  GC_PAUSE1,
  GC_PAUSES,
  GC_STACK_SCAN,
  GC_T_CREATED,
  GC_T_END,
  GC_T_MARK,
  GC_T_START,
  GC_WHY,
  PAUSE_RING,
} from '../layout/gc.ts';
import { STATS_PAUSE_END, STATS_PAUSE_NS, STATS_RING } from '../layout/stats.ts';
import type { Mem } from '../sys/mem.ts';
import { cpuTimes } from './books.ts';
import type { GcContext } from './context.ts';

/** Counts a stop of the world of so many nanoseconds; `first`: that a cycle began with. World lock. */
export function recordPause(mem: Mem, ns: number, first: boolean): void {
  const { mf } = mem;
  const n = mf[GC_PAUSES >>> 1];
  mf[(GC_PAUSE_RING >>> 1) + (n % PAUSE_RING)] = ns;
  mf[GC_PAUSES >>> 1] = n + 1;
  mf[GC_PAUSE_TOTAL >>> 1] += ns;
  if (first) mf[GC_PAUSE1 >>> 1] = ns;
}

/** The last pauses in nanoseconds, at most 256, the latest last (Go: `PauseNs`). */
export function lastPauses({ mf }: Mem): number[] {
  const n = mf[GC_PAUSES >>> 1];
  const kept = Math.min(n, PAUSE_RING);
  return Array.from({ length: kept }, (_, i) => mf[(GC_PAUSE_RING >>> 1) + ((n - kept + i) % PAUSE_RING)]);
}

/** One cycle as gctrace tells it. Times in nanoseconds, sizes in bytes. */
export interface CycleRecord {
  /** Cycles are counted from 1. */
  readonly cycle: number;
  /** Somebody asked for it: `heap.gc()`. */
  readonly forced: boolean;
  /** When it began, since the heap was made. */
  readonly at: number;
  /** Wall time of the two stops and of the mark between them. */
  readonly sweepTermination: number;
  readonly mark: number;
  readonly markTermination: number;
  /** CPU time of assists and of marking otherwise. */
  readonly assist: number;
  readonly background: number;
  /** Share of all CPU time since the heap was made that went into collecting, 0 … 1. */
  readonly utilization: number;
  /** Live heap when the cycle began and when its mark ended, what of it was found alive, and the goal. */
  readonly heapBefore: number;
  readonly heapAfter: number;
  readonly heapMarked: number;
  readonly goal: number;
  /** Shadow stacks and handle tables. */
  readonly stacks: number;
  /** Attached threads. */
  readonly procs: number;
}

/** The places of a record's fields in the ring; `forced` is 0 or 1 there. */
const FIELDS = [
  'cycle',
  'forced',
  'at',
  'sweepTermination',
  'mark',
  'markTermination',
  'assist',
  'background',
  'utilization',
  'heapBefore',
  'heapAfter',
  'heapMarked',
  'goal',
  'stacks',
  'procs',
] as const satisfies readonly (keyof CycleRecord)[];

/** Puts the cycle that ends with this stop into the ring, after `recordPause`. World stopped. */
export function recordCycle(ctx: GcContext): CycleRecord {
  const { mf } = ctx.mem;
  const record = lastCycle(ctx);
  const at = cycleAt(record.cycle);
  notePause(ctx.mem, record.cycle, record.sweepTermination + record.markTermination);
  for (const [i, field] of FIELDS.entries()) mf[at + i] = Number(record[field]);
  return record;
}

/**
 * Puts what a cycle has stopped the world for into the rings of MemStats, and now as the time when that ended: before
 * the cycle is counted, with what is known by then, since others may read it at any time; and once more after its last
 * stop. World stopped.
 */
export function notePause({ mf, plan }: Mem, cycle: number, ns: number): void {
  const ring = (plan.stats >>> 1) + ((cycle - 1) & (STATS_RING - 1));
  mf[ring + (STATS_PAUSE_NS >>> 1)] = ns;
  mf[ring + (STATS_PAUSE_END >>> 1)] = nanotime();
}

/**
 * What is known of the last cycles that have ended, at most 64, the latest last. Does not stop the world: a cycle that is
 * overwritten meanwhile is left out.
 */
export function lastCycles({ m, mf }: Mem): CycleRecord[] {
  const last = Atomics.load(m, GC_MARKED);
  const records: CycleRecord[] = [];
  for (let cycle = Math.max(1, last - CYCLE_RING + 1); cycle <= last; cycle++) {
    const at = cycleAt(cycle);
    const values = FIELDS.map((field, i) => [field, field === 'forced' ? mf[at + i] !== 0 : mf[at + i]]);
    if (mf[at] === cycle) records.push(Object.fromEntries(values) as CycleRecord);
  }
  return records;
}

/** The cycle's first double. */
function cycleAt(cycle: number): number {
  return (GC_CYCLE_RING >>> 1) + (cycle & (CYCLE_RING - 1)) * CYCLE_DOUBLES;
}

function lastCycle(ctx: GcContext): CycleRecord {
  const { mem } = ctx;
  const { m, mf } = mem;
  const f = (word: number): number => mf[word >>> 1];
  const cpu = cpuTimes(mem);
  const lifetime = Math.max(1, f(GC_T_END) - f(GC_T_CREATED));
  const procs = ctx.procs();
  return {
    cycle: m[GC_MARKED],
    forced: m[GC_WHY] !== 0,
    at: f(GC_T_START) - f(GC_T_CREATED),
    sweepTermination: f(GC_PAUSE1),
    mark: f(GC_T_END) - f(GC_T_MARK),
    markTermination: mf[(GC_PAUSE_RING >>> 1) + ((f(GC_PAUSES) - 1) % PAUSE_RING)],
    assist: cpu.assist - mf[(GC_CPU_BASE >>> 1) + 1],
    background: cpu.mark - mf[GC_CPU_BASE >>> 1],
    utilization: (cpu.mark + cpu.assist) / (lifetime * procs),
    heapBefore: f(GC_HEAP0),
    heapAfter: f(GC_HEAP1),
    heapMarked: f(GC_LAST_MARKED),
    goal: f(GC_GOAL),
    stacks: m[GC_STACK_SCAN] * 8,
    procs,
  };
}
