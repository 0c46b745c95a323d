/**
 * How long the world was stopped: histograms in shared memory with the buckets of Go's `timeHistogram` (histogram.go).
 * Written with the world lock held; read by anybody, who may see a stop in one histogram and not yet in another.
 */
import { H_PROCS } from '../layout/header.ts';
import {
  STATS_PAUSE_CPU,
  STATS_STOPPING,
  STATS_TOTAL,
  TH_GC,
  TH_OTHER,
  TIME_BUCKETS,
  TIME_HISTOGRAM,
} from '../layout/stats.ts';
import type { Mem } from '../sys/mem.ts';

/**
 * Durations up to 2^MIN_BITS − 1 ns share the first four buckets; each bit above, four of its own; from 2^47 ns on: too
 * long.
 */
const MIN_BITS = 8;
const SUB_BITS = 2;
const SUB_BUCKETS = 1 << SUB_BITS;

/** Which bucket a duration of `ns` nanoseconds is in; TIME_BUCKETS: it is too long for all. */
export function timeBucket(ns: number): number {
  const bits = ns < 1 ? 0 : Math.floor(Math.log2(ns)) + 1;
  const group = Math.max(0, bits - MIN_BITS);
  const shift = Math.max(bits, MIN_BITS + 1) - 1 - SUB_BITS;
  const bucket = group * SUB_BUCKETS + (Math.floor(ns / 2 ** shift) % SUB_BUCKETS);
  return Math.min(bucket, TIME_BUCKETS);
}

/** Lower bounds of the buckets in seconds, and the upper bound of the last; −Infinity and Infinity around them. */
export function timeBuckets(): number[] {
  const bounds = [Number.NEGATIVE_INFINITY];
  for (let group = 0; group < TIME_BUCKETS / SUB_BUCKETS; group++) {
    const bit = group === 0 ? MIN_BITS : MIN_BITS + group - 1;
    const base = group === 0 ? 0 : 2 ** bit;
    for (let i = 0; i < SUB_BUCKETS; i++) bounds.push((base + i * 2 ** (bit - SUB_BITS)) / 1e9);
  }
  return [...bounds, 2 ** (MIN_BITS + TIME_BUCKETS / SUB_BUCKETS - 1) / 1e9, Number.POSITIVE_INFINITY];
}

function add(mem: Mem, histogram: number, ns: number): void {
  mem.mf[((mem.plan.stats + histogram) >>> 1) + 1 + (ns < 0 ? -1 : timeBucket(ns))]++;
}

/** First word of one of the four histograms in its region. */
export function histogramAt(of: 'stopping' | 'total', gc: boolean): number {
  return (of === 'total' ? STATS_TOTAL : STATS_STOPPING) + (gc ? TH_GC : TH_OTHER) * 2 * TIME_HISTOGRAM;
}

/** Counts of a histogram: too short, the buckets, too long. */
export function readHistogram(mem: Mem, histogram: number): number[] {
  const from = (mem.plan.stats + histogram) >>> 1;
  return Array.from(mem.mf.subarray(from, from + TIME_HISTOGRAM));
}

/** The world was stopped: `stoppingNs` until all had stopped, `totalNs` until they could go on. World lock. */
export function recordStop(mem: Mem, gc: boolean, stoppingNs: number, totalNs: number): void {
  add(mem, histogramAt('stopping', gc), stoppingNs);
  add(mem, histogramAt('total', gc), totalNs);
  if (gc) mem.mf[(mem.plan.stats + STATS_PAUSE_CPU) >>> 1] += totalNs * mem.m[H_PROCS];
}
