/**
 * The reuse stacks of a thread: the slots it has freed last, by span class, an address and the index of its allocation
 * bit each. The fast paths push and pop; here is where the stacks lie, and what happens when one is full.
 *
 * In the thread's record each class has room for at most REUSE_MAX slots, and for 8 KiB of them. When that is full, all of
 * it goes back to its spans (`flushClass`), so that memory held back is bounded, and empty spans are found.
 *
 * A thread that is alone in its heap holds back from nobody. So its stacks may grow, by as many bytes as were flushed and
 * then wanted again: into the heap's reuse room, where each moves to an area twice as large, or grows on if its area is the
 * last. A program that frees much and allocates much in turns soon does nothing but push and pop; one that frees everything
 * once gets its memory back. All of them are flushed before the heap becomes larger than it ever was (empty-spans.ts), so that
 * they never make it larger, and given up when somebody else has come, or when the room is full. That costs a few
 * nanoseconds for each slot that was pushed since.
 *
 * Who writes: the owner of the cache, or who acts for it while that thread is stopped. The room belongs to the thread that
 * is alone: another is alone, H_PROCS 1, only after this one has left, its stacks empty, or after it was reaped and its cache
 * forgotten. A stack is moved in one piece between two safepoints; a thread that dies in the middle has only lost the list of
 * its free slots, which their allocation bits tell anew. Who reads without stopping it looks at the statistics' sequence.
 */
import { H_PROCS } from '../layout/header.ts';
import {
  MC_SIZE,
  MC_TOP,
  PROC_AREAS,
  PROC_REUSE,
  PROC_ROOM_NEXT,
  PROC_STACKS,
  REUSE_MAX,
  ROOM_WORDS,
  STACK_MASK,
  STACK_SHIFT,
  STACK_WORDS,
} from '../layout/proc.ts';
import { beginStats, endStats } from '../spans/heap-stats.ts';
import { stackStart } from '../spans/reuse-stack.ts';
import type { MCache } from './mcache.ts';

/** Bytes of slots a stack in its record may hold back, and the least number of slots it has room for. */
const REUSE_BYTES = 8 << 10;
const REUSE_MIN = 2;
/** Bytes of the largest slots whose stack grows: above, a flush costs little beside what is done with the memory. */
const GROW_SIZE = 1 << 10;

/** Puts all stacks of a thread into its record, empty; or turns them off: then they are full and empty at once. */
export function resetStacks(cache: MCache, on: boolean): void {
  const { m } = cache.heap.t.mem;
  m[cache.ref + PROC_REUSE] = on ? 1 : 0;
  m[cache.ref + PROC_ROOM_NEXT] = 0;
  for (let spanClass = 2; spanClass < cache.heap.spanClasses; spanClass++) resetStack(cache, spanClass);
}

function resetStack(cache: MCache, spanClass: number): void {
  const { m } = cache.heap.t.mem;
  const c = cache.classRef(spanClass);
  const end = cache.ref + PROC_STACKS + ((spanClass + 1) << STACK_SHIFT);
  const slots = Math.min(REUSE_MAX, Math.max(REUSE_MIN, Math.floor(REUSE_BYTES / m[c + MC_SIZE])));
  place(cache, spanClass, m[cache.ref + PROC_REUSE] === 0 ? end : end - 2 * slots, end);
}

/** An empty stack, with the zeros below it. */
function place(cache: MCache, spanClass: number, start: number, end: number): void {
  const { m } = cache.heap.t.mem;
  const area = cache.ref + PROC_AREAS + 2 * spanClass;
  m[start - 2] = 0;
  m[start - 1] = 0;
  m[area] = start;
  m[area + 1] = end;
  m[cache.classRef(spanClass) + MC_TOP] = start;
}

/**
 * The stack of a class is full, as far as the fast path can tell. True: it has room now, or is empty; then any span of the
 * thread may have got slots back. False: whoever asks is to flush it.
 */
