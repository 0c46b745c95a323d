/**
 * Which objects the heap profile samples (Go: `nextSample`, `fastexprand`, `profilealloc`): each with probability
 * 1 − exp(−size / rate), whatever was sampled before; so samples do not depend on the pattern of allocations.
 *
 * Go draws a gap in bytes and takes each object off it. Here every class has a gap of its own, in slots, MC_LEFT, and so
 * have the large objects, in bytes, PROC_NEXT_SAMPLE. That is the same: gaps are exponential, they have no memory, and
 * points strewn over each class at a rate are points strewn over all at that rate. What is handed out is taken off in two
 * places, neither of which costs the fast path a call:
 *
 *   window        when it is made: it ends before the slot that is to be sampled, which gets a window of its own. What is
 *                 left of a window when it is dropped is given back
 *   reuse stack   by the pop itself (malloc/fast.ts): the one that finds nothing left is sampled
 *
 * With sampling off the gap is OFF slots, and whoever finds it used up looks whether sampling is on by now.
 *
 * Who writes. All of it is the thread's own record and class. The rate is one word for all threads; each follows it when it
 * enters a region, comes to a slow path (as with each new span), or uses a gap up. A thread that dies takes its gaps with it.
 */
import type { Words } from '../base/brand.ts';
import { MC_LEFT, MC_SIZE, PROC_NEXT_SAMPLE } from '../layout/proc.ts';
import { H_PROFILE_RATE, MAX_PROFILE_RATE } from '../layout/profile.ts';
import { changeLeft, setLeft } from '../spans/heap-stats.ts';
import type { MCache } from './mcache.ts';

/** The usual mean gap between two samples (Go: `MemProfileRate` by default). */
export const MEM_PROFILE_RATE = 512 * 1024;
/** Slots between two looks at the rate while it is 0. */
const OFF = 1 << 20;
/** Most slots of a gap: what a window gives back must fit on top. */
const MOST = 0x7fffff00;

/** Bytes to the next sample: exponential, with the rate as mean; 0 at rate 1, where every object is sampled. */
function drawGap(cache: MCache): number {
  if (cache.sampleRate === 1) return 0;
  return -Math.log(1 - cache.random()) * cache.sampleRate;
}

/** Slots of `size` bytes that come before the next one to be sampled. */
function drawLeft(cache: MCache, size: number): number {
  if (cache.sampleRate === 0) return OFF;
  return Math.min(MOST, Math.max(0, Math.ceil(drawGap(cache) / size) - 1));
}

function drawLarge(cache: MCache): void {
  cache.heap.t.mem.mf[(cache.ref + PROC_NEXT_SAMPLE) >>> 1] = drawGap(cache);
}

/** Counts a large object of so many bytes; true when it is to be sampled. */
export function sampleLarge(cache: MCache, bytes: number): boolean {
  if (cache.sampleRate === 0) return false;
  const { mf } = cache.heap.t.mem;
  const next = (cache.ref + PROC_NEXT_SAMPLE) >>> 1;
  mf[next] -= bytes;
  if (mf[next] > 0) return false;
  drawLarge(cache);
  return true;
}

/** A pop from the reuse stack has used the gap of this class up; true when its object is to be sampled. */
export function samplePop(cache: MCache, c: number): boolean {
  const { m } = cache.heap.t.mem;
  setLeft(cache.heap.t.mem, cache.ref, c, drawLeft(cache, m[c + MC_SIZE]));
  return cache.sampleRate !== 0;
}

/** Of more free slots than are left those before the next sample, or just the one that is to be sampled. */
export function untilSample(cache: MCache, c: number, free: number): number {
  const { m } = cache.heap.t.mem;
  const left = m[c + MC_LEFT];
  if (left === 0) {
    cache.sampleDue = cache.sampleRate !== 0;
    setLeft(cache.heap.t.mem, cache.ref, c, drawLeft(cache, m[c + MC_SIZE]), 1);
    return free & -free;
  }
  m[c + MC_LEFT] = 0;
  let rest = free;
  for (let i = 0; i < left; i++) rest &= rest - 1;
  return free ^ rest;
}

/** So many slots of a window were not handed out. */
export function giveBackSlots(m: Words, c: number, count: number): void {
  m[c + MC_LEFT] = m[c + MC_LEFT] + count;
}

/**
 * What this thread goes by: the rate of its own hook (`heap.setHooks`), or the heap's; that is thinned, if it is not a
 * low one.
 */
function rateOf(cache: MCache): number {
  if (cache.hookRate !== undefined) return cache.hookRate;
  const rate = cache.heap.t.mem.m[H_PROFILE_RATE];
  return rate < MEM_PROFILE_RATE ? rate : Math.min(MAX_PROFILE_RATE, rate * cache.thinning);
}

/**
 * Follows a rate that has changed: windows and reuse stacks go back to the spans, so that the next object is counted by
 * the new one already. In a region, between two calls of the allocator or inside of one that holds no slot.
 */
export function followRate(cache: MCache): void {
  const rate = rateOf(cache);
  if (rate === cache.sampleRate) return;
  cache.sampleRate = rate;
  cache.sampleDue = false;
  const { m } = cache.heap.t.mem;
  for (let spanClass = 2; spanClass < cache.heap.spanClasses; spanClass++) {
    const c = cache.classRef(spanClass);
    cache.flushClass(c, true);
    setLeft(cache.heap.t.mem, cache.ref, c, drawLeft(cache, m[c + MC_SIZE]));
  }
  drawLarge(cache);
}

/** For a record that is new: no window, nothing drawn yet. Between `beginStats` and `endStats`. */
export function initSampling(cache: MCache): void {
  const { mem } = cache.heap.t;
  cache.sampleRate = rateOf(cache);
  for (let spanClass = 2; spanClass < cache.heap.spanClasses; spanClass++) {
    const c = cache.classRef(spanClass);
    changeLeft(mem, c, drawLeft(cache, mem.m[c + MC_SIZE]), 0);
  }
  drawLarge(cache);
}
