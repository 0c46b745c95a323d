/**
 * The books after a thread died: what it did not get to count is found by a walk of the spans, when all else is repaired.
 * The difference is counted in the dead thread's meters, as objects made or as objects freed, so no sum ever falls. World
 * stopped; O(spans).
 */
import { popcount32 } from '../base/bits.ts';
import type { ProcRef } from '../base/brand.ts';
import { PAGE_SIZE } from '../layout/constants.ts';
import { H_GROWN_PAGES, H_RELEASED_PAGES } from '../layout/header.ts';
import {
  MT_RETURNED,
  MT_TAKEN,
  PC_SCAV_HI,
  PC_SCAV_LO,
  PROC_PAGE_CACHE,
  TM_IN_HEAP,
  TM_IN_STACKS,
  TM_LARGE_ALLOC,
  TM_LARGE_ALLOCS,
  TM_LARGE_FREE,
  TM_LARGE_FREES,
  TM_MAPPED,
  TM_RELEASED,
} from '../layout/proc.ts';
import {
  SPAN_CLASS,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_FREEING,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
} from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import {
  beginStats,
  classMeter,
  count,
  endStats,
  slotsAllocated,
  slotsFreed,
  spanClassCount,
} from '../spans/heap-stats.ts';
import { countLive, eachSpan, spanBytes } from '../spans/mspan.ts';
import type { Mem } from '../sys/mem.ts';
import { attachedProcs, sumMeter, usedProcs } from './stop-the-world.ts';

/** What a walk of the spans finds: the truth that the books are to tell. */
export interface Walk {
  /** Live slots by span class; large objects in 0 and 1. */
  readonly live: Float64Array;
  readonly largeBytes: number;
  readonly inHeap: number;
  readonly inStacks: number;
}

/** World stopped. */
export function walkSpans(mem: Mem): Walk {
  const { m } = mem;
  const live = new Float64Array(spanClassCount(m));
  let largeBytes = 0;
  let inHeap = 0;
  let inStacks = 0;
  eachSpan(mem, m[H_GROWN_PAGES], (s) => {
    const state = m[s + SPAN_STATE];
    const bytes = spanBytes(m, s);
    if (state === SPAN_STATE_MANUAL) inStacks += bytes;
    // A living thread has it in hand, and waits for a lock that the dead one holds: it will count it down itself.
    if (state === SPAN_STATE_FREEING && m[s + SPAN_NELEMS] === 0) inStacks += bytes;
    else if (state === SPAN_STATE_FREEING) inHeap += bytes;
    if (state !== SPAN_STATE_IN_USE) return;
    const objects = countLive(m, s);
    inHeap += bytes;
    live[m[s + SPAN_CLASS]] += objects;
    if (isLargeClass(m[s + SPAN_CLASS])) largeBytes += objects * bytes;
  });
  return { live, largeBytes, inHeap, inStacks };
}

/** Bytes of known pages whose memory is not there, those in threads' page caches included. World stopped. */
export function releasedBytes(mem: Mem): number {
  const { m } = mem;
  const inCache = (p: ProcRef): number =>
    popcount32(m[p + PROC_PAGE_CACHE + PC_SCAV_LO]) + popcount32(m[p + PROC_PAGE_CACHE + PC_SCAV_HI]);
  return attachedProcs(mem).reduce((n, p) => n + inCache(p), m[H_RELEASED_PAGES]) * PAGE_SIZE;
}

/** Makes the sums of all threads' meters what the heap holds, by changing those of one record. */
export function recount(mem: Mem, dead: ProcRef): void {
  const { m, mf } = mem;
  const walk = walkSpans(mem);
  const procs = usedProcs(mem);
  beginStats(mem, dead);
  for (let spanClass = 2; spanClass < walk.live.length; spanClass++) {
    let missing = walk.live[spanClass]!;
    for (const p of procs) missing += slotsFreed(mem, p, spanClass) - slotsAllocated(mem, p, spanClass);
    const meter = missing > 0 ? MT_TAKEN : MT_RETURNED;
    mf[classMeter(dead, spanClass, meter)] += Math.abs(missing);
  }
  const set = (meter: number, value: number): void => count(mem, dead, meter, value - sumMeter(mem, meter));
  const made = (alloc: number, free: number, live: number): void => {
    const missing = live - sumMeter(mem, alloc) + sumMeter(mem, free);
    count(mem, dead, missing > 0 ? alloc : free, Math.abs(missing));
  };
  made(TM_LARGE_ALLOC, TM_LARGE_FREE, walk.largeBytes);
  made(TM_LARGE_ALLOCS, TM_LARGE_FREES, walk.live[0]! + walk.live[1]!);
  set(TM_IN_HEAP, walk.inHeap);
  set(TM_IN_STACKS, walk.inStacks);
  set(TM_MAPPED, m[H_GROWN_PAGES] * PAGE_SIZE);
  set(TM_RELEASED, releasedBytes(mem));
  endStats(mem, dead);
}
