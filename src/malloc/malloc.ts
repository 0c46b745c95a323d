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
 * Region. A call inside `heap.scope` finds `t.open` set and goes straight on. Any other call takes the guarded way:
 * it is a region of its own (two compare-and-exchanges), and it serves the hooks that must see every object.
 *
 * Code style of this file: one number in, one number out, no closures, no allocation of JS objects, cold code elsewhere.
 */
import type { Addr, SpanClass } from '../base/brand.ts';
import type { MCache } from '../cache/mcache.ts';
import { LARGE_SIZE_DIV, MAX_SMALL_SIZE, PAGE_SHIFT, SMALL_SIZE_MAX, TINY_SIZE } from '../layout/constants.ts';
import { H_ZEROBASE } from '../layout/header.ts';
import {
  MC_NEEDZERO,
  MC_SIZE,
  MC_STACK,
  MC_STACK_LIMIT,
  MC_TOP,
  MC_WIN,
  MC_WIN_ADDR,
  MC_WIN_TYPES,
  MC_WIN_WORD,
  PROC_TINY,
  PROC_TINY_MASK,
  PROC_TINY_OFFSET,
} from '../layout/proc.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_BASE,
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_FREEINDEX,
  SPAN_OWNER,
} from '../layout/span.ts';
import type { Proc } from '../sync/proc.ts';
import { freeSlow, guardedFree } from './free.ts';
import type { AllocHooks } from './hooks.ts';
import { guardedMalloc, mallocLarge, smallSlow, throwSize, tinySlow, typeSlot } from './malloc-slow.ts';
import type { RType } from './rtype.ts';
import { tinyAlign } from './tiny.ts';
import { zeroSmall } from '../spans/zero.ts';

/** log2 of MC_WORDS. */
const MC_SHIFT = 4;

export class Malloc {
  readonly t: Proc;
  readonly cache: MCache;
  hooks: AllocHooks = {};
  /** Pointer size that tiny alignment goes by: 4 here; 8 to be compared with a 64-bit Go. */
  readonly ptrSize: number;
  readonly zerobase: Addr;
  readonly tinySpanClass: number;
  /** Requests below this size go to the tiny allocator: 16, or 0 when it is off. */
  readonly tinyLimit: number;
  readonly #m: Int32Array<ArrayBufferLike>;
  readonly #m16: Uint16Array<ArrayBufferLike>;
  readonly #f64: Float64Array<ArrayBufferLike>;
  readonly #proc: number;
  readonly #classes: number;
  readonly #spans: number;
  readonly #pages: number;
  readonly #c8: Uint8Array;
  readonly #c128: Uint8Array;
  readonly #inv: Float64Array;
  readonly #me: number;

  constructor(cache: MCache, ptrSize: number) {
    const { heap } = cache;
    const { mem } = heap.t;
    this.t = heap.t;
    this.cache = cache;
    this.ptrSize = ptrSize;
    this.zerobase = (mem.m[H_ZEROBASE] >>> 0) as Addr;
    this.tinySpanClass = heap.tinySpanClass;
    this.tinyLimit = heap.tinySpanClass < 0 ? 0 : TINY_SIZE;
    this.#m = mem.m;
    this.#m16 = mem.m16;
    this.#f64 = mem.f64;
    this.#proc = cache.ref;
    this.#classes = cache.classes;
    this.#spans = mem.plan.spans;
    this.#pages = mem.plan.pages;
    this.#c8 = heap.classes.sizeToClass8;
    this.#c128 = heap.classes.sizeToClass128;
    this.#inv = heap.classes.inv;
    this.#me = heap.t.id;
  }

  /**
   * Allocates `size` bytes (Go: `mallocgc`) and returns their address. With `type` null the memory is pointer-free;
   * otherwise it holds one value of the type, or as many as fit. `needzero` false leaves old bytes in it.
   *
   * Throws AllocationSizeError for a size that is no size, OutOfMemoryError when the heap is full; the heap is as
   * before then. May block for a short time on the heap lock, or while another thread stops the world.
   */
  mallocgc(size: number, type: RType | null, needzero: boolean): Addr {
    if (this.t.open === 0) return guardedMalloc(this, size, type, needzero);
    return this.alloc(size, type === null || type.ptrBytes === 0 ? 0 : type.number, needzero);
  }

  /** `mallocgc` inside a region; `type` 0: pointer-free. */
  alloc(size: number, type: number, needzero: boolean): Addr {
    if (size >>> 0 !== size) return throwSize(this, size);
    if (type === 0) {
      if (size < this.tinyLimit) return this.#tiny(size, needzero);
      if (size <= SMALL_SIZE_MAX - 8) return this.#small((this.#c8[(size + 7) >>> 3] << 1) | 1, 0, needzero);
    } else if (size <= SMALL_SIZE_MAX - 8) {
      return this.#small(this.#c8[(size + 7) >>> 3] << 1, type, needzero);
    }
    if (size > MAX_SMALL_SIZE) return mallocLarge(this, size, type, needzero);
    const sizeClass = this.#c128[(size - SMALL_SIZE_MAX + LARGE_SIZE_DIV - 1) >>> 7];
    return this.#small((sizeClass << 1) | (type === 0 ? 1 : 0), type, needzero);
  }

