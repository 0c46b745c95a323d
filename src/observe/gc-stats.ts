/**
 * What `heap.stats().gc` tells of the collector: its counters, from shared memory, so all threads see the same ones. Does
 * not stop the world: while a cycle is under way the parts belong to slightly different moments.
 */
import { isAllSwept } from '../central/sweep.ts';
import { Books, cpuTimes } from '../gc/books.ts';
import { GCCPULimiter } from '../gc/limiter.ts';
import { GCController } from '../gc/pacer.ts';
import { NO_LIMIT } from '../gc/pacing/goals.ts';
import { type CycleRecord, lastCycles, lastPauses } from '../gc/stats.ts';
import {
  GC_ENABLED,
  GC_FORCED,
  GC_LAST_MARKED,
  GC_MARKED,
  GC_PACER,
  GC_PAUSE_TOTAL,
  GC_PAUSED,
  GC_PAUSES,
  GC_TRIGGER,
  GC_WORKER,
  TRIGGER_NEVER,
} from '../layout/gc.ts';
import { H_WRITE_BARRIER } from '../layout/header.ts';
import { PACER_GC_PERCENT, PACER_MEMORY_LIMIT, PACER_WORDS } from '../layout/pacer.ts';
import { TM_SWEPT_BYTES, TM_SWEPT_OBJECTS } from '../layout/proc.ts';
import type { MHeap } from '../spans/mheap.ts';
import type { Mem } from '../sys/mem.ts';
import { sumMeter } from '../threads/stop-the-world.ts';

/** Times in nanoseconds. Counts and sums are since the heap was made, of all threads together. */
export interface GCStats {
  /** Whether cycles begin by themselves: not with `gc: 'off'`, nor while `pauseGC` holds. */
  readonly enabled: boolean;
  /** What is going on. 'sweep': spans of the last cycle are still to be swept, so its garbage counts as live. */
  readonly phase: 'off' | 'mark' | 'sweep';
  /** Cycles whose marking is complete (Go: NumGC), and how many of them somebody asked for (Go: NumForcedGC). */
  readonly cycles: number;
  readonly forcedCycles: number;
  /** Whether a worker of its own marks and sweeps in the background at the moment. */
  readonly background: boolean;
  /** What gctrace says of the last cycles, at most 64, the latest last. */
  readonly lastCycles: readonly CycleRecord[];
  /** Stops of the world, two a cycle; their time together; and the last 256, the latest last (Go: PauseNs). */
  readonly pauses: number;
  readonly pauseTotalNs: number;
  readonly lastPausesNs: readonly number[];
  /** Time that threads spent marking in the background and on request, marking while they allocated, sweeping. */
  readonly markNs: number;
  readonly assistNs: number;
  readonly sweepNs: number;
  /** Bytes of what the last cycle found alive, slots counted whole. */
  readonly markedBytes: number;
  /** What sweeping has freed. */
  readonly freedBytes: number;
  readonly freedObjects: number;
  /** Bytes of objects, of those too that the last cycle found dead and nobody has swept; windows count whole. */
  readonly heapLiveBytes: number;
  /** heapLiveBytes by which the marking should be done; Infinity: there is none. */
  readonly goalBytes: number;
  /** heapLiveBytes at which the next cycle begins; Infinity: none will by itself. */
  readonly triggerBytes: number;
  /** The settings: percent, −1 for off; bytes, Infinity for none. */
  readonly gcPercent: number;
  readonly memoryLimit: number;
  /** Whether the collector is held at half of the CPU now, and the last cycle in which it was; 0: never. */
  readonly limiting: boolean;
  readonly lastLimitedCycle: number;
}

export function readGCStats(heap: MHeap): GCStats {
  const { mem } = heap.t;
  const { m, mf } = mem;
  const words = pacerWords(mem);
  const books = new Books(mem);
  const limiter = new GCCPULimiter(words, books);
  const { mark, assist, sweep } = cpuTimes(mem);
  const trigger = Atomics.load(m, GC_TRIGGER);
  return {
    enabled: m[GC_ENABLED] !== 0 && Atomics.load(m, GC_PAUSED) === 0,
    phase: phaseOf(mem),
    cycles: Atomics.load(m, GC_MARKED),
    forcedCycles: m[GC_FORCED],
    background: Atomics.load(m, GC_WORKER) > 0,
    lastCycles: lastCycles(mem),
    pauses: mf[GC_PAUSES >>> 1],
    pauseTotalNs: mf[GC_PAUSE_TOTAL >>> 1],
    lastPausesNs: lastPauses(mem),
    markNs: mark,
    assistNs: assist,
    sweepNs: sweep,
    markedBytes: mf[GC_LAST_MARKED >>> 1],
    freedBytes: sumMeter(mem, TM_SWEPT_BYTES),
    freedObjects: sumMeter(mem, TM_SWEPT_OBJECTS),
    heapLiveBytes: books.heapLive(),
    goalBytes: goalBytes(mem),
    triggerBytes: trigger === TRIGGER_NEVER ? Number.POSITIVE_INFINITY : trigger * 8,
    gcPercent: words[PACER_GC_PERCENT],
    memoryLimit: memoryLimit(mem),
    limiting: limiter.limiting(),
    lastLimitedCycle: limiter.lastEnabledCycle(),
  };
}

function pacerWords({ mf }: Mem): Float64Array<ArrayBufferLike> {
  return mf.subarray(GC_PACER >>> 1, (GC_PACER >>> 1) + PACER_WORDS);
}

/** The setting in bytes, Infinity for none: the pacer has a finite number, above all sizes, for that. */
export function memoryLimit(mem: Mem): number {
  const limit = pacerWords(mem)[PACER_MEMORY_LIMIT];
  return limit >= NO_LIMIT ? Number.POSITIVE_INFINITY : limit;
}

/** Live bytes by which the marking should be done; Infinity when nothing limits them. */
export function goalBytes(mem: Mem): number {
  const words = pacerWords(mem);
  const isUnlimited = words[PACER_GC_PERCENT] < 0 && memoryLimit(mem) === Number.POSITIVE_INFINITY;
  return isUnlimited ? Number.POSITIVE_INFINITY : new GCController(words, new Books(mem)).heapGoal();
}

function phaseOf({ m }: Mem): GCStats['phase'] {
  if (Atomics.load(m, H_WRITE_BARRIER) !== 0) return 'mark';
  return isAllSwept(m) || Atomics.load(m, GC_MARKED) === 0 ? 'off' : 'sweep';
}
