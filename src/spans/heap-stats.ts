/**
 * The books of the heap (Go: `consistentHeapStats`, mstats.go): how each thread counts, so that anybody can add up all
 * threads' counts as they were at one moment, without stopping the world, and no thread ever waits for a reader.
 *
 * Each thread counts in meters of its own (layout/proc.ts, METERS), with plain stores:
 *
 *   slots handed out   = TAKEN − slots left in the window             + those from the reuse stack
 *   slots freed        = RETURNED + DIRECT + slots on the reuse stack + those from the reuse stack
 *   those from the reuse stack = DRAWN − MC_LEFT − TAKEN
 *
 * TAKEN changes when a window is made, RETURNED when a stack is flushed; DIRECT counts what `free` puts straight back. The
 * last line is from the gaps between profile samples (cache/sampling.ts): whatever is handed out is taken off MC_LEFT, by
 * the window or at the pop, and DRAWN is all that it was ever raised by. So the fast paths count nothing for this alone but
 * DIRECT, and yet each object is in the books at once.
 *
 * Go has its counts three times over and moves what writers write to on by one for each reader, who then has a
 * quiet copy. Here the writer makes the copy, since nothing in this memory may depend on a reader: one may be killed, or be
 * no thread of the heap at all.
 *
 *   reader   raises H_STATS_EPOCH to e. Of each thread it takes the copy if its TAG says that it was made for e or later (and
 *            PREV < e: not for a later one only); else the meters themselves, and then looks whether TAG and SEQ are
 *            still what they were. If not, it looks again: there is a copy now, or will be in a moment.
 *   writer   at a checkpoint loads H_STATS_EPOCH; if it is not TAG, the meters are copied and TAG stored, before anything
 *            else is counted. What belongs together (`beginStats` … `endStats`) is between two values of SEQ, and begins with
 *            a checkpoint. No lock is taken and nothing is waited for in there.
 *            SEQ needs no more than its order. On x86 others may see it change after the epoch was loaded, but never after
 *            the meters: who has read one of those finds SEQ changed when he looks again.
 *
 * Why the sum is of one moment. It must not know the free of an object without its allocation, nor the end of a span
 * without its beginning. The two are counted by one thread, in this order, or the object has come from one thread to
 * another: with its span, off a list of mcentral, or to a sweeper, or as pages. Whoever takes something comes to a
 * checkpoint after he has it and before he counts anything of it. If he found the epoch still below e there, then the
 * allocation was counted before the reader began, so it is in the sum. If he found e, his copy was made before the free was
 * counted, so the free is not.
 *
 * A thread that dies in the middle leaves SEQ or the lowest bit of TAG odd: readers wait for a bounded time and then take
 * what is there. `repairStats` makes both even, and what the dead thread did not get to count is found by a walk of the
 * heap, in threads/repair-stats.ts. All others are at safepoints then, and a coordinator that empties a stopped
 * thread's caches counts in that thread's meters, in its place.
 */
import { popcount32 } from '../base/bits.ts';
import type { ProcRef, Words } from '../base/brand.ts';
import { H_SIZE_CLASSES, H_STATS_EPOCH } from '../layout/header.ts';
import {
  CUT_METERS,
  MC_DIRECT,
  MC_LEFT,
  MC_METERS,
  MC_SHIFT,
  MC_TOP,
  MC_WIN,
  MT_CUT_ALLOCS,
  MT_CUT_FREES,
  MT_DRAWN,
  MT_RETURNED,
  MT_SHIFT,
  MT_TAKEN,
  PROC_CLASSES,
  PROC_METERS,
  TM_CUT,
  TM_MAPPED,
  TM_PREV,
  TM_SEQ,
  TM_TAG,
} from '../layout/proc.ts';
import { fence, loadAcquire, storeRelease } from '../sync/fence.ts';
import type { Mem } from '../sys/mem.ts';
import { stackEnd, stackStart } from './reuse-stack.ts';

