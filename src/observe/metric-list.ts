/**
 * The metrics of `heap.metrics()`: Go's names, units and kinds (`runtime/metrics`, description.go and metrics.go, Go 1.27),
 * all that mean something for this heap. Left out are those of goroutines, scheduler, mutexes and cgo; of stacks and memory
 * of the OS; and of CPU time that threads spend elsewhere, which is not known here.
 */
import { GC_FORCED, GC_HEAP_SCAN, GC_LAST_MARKED, GC_MARKED, GC_PACER, GC_STACK_SCAN } from '../layout/gc.ts';
import { H_PROCS } from '../layout/header.ts';
import { LIMITER_LAST_ENABLED_CYCLE, PACER_GC_PERCENT } from '../layout/pacer.ts';
import { TM_CLEANUPS_CALLED, TM_CLEANUPS_QUEUED, TM_FINALIZERS_CALLED, TM_FINALIZERS_QUEUED } from '../layout/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { histogramAt, readHistogram, timeBuckets } from '../threads/pauses.ts';
import { sumMeter } from '../threads/stop-the-world.ts';
import { goalBytes, memoryLimit } from './gc-stats.ts';
import { classSizes, gcCpuNs, type Totals, totalsOf } from './mem-stats.ts';
import { readSysMemory, type SysMemory } from './sys-memory.ts';
import { readTally, type Tally } from './tally.ts';

/** Counts by bucket: `counts[i]` values were at least `buckets[i]` and below `buckets[i + 1]` (Go: Float64Histogram). */
export interface Float64Histogram {
  readonly counts: readonly number[];
  readonly buckets: readonly number[];
}

/** What a metric's value is: a number that is a count, any number, or a `Float64Histogram` (Go: `metrics.ValueKind`). */
export type MetricKind = 'uint64' | 'float64' | 'float64-histogram';

/** What all metrics of one call are made from, read once. */
export class Readings {
  readonly mem: Mem;
  readonly tally: Tally;
  readonly totals: Totals;
  readonly sys: SysMemory;

  constructor(mem: Mem) {
    this.mem = mem;
    this.tally = readTally(mem);
    this.totals = totalsOf(mem, this.tally);
    this.sys = readSysMemory(mem);
  }
}

export interface Metric {
  readonly name: string;
  readonly description: string;
  readonly kind: MetricKind;
  /** The value never falls. */
  readonly cumulative: boolean;
  readonly read: (r: Readings) => number | Float64Histogram;
}

type Read = (r: Readings) => number;

const sum = (name: string, description: string, read: Read): Metric => ({
  name,
  description,
  kind: 'uint64',
  cumulative: true,
  read,
});
const gauge = (name: string, description: string, read: Read): Metric => ({
  ...sum(name, description, read),
  cumulative: false,
});
const seconds = (name: string, description: string, read: Read): Metric => ({
  ...sum(name, description, (r) => read(r) / 1e9),
  kind: 'float64',
});
const histogram = (name: string, description: string, read: (r: Readings) => Float64Histogram): Metric => ({
  name,
  description,
  kind: 'float64-histogram',
  cumulative: true,
  read,
});

/** Size class c holds sizes above that of the class before, up to its own, as bounds from below; large objects are last. */
function bySize(r: Readings, slots: Float64Array, large: number): Float64Histogram {
  const above = classSizes(r.mem).map((size) => size + 1);
  return { counts: [...slots.subarray(1), large], buckets: [...above, Number.POSITIVE_INFINITY] };
}

function stops(r: Readings, of: 'stopping' | 'total', gc: boolean): Float64Histogram {
  return { counts: readHistogram(r.mem, histogramAt(of, gc)), buckets: timeBuckets() };
}

const pacer = ({ mem }: Readings, word: number): number => mem.mf[(GC_PACER >>> 1) + word];
const scannable = ({ mem }: Readings): number => Math.max(0, Atomics.load(mem.m, GC_HEAP_SCAN)) * 8;
const stackScan = ({ mem }: Readings): number => mem.m[GC_STACK_SCAN] * 8;
const cycles = ({ mem }: Readings): number => Atomics.load(mem.m, GC_MARKED);
const objectBytes = ({ totals }: Readings): number => totals.allocBytes - totals.freeBytes;
const totalBytes = ({ tally, sys }: Readings): number =>
  tally.mapped + sys.mspanSys + sys.mcacheSys + sys.buckets + sys.gc + sys.other;