  /** What a request of `size` bytes really takes (Go: `roundupsize`). */
  roundupsize(size: number): number {
    return this.cache.heap.classes.roundupsize(size);
  }

  /** A slot of this span class. */
  small(spanClass: SpanClass, type: number, needzero: boolean): Addr {
    return this.#small(spanClass, type, needzero);
  }

  #small(spanClass: number, type: number, needzero: boolean): Addr {
    const m = this.#m;
    const c = this.#classes + (spanClass << MC_SHIFT);
    const top = m[c + MC_TOP];
    if (top !== m[c + MC_STACK]) return this.#reuse(c, top, type, needzero);
    const window = m[c + MC_WIN];
    if (window === 0) return smallSlow(this, spanClass as SpanClass, type, needzero);
    const bit = window & -window;
    const i = 31 - Math.clz32(bit);
    const word = m[c + MC_WIN_WORD];
    m[c + MC_WIN] = window ^ bit;
    m[word] |= bit;
    const addr = (m[c + MC_WIN_ADDR] + Math.imul(i, m[c + MC_SIZE])) >>> 0;
    if (type !== 0) this.#m16[m[c + MC_WIN_TYPES] + i] = type;
    if (needzero && m[c + MC_NEEDZERO] !== 0) zeroSmall(this.#f64, addr, m[c + MC_SIZE]);
    return addr as Addr;
  }

  /** The slot freed last. It is never known to be zero. */
  #reuse(c: number, top: number, type: number, needzero: boolean): Addr {
    const m = this.#m;
    const bitIndex = m[top - 1];
    const addr = m[top - 2] >>> 0;
    m[c + MC_TOP] = top - 2;
    m[bitIndex >>> 5] |= 1 << bitIndex;
    if (type !== 0) this.#m16[typeSlot(this, addr, bitIndex)] = type;
    if (needzero) zeroSmall(this.#f64, addr, m[c + MC_SIZE]);
    return addr as Addr;
  }

  #tiny(size: number, needzero: boolean): Addr {
    if (size === 0) return this.zerobase;
    const m = this.#m;
    const p = this.#proc;
    const align = tinyAlign(size, this.ptrSize);
    const at = (m[p + PROC_TINY_OFFSET] + align - 1) & -align;
    const end = at + size;
    const block = m[p + PROC_TINY];
    if (end > TINY_SIZE || block === 0) return tinySlow(this, size, needzero);
    m[p + PROC_TINY_OFFSET] = end;
    m[m[p + PROC_TINY_MASK]] |= (1 << at) | (0x8000 << end);
    return ((block + at) >>> 0) as Addr;
  }

  /**
   * Frees an object. Address 0 is allowed and does nothing, as is that of a zero-size object. From any thread: an
   * object of another thread's span is noted for its owner, without waiting.
   *
   * Throws PointerError for an address that is not the start of a live object; nothing is changed then.
   */
  free(ptr: number): void {
    if (this.t.open === 0) guardedFree(this, ptr);
    else this.freeOwn(ptr);
  }

  /** `free` inside a region. Decides only the common case: a whole slot of an own span. */
  freeOwn(ptr: number): void {
    const m = this.#m;
    const page = ptr >>> PAGE_SHIFT;
    if (page >= this.#pages) return freeSlow(this, ptr);
    const s = m[this.#spans + page];
    const spanClass = m[s + SPAN_CLASS];
    if (m[s + SPAN_OWNER] !== this.#me || s === 0 || spanClass === this.tinySpanClass) return freeSlow(this, ptr);
    const off = ptr - (m[s + SPAN_BASE] >>> 0);
    const index = (off * this.#inv[spanClass >>> 1]) | 0;
    const bitIndex = m[s + SPAN_ALLOC_BITS] + index;
    const word = bitIndex >>> 5;
    const bits = m[word];
    const bit = 1 << bitIndex;
    if (Math.imul(index, m[s + SPAN_ELEMSIZE]) !== off || (bits & bit) === 0) return freeSlow(this, ptr);
    const c = this.#classes + (spanClass << MC_SHIFT);
    const top = m[c + MC_TOP];
    if (index >= m[s + SPAN_FREEINDEX] || top >= m[c + MC_STACK_LIMIT]) return freeSlow(this, ptr);
    m[word] = bits ^ bit;
    m[top] = ptr;
    m[top + 1] = bitIndex;
    m[c + MC_TOP] = top + 2;
  }
}
