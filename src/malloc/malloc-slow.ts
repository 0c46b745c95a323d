/**
 * What `mallocgc` does when the fast path has no answer. See malloc.ts for the overview.
 */
import { popcount32 } from '../base/bits.ts';
import { type Addr, NIL, type SpanClass, type SpanRef } from '../base/brand.ts';
import { describe } from '../base/describe.ts';
import { AllocationSizeError, OutOfMemoryError } from '../base/errors.ts';
import { makeRoom } from '../cache/empty-spans.ts';
import type { MCache } from '../cache/mcache.ts';
import { drainDeferred } from '../cache/owner-free.ts';
import { followRate, sampleLarge, samplePop } from '../cache/sampling.ts';
import { centralLock, centralPush } from '../central/mcentral.ts';
import { reclaimPages } from '../central/reclaim.ts';
import { MAX_ALLOC, PAGE_SIZE } from '../layout/constants.ts';
import { GC_BYTES_MARKED } from '../layout/gc.ts';
import { H_PAGES_IN_USE, H_WRITE_BARRIER } from '../layout/header.ts';
import { MC_SIZE, MC_WIN, PROC_ALLOCATING, PROC_ASSIST, TM_LARGE_ALLOC } from '../layout/proc.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_BASE,
  SPAN_COUNTED,
  SPAN_ELEMSIZE,
  SPAN_FREEINDEX,
  SPAN_GCMARK_BITS,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NEEDZERO,
  SPAN_OWNER,
} from '../layout/span.ts';
import { countLarge } from '../spans/heap-stats.ts';
import { addLive, setPageMark } from '../spans/mspan.ts';
import { zeroLarge } from '../spans/zero.ts';
import type { Proc } from '../sync/proc.ts';
import { manyHandles } from '../threads/handle-count.ts';
import { reclaimCaches } from '../threads/reclaim.ts';
import type { Malloc } from './malloc.ts';
import type { RType } from './rtype.ts';

/**
 * `mallocgc` outside a region, with hooks that must see each object, or while a trace is under way. A trace that begins in
 * the middle of the call is seen further down, by whoever takes the slot or the pages: at that point, and not here, it is
 * known whether the object was made before it began or after.
 */
export function guardedMalloc(a: Malloc, size: number, type: RType | null, needzero: boolean): Addr {
  const { t } = a;
  t.enter();
  try {
    if (t.trace.number !== 0) t.trace.awaitRoom();
    const trace = t.trace.number;
    const scan = type !== null && type.ptrBytes !== 0;
    const addr = scan ? a.allocScan(size, type.number, needzero) : a.allocNoscan(size, needzero);
    if (addr === a.zerobase) return addr;
    if (trace !== 0 && t.trace.number === trace) t.trace.alloc(addr, size, scan ? type.number : 0, needzero);
    if (a.hooks.onAlloc !== undefined) a.hooks.onAlloc(addr, size, scan ? type.number : 0);
    return addr;
  } finally {
    t.leave();
  }
}

/** A size that is not a 32-bit integer, or is beyond the reservation. */
export function throwSize(a: Malloc, size: number): never {
  if (size === MAX_ALLOC) throw noMemory(a, size);
  throw new AllocationSizeError(
    'ERR_ALLOCATION_SIZE',
    `runtime: allocation size out of range (${describe(size)} bytes)`,
  );
}

/** The error, with what is in use now. */
function noMemory(a: Malloc, size: number): OutOfMemoryError {
  const { m, plan } = a.t.mem;
  const inUse = Atomics.load(m, H_PAGES_IN_USE) * PAGE_SIZE;
  return new OutOfMemoryError(size, inUse, plan.pages * PAGE_SIZE, longestFree(a) * PAGE_SIZE, manyHandles(a.t));
}

