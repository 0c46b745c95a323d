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
 *   7. nothing left: the thread stops the world, takes back what all threads' caches hold, tries once more, and throws.
 *
 * And back down: `free` puts the slot on the reuse stack; full stacks go back to their spans, empty spans to mheap,
 * pages to the page allocator, where they join their free neighbours.
 *
 * Who owns what. A span's allocation bits are written by its owner alone (layout/span.ts). The allocation bit of a slot
 * is set before its address is returned and cleared by the owner when it is freed, so at every safepoint the bits name
 * exactly the live objects, whatever thread looks, and whatever thread died.
 *
 * Region. A call inside `heap.scope` finds `open` set and goes straight on. Any other call takes the guarded way:
 * it is a region of its own (two compare-and-exchanges), and it serves the hooks that must see every object.
 *
 * Code style of this file: one number in, one number out, no closures, no allocation of JS objects, cold code elsewhere.
 * `x | 0` and `c | MC_X` instead of sums spare V8 overflow checks; `>>> 0` on the result of a cold call keeps the hot
 * path's result an untagged integer where the two meet.
 */
import type { Addr, SpanRef } from '../base/brand.ts';
import type { MCache } from '../cache/mcache.ts';
import { LARGE_SIZE_DIV, MAX_SMALL_SIZE, PAGE_SHIFT, SMALL_SIZE_MAX, TINY_SIZE } from '../layout/constants.ts';
import { H_STOP, H_ZEROBASE } from '../layout/header.ts';
import {
  MC_LIMIT,
  MC_NEEDZERO,
  MC_SHIFT,
  MC_SIZE,
  MC_TOP,
  MC_WIN_ADDR,
  MC_WIN_TYPES,
  MC_WIN_WORD,
  MC_WORDS,
  PROC_REMOTE_HEAD,
  PROC_TINY,
  PROC_TINY_MASK,
  PROC_TINY_OFFSET,
  STACK_MASK,
} from '../layout/proc.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_CLASS,
  SPAN_DIV,
  SPAN_ELEMSIZE,
  SPAN_FREEINDEX,
  SPAN_NEEDZERO,
  SPAN_OWNER,
  SPAN_TYPES,
} from '../layout/span.ts';
import { tinyWithout } from '../spans/tiny-mask.ts';
import { zeroSmall } from '../spans/zero.ts';
import type { Gate, Proc } from '../sync/proc.ts';
import { freeSlow, guardedFree } from './free.ts';
import type { AllocHooks } from './hooks.ts';
import { guardedMalloc, mallocLarge, smallSlow, throwSize, tinySlow, typeSlot } from './malloc-slow.ts';
import type { RType } from './rtype.ts';
import { tinyAlign } from './tiny.ts';

export class Malloc implements Gate {
  /** 1 inside a region, unless hooks must see each object. */
  open = 0;
  // The fields of the fast paths. Not #private: V8 knows the types of ordinary fields only.
  protected readonly m: Int32Array<ArrayBufferLike>;
  protected readonly f64: Float64Array<ArrayBufferLike>;
  /** Class record (noscan; the scan one is before it) of sizes in steps of 8, and of 128 above 1024. */
  protected readonly lookup8: Int32Array;
  protected readonly lookup128: Int32Array;
  protected readonly m16: Uint16Array<ArrayBufferLike>;
  protected readonly spans: number;
  /** This thread's id inside a region, −1 outside: what SPAN_OWNER must be for the fast path of `free`. */
  protected me: number;
  protected readonly proc: number;
  protected readonly classes: number;
  /** Requests below this size go to the tiny allocator: 16, or 1 when it is off, for those of size 0. */
  readonly tinyLimit: number;
  readonly tinySpanClass: number;
  /** No hook wants to see windows: set by `heap.setHooks`. */
  plainWindows = true;
  readonly t: Proc;
  readonly cache: MCache;
  hooks: AllocHooks = {};
  /** Pointer size that tiny alignment goes by: 4 here; 8 to be compared with a 64-bit Go. */
  readonly ptrSize: number;
  readonly zerobase: Addr;

  constructor(cache: MCache, ptrSize: number) {
    const { heap } = cache;
    const { mem } = heap.t;
    const record = (sizeClass: number): number => cache.classRef(sizeClass * 2 + 1);
    this.m = mem.m;
    this.f64 = mem.f64;
    this.lookup8 = Int32Array.from(heap.classes.sizeToClass8, record);
    this.lookup128 = Int32Array.from(heap.classes.sizeToClass128, record);
    this.m16 = mem.m16;
    this.spans = mem.plan.spans;
    this.me = -1;
    this.proc = cache.ref;
    this.classes = cache.classes;
    this.tinyLimit = heap.tinySpanClass < 0 ? 1 : TINY_SIZE;
    this.tinySpanClass = heap.tinySpanClass;
    this.t = heap.t;
    this.cache = cache;
    this.ptrSize = ptrSize;
    this.zerobase = (mem.m[H_ZEROBASE] >>> 0) as Addr;
    this.t.gate = this;
    this.setOpen(this.t.depth > 0);
  }

