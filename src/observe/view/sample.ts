/** Numbers of the heap that can be read at once, as a view tells them: O(threads). */
import type { ProcRef } from '../../base/brand.ts';
import { nanotime } from '../../base/clock.ts';
import { isAllSwept } from '../../central/sweep.ts';
import { NO_LIMIT } from '../../gc/pacing/goals.ts';
import { lastCycles, lastPauses } from '../../gc/stats.ts';
import { PAGE_SIZE } from '../../layout/constants.ts';
import {
  GC_BYTES_MARKED,
  GC_ENABLED,
  GC_FORCED,
  GC_HEAP_LIVE,
  GC_HEAP_SCAN,
  GC_IDLE,
  GC_LAST_MARKED,
  GC_MARKED,
  GC_PACER,
  GC_PAGES_SWEPT,
  GC_PAUSE_TOTAL,
  GC_PAUSED,
  GC_PAUSES,
  GC_ROOT_JOBS,
  GC_ROOT_NEXT,
  GC_SCAN_WORK,
  GC_STARTED,
  GC_SWEEP_CLASS,
  GC_T_CREATED,
  GC_TRIGGER,
  GC_WORK_COUNT,
  GC_WORKER,
  GC_WORKING,
  TRIGGER_NEVER,
} from '../../layout/gc.ts';
import {
  H_PAGES_IN_USE,
  H_PEAK_PAGES,
  H_PROCS,
  H_RELEASED_PAGES,
  H_STOP,
  H_SWEEPGEN,
  H_TYPES,
  H_WRITE_BARRIER,
} from '../../layout/header.ts';
import {
  LIMITER_ENABLED,
  LIMITER_LAST_ENABLED_CYCLE,
  PACER_GC_PERCENT,
  PACER_HEAP_GOAL,
  PACER_MEMORY_LIMIT,
} from '../../layout/pacer.ts';
import {
  PROC_METERS,
  TM_ASSIST_NS,
  TM_LARGE_ALLOC,
  TM_LARGE_ALLOCS,
  TM_LARGE_FREE,
  TM_LARGE_FREES,
  TM_MARK_NS,
  TM_REFILLS,
  TM_REMOTE_FREES,
  TM_SEQ,
  TM_SWEEP_NS,
  TM_SWEPT_BYTES,
  TM_SWEPT_OBJECTS,
} from '../../layout/proc.ts';
import { sizeClassOf } from '../../layout/span-class.ts';
import type { HeapReader } from '../../spans/heap-reader.ts';
import { slotsAllocated, slotsFreed, slotsReused } from '../../spans/heap-stats.ts';
import { LOCK_OWNER } from '../../sync/proc.ts';
import type { Mem } from '../../sys/mem.ts';
import { sumMeter, usedProcs } from '../../threads/stop-the-world.ts';
import { metadataBytes } from '../sys-memory.ts';
import type { ViewGC, ViewSample } from '../view-types.ts';
import { knownPages } from './records.ts';

/** Counted in units of 8 bytes. */
function bytesAt({ m }: Mem, word: number): number {
  return Math.max(0, m[word]) * 8;
}

/** A number of bytes that is above all sizes when there is none. */
function orNone(bytes: number): number | null {
  return bytes < NO_LIMIT ? bytes : null;
}

function phaseOf({ m }: Mem): ViewSample['phase'] {
  if (m[H_WRITE_BARRIER] !== 0) return 'mark';
  return isAllSwept(m) || m[GC_MARKED] === 0 ? 'off' : 'sweep';
}

/** Milliseconds since the heap was made. */
export function ageOf({ mf }: Mem): number {
  return (nanotime() - mf[GC_T_CREATED >>> 1]) / 1e6;
}

/** Looks at a thread that is just changing meters that belong together; it may have been killed there. */
const TRIES = 100;

/**
 * Bytes of objects ever allocated and freed, by the threads' meters as they are just now; the sums never fall. Writes
 * nothing, so, other than a tally, it gets no copies from the threads, and of one that runs it may be a window of slots
 * behind.
 */
export class Turnover {
  allocated = 0;
  freed = 0;

  update({ t: { mem }, classes, spanClasses }: HeapReader): void {
    let freed = sumMeter(mem, TM_LARGE_FREE);
    let allocated = sumMeter(mem, TM_LARGE_ALLOC);
    for (const p of usedProcs(mem)) {
      for (let spanClass = 2; spanClass < spanClasses; spanClass++) {
        const slots = turnoverOf(mem, p, spanClass);
        freed += slots.freed * classes.size[sizeClassOf(spanClass)]!;
        allocated += slots.allocated * classes.size[sizeClassOf(spanClass)]!;
      }
    }
    this.allocated = Math.max(this.allocated, allocated);
    this.freed = Math.max(this.freed, freed);
  }
}