/** Lowest bit of TAG: the copies are being made. */
export const CUTTING = 1;

/** Place in `mem.mf` of one of a span class's meters, MT_…, of the thread with this record. */
export function classMeter(p: ProcRef, spanClass: number, meter: number): number {
  return (p + PROC_METERS + (spanClass << MT_SHIFT) + meter) >>> 1;
}

/** Place in `mem.mf` of one of the thread's other meters, TM_…. */
export function threadMeter(p: ProcRef, meter: number): number {
  return (p + PROC_METERS + meter) >>> 1;
}

/** Span classes of this heap, those of tiny blocks included. */
export function spanClassCount(m: Words): number {
  return m[H_SIZE_CLASSES] * 2 + 2;
}

/** Slots on the reuse stack of a class; 0 for a record that is being made ready. While it is moved: 0, or those before. */
function stacked(m: Words, p: ProcRef, spanClass: number): number {
  const c = p + PROC_CLASSES + (spanClass << MC_SHIFT);
  const top = m[c + MC_TOP];
  return top <= stackEnd(m, p, spanClass) ? Math.max(0, top - stackStart(m, p, spanClass)) >> 1 : 0;
}

/** Slots that this thread has handed out from its reuse stack: part of both sums below, and the same in both. */
export function slotsReused(mem: Mem, p: ProcRef, spanClass: number): number {
  const left = mem.m[p + PROC_CLASSES + (spanClass << MC_SHIFT) + MC_LEFT];
  // Before TAKEN: who makes a window changes it first.
  return mem.mf[classMeter(p, spanClass, MT_DRAWN)] - left - mem.mf[classMeter(p, spanClass, MT_TAKEN)];
}

/** Slots of a span class that this thread has handed out from windows. Read it after `slotsFreed`. */
export function slotsAllocated(mem: Mem, p: ProcRef, spanClass: number): number {
  const left = popcount32(mem.m[p + PROC_CLASSES + (spanClass << MC_SHIFT) + MC_WIN]);
  return mem.mf[classMeter(p, spanClass, MT_TAKEN)] - left;
}

/** Slots of a span class that this thread has freed and not handed out again from its reuse stack. */
export function slotsFreed(mem: Mem, p: ProcRef, spanClass: number): number {
  const { m, mf } = mem;
  const direct = m[p + PROC_CLASSES + (spanClass << MC_SHIFT) + MC_DIRECT];
  return mf[classMeter(p, spanClass, MT_RETURNED)] + direct + stacked(m, p, spanClass);
}

/** Whoever has taken something from others calls this before he counts anything of it. By the owner of the record. */
export function statsCheckpoint(mem: Mem, p: ProcRef): void {
  const { m } = mem;
  const epoch = loadAcquire(m, H_STATS_EPOCH);
  if (m[p + PROC_METERS + TM_TAG] !== epoch) cut(mem, p, epoch);
}

/** Meters are about to be changed that belong together. A checkpoint, whose load keeps the changes behind the store here. */
export function beginStats(mem: Mem, p: ProcRef): void {
  const { m } = mem;
  const seq = p + PROC_METERS + TM_SEQ;
  storeRelease(m, seq, m[seq] + 1);
  statsCheckpoint(mem, p);
}

export function endStats(mem: Mem, p: ProcRef): void {
  const { m } = mem;
  const seq = p + PROC_METERS + TM_SEQ;
  storeRelease(m, seq, m[seq] + 1);
}

/** Counts `n` more at one of the thread's meters, TM_…. Between `beginStats` and `endStats` if it is one that is cut. */
export function count(mem: Mem, p: ProcRef, meter: number, n: number): void {
  mem.mf[threadMeter(p, meter)] += n;
}

/** Sets how many slots are left before the next sample, of which `taken` are handed out with it. The owner of the record. */
export function setLeft(mem: Mem, p: ProcRef, c: number, left: number, taken = 0): void {
  beginStats(mem, p);
  changeLeft(mem, c, left, taken);
  endStats(mem, p);
}

