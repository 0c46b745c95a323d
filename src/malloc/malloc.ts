/**
 * The allocator: Go's `mallocgc`, and `free`.
 *
 * Overview. A request climbs until somebody can serve it:
 *
 *   1. size 0: the address of `zerobase`, shared by all.
 *   2. pointer-free and below 16 bytes: the tiny allocator packs it into the thread's current 16-byte block.
 *   3. up to 32 KiB: the size class is looked up; the reuse stack of the class gives the slot freed last, else the
 *      window of free slots gives its lowest (`nextFreeFast`). No lock, no atomic, nothing but this thread's own state.
 *   4. window empty: `nextFree` takes the frees that other threads deferred, then moves the window on through the
 *      thread's span; the span used up, `refill` takes the next: an own one with free slots, one of mcentral, a
 *      new one from mheap.
 *   5. mheap makes spans of pages: from the thread's page cache; from the page allocator, first fit by address, under
 *      the heap lock; or it grows the heap by chunks inside the reservation.
 *   6. above 32 KiB: `mallocLarge` goes to mheap directly, and clears the memory afterwards, in pieces.
 *   7. nothing left: the collector, if it is on, runs a cycle; then the thread stops the world and takes back what all
 *      threads' caches hold; in the end it throws.
 *
 * And back down: `free` puts the slot on the reuse stack; full stacks go back to their spans, empty spans to mheap,
 * pages to the page allocator, where they join their free neighbours.
 *
 * Who owns what. A span's allocation bits are written by its owner alone (layout/span.ts); of a span that has none, with
 * the lock of its mcentral. The allocation bit of a slot is set before its address is returned and cleared when it is
 * freed, so at every safepoint the bits name exactly the live objects, whatever thread looks, and whatever thread died.
 *
 * Region. A call inside `heap.scope` goes straight on. Any other call takes the guarded way:
 * it is a region of its own (two compare-and-exchanges), and it serves the hooks that must see every object.
 *
 * The fast paths are in fast.ts, what they leave over in malloc-slow.ts and free.ts; this file routes between them.
 */
import type { Addr, SpanRef, Words } from '../base/brand.ts';
import type { MCache } from '../cache/mcache.ts';
import { followRate } from '../cache/sampling.ts';
import { ownerOf } from '../central/sweep.ts';
import { LARGE_SIZE_DIV, MAX_SMALL_SIZE, PAGE_SHIFT, SMALL_SIZE_MAX, TINY_SIZE } from '../layout/constants.ts';
import { H_WRITE_BARRIER, H_ZEROBASE } from '../layout/header.ts';
import { MC_WORDS, PROC_TINY_MASK } from '../layout/proc.ts';
import { isHeld } from '../layout/snapshot.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_ELEMSIZE,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_TYPES,
} from '../layout/span.ts';
import { makeSpanClass } from '../layout/span-class.ts';
import { slotIndex } from '../spans/mspan.ts';
import { maySpecial } from '../spans/special-list.ts';
import { noteTinyFree, tinyWithout } from '../spans/tiny-mask.ts';
import type { Proc } from '../sync/proc.ts';
import type { Gate } from '../sync/wired.ts';
import { type FastPaths, makeFastPaths } from './fast.ts';
import { freeSlow, guardedFree } from './free.ts';
import { newGate } from './gate.ts';
import { type AllocHooks, type Collector, NO_COLLECTOR } from './hooks.ts';
import { guardedMalloc, mallocLarge, throwSize } from './malloc-slow.ts';
import { type RType, refuseType, tagOfTypes } from './rtype.ts';