/** What a thread has allocated and freed of a class. When a sample is taken, two words change that only agree afterwards. */
function turnoverOf(mem: Mem, p: ProcRef, spanClass: number): { allocated: number; freed: number } {
  const { m } = mem;
  const word = p + PROC_METERS + TM_SEQ;
  for (let tries = TRIES; ; tries--) {
    const seq = Atomics.load(m, word);
    const reused = slotsReused(mem, p, spanClass);
    const freed = slotsFreed(mem, p, spanClass) + reused;
    const allocated = slotsAllocated(mem, p, spanClass) + reused;
    if (tries === 0 || ((seq & 1) === 0 && Atomics.load(m, word) === seq)) return { allocated, freed };
  }
}

export function viewSample(heap: HeapReader, turnover: Turnover): ViewSample {
  const { mem } = heap.t;
  const { m, mf } = mem;
  const double = (word: number): number => mf[word >>> 1];
  const pacer = (index: number): number => mf[(GC_PACER >>> 1) + index];
  const sum = (meter: number): number => sumMeter(mem, meter);
  const trigger = m[GC_TRIGGER];
  turnover.update(heap);
  const liveBytes = bytesAt(mem, GC_HEAP_LIVE);
  const isUnlimited = pacer(PACER_GC_PERCENT) < 0 && orNone(pacer(PACER_MEMORY_LIMIT)) === null;
  return {
    at: ageOf(mem),
    phase: phaseOf(mem),
    cyclesStarted: m[GC_STARTED],
    cycles: m[GC_MARKED],
    liveBytes,
    scanBytes: bytesAt(mem, GC_HEAP_SCAN),
    goalBytes: isUnlimited ? null : orNone(pacer(PACER_HEAP_GOAL)),
    triggerBytes: trigger === TRIGGER_NEVER ? null : trigger * 8,
    limitBytes: orNone(pacer(PACER_MEMORY_LIMIT)),
    markedBytes: double(GC_LAST_MARKED),
    markedNowBytes: bytesAt(mem, GC_BYTES_MARKED),
    scanWorkBytes: bytesAt(mem, GC_SCAN_WORK),
    inUseBytes: m[H_PAGES_IN_USE] * PAGE_SIZE,
    sysBytes: knownPages(mem) * PAGE_SIZE,
    releasedBytes: m[H_RELEASED_PAGES] * PAGE_SIZE,
    peakBytes: m[H_PEAK_PAGES] * PAGE_SIZE,
    metadataBytes: metadataBytes(mem),
    allocatedBytes: turnover.allocated,
    freedBytes: turnover.freed,
    threads: m[H_PROCS],
    pauses: double(GC_PAUSES),
    pauseTotalNs: double(GC_PAUSE_TOTAL),
    markNs: sum(TM_MARK_NS),
    assistNs: sum(TM_ASSIST_NS),
    sweepNs: sum(TM_SWEEP_NS),
    limiting: pacer(LIMITER_ENABLED) !== 0,
    stopping: m[H_STOP] & LOCK_OWNER,
    types: m[H_TYPES],
    refills: sum(TM_REFILLS),
    largeAllocs: sum(TM_LARGE_ALLOCS),
    largeFrees: sum(TM_LARGE_FREES),
    remoteFrees: sum(TM_REMOTE_FREES),
  };
}

export function viewGC({ t: { mem } }: HeapReader): ViewGC {
  const { m, mf } = mem;
  const pacer = (index: number): number => mf[(GC_PACER >>> 1) + index];
  const sum = (meter: number): number => sumMeter(mem, meter);
  return {
    enabled: m[GC_ENABLED] !== 0 && m[GC_PAUSED] === 0,
    phase: phaseOf(mem),
    background: m[GC_WORKER] > 0,
    gcPercent: pacer(PACER_GC_PERCENT),
    memoryLimit: orNone(pacer(PACER_MEMORY_LIMIT)),
    forcedCycles: m[GC_FORCED],
    freedBytes: sum(TM_SWEPT_BYTES),
    freedObjects: sum(TM_SWEPT_OBJECTS),
    limiting: pacer(LIMITER_ENABLED) !== 0,
    lastLimitedCycle: pacer(LIMITER_LAST_ENABLED_CYCLE),
    cycles: lastCycles(mem),
    pausesNs: lastPauses(mem),
    working: m[GC_WORKING],
    idle: m[GC_IDLE],
    workBuffers: m[GC_WORK_COUNT],
    rootJobs: m[GC_ROOT_JOBS],
    rootJobsDone: Math.min(m[GC_ROOT_NEXT], m[GC_ROOT_JOBS]),
    pagesSwept: m[GC_PAGES_SWEPT],
    sweepClass: m[GC_SWEEP_CLASS],
    sweepgen: m[H_SWEEPGEN],
  };
}