/** The same between `beginStats` and `endStats`. */
export function changeLeft({ m, mf }: Mem, c: number, left: number, taken: number): void {
  mf[(c + MC_METERS + MT_DRAWN) >>> 1] += left - m[c + MC_LEFT] + taken;
  m[c + MC_LEFT] = left;
}

/** Moves what `free` has counted, and `slots` more, into the meter of slots freed. Between `beginStats` and `endStats`. */
export function foldDirect(mem: Mem, p: ProcRef, spanClass: number, slots = 0): void {
  const direct = p + PROC_CLASSES + (spanClass << MC_SHIFT) + MC_DIRECT;
  mem.mf[classMeter(p, spanClass, MT_RETURNED)] += mem.m[direct] + slots;
  mem.m[direct] = 0;
}

/** Window and reuse stack of a class are about to be forgotten, their slots free. Between `beginStats` and `endStats`. */
export function emptyClass(mem: Mem, p: ProcRef, spanClass: number): void {
  const { m, mf } = mem;
  const unused = popcount32(m[p + PROC_CLASSES + (spanClass << MC_SHIFT) + MC_WIN]);
  mf[classMeter(p, spanClass, MT_TAKEN)] -= unused;
  mf[classMeter(p, spanClass, MT_DRAWN)] -= unused;
  foldDirect(mem, p, spanClass, stacked(m, p, spanClass));
}

/** Counts slots of spans that are not this thread's as freed by it. A checkpoint. */
export function countFreed(mem: Mem, p: ProcRef, spanClass: number, slots: number): void {
  beginStats(mem, p);
  mem.mf[classMeter(p, spanClass, MT_RETURNED)] += slots;
  endStats(mem, p);
}

/** Counts a large object of so many bytes, as made (TM_LARGE_ALLOC) or as freed (TM_LARGE_FREE). A checkpoint. */
export function countLarge(mem: Mem, p: ProcRef, bytes: number, meter: number): void {
  beginStats(mem, p);
  count(mem, p, meter, bytes);
  count(mem, p, meter + 2, 1);
  endStats(mem, p);
}

/** Copies the meters as they are, for a reader of epoch `epoch`. Own stores before and after are seen in this order. */
function cut(mem: Mem, p: ProcRef, epoch: number): void {
  const { m, mf } = mem;
  const tag = p + PROC_METERS + TM_TAG;
  const before = m[tag];
  Atomics.store(m, tag, before | CUTTING);
  fence();
  const classes = spanClassCount(m);
  for (let spanClass = 2; spanClass < classes; spanClass++) {
    const reused = slotsReused(mem, p, spanClass);
    mf[classMeter(p, spanClass, MT_CUT_FREES)] = slotsFreed(mem, p, spanClass) + reused;
    mf[classMeter(p, spanClass, MT_CUT_ALLOCS)] = slotsAllocated(mem, p, spanClass) + reused;
  }
  const from = threadMeter(p, TM_MAPPED);
  const to = threadMeter(p, TM_CUT);
  for (let i = 0; i < CUT_METERS; i++) mf[to + i] = mf[from + i];
  m[p + PROC_METERS + TM_PREV] = before;
  Atomics.store(m, tag, epoch);
  fence();
}

/**
 * The owner of a record has died, or is about to be another: nothing is half done, and the copies are for nobody. World
 * stopped, or the record is nobody's.
 */
export function repairStats(mem: Mem, p: ProcRef): void {
  const { m } = mem;
  const seq = p + PROC_METERS + TM_SEQ;
  const tag = p + PROC_METERS + TM_TAG;
  const past = Atomics.load(m, H_STATS_EPOCH) - 2;
  if ((m[tag] & CUTTING) !== 0) {
    m[p + PROC_METERS + TM_PREV] = past;
    Atomics.store(m, tag, past);
  }
  if ((m[seq] & 1) !== 0) storeRelease(m, seq, m[seq] + 1);
}
