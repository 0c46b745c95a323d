/** `heap.memStats()`: Go's `runtime.MemStats` (mstats.go, Go 1.27). Of any thread or of none; stops nobody. */
import { nanotime } from '../base/clock.ts';
import { cpuTimes } from '../gc/books.ts';
import { GC_ENABLED, GC_FORCED, GC_MARKED, GC_PAUSE_TOTAL, GC_T_CREATED, GC_T_EPOCH } from '../layout/gc.ts';
import { H_CLASS_TABLE, H_PROCS, H_SIZE_CLASSES } from '../layout/header.ts';
import { STATS_PAUSE_CPU, STATS_PAUSE_END, STATS_PAUSE_NS, STATS_RING } from '../layout/stats.ts';
import type { Mem } from '../sys/mem.ts';
import { goalBytes } from './gc-stats.ts';
import { readSysMemory } from './sys-memory.ts';
import { readTally, type Tally } from './tally.ts';

/** One size class. */
export interface BySize {
  /** Bytes of a slot. */
  readonly Size: number;
  /** Slots handed out and freed; a tiny block counts as one. */
  readonly Mallocs: number;
  readonly Frees: number;
}

/**
 * Names, units and meanings are those of Go's `runtime.MemStats`: bytes where nothing else is said, sums since the heap was
 * made. What is of one moment: all fields up to `HeapObjects`, `StackInuse` and `BySize`; what it leaves out: the guide,
 * "Statistics".
 */
export interface MemStats {
  /** As HeapAlloc. */
  readonly Alloc: number;
  /** Bytes ever allocated; what was freed is still in it. */
  readonly TotalAlloc: number;
  /** All memory that the heap has: the sum of the fields below whose names end in Sys. */
  readonly Sys: number;
  /** Go has it still, and it is 0 there as well. */
  readonly Lookups: number;
  /** Objects ever allocated, and freed. An object of a tiny block counts as freed at once, its block when it is. */
  readonly Mallocs: number;
  readonly Frees: number;
  /** Bytes of slots that hold objects, dead ones included that no sweep has freed yet. */
  readonly HeapAlloc: number;
  /** Bytes of the reservation that the heap has begun to use: HeapInuse + HeapIdle. */
  readonly HeapSys: number;
  /** Bytes in pages of no span. */
  readonly HeapIdle: number;
  /** Bytes in spans that hold objects, or did and are kept. */
  readonly HeapInuse: number;
  /** The part of HeapIdle whose memory is not there: it was never touched. */
  readonly HeapReleased: number;
  /** Mallocs − Frees. */
  readonly HeapObjects: number;
  /** Bytes in pages of shadow stacks and handle tables. */
  readonly StackInuse: number;
  readonly StackSys: number;
  /** Bytes of span records. */
  readonly MSpanInuse: number;
  readonly MSpanSys: number;
  /** Bytes of threads' records, which are their mcaches. */
  readonly MCacheInuse: number;
  readonly MCacheSys: number;
  /** Bytes of the heap profile's buckets. */
  readonly BuckHashSys: number;
  /** Bytes that the collector and the page allocator have for themselves: bitmaps, maps, tables. */
  readonly GCSys: number;
  readonly OtherSys: number;
  /** HeapAlloc by which the next cycle should be done; Infinity when nothing limits it. */
  readonly NextGC: number;
  /** When the last cycle's mark ended, in nanoseconds since 1970; 0: none has. */
  readonly LastGC: number;
  /** Nanoseconds that the world was stopped by the collector. */
  readonly PauseTotalNs: number;
  /**
   * Rings of the last 256 cycles: nanoseconds that each stopped the world, and when that ended, since 1970. The latest
   * is at [(NumGC + 255) % 256].
   */
  readonly PauseNs: readonly number[];
  readonly PauseEnd: readonly number[];
  /** Cycles completed, and those that somebody asked for. */
  readonly NumGC: number;
  readonly NumForcedGC: number;
  /** Share of the threads' time since the heap was made that went into collecting, 0 … 1. */
  readonly GCCPUFraction: number;
  /** Whether cycles begin by themselves: false with `gc: 'off'`. */
  readonly EnableGC: boolean;
  /** Go has it, and does not use it. */
  readonly DebugGC: boolean;
  /** All size classes, by number. Large objects have none: class 0 is empty. */
  readonly BySize: readonly BySize[];
}