const CPU: readonly Metric[] = [
  seconds(
    '/cpu/classes/gc/mark/assist:cpu-seconds',
    'CPU time of threads that marked because they allocated.',
    (r) => gcCpuNs(r.mem).assist,
  ),
  seconds(
    '/cpu/classes/gc/mark/dedicated:cpu-seconds',
    'CPU time of marking by the background worker, and on request.',
    (r) => gcCpuNs(r.mem).mark,
  ),
  seconds(
    '/cpu/classes/gc/pause:cpu-seconds',
    'Time that the collector stopped the world, times the threads attached.',
    (r) => gcCpuNs(r.mem).pause,
  ),
  seconds(
    '/cpu/classes/gc/total:cpu-seconds',
    'CPU time of the collector: all of /cpu/classes/gc.',
    (r) => gcCpuNs(r.mem).total,
  ),
];

const COLLECTOR: readonly Metric[] = [
  sum('/gc/cleanups/executed:cleanups', 'Functions given to heap.cleanup that were called.', (r) =>
    sumMeter(r.mem, TM_CLEANUPS_CALLED),
  ),
  sum(
    '/gc/cleanups/queued:cleanups',
    'Functions given to heap.cleanup whose object has died, and which were queued to be called.',
    (r) => sumMeter(r.mem, TM_CLEANUPS_QUEUED),
  ),
  sum(
    '/gc/cycles/automatic:gc-cycles',
    'Completed cycles that began by themselves.',
    (r) => cycles(r) - r.mem.m[GC_FORCED],
  ),
  sum('/gc/cycles/forced:gc-cycles', 'Completed cycles that the program asked for.', (r) => r.mem.m[GC_FORCED]),
  sum('/gc/cycles/total:gc-cycles', 'Completed cycles.', cycles),
  sum('/gc/finalizers/executed:finalizers', 'Functions given to heap.finalizer that were called.', (r) =>
    sumMeter(r.mem, TM_FINALIZERS_CALLED),
  ),
  sum('/gc/finalizers/queued:finalizers', 'Functions given to heap.finalizer that were queued to be called.', (r) =>
    sumMeter(r.mem, TM_FINALIZERS_QUEUED),
  ),
  gauge(
    '/gc/gogc:percent',
    'How much the heap may grow over what is alive (gcPercent); Infinity: not limited by this.',
    (r) => percent(r),
  ),
  gauge('/gc/gomemlimit:bytes', 'The memory limit; Infinity: none.', (r) => memoryLimit(r.mem)),
];
function percent(r: Readings): number {
  const value = pacer(r, PACER_GC_PERCENT);
  return value < 0 ? Number.POSITIVE_INFINITY : value;
}

const HEAP: readonly Metric[] = [
  histogram(
    '/gc/heap/allocs-by-size:bytes',
    'Allocations by size. Tiny objects are not in it, their blocks are.',
    (r) => bySize(r, r.tally.allocs, r.tally.largeAllocs),
  ),
  sum('/gc/heap/allocs:bytes', 'Bytes allocated.', (r) => r.totals.allocBytes),
  sum(
    '/gc/heap/allocs:objects',
    'Objects allocated. Tiny objects are not among them, their blocks are.',
    (r) => r.totals.mallocs,
  ),
  histogram(
    '/gc/heap/frees-by-size:bytes',
    'Freed allocations by size. Tiny objects are not in it, their blocks are.',
    (r) => bySize(r, r.tally.frees, r.tally.largeFrees),
  ),
  sum('/gc/heap/frees:bytes', 'Bytes freed, by the collector or by hand.', (r) => r.totals.freeBytes),
  sum(
    '/gc/heap/frees:objects',
    'Objects freed. Tiny objects are not among them, their blocks are.',
    (r) => r.totals.frees,
  ),
  gauge(
    '/gc/heap/goal:bytes',
    'Size of the heap by which the next cycle should be done; Infinity: nothing limits it.',
    (r) => goalBytes(r.mem),
  ),
  gauge('/gc/heap/live:bytes', 'What the last cycle found alive.', (r) => r.mem.mf[GC_LAST_MARKED >>> 1]),
  gauge(
    '/gc/heap/objects:objects',
    'Objects that take up memory, alive or not swept yet.',
    (r) => r.totals.mallocs - r.totals.frees,
  ),
  sum(
    '/gc/heap/tiny/allocs:objects',
    'Pointer-free objects below 16 bytes, which share blocks.',
    (r) => r.tally.tinyAllocs,
  ),
  gauge(
    '/gc/limiter/last-enabled:gc-cycle',
    'The last cycle in which the collector was held at half of the CPU; 0: none.',
    (r) => pacer(r, LIMITER_LAST_ENABLED_CYCLE),
  ),
  histogram('/gc/pauses:seconds', 'As /sched/pauses/total/gc:seconds.', (r) => stops(r, 'total', true)),
  gauge('/gc/scan/heap:bytes', 'Bytes of objects that the collector has to look into.', scannable),
  gauge('/gc/scan/stack:bytes', 'Bytes of shadow stacks and handle tables that the last cycle began with.', stackScan),
  gauge('/gc/scan/total:bytes', 'All of /gc/scan.', (r) => scannable(r) + stackScan(r)),
];