export class Malloc implements Gate {
  /**
   * Allocates `size` bytes (Go: `mallocgc`) and returns their address, a multiple of 8 (of less below 16 bytes, as Go).
   * With `type` null the memory is pointer-free; otherwise it holds values of the type. `needzero` false, and nothing else,
   * may leave old bytes in it.
   *
   * Throws AllocationSizeError for a size that is no size (negative, fractional, NaN, over 4 GiB), OutOfMemoryError when
   * the heap is full; the heap is as before then. May block for a short time on the heap lock, or while another thread
   * stops the world.
   */
  readonly mallocgc: (size: number, type: RType | null, needzero: boolean) => number;
  /**
   * Frees an object. Address 0 is allowed and does nothing, as is that of a zero-size object. From any thread: an
   * object of another thread's span is noted for its owner, without waiting.
   *
   * Throws PointerError for an address that is not the start of a live object; nothing is changed then.
   */
  readonly free: (ptr: number) => void;
  /** A zeroed value of a type (Go: `newobject`, what `new(T)` compiles to). Throws as `mallocgc` does. */
  readonly newobject: (type: RType) => number;
  readonly small: FastPaths['small'];
  readonly smallScan: FastPaths['smallScan'];
  readonly t: Proc;
  readonly cache: MCache;
  hooks: AllocHooks = {};
  /** The collector of this thread, wired by `runtime`. */
  collector: Collector = NO_COLLECTOR;
  /**
   * Called with each object that the heap profile samples, and the bytes of its slot (Go: `profilealloc`): live, typed, and
   * known to nobody yet. Wired by `runtime`. Reaches no safepoint.
   */
  onSample: (addr: Addr, size: number) => void = () => {};
  /** Nobody wants to see windows being made: set by `heap.setHooks`, and in step mode. */
  plainWindows = true;
  readonly tinySpanClass: number;
  readonly zerobase: Addr;
  /** Inside a region, and no hook must see each object. */
  #open = false;
  readonly #m: Words;
  readonly #tiny: FastPaths['tiny'];
  readonly #setOpen: FastPaths['setOpen'];
  /** Class record (noscan; the scan one is before it) of sizes in steps of 8, and of 128 above 1024. */
  readonly #lookup8: Int32Array;
  readonly #lookup128: Int32Array;
  /** Requests below this size go to the tiny allocator: 16, or 1 when it is off, for those of size 0. */
  readonly #tinyLimit: number;
  readonly #scanTag: number;
  readonly #noscanTag: number;

