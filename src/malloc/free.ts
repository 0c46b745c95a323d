/**
 * What `free` does beyond its fast path: tell what a pointer is, and free large objects, parts of tiny blocks, and
 * objects of spans that another thread or nobody owns. Every check comes before the first write, but one: of two threads
 * that free an object at the same moment the second learns it from the word that decides, when the collector has been told.
 */
import { type Addr, NIL, type SpanRef } from '../base/brand.ts';
import { describe } from '../base/describe.ts';
import { PointerError } from '../base/errors.ts';
import { deferBit, deferFree, isNoted, makeDeferRecord, noteFree } from '../cache/defer.ts';
import { freeTiny, isLive } from '../cache/owner-free.ts';
import { freeUnowned } from '../central/free-unowned.ts';
import { centralLock, centralRemove } from '../central/mcentral.ts';
import { ensureSwept, isSwept } from '../central/sweep.ts';
import { MAX_SMALL_SIZE } from '../layout/constants.ts';
import { H_WRITE_BARRIER } from '../layout/header.ts';
import { TM_LARGE_FREE, TM_REMOTE_FREES } from '../layout/proc.ts';
import { isHeld } from '../layout/snapshot.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_ELEMSIZE,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NELEMS,
  SPAN_OWNER,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_STATE_FREEING,
  SPAN_STATE_IN_USE,
  SPAN_TYPES,
} from '../layout/span.ts';
import { isLargeClass, isNoscan } from '../layout/span-class.ts';
import { EV_FREE, EV_REALLOC } from '../layout/trace.ts';
import { bitsWords } from '../spans/bits-arena.ts';
import { count, countLarge } from '../spans/heap-stats.ts';
import { keepBits } from '../spans/held-bits.ts';
import { moveBytes } from '../spans/move.ts';
import { spanBase, spanOf } from '../spans/mspan.ts';
import { outOfMetadata } from '../spans/persistent.ts';
import { dropSpecials } from '../spans/specials.ts';
import { tinyAround, tinyMaskWord, tinySize } from '../spans/tiny-mask.ts';
import { keeping } from '../threads/keep.ts';
import type { Malloc } from './malloc.ts';
import { throwSize } from './malloc-slow.ts';

/** `free` outside a region, with hooks that must see each object, or while a trace is under way. */
export function guardedFree(a: Malloc, ptr: number): void {
  const { t } = a;
  t.enter();
  try {
    const seen = a.hooks.onFree !== undefined || t.trace.number !== 0;
    if (seen && ptr !== 0 && ptr !== a.zerobase) traceFree(a, findObject(a, ptr, 'free').addr);
    a.freeOwn(ptr);
  } finally {
    t.leave();
  }
}

/** Tells trace and hooks of an object that is about to be freed. No safepoint follows before it is. */
function traceFree(a: Malloc, addr: number): void {
  if (a.t.trace.number !== 0) a.t.trace.event(EV_FREE, 0, addr, 0, 0, 0);
  a.hooks.onFree?.(addr as Addr);
}

const hex = (addr: number): string => (Number.isInteger(addr) && addr >= 0 ? `0x${addr.toString(16)}` : describe(addr));

function badPointer(op: string, ptr: number, why: string): never {
  throw new PointerError('ERR_BAD_POINTER', `${op}: pointer ${hex(ptr)} ${why}`);
}

/** Throws PointerError unless `ptr` is a number that can be an address. */
export function checkAddress(op: string, ptr: number): void {
  if (typeof ptr !== 'number' || ptr >>> 0 !== ptr) badPointer(op, ptr, 'is not an address');
}

/** A live object, found from the address of its first byte. */
export interface Found {
  readonly addr: number;
  readonly span: SpanRef;
  readonly index: number;
  /** Byte of the tiny block at which the object starts; −1: the object is a whole slot. */
  readonly start: number;
  /** Bytes the user may use. */
  readonly usable: number;
  /** Type number; 0: pointer-free. */
  readonly type: number;
}

/**
 * The live object that starts at this address. Throws PointerError if none does: foreign, interior, free already.
 * Caller: inside a region. The answer for an object of another thread's span is as good as the program's own rules:
 * it holds until somebody frees the object.
 */
