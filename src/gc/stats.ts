/** What the collector has done, counted in shared memory: pauses, cycles (Go: `memstats`, `work` for gctrace). */
import {
  GC_CPU_BASE,
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

/** One cycle as gctrace tells it. Nanoseconds and bytes. */
export interface CycleRecord {
  readonly cycle: number;
  /** Somebody asked for it. */
  readonly forced: boolean;
  /** Since the heap was made. */
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
  /** Live heap when the cycle began, when it ended, and what it marked. */
  readonly heapBefore: number;
  readonly heapAfter: number;
  readonly heapMarked: number;
  readonly goal: number;
  readonly stacks: number;
  readonly procs: number;
}

/** The cycle that has just ended, to whoever wants to know. World lock. */
export function recordCycle(ctx: GcContext): void {
  if (ctx.onCycle === undefined) return;
  ctx.onCycle(lastCycle(ctx));
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