export function makeStackRoom(cache: MCache, c: number): boolean {
  const { m } = cache.heap.t.mem;
  const area = cache.ref + PROC_AREAS + 2 * cache.classOf(c);
  if (m[c + MC_SIZE] > GROW_SIZE || m[cache.ref + PROC_REUSE] === 0) return false;
  if (Atomics.load(m, H_PROCS) === 1) {
    if (m[c + MC_TOP] !== m[area + 1]) return true;
    // Whoever acted for this thread may have given its stacks up.
    if (m[cache.ref + PROC_ROOM_NEXT] === 0) cache.grownBytes = 0;
    const words = wordsWanted(m, area);
    const more = ((words - 2 - (m[area + 1] - m[area])) >>> 1) * m[c + MC_SIZE];
    if (cache.grownBytes + more > cache.holdBytes) {
      cache.flushedBytes += ((m[area + 1] - m[area]) >>> 1) * m[c + MC_SIZE];
      return false;
    }
    cache.grownBytes += more;
    if (grow(cache, c, area, words)) return true;
  } else if (m[cache.ref + PROC_ROOM_NEXT] === 0) {
    return false;
  }
  giveUpStacks(cache);
  // It may not be among those that had grown.
  return (m[c + MC_TOP] & STACK_MASK) !== 0;
}

/** Words of the next larger area, twice those of the present one. */
function wordsWanted(m: Int32Array<ArrayBufferLike>, area: number): number {
  const words = m[area + 1] - m[area] + 2;
  return words < STACK_WORDS ? STACK_WORDS : 2 * words;
}

/** False: there is no room left. */
function grow(cache: MCache, c: number, area: number, words: number): boolean {
  const { t } = cache.heap;
  const { m, plan } = t.mem;
  const next = m[cache.ref + PROC_ROOM_NEXT] || plan.reuseRoom;
  const start = m[area];
  const end = m[area + 1];
  const inPlace = end === next;
  const newEnd = inPlace ? start - 2 + words : next + words;
  if (newEnd > plan.reuseRoom + ROOM_WORDS) return false;
  if (!inPlace) m.copyWithin(next + 2, start, end);
  beginStats(t.mem, cache.ref);
  place(cache, cache.classOf(c), inPlace ? start : next + 2, newEnd);
  m[c + MC_TOP] += end - start;
  endStats(t.mem, cache.ref);
  m[cache.ref + PROC_ROOM_NEXT] = newEnd;
  return true;
}

/** A span with `bytes` of free slots is taken again. If some of them were flushed, they are not to be the next time. */
export function wantSlots(cache: MCache, bytes: number): void {
  if (cache.flushedBytes <= 0) return;
  cache.flushedBytes -= bytes;
  cache.holdBytes += bytes;
}

/** Flushes the stacks that have grown. They keep their room. */
export function flushGrown(cache: MCache): void {
  const { m, plan } = cache.heap.t.mem;
  if (m[cache.ref + PROC_ROOM_NEXT] === 0) return;
  for (let spanClass = 2; spanClass < cache.heap.spanClasses; spanClass++) {
    const c = cache.classRef(spanClass);
    if (stackStart(m, cache.ref, spanClass) >= plan.reuseRoom && !cache.isStackEmpty(c)) cache.flushClass(c);
  }
}

/** What has grown is flushed, and is as small as before. */
export function giveUpStacks(cache: MCache): void {
  const { t } = cache.heap;
  const { m, plan } = t.mem;
  flushGrown(cache);
  beginStats(t.mem, cache.ref);
  for (let spanClass = 2; spanClass < cache.heap.spanClasses; spanClass++) {
    if (stackStart(m, cache.ref, spanClass) >= plan.reuseRoom) resetStack(cache, spanClass);
  }
  endStats(t.mem, cache.ref);
  m[cache.ref + PROC_ROOM_NEXT] = 0;
}
