/**
 * The fast paths of `mallocgc` and `free`: what runs for nearly every call. See malloc.ts for the overview.
 *
 * Made as closures over constants, one set a thread and heap. When the compiler inlines one of them, the views and the
 * bases in its context are known objects: addresses and lengths become immediates, where fields of a class cost loads
 * and checks of their types at each use (see docs/architecture.md).
 *
 * Each function does only what must be done when all is well, and leaves by one exit otherwise. `x | 0` and `c | MC_X`
 * instead of sums spare overflow checks; `>>> 0` on the result of a cold call keeps the hot path's result an untagged
 * integer where the two meet.
 *
 * Order of stores. An object is live from the store of its allocation bit on, so that is the last one: its memory is
 * cleared before, and its type number written. A thread that dies at any point then leaves a live object that is cleared
 * and has its own type, or a free slot, whose type number means nothing. And whoever finds the bit set finds the type:
 * a marker never reads that of the slot's last object.
 */
import type { Addr, SpanRef } from '../base/brand.ts';
import { MAX_ALLOC, MAX_SPAN_CLASSES, PAGE_SHIFT, SMALL_SIZE_MAX, TINY_SIZE } from '../layout/constants.ts';
import { H_STOP } from '../layout/header.ts';
import {
  MC_LIMIT,
  MC_NEEDZERO,
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
  FREE_MODE,
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_CACHE,
  SPAN_DEFER,
  SPAN_DIV,
  SPAN_FREEINDEX,
  SPAN_NEEDZERO,
  SPAN_TYPES,
} from '../layout/span.ts';
import { zeroSmall } from '../spans/zero.ts';
import type { Malloc } from './malloc.ts';
import { smallSlow, typeSlot } from './malloc-slow.ts';
import type { RType } from './rtype.ts';
import { tinyAlign } from './tiny.ts';

export interface FastPaths {
  readonly mallocgc: (size: number, type: RType | null, needzero: boolean) => number;
  readonly free: (ptr: number) => void;
  /** A slot of the class with this record. */
  readonly small: (c: number, needzero: boolean) => Addr;
  /** Packs an object of 1 … 15 bytes. */
  readonly tiny: (size: number) => Addr;
  /** The same for a scan class: writes the object's type number as well (our `heapBitsSetType`). */
  readonly smallScan: (c: number, type: number, needzero: boolean) => Addr;
  /** A region begins or ends. Outside, no size and no span is one for the fast paths. */
  readonly setOpen: (open: boolean) => void;
}

