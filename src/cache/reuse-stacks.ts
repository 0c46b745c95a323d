/**
 * The reuse stacks of a thread: the slots it has freed last, by span class, an address and the index of its allocation
 * bit each. The fast paths push and pop; here is where the stacks lie, and what happens when one is full.
 *
 * A class has room for 8 KiB of slots at first, at most REUSE_MAX of them. When that is full, all of it goes back to its
 * spans (`flushClass`), so that memory held back is bounded, and empty spans are found.
 *
 * In a heap without collector stacks grow, by as many bytes as were flushed and then wanted again: first to REUSE_MAX slots,
 * which is all that the thread's record has room for. Several threads stop there, and at SHARED_HOLD in all, for which they
 * keep fewer empty spans: what one holds back, the others cannot have. A thread that is alone holds back from nobody, and goes
 * on into the heap's reuse room, where each stack moves to an area twice as large, or grows on if its area is the last.
 * A program that frees much and allocates much in turns soon does nothing but push and pop; one that frees everything once gets
 * its memory back. Stacks that have grown are flushed before the heap becomes larger than it ever was (empty-spans.ts), so that
 * they hardly make it larger. When others come, one is given up each time that one is full, until the thread holds back no
 * more than it may. A stack is flushed whole, since a span whose slots are in two places would hand some of them out twice.
 * That takes 10 to 25 ns a slot in random order, spans that become empty included: so an area has a largest size, some 1 ms
 * of work, and `malloc` and `free` flush no more than one of the large ones in a call, unless no memory is left.
 *
 * Who writes: the owner of the cache, or who acts for it while that thread is stopped. The room belongs to the thread whose id
 * is in H_ROOM_OWNER, from its first area there until the last is given up, or it is reaped. A stack is moved in one
 * piece between two safepoints; a thread that dies in the middle has only lost the list of its free slots, which their
 * allocation bits tell anew (test/stress/kill-stacks.test.ts). Who reads without stopping it looks at the statistics' sequence.
 */
import { PAGE_SHIFT } from '../layout/constants.ts';
import { GC_ENABLED } from '../layout/gc.ts';
import { H_PROCS, H_ROOM_OWNER } from '../layout/header.ts';
import {
  MC_SIZE,
  MC_TOP,
  PROC_AREAS,
  PROC_GROWN,
  PROC_REUSE,
  PROC_ROOM_NEXT,
  PROC_STACKS,
  REUSE_MAX,
  ROOM_WORDS,
  STACK_SHIFT,
  STACK_WORDS,
} from '../layout/proc.ts';
import { beginStats, endStats, slotsReused } from '../spans/heap-stats.ts';
import { stackEnd, stackStart } from '../spans/reuse-stack.ts';
import type { MCache } from './mcache.ts';

/** Bytes of slots a stack may hold back at first, and the least number of slots it has room for. */
const REUSE_BYTES = 8 << 10;
const REUSE_MIN = 2;
/** Bytes of the largest slots whose stack grows: above, a flush costs little beside what is done with the memory. */
const GROW_SIZE = 1 << 10;
/** Bytes that the stacks of a thread may hold back besides, while others are there. */
const SHARED_HOLD = 512 << 10;
/** Words of a stack that has all the room there is in the record. */
const RECORD_WORDS = 2 * REUSE_MAX;
/** Slots of the largest area: so many at least, and more, up to so many, as long as they are not more than so many bytes. */
const AREA_SLOTS = 32 << 10;
const AREA_SLOTS_MOST = 128 << 10;
const AREA_BYTES = 8 << 20;
/** Bytes that are remembered as flushed: what was freed long ago is no reason to hold back more. */
const FLUSHED_MAX = 1 << 20;
/** Times that a stack is flushed as a small one after it could not grow any more. */
const REFUSALS = 4000;
/** Times that none may grow within the record after all were given up for that. */
const RECORD_REFUSALS = 1000;
/** Slots that may be flushed to begin the room anew when it is full. */
const FEW_SLOTS = 4096;

/** Puts all stacks of a thread into its record, empty; or turns them off: then they are full and empty at once. */
export function resetStacks(cache: MCache, on: boolean): void {
  const { m } = cache.heap.t.mem;
  m[cache.ref + PROC_REUSE] = on ? 1 : 0;
  for (let spanClass = 2; spanClass < cache.heap.spanClasses; spanClass++) resetStack(cache, spanClass);
  m[cache.ref + PROC_GROWN] = 0;
  cache.grownClasses.clear();
  leaveRoom(cache);
}

function resetStack(cache: MCache, spanClass: number): void {
  const { m } = cache.heap.t.mem;
  const end = recordEnd(cache, spanClass);
  const start = end - firstWords(cache, spanClass);
  // Where none has grown they are there; writing them would cost a page for four classes.
  if (m[cache.ref + PROC_GROWN] !== 0) m.fill(0, start - 2, start);
  if (m[cache.ref + PROC_REUSE] !== 0) place(cache, spanClass, start, end, 0);
  else placeAbove(cache, spanClass, end - 2, end, 0);
}