  /** `ptrSize`: what tiny alignment goes by: 4; or 8, to be compared with a 64-bit Go. */
  constructor(cache: MCache, ptrSize: number) {
    const { heap } = cache;
    const record = (sizeClass: number): number => cache.classRef(makeSpanClass(sizeClass, true));
    this.t = heap.t;
    this.cache = cache;
    this.#m = heap.t.mem.m;
    this.#lookup8 = Int32Array.from(heap.classes.sizeToClass8, record);
    this.#lookup128 = Int32Array.from(heap.classes.sizeToClass128, record);
    this.#tinyLimit = heap.tinySpanClass < 0 ? 1 : TINY_SIZE;
    this.tinySpanClass = heap.tinySpanClass;
    this.zerobase = (this.#m[H_ZEROBASE] >>> 0) as Addr;
    this.#scanTag = tagOfTypes(heap.t.mem, true);
    this.#noscanTag = tagOfTypes(heap.t.mem, false);
    const fast = makeFastPaths(this, newGate(heap.t.mem), this.#lookup8, ptrSize);
    this.mallocgc = fast.mallocgc;
    this.free = fast.free;
    this.newobject = fast.newobject;
    this.small = fast.small;
    this.smallScan = fast.smallScan;
    this.#tiny = fast.tiny;
    this.#setOpen = fast.setOpen;
    this.t.gate = this;
    this.setOpen(this.t.depth > 0);
  }

  /** Gate: a region begins or ends. */
  setOpen(open: boolean): void {
    if (open) followRate(this.cache);
    this.#open = open;
    this.#setOpen(open);
  }

  /** Gate: not by `setOpen`, which may change caches that the call is about to use. */
  setPaused(paused: boolean): void {
    this.#setOpen(!paused && this.#open);
  }

  /** What a request of `size` bytes really takes (Go: `roundupsize`). */
  roundup(size: number): number {
    return this.cache.heap.classes.roundupsize(size);
  }

  /** Everything but small pointer-free objects inside a region. */
  route(size: number, type: RType | null, needzero: boolean): Addr {
    if (typeof size !== 'number') throwSize(this, size);
    if (type !== null) this.checkType('mallocgc', type);
    this.t.callOuts.refuseInHook('mallocgc');
    if (!this.#open) return guardedMalloc(this, size, type, needzero);
    if (type === null || type.ptrBytes === 0) return this.allocNoscan(size, needzero);
    return this.allocScan(size, type.number, needzero);
  }

  /** `newobject` of all but small values inside a region. */
  newRoute(type: RType): number {
    this.checkType('newobject', type);
    return this.route(type.size, type, true) >>> 0;
  }

  /** Throws TypeMismatchError unless `type` is a type of this heap. `op`: the call it was given to. */
  checkType(op: string, type: RType): void {
    const tag = type?.tag;
    if (tag !== this.#scanTag && tag !== this.#noscanTag) refuseType(op, type);
  }

  /** Inside a region: pointer-free memory. */
  allocNoscan(size: number, needzero: boolean): Addr {
    if (size >>> 0 !== size) return throwSize(this, size);
    if (size < this.#tinyLimit) return size === 0 ? this.zerobase : this.#tiny(size);
    if (size <= SMALL_SIZE_MAX - 8) return this.small(this.#lookup8[(size + 7) >>> 3], needzero);
    if (size > MAX_SMALL_SIZE) return mallocLarge(this, size, 0, needzero);
    return this.small(this.#lookup128[(size - SMALL_SIZE_MAX + LARGE_SIZE_DIV - 1) >>> 7], needzero);
  }

  /** Inside a region: memory with pointers, by type number. */
  allocScan(size: number, type: number, needzero: boolean): Addr {
    if (size >>> 0 !== size) return throwSize(this, size);
    if (size <= SMALL_SIZE_MAX - 8) {
      if (size === 0) return this.zerobase;
      return this.smallScan(this.#lookup8[(size + 7) >>> 3] - MC_WORDS, type, needzero);
    }
    if (size > MAX_SMALL_SIZE) return mallocLarge(this, size, type, needzero);
    const sizeClass = (size - SMALL_SIZE_MAX + LARGE_SIZE_DIV - 1) >>> 7;
    return this.smallScan(this.#lookup128[sizeClass] - MC_WORDS, type, needzero);
  }

  /** A tiny block that holds nothing and is not being filled goes back. */
  freeTinyBlock(block: number): void {
    const s = this.cache.spanOf(block);
    this.cache.freeSlot(s, (block - (this.#m[s] >>> 0)) >>> 4);
  }

  /** `free` of what its fast path left over; inside a region or not. */
  freeRoute(ptr: number): void {
    this.t.callOuts.refuseInHook('free');
    // Such throw wherever they are taken for a number.
    if (typeof ptr !== 'number') freeSlow(this, ptr);
    else if (!this.#open) guardedFree(this, ptr);
    else this.freeOwn(ptr);
  }

  /** `free` inside a region: tiny objects of own spans; `freeSlow` does the rest. */
  freeOwn(ptr: number): void {
    const m = this.#m;
    const s = m[this.t.mem.plan.spans + (ptr >>> PAGE_SHIFT)];
    const own = ownerOf(m, s as SpanRef) === this.t.id && m[s + SPAN_DEFER] === 0 && !isHeld(m);
    // A manual span is its thread's as well, and holds no objects.
    if (!own || m[s | SPAN_STATE] !== SPAN_STATE_IN_USE || ptr >>> 0 !== ptr) freeSlow(this, ptr);
    else if (m[s | SPAN_CLASS] === this.tinySpanClass) this.#freeTiny(ptr, s, ((ptr - m[s]) | 0) >>> 4);
    else this.#freeBeside(ptr, s as SpanRef);
  }

  /** An object of an own span in which some have specials, or outside of a region: what the fast path does, if it has none. */
  #freeBeside(ptr: number, s: SpanRef): void {
    const m = this.#m;
    const index = slotIndex(m, s, ptr);
    const bitIndex = m[s | SPAN_ALLOC_BITS] + index;
    const live = (m[bitIndex >>> 5] & (1 << bitIndex)) !== 0 && (ptr - m[s]) >>> 0 === index * m[s + SPAN_ELEMSIZE];
    if (!live || maySpecial(m, s, index) || m[H_WRITE_BARRIER] !== 0) freeSlow(this, ptr);
    else this.cache.freeSlot(s, index);
  }

  /** An object in a tiny block; with the last one goes the block, unless it is the one being filled. */
  #freeTiny(ptr: number, s: number, index: number): void {
    const m = this.#m;
    const word = m[s + SPAN_TYPES] + index;
    const mask = m[word];
    const start = (ptr - m[s] - (index << 4)) | 0;
    const rest = tinyWithout(mask, start);
    // A mask of 0 is that of a free block, or of the one being filled: no object starts in it.
    const last = rest === 0 && m[this.cache.ref | PROC_TINY_MASK] === word;
    if ((mask & (1 << start)) === 0 || last || maySpecial(m, s as SpanRef, index)) {
      freeSlow(this, ptr);
      return;
    }
    m[word] = rest;
    noteTinyFree(this.t.mem, this.t.ref, s as SpanRef);
    if (rest === 0) this.cache.freeSlot(s as SpanRef, index);
  }
}
