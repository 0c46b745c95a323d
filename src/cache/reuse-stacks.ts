/**
 * The reuse stacks of a thread: the slots it has freed last, by span class, an address and the index of its allocation
 * bit each. The fast paths push and pop; here is where the stacks lie, and what happens when one is full.
 *
 * In the thread's record each class has room for at most REUSE_MAX slots, and for 8 KiB of them. When that is full, all of
 * it goes back to its spans (`flushClass`), so that memory held back is bounded, and empty spans are found.
 *
 * A thread that is alone in a heap without collector holds back from nobody. There stacks may grow, by as many bytes as
 * were flushed and then wanted again: into the heap's reuse room, where each moves to an area twice as large, or grows
 * on if its area is the last. A program that frees much and allocates much in turns soon does nothing but push and pop;
 * one that frees everything once gets its memory back. They are flushed before the heap becomes larger than it ever was
 * (empty-spans.ts), so that they hardly make it larger; and when they are full while others are there, each goes back
 * into the record. Flushing takes a few nanoseconds a slot when neighbours were freed together, and some hundred when
 * each is of another span: so an area has a largest size, and `malloc` and `free` flush no more than one of the large
 * ones in a call.
 *
 * Who writes: the owner of the cache, or who acts for it while that thread is stopped. The room belongs to the thread whose id
 * is in H_ROOM_OWNER, from its first area there until it gives all up, leaves, or is reaped. A stack is moved in one
 * piece between two safepoints; a thread that dies in the middle has only lost the list of its free slots, which their
 * allocation bits tell anew (test/stress/kill-alone.test.ts). Who reads without stopping it looks at the statistics' sequence.
 */
import { GC_ENABLED } from '../layout/gc.ts';
import { H_PROCS, H_ROOM_OWNER } from '../layout/header.ts';
import {
  MC_SIZE,
  MC_TOP,
  PROC_AREAS,
  PROC_REUSE,
  PROC_ROOM_NEXT,
  PROC_STACKS,
  REUSE_MAX,
  ROOM_WORDS,
  STACK_SHIFT,
  STACK_WORDS,
} from '../layout/proc.ts';
import { beginStats, endStats } from '../spans/heap-stats.ts';
import { stackEnd, stackStart } from '../spans/reuse-stack.ts';
import type { MCache } from './mcache.ts';

/** Bytes of slots a stack in its record may hold back, and the least number of slots it has room for. */
const REUSE_BYTES = 8 << 10;
const REUSE_MIN = 2;
/** Bytes of the largest slots whose stack grows: above, a flush costs little beside what is done with the memory. */
const GROW_SIZE = 1 << 10;
/** Words of the largest area: 32 k slots. */
const AREA_WORDS = 1 << 16;
/** Bytes that are remembered as flushed: what was freed long ago is no reason to hold back more. */
const FLUSHED_MAX = 1 << 20;
/** Times that a stack is flushed as a small one after it could not grow any more. */
const REFUSALS = 1000;
/** Slots that may be flushed to begin the room anew when it is full. */
const FEW_SLOTS = 4096;

/** Puts all stacks of a thread into its record, empty; or turns them off: then they are full and empty at once. */
export function resetStacks(cache: MCache, on: boolean): void {
  const { m } = cache.heap.t.mem;
  m[cache.ref + PROC_REUSE] = on ? 1 : 0;
  for (let spanClass = 2; spanClass < cache.heap.spanClasses; spanClass++) resetStack(cache, spanClass);
  leaveRoom(cache);
}

function resetStack(cache: MCache, spanClass: number): void {
  const { m } = cache.heap.t.mem;
  const end = cache.ref + PROC_STACKS + ((spanClass + 1) << STACK_SHIFT);
  if (m[cache.ref + PROC_REUSE] === 0) {
    placeAbove(cache, spanClass, end - 2, end, 0);
    return;
  }
  const slots = Math.floor(REUSE_BYTES / m[cache.classRef(spanClass) + MC_SIZE]);
  // Below a stack in the record nothing is ever written, so the zeros are there; writing them would cost a page for four.
  place(cache, spanClass, end - 2 * Math.min(REUSE_MAX, Math.max(REUSE_MIN, slots)), end, 0);
}

/** The stack lies above a pair of zeros there. */
function placeAbove(cache: MCache, spanClass: number, zeros: number, end: number, used: number): void {
  const { m } = cache.heap.t.mem;
  m[zeros] = 0;
  m[zeros + 1] = 0;
  place(cache, spanClass, zeros + 2, end, used);
}

/** The stack lies there, `used` words of it in use. */
function place(cache: MCache, spanClass: number, start: number, end: number, used: number): void {
  const { m } = cache.heap.t.mem;
  const area = cache.ref + PROC_AREAS + 2 * spanClass;
  m[area] = start;
  m[area + 1] = end;
  m[cache.classRef(spanClass) + MC_TOP] = start + used;
}

/** No stack of the thread is in the room any more. */
function leaveRoom(cache: MCache): void {
  const { m } = cache.heap.t.mem;
  m[cache.ref + PROC_ROOM_NEXT] = 0;
  if (Atomics.load(m, H_ROOM_OWNER) === cache.id) Atomics.store(m, H_ROOM_OWNER, 0);
}

function isGrown(cache: MCache, spanClass: number): boolean {
  const { m, plan } = cache.heap.t.mem;
  return stackStart(m, cache.ref, spanClass) >= plan.reuseRoom;
}

function slotsOf(cache: MCache, spanClass: number): number {
  const { m } = cache.heap.t.mem;
  return (m[cache.classRef(spanClass) + MC_TOP] - stackStart(m, cache.ref, spanClass)) >>> 1;
}