/** Where the room of a class in the thread's record ends. */
function recordEnd(cache: MCache, spanClass: number): number {
  return cache.ref + PROC_STACKS + ((spanClass + 1) << STACK_SHIFT);
}

/** Words that the stack of a class has room for before it grows. */
function firstWords(cache: MCache, spanClass: number): number {
  const { m } = cache.heap.t.mem;
  const slots = Math.floor(REUSE_BYTES / m[cache.classRef(spanClass) + MC_SIZE]);
  return 2 * Math.min(REUSE_MAX, Math.max(REUSE_MIN, slots));
}

/** The stack lies above a pair of zeros there. */
function placeAbove(cache: MCache, spanClass: number, zeros: number, end: number, used: number): void {
  const { m } = cache.heap.t.mem;
  m[zeros] = 0;
  m[zeros + 1] = 0;
  place(cache, spanClass, zeros + 2, end, used);
}

/** The stack lies there, `used` words of it in use. Whoever reads it half done sees no slots, or those of before. */
function place(cache: MCache, spanClass: number, start: number, end: number, used: number): void {
  const { m } = cache.heap.t.mem;
  const area = cache.ref + PROC_AREAS + 2 * spanClass;
  m[area + 1] = end;
  m[area] = end;
  m[cache.classRef(spanClass) + MC_TOP] = start + used;
  m[area] = start;
}

/** No stack of the thread is in the room any more. */
function leaveRoom(cache: MCache): void {
  const { m } = cache.heap.t.mem;
  m[cache.ref + PROC_ROOM_NEXT] = 0;
  if (Atomics.load(m, H_ROOM_OWNER) === cache.id) Atomics.store(m, H_ROOM_OWNER, 0);
}

function isInRoom(cache: MCache, spanClass: number): boolean {
  const { m, plan } = cache.heap.t.mem;
  return stackStart(m, cache.ref, spanClass) >= plan.reuseRoom;
}

function isGrown(cache: MCache, spanClass: number): boolean {
  return grownBytes(cache, spanClass) > 0;
}

/** Bytes of the slots that the stack of a class has room for beyond what it has at first; none while it is off. */
export function grownBytes(cache: MCache, spanClass: number): number {
  const size = cache.heap.t.mem.m[cache.classRef(spanClass) + MC_SIZE];
  return Math.max(0, (roomWords(cache, spanClass) - firstWords(cache, spanClass)) >> 1) * size;
}

/** Words that the stack has room for. */
function roomWords(cache: MCache, spanClass: number): number {
  const { m } = cache.heap.t.mem;
  return stackEnd(m, cache.ref, spanClass) - stackStart(m, cache.ref, spanClass);
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
  if (m[cache.ref + PROC_REUSE] === 0 || m[GC_ENABLED] !== 0) return false;
  const alone = Atomics.load(m, H_PROCS) === 1;
  const tooMuch = m[cache.ref + PROC_ROOM_NEXT] !== 0 || m[cache.ref + PROC_GROWN] > SHARED_HOLD;
  if (!alone && tooMuch) return giveUpOne(cache, spanClass);
  return m[c + MC_TOP] !== stackEnd(m, cache.ref, spanClass) || grow(cache, spanClass, alone);
}

/** False: it may not, or there is no room for it. */
function grow(cache: MCache, spanClass: number, alone: boolean): boolean {
  const { m } = cache.heap.t.mem;
  const size = m[cache.classRef(spanClass) + MC_SIZE];
  if (size > GROW_SIZE) return false;
  const held = roomWords(cache, spanClass);
  const inRecord = held < RECORD_WORDS;
  if (!alone && !inRecord) return isGrown(cache, spanClass) && !isUseful(cache, spanClass) && refuse(cache, spanClass);
  if (cache.refused[spanClass] > 0) {
    cache.refused[spanClass]--;
    return false;
  }
  // With the zeros.
  const words = inRecord ? STACK_WORDS : 2 * (held + 2);
  if (words > largestArea(size)) return refuse(cache, spanClass);
  const more = ((words - 2 - held) >>> 1) * size;
  if (m[cache.ref + PROC_GROWN] + more > cache.holdBytes) {
    cache.flushedBytes = Math.min(FLUSHED_MAX, cache.flushedBytes + (held >>> 1) * size);
    return false;
  }
  if (!alone && m[cache.ref + PROC_GROWN] + more > SHARED_HOLD && !beginRecordAnew(cache)) return false;
  if (!inRecord && !enterRoom(cache)) return false;
  const before = m[cache.ref + PROC_GROWN];
  // First, so that whoever repairs this record knows that there may be no zeros below its stacks.
  m[cache.ref + PROC_GROWN] = before + more;
  if (inRecord) {
    widenStack(cache, spanClass);
  } else if (!moveStack(cache, spanClass, words)) {
    m[cache.ref + PROC_GROWN] = before;
    return beginRoomAnew(cache, spanClass);
  }
  cache.grownClasses.add(spanClass);
  return true;
}