/** Pages of the longest run that is in no span. */
function longestFree(a: Malloc): number {
  const { m, plan } = a.t.mem;
  let longest = 0;
  // Page 0 is nobody's.
  for (let page = 1, run = 0; page < plan.pages; page++) {
    run = m[plan.spans + page] === NIL ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return longest;
}

/** Go: `nextFree`. The window and the reuse stack of the class are empty. `type` 0: a noscan class. */
export function smallSlow(a: Malloc, c: number, type: number, needzero: boolean): Addr {
  const { cache, t } = a;
  const { m } = t.mem;
  const trace = t.trace.number;
  t.pause('malloc.nextFree');
  t.poll();
  followRate(cache);
  if (hasNone(cache, c)) a.collector.beforeSpan(0);
  drainDeferred(cache);
  const spanClass = cache.classOf(c);
  const size = m[c + MC_SIZE];
  if (hasNone(cache, c)) {
    // Whoever makes memory free may have put slots on the stack; and the program's code that ran meanwhile, have made a window.
    if (!cache.refill(spanClass)) outOfMemory(a, size, () => !hasNone(cache, c) || cache.refill(spanClass));
    if (a.hooks.onRefill !== undefined) a.hooks.onRefill(spanClass, popcount32(m[c + MC_WIN]) * size);
  }
  const sample = cache.sampleDue;
  cache.sampleDue = false;
  const addr = type === 0 ? a.small(c, needzero) : a.smallScan(c, type, needzero);
  if (t.trace.number !== trace) traceNew(t, addr, size, type, needzero);
  if (sample) {
    sampled(a, addr, size);
    followRate(cache);
  }
  return addr;
}

/** Neither the window nor the reuse stack of the class has a slot. */
function hasNone(cache: MCache, c: number): boolean {
  return cache.heap.t.mem.m[c + MC_WIN] === 0 && cache.isStackEmpty(c);
}

/** An object has come from the reuse stack, and used up the gap before the next profile sample. */
export function popDue(a: Malloc, c: number, addr: Addr): Addr {
  const { cache } = a;
  if (samplePop(cache, c)) sampled(a, addr, cache.heap.t.mem.m[c + MC_SIZE]);
  followRate(cache);
  return addr;
}

/** The object is live, has its type, and nobody knows it yet. `size`: bytes of its slot. */
function sampled(a: Malloc, addr: Addr, size: number): void {
  if (a.hooks.onSample !== undefined) a.hooks.onSample(addr, size);
  else a.onSample(addr, size);
}

/** An object of a call during which a trace has begun, or has ended; what was asked for is not known here. */
function traceNew(t: Proc, addr: Addr, size: number, type: number, needzero: boolean): void {
  if (t.trace.number !== 0) t.trace.alloc(addr, size, type, needzero);
}

/** Tries to find memory: garbage first, then what the threads' caches hold. Or throws. */
function outOfMemory(a: Malloc, bytes: number, attempt: () => boolean): void {
  a.t.pause('malloc.outOfMemory');
  while (a.hooks.onOutOfMemory?.(bytes) === true) if (attempt()) return;
  let error: OutOfMemoryError | undefined;
  let calls = 0;
  const failed = (): void => {
    if (!a.collector.mayFindMore(++calls)) error = noMemory(a, bytes);
  };
  do {
    if (a.collector.onOutOfMemory() && attempt()) return;
    if (reclaimCaches(a.cache.heap, attempt, failed)) return;
  } while (error === undefined);
  throw error;
}

/** Whole pages for one object above 32 KiB (Go: `mallocgcLarge`, `allocLarge`). */
export function mallocLarge(a: Malloc, size: number, type: number, needzero: boolean): Addr {
  const { cache, t } = a;
  const { m, plan } = t.mem;
  const { heap } = cache;
  const trace = t.trace.number;
  t.poll();
  followRate(cache);
  const npages = Math.ceil(size / PAGE_SIZE);
  a.collector.beforeSpan(npages * PAGE_SIZE);
  drainDeferred(cache);
  const spanClass = (type === 0 ? 1 : 0) as SpanClass;
  if (a.hooks.onLargeAlloc !== undefined) a.hooks.onLargeAlloc(size);
  reclaimPages(heap, npages);
  makeRoom(cache, npages);
  let s = NIL as SpanRef;
  const take = (): boolean => {
    if (npages < plan.pages) s = heap.alloc(npages, spanClass);
    // In this thread's hand until it is on its list: see threads/repair.ts.
    if (s !== NIL) m[s + SPAN_OWNER] = t.id;
    return s !== NIL;
  };
  if (!take()) outOfMemory(a, size, take);
  t.pause('large.alloc');
  const addr = (m[s + SPAN_BASE] >>> 0) as Addr;
  const dirty = m[s + SPAN_NEEDZERO] !== 0;
  const bit = m[s + SPAN_ALLOC_BITS];
  m[s + SPAN_LARGE_SIZE] = size;
  m[s + SPAN_FREEINDEX] = 1;
  m[s + SPAN_ALLOC_COUNT] = 1;
  m[bit >>> 5] |= 1 << bit;
  m[s + SPAN_COUNTED] = 1;
  addLive(m, s, 1);
  if (t.trace.number !== trace) traceNew(t, addr, size, type, needzero);
  if (m[H_WRITE_BARRIER] !== 0) blackenLarge(a, s);
  countLarge(t.mem, t.ref, npages * PAGE_SIZE, TM_LARGE_ALLOC);
  const lock = centralLock(t.mem, spanClass);
  t.lock(lock);
  m[s + SPAN_OWNER] = 0;
  centralPush(t.mem, s);
  t.pause('mcentral.push');
  t.unlock(lock);
  // Without locks, and with safepoints, at which only this word keeps it alive. Scan memory gets its type when no old
  // pointers are left in it: until then it holds none that the collector looks at.
  m[cache.ref + PROC_ALLOCATING] = addr;
  if (dirty && (needzero !== false || type !== 0)) zeroLarge(t, addr, npages * PAGE_SIZE);
  Atomics.store(m, s + SPAN_LARGE_TYPE, type);
  m[cache.ref + PROC_ALLOCATING] = 0;
  if (sampleLarge(cache, npages * PAGE_SIZE)) sampled(a, addr, npages * PAGE_SIZE);
  return addr;
}

/** Marked before it is an object that anybody knows. */
function blackenLarge(a: Malloc, s: SpanRef): void {
  const { mem } = a.t;
  const { m } = mem;
  const bit = m[s + SPAN_GCMARK_BITS];
  Atomics.or(m, bit >>> 5, 1 << bit);
  Atomics.add(m, GC_BYTES_MARKED, m[s + SPAN_ELEMSIZE] >>> 3);
  mem.mf[(a.cache.ref + PROC_ASSIST) >>> 1] -= m[s + SPAN_ELEMSIZE] >>> 0;
  setPageMark(mem, s);
}