export function findObject(a: Malloc, ptr: number, op: string): Found {
  const { mem } = a.t;
  const { m } = mem;
  const { heap } = a.cache;
  checkAddress(op, ptr);
  const s = spanOf(mem, ptr);
  // What it holds, and whose it is, is known only after that.
  if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE && !isSwept(m, s)) ensureSwept(heap, s);
  if (s === NIL || m[s + SPAN_STATE] !== SPAN_STATE_IN_USE)
    badPointer(op, ptr, 'is not in a span in use: not an object of this heap, or free already');
  const spanClass = m[s + SPAN_CLASS];
  const base = spanBase(m, s);
  const size = m[s + SPAN_ELEMSIZE] >>> 0;
  const index = Math.floor((ptr - base) / size);
  const slot = base + index * size;
  const live = isLive(m, s, index);
  if (isLargeClass(spanClass)) {
    if (ptr !== base) badPointer(op, ptr, `points into the large object at ${hex(base)}`);
    if (!live) throwDouble(op, ptr);
    return { addr: ptr, span: s, index: 0, start: -1, usable: size, type: m[s + SPAN_LARGE_TYPE] };
  }
  if (live && spanClass === a.tinySpanClass) {
    const mask = m[tinyMaskWord(m, s, index)];
    const usable = tinySize(mask, ptr - slot);
    if (usable === 0) {
      const start = tinyAround(mask, ptr - slot);
      // What no object of the block covers is free: the block does not say any more what was where.
      if (start < 0) throwDouble(op, ptr);
      badPointer(op, ptr, `points into the object at ${hex(slot + start)} of a tiny block`);
    }
    if (isNoted(heap, s, index, deferBit(ptr - slot))) throwDouble(op, ptr);
    return { addr: ptr, span: s, index, start: ptr - slot, usable, type: 0 };
  }
  const mayBegin = ptr === slot || (spanClass === a.tinySpanClass && index < m[s + SPAN_NELEMS]);
  if (!mayBegin) badPointer(op, ptr, `points into the slot at ${hex(slot)}`);
  if (!live || isNoted(heap, s, index, deferBit(-1))) throwDouble(op, ptr);
  const type = isNoscan(spanClass) ? 0 : mem.m16[m[s + SPAN_TYPES] + index]!;
  return { addr: ptr, span: s, index, start: -1, usable: size, type };
}

function throwDouble(op: string, ptr: number): never {
  throw new PointerError('ERR_DOUBLE_FREE', `${op}: object at ${hex(ptr)} is free already`);
}

/** `free` of anything the fast path left over. */
export function freeSlow(a: Malloc, ptr: number): void {
  if (ptr === 0 || ptr === a.zerobase) return;
  const { m } = a.t.mem;
  const { heap } = a.cache;
  for (let isReported = false; ; ) {
    const { span: s, index, start, usable } = findObject(a, ptr, 'free');
    // Objects in tiny blocks have no pointers, and their block no other tenant in this cycle.
    if (m[H_WRITE_BARRIER] !== 0 && start < 0 && !isReported) {
      a.collector.beforeFree(ptr);
      isReported = true;
    }
    if (m[s + SPAN_SPECIALS] !== NIL) dropSpecials(heap, s, ptr, usable);
    if (start >= 0 && isHeld(m)) {
      freeTinyLater(a, s, index, start, ptr);
      return;
    }
    if (isLargeClass(m[s + SPAN_CLASS])) {
      freeLarge(a, s, ptr);
      return;
    }
    const owner = Atomics.load(m, s + SPAN_OWNER);
    if (owner === a.cache.id) {
      a.cache.reopen(s);
      if (start >= 0) freeTiny(a.cache, s, index, start);
      else a.cache.freeSlot(s, index);
      return;
    }
    if (owner === 0) {
      const result = freeUnowned(heap, s, index, start);
      if (result === 'freed') return;
      if (result === 'dead') throwDouble('free', ptr);
      continue;
    }
    if (Atomics.load(m, s + SPAN_DEFER) === NIL) {
      if (!makeDeferRecord(heap, s)) throw outOfMetadata(heap.t.mem, bitsWords(m[s + SPAN_NELEMS]));
      continue;
    }
    if (!deferFree(heap, s, owner, index, deferBit(start))) throwDouble('free', ptr);
    count(a.t.mem, a.cache.ref, TM_REMOTE_FREES, 1);
    return;
  }
}

/**
 * While a snapshot is taken a tiny block stays as it is: the free is only noted, for the sweep at the end of the cycle.
 */
function freeTinyLater({ cache: { heap } }: Malloc, s: SpanRef, index: number, start: number, ptr: number): void {
  const { m } = heap.t.mem;
  if (m[s + SPAN_DEFER] === NIL && !makeDeferRecord(heap, s))
    throw outOfMetadata(heap.t.mem, bitsWords(m[s + SPAN_NELEMS]));
  if (!noteFree(heap, s, index, deferBit(start))) throwDouble('free', ptr);
}