/** `lookup8`: class record of pointer-free objects by size in steps of 8. `ptrSize`: what tiny alignment goes by. */
export function makeFastPaths(a: Malloc, lookup8: Int32Array, ptrSize: number): FastPaths {
  const { mem } = a.t;
  const { m, m16, f64 } = mem;
  const { spans } = mem.plan;
  const { cache } = a;
  const { classes } = cache;
  const remoteHead = cache.ref + PROC_REMOTE_HEAD;
  const tinyRecord = a.tinySpanClass < 0 ? 0 : cache.classRef(a.tinySpanClass);
  /** Requests below this go to the tiny allocator. */
  const tinyLimit = a.tinySpanClass < 0 ? 0 : TINY_SIZE;
  const tinyBlock = cache.ref + PROC_TINY;
  const tinyOffset = cache.ref + PROC_TINY_OFFSET;
  const tinyMask = cache.ref + PROC_TINY_MASK;
  /** Alignment of an object by its size, less one. */
  const alignMask = Int32Array.from({ length: TINY_SIZE }, (_, size) => tinyAlign(size, ptrSize) - 1);
  let smallMin = MAX_ALLOC;
  let classWords = 0;

  function setOpen(open: boolean): void {
    smallMin = open ? 1 : MAX_ALLOC;
    classWords = open ? MAX_SPAN_CLASSES * MC_WORDS : 0;
  }

  function mallocgc(size: number, type: RType | null, needzero: boolean): number {
    if (type !== null || size > SMALL_SIZE_MAX - 8 || size < smallMin || (size | 0) !== size) {
      return a.route(size, type, needzero) >>> 0;
    }
    if (size < tinyLimit) return tiny(size);
    return small(lookup8[(size + 7) >>> 3]!, needzero);
  }

  function small(c: number, needzero: boolean): Addr {
    const top = m[c | MC_TOP];
    if ((top & STACK_MASK) !== 0) return reuse(c, top, needzero);
    const window = m[c];
    if (window === 0) return (nextFree(c, 0, needzero) >>> 0) as Addr;
    // nextFreeFast: the lowest free slot.
    const bit = window & -window;
    const word = m[c | MC_WIN_WORD];
    const addr = (m[c | MC_WIN_ADDR] + Math.imul(31 - Math.clz32(bit), m[c | MC_SIZE])) >>> 0;
    if (needzero && m[c | MC_NEEDZERO] !== 0) zeroSmall(f64, addr, m[c | MC_SIZE]);
    m[c] = window ^ bit;
    m[word] |= bit;
    return addr as Addr;
  }

  /** Go: the tiny allocator. Packs an object of 1 … 15 bytes into the current block. */
  function tiny(size: number): Addr {
    const align = alignMask[size];
    const at = (m[tinyOffset] + align) & ~align;
    const end = (at + size) | 0;
    const block = m[tinyBlock];
    if (end > TINY_SIZE || block === 0) return (newTinyBlock(size) >>> 0) as Addr;
    const word = m[tinyMask];
    m[tinyOffset] = end;
    m[word] |= (1 << at) | (0x8000 << end);
    return ((block + at) >>> 0) as Addr;
  }

  /** The object goes to the start of a new block; the block with more room left becomes the current one. */
  function newTinyBlock(size: number): Addr {
    // Zeroed whole: later objects of the block are handed out as they are.
    const addr = small(tinyRecord, true);
    const s = m[(spans + (addr >>> PAGE_SHIFT)) | 0];
    const word = (m[s | SPAN_TYPES] + (((addr - m[s]) | 0) >>> 4)) | 0;
    m[word] = 1 | (0x8000 << size);
    const old = m[tinyBlock];
    if (old !== 0 && size >= m[tinyOffset]) return addr;
    const oldWord = m[tinyMask];
    m[tinyBlock] = addr;
    m[tinyOffset] = size;
    m[tinyMask] = word;
    // The old block is an ordinary one now: free it if nothing is left in it.
    if (old !== 0 && m[oldWord] === 0) a.freeTinyBlock(old >>> 0);
    return addr;
  }

  /** The slot freed last. It is never known to be zero. */
  function reuse(c: number, top: number, needzero: boolean): Addr {
    const addr = m[top - 2] >>> 0;
    const bitIndex = m[top - 1];
    if (needzero) zeroSmall(f64, addr, m[c | MC_SIZE]);
    m[c | MC_TOP] = top - 2;
    m[bitIndex >>> 5] |= 1 << bitIndex;
    return addr as Addr;
  }

  function smallScan(c: number, type: number, needzero: boolean): Addr {
    const top = m[c | MC_TOP];
    if ((top & STACK_MASK) !== 0) {
      m16[typeSlot(a, m[top - 2] >>> 0)] = type;
      return reuse(c, top, needzero);
    }
    const window = m[c];
    if (window === 0) return (nextFree(c, type, needzero) >>> 0) as Addr;
    const bit = window & -window;
    const i = 31 - Math.clz32(bit);
    const word = m[c | MC_WIN_WORD];
    const addr = (m[c | MC_WIN_ADDR] + Math.imul(i, m[c | MC_SIZE])) >>> 0;
    if (needzero && m[c | MC_NEEDZERO] !== 0) zeroSmall(f64, addr, m[c | MC_SIZE]);
    m16[m[c | MC_WIN_TYPES] + i] = type;
    m[c] = window ^ bit;
    m[word] |= bit;
    return addr as Addr;
  }

  /** Go: `nextFree`. Moves the window on inside the span, unless something else is to be done first. `type` 0: noscan. */
  function nextFree(c: number, type: number, needzero: boolean): Addr {
    const quiet = m[H_STOP] === 0 && m[remoteHead] === 0 && a.plainWindows;
    if (!quiet || !cache.nextWindow(c)) return smallSlow(a, c, type, needzero);
    return type === 0 ? small(c, needzero) : smallScan(c, type, needzero);
  }

  function free(ptr: number): void {
    const s = m[(spans + (ptr >>> PAGE_SHIFT)) | 0];
    const word = m[s | SPAN_CACHE];
    const off = (ptr - m[s]) | 0;
    const div = m[s | SPAN_DIV];
    const product = Math.imul(off >>> 3, div & 0xffff);
    const index = product >>> (div >>> 16);
    const bitIndex = (m[s | SPAN_ALLOC_BITS] + index) | 0;
    const bits = m[bitIndex >>> 5];
    const bit = 1 << bitIndex;
    if (
      // Not this thread's span, or not inside a region,
      (word - classes) >>> 0 >= classWords ||
      // or not where a slot begins,
      (product & ~(-1 << (div >>> 16))) >= (div & 0xffff) ||
      (off & 7) !== 0 ||
      // or other threads may have freed it, or it is free already, or no integer.
      m[s | SPAN_DEFER] !== 0 ||
      (bits & bit) === 0 ||
      ptr >>> 0 !== ptr
    ) {
      a.freeRoute(ptr);
      return;
    }
    if ((word & FREE_MODE) === 0 || index < m[s | SPAN_FREEINDEX]) {
      const c = word & ~FREE_MODE;
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
    cache.freeSlot(s as SpanRef, index);
  }

  return { mallocgc, free, small, smallScan, tiny, setOpen };
}