/** Words of the largest area of a class with slots of so many bytes. */
function largestArea(size: number): number {
  return 2 * Math.max(AREA_SLOTS, Math.min(AREA_SLOTS_MOST, AREA_BYTES / size));
}

/** To all the room that there is in the record, of which it ends at the end. */
function widenStack(cache: MCache, spanClass: number): void {
  const { t } = cache.heap;
  const { m } = t.mem;
  const start = stackStart(m, cache.ref, spanClass);
  const end = recordEnd(cache, spanClass);
  const zeros = end - STACK_WORDS;
  m.copyWithin(zeros + 2, start, end);
  beginStats(t.mem, cache.ref);
  placeAbove(cache, spanClass, zeros, end, end - start);
  endStats(t.mem, cache.ref);
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

/**
 * The room is full of areas, used or left. If the other stacks in it hold little, all in it are given up. Whether this one
 * was.
 */
function beginRoomAnew(cache: MCache, spanClass: number): boolean {
  let slots = 0;
  for (let i = 2; i < cache.heap.spanClasses; i++)
    if (i !== spanClass && isInRoom(cache, i)) slots += slotsOf(cache, i);
  if (slots > FEW_SLOTS) return refuse(cache, spanClass);
  const given = isInRoom(cache, spanClass);
  for (let i = 2; i < cache.heap.spanClasses; i++) if (isInRoom(cache, i)) giveUpStack(cache, i);
  return given;
}

/**
 * Other stacks have all that the thread may hold back, maybe for nothing: all are given up, and those that are used grow
 * again. Not too often. Whether they were.
 */
function beginRecordAnew(cache: MCache): boolean {
  if (cache.recordRefused > 0) {
    cache.recordRefused--;
    return false;
  }
  cache.recordRefused = RECORD_REFUSALS;
  giveUpStacks(cache);
  return true;
}

/**
 * The thread was alone, and holds back more than it may beside others: one stack after the other is given up, those in the
 * room first. Whether it was this one.
 */
function giveUpOne(cache: MCache, spanClass: number): boolean {
  let longest = spanClass;
  for (let i = 2; i < cache.heap.spanClasses; i++) {
    const longer = roomWords(cache, i) > roomWords(cache, longest);
    if (isGrown(cache, i) && (longer || !isGrown(cache, longest))) longest = i;
  }
  giveUpStack(cache, longest);
  return longest === spanClass;
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

/** Whether a full stack that may not grow has handed out as many slots as it holds since it was full before. */
function isUseful(cache: MCache, spanClass: number): boolean {
  const reused = slotsReused(cache.heap.t.mem, cache.ref, spanClass);
  const since = reused - cache.reusedWhenFull[spanClass];
  cache.reusedWhenFull[spanClass] = reused;
  return since >= REUSE_MAX;
}

/** A span with `bytes` of free slots is taken again. If some of them were flushed, they are not to be the next time. */
export function wantSlots(cache: MCache, bytes: number): void {
  if (cache.flushedBytes <= 0) return;
  cache.flushedBytes -= bytes;
  cache.holdBytes += bytes;
}

/** Flushes the stack of a class if it has grown. It keeps its room. How many slots that were. */
export function flushGrown(cache: MCache, spanClass: number): number {
  const slots = slotsOf(cache, spanClass);
  if (slots === 0 || !isGrown(cache, spanClass)) return 0;
  cache.flushClass(cache.classRef(spanClass));
  return slots;
}

/** The stack of a class is flushed, and is as small as at first. */
function giveUpStack(cache: MCache, spanClass: number): void {
  const { t } = cache.heap;
  const inRoom = isInRoom(cache, spanClass);
  flushGrown(cache, spanClass);
  const bytes = grownBytes(cache, spanClass);
  beginStats(t.mem, cache.ref);
  resetStack(cache, spanClass);
  endStats(t.mem, cache.ref);
  t.mem.m[cache.ref + PROC_GROWN] -= bytes;
  cache.grownClasses.delete(spanClass);
  if (inRoom && isRoomEmpty(cache)) leaveRoom(cache);
}

function isRoomEmpty(cache: MCache): boolean {
  for (let i = 2; i < cache.heap.spanClasses; i++) if (isInRoom(cache, i)) return false;
  return true;
}

/** That of all stacks that have grown. */
export function giveUpStacks(cache: MCache): void {
  if (cache.heap.t.mem.m[cache.ref + PROC_GROWN] === 0) return;
  for (let i = 2; i < cache.heap.spanClasses; i++) if (isGrown(cache, i)) giveUpStack(cache, i);
}

/** Pages that the slots are worth which a thread may hold back beside others, as far as its stacks have grown. */
export function heldPages(cache: MCache): number {
  return Math.min(cache.heap.t.mem.m[cache.ref + PROC_GROWN], SHARED_HOLD) >>> PAGE_SHIFT;
}