  /**
   * Allocates `size` bytes (Go: `mallocgc`) and returns their address, a multiple of 8 (of less below 16 bytes, as Go).
   * With `type` null the memory is pointer-free; otherwise it holds values of the type. `needzero` false may leave old
   * bytes in it.
   *
   * Throws AllocationSizeError for a size that is no size (negative, fractional, NaN, over 4 GiB), OutOfMemoryError when
   * the heap is full; the heap is as before then. May block for a short time on the heap lock, or while another thread
   * stops the world.
   */
  mallocgc(size: number, type: RType | null, needzero: boolean): number {
    if (type !== null || size > SMALL_SIZE_MAX - 8 || size < this.tinyLimit || (size | 0) !== size || this.open === 0) {
      return this.route(size, type, needzero) >>> 0;
    }
    return this.small(this.lookup8[(size + 7) >>> 3], needzero);
  }

  /**
   * Frees an object. Address 0 is allowed and does nothing, as is that of a zero-size object. From any thread: an
   * object of another thread's span is noted for its owner, without waiting.
   *
   * Throws PointerError for an address that is not the start of a live object; nothing is changed then.
   */
  free(ptr: number): void {
    const { m } = this;
    const s = m[(this.spans + (ptr >>> PAGE_SHIFT)) | 0];
    const spanClass = m[s | SPAN_CLASS];
    const off = (ptr - m[s]) | 0;
    const div = m[s | SPAN_DIV];
    const index = Math.imul(off >>> 3, div & 0xffff) >>> (div >>> 16);
    const bitIndex = (m[s | SPAN_ALLOC_BITS] + index) | 0;
    const bit = 1 << bitIndex;
    const bits = m[bitIndex >>> 5];
    if (
      m[s | SPAN_OWNER] !== this.me ||
      Math.imul(index, m[s | SPAN_ELEMSIZE]) !== off ||
      (bits & bit) === 0 ||
      spanClass === this.tinySpanClass ||
      ptr >>> 0 !== ptr
    ) {
      this.freeRoute(ptr);
      return;
    }
    if (index < m[s | SPAN_FREEINDEX]) {
      const c = (this.classes + (spanClass << MC_SHIFT)) | 0;
      const top = m[c | MC_TOP];
      if ((top & STACK_MASK) < m[c | MC_LIMIT]) {
        m[bitIndex >>> 5] = bits ^ bit;
        m[top] = ptr;
        m[top + 1] = bitIndex;
        m[c | MC_TOP] = top + 2;
        return;
      }
    } else {
      // The slot is one that the span itself hands out again.
      const taken = m[s | SPAN_ALLOC_COUNT] - 1;
      if (taken !== 0) {
        m[bitIndex >>> 5] = bits ^ bit;
        m[s | SPAN_ALLOC_COUNT] = taken;
        m[s | SPAN_NEEDZERO] = 1;
        return;
      }
    }
    // The reuse stack is full, or the span is empty: it may go back to mheap.
    this.cache.freeSlot(s as SpanRef, index);
  }

  /** Gate: a region begins or ends. */
  setOpen(open: boolean): void {
    this.open = open ? 1 : 0;
    // Outside, no span has this owner, and `free` takes the guarded way.
    this.me = open ? this.t.id : -1;
  }

  /** What a request of `size` bytes really takes (Go: `roundupsize`). */
  roundup(size: number): number {
    return this.cache.heap.classes.roundupsize(size);
  }

  /** Everything but small pointer-free objects inside a region. */
  private route(size: number, type: RType | null, needzero: boolean): Addr {
    if (this.open === 0) return guardedMalloc(this, size, type, needzero);
    if (type === null || type.ptrBytes === 0) return this.allocNoscan(size, needzero);
    return this.allocScan(size, type.number, needzero);
  }

  /** Inside a region: pointer-free memory. */
  allocNoscan(size: number, needzero: boolean): Addr {
    if (size >>> 0 !== size) return throwSize(this, size);
    if (size < this.tinyLimit) return this.tiny(size);
    if (size <= SMALL_SIZE_MAX - 8) return this.small(this.lookup8[(size + 7) >>> 3], needzero);
    if (size > MAX_SMALL_SIZE) return mallocLarge(this, size, 0, needzero);
    return this.small(this.lookup128[(size - SMALL_SIZE_MAX + LARGE_SIZE_DIV - 1) >>> 7], needzero);
  }

  /** Inside a region: memory with pointers, by type number. */
  allocScan(size: number, type: number, needzero: boolean): Addr {
    if (size >>> 0 !== size) return throwSize(this, size);
    if (size <= SMALL_SIZE_MAX - 8) {
      if (size === 0) return this.zerobase;
      return this.smallScan(this.lookup8[(size + 7) >>> 3] - MC_WORDS, type, needzero);
    }
    if (size > MAX_SMALL_SIZE) return mallocLarge(this, size, type, needzero);
    const sizeClass = (size - SMALL_SIZE_MAX + LARGE_SIZE_DIV - 1) >>> 7;
    return this.smallScan(this.lookup128[sizeClass] - MC_WORDS, type, needzero);
  }