/** What a tally comes to, in objects and bytes. Tiny objects are not among the objects here. */
export interface Totals {
  readonly mallocs: number;
  readonly frees: number;
  readonly allocBytes: number;
  readonly freeBytes: number;
}

/** Bytes of a slot of each size class. */
export function classSizes({ m }: Mem): number[] {
  return Array.from({ length: m[H_SIZE_CLASSES] }, (_, c) => (c === 0 ? 0 : m[H_CLASS_TABLE + 2 * c]));
}

export function totalsOf(mem: Mem, tally: Tally): Totals {
  const sizes = classSizes(mem);
  const sum = (slots: Float64Array, weight: (c: number) => number): number =>
    slots.reduce((n, count, c) => n + count * weight(c), 0);
  return {
    mallocs: sum(tally.allocs, () => 1) + tally.largeAllocs,
    frees: sum(tally.frees, () => 1) + tally.largeFrees,
    allocBytes: sum(tally.allocs, (c) => sizes[c]!) + tally.largeAllocBytes,
    freeBytes: sum(tally.frees, (c) => sizes[c]!) + tally.largeFreeBytes,
  };
}

/** CPU nanoseconds of the collector; its stops count for all threads. */
export function gcCpuNs(mem: Mem): { mark: number; assist: number; pause: number; total: number } {
  const { mark, assist } = cpuTimes(mem);
  const pause = mem.mf[(mem.plan.stats + STATS_PAUSE_CPU) >>> 1];
  return { mark, assist, pause, total: mark + assist + pause };
}

function gcFields(mem: Mem) {
  const { m, mf, plan } = mem;
  const NumGC = Atomics.load(m, GC_MARKED);
  const ring = (words: number): number[] => {
    const from = (plan.stats + words) >>> 1;
    return Array.from(mf.subarray(from, from + STATS_RING));
  };
  const PauseEnd = ring(STATS_PAUSE_END).map((at) => (at === 0 ? 0 : mf[GC_T_EPOCH >>> 1] + at));
  const lifetime = Math.max(1, nanotime() - mf[GC_T_CREATED >>> 1]) * Math.max(1, Atomics.load(m, H_PROCS));
  return {
    NextGC: goalBytes(mem),
    LastGC: NumGC === 0 ? 0 : PauseEnd[(NumGC - 1) & (STATS_RING - 1)]!,
    PauseTotalNs: mf[GC_PAUSE_TOTAL >>> 1],
    PauseNs: ring(STATS_PAUSE_NS),
    PauseEnd,
    NumGC,
    NumForcedGC: m[GC_FORCED],
    GCCPUFraction: Math.min(1, gcCpuNs(mem).total / lifetime),
    EnableGC: m[GC_ENABLED] !== 0,
    DebugGC: false,
  };
}

export function readMemStats(mem: Mem): MemStats {
  const tally = readTally(mem);
  const { mallocs, frees, allocBytes, freeBytes } = totalsOf(mem, tally);
  const sys = readSysMemory(mem);
  const HeapAlloc = allocBytes - freeBytes;
  const HeapSys = tally.mapped - tally.inStacks;
  const sizes = classSizes(mem);
  return {
    Alloc: HeapAlloc,
    TotalAlloc: allocBytes,
    Sys: tally.mapped + sys.mspanSys + sys.mcacheSys + sys.buckets + sys.gc + sys.other,
    Lookups: 0,
    Mallocs: mallocs + tally.tinyAllocs,
    Frees: frees + tally.tinyAllocs,
    HeapAlloc,
    HeapSys,
    HeapIdle: HeapSys - tally.inHeap,
    HeapInuse: tally.inHeap,
    HeapReleased: tally.released,
    HeapObjects: mallocs - frees,
    StackInuse: tally.inStacks,
    StackSys: tally.inStacks,
    MSpanInuse: sys.mspanInuse,
    MSpanSys: sys.mspanSys,
    MCacheInuse: sys.mcacheInuse,
    MCacheSys: sys.mcacheSys,
    BuckHashSys: sys.buckets,
    GCSys: sys.gc,
    OtherSys: sys.other,
    ...gcFields(mem),
    BySize: sizes.map((Size, c) => ({ Size, Mallocs: tally.allocs[c]!, Frees: tally.frees[c]! })),
  };
}