const MEMORY: readonly Metric[] = [
  gauge(
    '/memory/classes/heap/free:bytes',
    'Free pages whose memory is there.',
    ({ tally }) => tally.mapped - tally.inStacks - tally.inHeap - tally.released,
  ),
  gauge('/memory/classes/heap/objects:bytes', 'Slots that hold objects, alive or not swept yet.', objectBytes),
  gauge(
    '/memory/classes/heap/released:bytes',
    'Free pages whose memory is not there: nobody has touched it.',
    (r) => r.tally.released,
  ),
  gauge('/memory/classes/heap/stacks:bytes', 'Pages of shadow stacks and handle tables.', (r) => r.tally.inStacks),
  gauge(
    '/memory/classes/heap/unused:bytes',
    'Pages of spans that no object takes up.',
    (r) => r.tally.inHeap - objectBytes(r),
  ),
  gauge(
    '/memory/classes/metadata/mcache/free:bytes',
    'Records of threads that are gone.',
    ({ sys }) => sys.mcacheSys - sys.mcacheInuse,
  ),
  gauge('/memory/classes/metadata/mcache/inuse:bytes', 'Records of attached threads.', ({ sys }) => sys.mcacheInuse),
  gauge(
    '/memory/classes/metadata/mspan/free:bytes',
    'Span records that are free.',
    ({ sys }) => sys.mspanSys - sys.mspanInuse,
  ),
  gauge('/memory/classes/metadata/mspan/inuse:bytes', 'Span records in use.', ({ sys }) => sys.mspanInuse),
  gauge(
    '/memory/classes/metadata/other:bytes',
    'Bitmaps, page maps, summaries, side tables, work buffers.',
    ({ sys }) => sys.gc,
  ),
  gauge('/memory/classes/other:bytes', 'Header, mcentrals, types, roots, special records.', ({ sys }) => sys.other),
  gauge('/memory/classes/profiling/buckets:bytes', 'Buckets of the heap profile.', ({ sys }) => sys.buckets),
  gauge('/memory/classes/total:bytes', 'All of /memory/classes.', totalBytes),
];

const SCHED: readonly Metric[] = [
  histogram(
    '/sched/pauses/stopping/gc:seconds',
    'Time from a stop of the collector being asked for until all threads had stopped.',
    (r) => stops(r, 'stopping', true),
  ),
  histogram(
    '/sched/pauses/stopping/other:seconds',
    'The same of all other stops: to verify, to detach, to reap.',
    (r) => stops(r, 'stopping', false),
  ),
  histogram(
    '/sched/pauses/total/gc:seconds',
    'Time from a stop of the collector being asked for until the threads could go on.',
    (r) => stops(r, 'total', true),
  ),
  histogram('/sched/pauses/total/other:seconds', 'The same of all other stops.', (r) => stops(r, 'total', false)),
  gauge('/sched/threads/total:threads', 'Threads attached, the background worker included.', (r) =>
    Atomics.load(r.mem.m, H_PROCS),
  ),
];

/** Sorted by name. */
export const METRICS: readonly Metric[] = [...CPU, ...COLLECTOR, ...HEAP, ...MEMORY, ...SCHED];