  /** A slot of the class with this record. */
  small(c: number, needzero: boolean): Addr {
    const { m } = this;
    const top = m[c | MC_TOP];
    if ((top & STACK_MASK) !== 0) return this.reuse(c, top, needzero);
    const window = m[c];
    if (window === 0) return (this.nextFree(c, needzero) >>> 0) as Addr;
    // nextFreeFast: the lowest free slot.
    const bit = window & -window;
    const word = m[c | MC_WIN_WORD];
    m[c] = window ^ bit;
    m[word] |= bit;
    const addr = (m[c | MC_WIN_ADDR] + Math.imul(31 - Math.clz32(bit), m[c | MC_SIZE])) >>> 0;
    if (needzero && m[c | MC_NEEDZERO] !== 0) zeroSmall(this.f64, addr, m[c | MC_SIZE]);
    return addr as Addr;
  }

  /** The slot freed last. It is never known to be zero. */
  private reuse(c: number, top: number, needzero: boolean): Addr {
    const { m } = this;
    const addr = m[top - 2] >>> 0;
    const bitIndex = m[top - 1];
    m[c | MC_TOP] = top - 2;
    m[bitIndex >>> 5] |= 1 << bitIndex;
    if (needzero) zeroSmall(this.f64, addr, m[c | MC_SIZE]);
    return addr as Addr;
  }

  /** `small` for a scan class: writes the object's type number as well (our `heapBitsSetType`). */
  smallScan(c: number, type: number, needzero: boolean): Addr {
    const { m } = this;
    const window = m[c];
    if ((m[c | MC_TOP] & STACK_MASK) !== 0 || window === 0) {
      const addr = this.small(c, needzero);
      this.m16[typeSlot(this, addr)] = type;
      return addr;
    }
    const bit = window & -window;
    const i = 31 - Math.clz32(bit);
    const word = m[c | MC_WIN_WORD];
    m[c] = window ^ bit;
    m[word] |= bit;
    this.m16[m[c | MC_WIN_TYPES] + i] = type;
    const addr = (m[c | MC_WIN_ADDR] + Math.imul(i, m[c | MC_SIZE])) >>> 0;
    if (needzero && m[c | MC_NEEDZERO] !== 0) zeroSmall(this.f64, addr, m[c | MC_SIZE]);
    return addr as Addr;
  }

  /** Go: `nextFree`. Moves the window on inside the span, unless something else is to be done first. */
  private nextFree(c: number, needzero: boolean): Addr {
    const { m } = this;
    const quiet = m[H_STOP] === 0 && m[this.proc | PROC_REMOTE_HEAD] === 0 && this.plainWindows;
    if (!quiet || !this.cache.nextWindow(c)) return smallSlow(this, c, needzero);
    return this.small(c, needzero);
  }

  private tiny(size: number): Addr {
    if (size === 0) return this.zerobase;
    const { m } = this;
    const p = this.proc;
    const align = tinyAlign(size, this.ptrSize);
    const at = (m[p | PROC_TINY_OFFSET] + align - 1) & -align;
    const end = (at + size) | 0;
    const block = m[p | PROC_TINY];
    if (end > TINY_SIZE || block === 0) return tinySlow(this, size);
    const word = m[p | PROC_TINY_MASK];
    m[p | PROC_TINY_OFFSET] = end;
    m[word] |= (1 << at) | (0x8000 << end);
    return ((block + at) >>> 0) as Addr;
  }

  /** `free` of what its fast path left over; inside a region or not. */
  freeRoute(ptr: number): void {
    if (this.open === 0) guardedFree(this, ptr);
    else this.freeOwn(ptr);
  }

  /** `free` inside a region: tiny objects of own spans; `freeSlow` does the rest. */
  freeOwn(ptr: number): void {
    const { m } = this;
    const s = m[(this.spans + (ptr >>> PAGE_SHIFT)) | 0];
    if (m[s | SPAN_OWNER] === this.t.id && m[s | SPAN_CLASS] === this.tinySpanClass && ptr >>> 0 === ptr) {
      this.freeTiny(ptr, s, ((ptr - m[s]) | 0) >>> 4);
    } else {
      freeSlow(this, ptr);
    }
  }

  /** An object in a tiny block; with the last one goes the block, unless it is the one being filled. */
  private freeTiny(ptr: number, s: number, index: number): void {
    const { m } = this;
    const word = m[s | SPAN_TYPES] + index;
    const mask = m[word];
    const start = (ptr - m[s] - (index << 4)) | 0;
    const rest = tinyWithout(mask, start);
    // A mask of 0 is that of a free block, or of the one being filled: no object starts in it.
    if ((mask & (1 << start)) === 0 || (rest === 0 && m[this.proc | PROC_TINY_MASK] === word)) {
      freeSlow(this, ptr);
      return;
    }
    m[word] = rest;
    if (rest === 0) this.cache.freeSlot(s as SpanRef, index);
  }
}