/** Whoever clears the allocation bit has freed the object; the span then goes back to mheap. */
function freeLarge(a: Malloc, s: SpanRef, ptr: number): void {
  const { t } = a;
  const { m } = t.mem;
  const bit = m[s + SPAN_ALLOC_BITS];
  // Not of one that is free already: it may have been free when the snapshot began.
  if (isLive(m, s, 0)) keepBits(t.mem, bit >>> 5, 1 << bit);
  if ((Atomics.and(m, bit >>> 5, ~(1 << bit)) & (1 << bit)) === 0) throwDouble('free', ptr);
  t.pause('large.free');
  countLarge(t.mem, t.ref, m[s + SPAN_ELEMSIZE] >>> 0, TM_LARGE_FREE);
  // While the collector marks no span goes back: this one will be found dead, and swept.
  if (m[H_WRITE_BARRIER] !== 0) return;
  // In this thread's hand, while it waits for the lock: see threads/repair.ts.
  m[s + SPAN_OWNER] = t.id;
  const lock = centralLock(t.mem, m[s + SPAN_CLASS]);
  t.lock(lock);
  Atomics.store(m, s + SPAN_STATE, SPAN_STATE_FREEING);
  m[s + SPAN_ALLOC_COUNT] = 0;
  centralRemove(t.mem, s);
  t.unlock(lock);
  a.cache.heap.free(s);
}

/** Bytes asked for, rounded as the allocator rounds them, of the object at `ptr`; what the user may write. */
export function usableSize(a: Malloc, ptr: number): number {
  if (ptr === a.zerobase) return 0;
  return findObject(a, ptr, 'usableSize').usable;
}

/**
 * Gives the object a new size, keeping its content up to the smaller one; bytes beyond are 0 unless it is pointer-free.
 * Returns its address, which may be another. `ptr` 0 allocates. `storePointer`: a store that the collector sees.
 */
export function realloc(
  a: Malloc,
  ptr: number,
  size: number,
  storePointer: (slot: number, value: number) => void,
): number {
  a.t.callOuts.refuseInHook('realloc');
  if (typeof size !== 'number' || size >>> 0 !== size) return throwSize(a, size);
  if (ptr === 0 || ptr === a.zerobase) return reallocTo(a, size, 0);
  const old = findObject(a, ptr, 'realloc');
  if (size === 0) {
    traceFree(a, old.addr);
    a.freeOwn(ptr);
    return a.zerobase;
  }
  if (size <= old.usable && old.start < 0 && a.roundup(size) === old.usable && mayResize(a, old, size)) {
    if (old.type !== 0) clearTail(a, old, size, storePointer);
    if (isLarge(old)) a.t.mem.m[old.span + SPAN_LARGE_SIZE] = size;
    if (a.t.trace.number !== 0) a.t.trace.event(EV_REALLOC, 0, ptr, size, old.type, ptr);
    return ptr;
  }
  return move(a, old, size);
}

const isLarge = ({ usable }: Found): boolean => usable > MAX_SMALL_SIZE;

/** A large object that a snapshot may have in it keeps its size until all is copied. No safepoint follows. */
function mayResize({ t: { mem } }: Malloc, old: Found, size: number): boolean {
  return !isLarge(old) || mem.m[old.span + SPAN_LARGE_SIZE] === size || !isHeld(mem.m);
}

/**
 * Bytes that are not the object's any more: were pointers left in them, it would hold them again when it has grown. What
 * a small object's size was is not known; behind it everything is 0, unless the user has written there.
 */
function clearTail(
  { t: { mem } }: Malloc,
  { addr, span, usable }: Found,
  size: number,
  storePointer: (slot: number, value: number) => void,
): void {
  const { i32, u8, m } = mem;
  if (usable > MAX_SMALL_SIZE && size >= m[span + SPAN_LARGE_SIZE] >>> 0) return;
  const from = addr + ((size + 3) & ~3);
  u8.fill(0, addr + size, from);
  for (let slot = from; slot < addr + usable; slot += 4) if (i32[slot >>> 2] !== 0) storePointer(slot, 0);
}

/** To an object of its own. In the trace it is one event, unless that begins in the middle of the call. */
function move(a: Malloc, old: Found, size: number): number {
  const { trace } = a.t;
  let before = 0;
  const to = keeping(a.t, old.addr, () => {
    if (trace.number !== 0) trace.awaitRoom();
    before = trace.number;
    return take(a, size, old.type);
  });
  moveBytes(a.t.mem, to, old.addr, Math.min(size, old.usable));
  a.hooks.onAlloc?.(to as Addr, size, old.type);
  if (before !== 0 && trace.number === before) {
    trace.event(EV_REALLOC, 0, old.addr, size, old.type, to);
    a.hooks.onFree?.(old.addr as Addr);
  } else {
    traceFree(a, old.addr);
  }
  a.freeOwn(old.addr);
  return to;
}

function take(a: Malloc, size: number, type: number): number {
  return type === 0 ? a.allocNoscan(size, false) : a.allocScan(size, type, true);
}

function reallocTo(a: Malloc, size: number, type: number): number {
  const { trace } = a.t;
  if (trace.number !== 0) trace.awaitRoom();
  const before = trace.number;
  const to = take(a, size, type);
  if (to === a.zerobase) return to;
  if (before !== 0 && trace.number === before) trace.alloc(to, size, type, type !== 0);
  a.hooks.onAlloc?.(to as Addr, size, type);
  return to;
}