/**
 * The stack of a class is full, as far as the fast path can tell. True: it has room now, maybe because it was flushed; then
 * spans of the class have got slots back. False: whoever asks is to flush it.
 */
export function makeStackRoom(cache: MCache, c: number): boolean {
  const { m } = cache.heap.t.mem;
  const spanClass = cache.classOf(c);
  if (m[cache.ref + PROC_REUSE] === 0) return false;
  if (Atomics.load(m, H_PROCS) === 1 && m[GC_ENABLED] === 0) {
    return m[c + MC_TOP] !== stackEnd(m, cache.ref, spanClass) || grow(cache, spanClass);
  }
  if (!isGrown(cache, spanClass)) return false;
  giveUpStack(cache, spanClass);
  return true;
}

/** False: it may not, or there is no room for it. */
function grow(cache: MCache, spanClass: number): boolean {
  const { m } = cache.heap.t.mem;
  const held = stackEnd(m, cache.ref, spanClass) - stackStart(m, cache.ref, spanClass);
  const words = held + 2 < STACK_WORDS ? STACK_WORDS : 2 * (held + 2);
  const size = m[cache.classRef(spanClass) + MC_SIZE];
  if (size > GROW_SIZE) return false;
  if (cache.refused[spanClass] > 0) {
    cache.refused[spanClass]--;
    return false;
  }
  if (words > AREA_WORDS) return refuse(cache, spanClass);
  // Whoever acted for this thread may have given its stacks up.
  if (m[cache.ref + PROC_ROOM_NEXT] === 0) cache.grownBytes = 0;
  const more = ((words - 2 - held) >>> 1) * size;
  if (cache.grownBytes + more > cache.holdBytes) {
    cache.flushedBytes = Math.min(FLUSHED_MAX, cache.flushedBytes + (held >>> 1) * size);
    return false;
  }
  if (!enterRoom(cache)) return false;
  if (!moveStack(cache, spanClass, words)) return beginRoomAnew(cache, spanClass);
  cache.grownBytes += more;
  return true;
}

/** False: the room is another thread's. */
function enterRoom(cache: MCache): boolean {
  const { m, plan } = cache.heap.t.mem;
  if (m[cache.ref + PROC_ROOM_NEXT] !== 0) return true;
  if (Atomics.compareExchange(m, H_ROOM_OWNER, 0, cache.id) !== 0) return false;
  m[cache.ref + PROC_ROOM_NEXT] = plan.reuseRoom;
  return true;
}

/** To an area of so many words, or on in its own if that is the last. False: the room is full. */
function moveStack(cache: MCache, spanClass: number, words: number): boolean {
  const { t } = cache.heap;
  const { m, plan } = t.mem;
  const start = stackStart(m, cache.ref, spanClass);
  const end = stackEnd(m, cache.ref, spanClass);
  const next = m[cache.ref + PROC_ROOM_NEXT];
  const to = end === next ? start - 2 : next;
  if (to + words > plan.reuseRoom + ROOM_WORDS) return false;
  if (to === next) m.copyWithin(to + 2, start, end);
  m[cache.ref + PROC_ROOM_NEXT] = to + words;
  beginStats(t.mem, cache.ref);
  placeAbove(cache, spanClass, to, to + words, end - start);
  endStats(t.mem, cache.ref);
  return true;
}

/** The room is full of areas, used or left. If the other stacks in it hold little, all are given up. Whether this one was. */
function beginRoomAnew(cache: MCache, spanClass: number): boolean {
  let slots = 0;
  for (let i = 2; i < cache.heap.spanClasses; i++) if (i !== spanClass && isGrown(cache, i)) slots += slotsOf(cache, i);
  if (slots > FEW_SLOTS) return refuse(cache, spanClass);
  const given = isGrown(cache, spanClass);
  giveUpStacks(cache);
  return given;
}

/**
 * A stack that cannot hold what is freed in one go is of no use: its slots were pushed in vain. It is small again, for a
 * good while. Whether it was flushed.
 */
function refuse(cache: MCache, spanClass: number): boolean {
  cache.refused[spanClass] = REFUSALS;
  if (!isGrown(cache, spanClass)) return false;
  giveUpStack(cache, spanClass);
  return true;
}

/** A span with `bytes` of free slots is taken again. If some of them were flushed, they are not to be the next time. */
export function wantSlots(cache: MCache, bytes: number): void {
  if (cache.flushedBytes <= 0) return;
  cache.flushedBytes -= bytes;
  cache.holdBytes += bytes;
}

/** Flushes the stack of a class if it has grown. It keeps its room. How many slots that were. */
export function flushGrown(cache: MCache, spanClass: number): number {
  if (!isGrown(cache, spanClass)) return 0;
  const slots = slotsOf(cache, spanClass);
  if (slots > 0) cache.flushClass(cache.classRef(spanClass));
  return slots;
}

/** The stack of a class is flushed, and is as small as before. */
function giveUpStack(cache: MCache, spanClass: number): void {
  const { t } = cache.heap;
  flushGrown(cache, spanClass);
  beginStats(t.mem, cache.ref);
  resetStack(cache, spanClass);
  endStats(t.mem, cache.ref);
}

/** That of all stacks that have grown. */
export function giveUpStacks(cache: MCache): void {
  if (cache.heap.t.mem.m[cache.ref + PROC_ROOM_NEXT] === 0) return;
  for (let i = 2; i < cache.heap.spanClasses; i++) if (isGrown(cache, i)) giveUpStack(cache, i);
  leaveRoom(cache);
}
