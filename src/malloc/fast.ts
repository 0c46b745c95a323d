/**
 * The fast paths of `mallocgc` and `free`: what runs for nearly every call. See malloc.ts for the overview.
 *
 * Made as closures over constants, one set a thread and heap. When the compiler inlines one of them, the views and the
 * bases in its context are known objects: addresses and lengths become immediates, where fields of a class cost loads
 * and checks of their types at each use (see docs/architecture.md).
 *
 * `needzero !== false` is one comparison; whether something is truthy takes V8 six, where it does not know the caller.
 *
 * Each function does only what must be done when all is well, and leaves by one exit otherwise. `c | MC_X` instead of
 * sums spares overflow checks (`w[c]` is MC_TOP of a class record, `w[s]` SPAN_BASE); `>>> 0` on the result of a cold
 * call keeps the hot path's result an untagged integer where the two meet. What is no number or no type at all shows
 * where it is first used: a `catch` there costs nothing as long as nothing is thrown, a test would. A pair of
 * `mallocgc` and `free` is to fit in what V8 inlines into one function: 460 bytecodes each, 920 in all, of which it
 * puts 20 % by. Hence the small functions, and the copies of `m`.
 *
 * The words that `mallocgc` reads of a class record are each in a view that begins with it (sys/mem.ts): `left[c]` is
 * `m[c | MC_LEFT]`. V8 checks once for all of them that `c` lies within, and adds nothing to it. But each view takes two
 * registers from the loop around, one for its memory, one to keep it alive; a pair is faster when `free`, which
 * needs five words of a span record, reads all but one of them through `m`.
 *
 * Order of stores. An object is live from the store of its allocation bit on, so that is the last one: its memory is
 * cleared before, and its type number written. A thread that dies at any point then leaves a live object that is cleared
 * and has its own type, or a free slot, whose type number means nothing. And whoever finds the bit set finds the type:
 * a marker never reads that of the slot's last object.
 */
import type { Addr, SpanRef, Words } from '../base/brand.ts';
import { PAGE_SHIFT, SMALL_SIZE_MAX, TINY_SIZE } from '../layout/constants.ts';
import { GATE_SIZES, GATE_TAG } from '../layout/gate.ts';
import { H_STOP, H_WRITE_BARRIER } from '../layout/header.ts';
import {
  CLASSES_MASK,
  MC_DIRECT,
  MC_LEFT,
  MC_NEEDZERO,
  MC_SIZE,
  MC_WIN,
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
  INVERSE_MASK,
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_CACHE,
  SPAN_FREEINDEX,
  SPAN_INVERSE,
  SPAN_NEEDZERO,
  SPAN_NELEMS,
  SPAN_TYPES,
  SPAN_TYPES_LESS_BITS,
} from '../layout/span.ts';
import { cacheTag } from '../spans/mspan.ts';
import { zeroSmall, zeroTiny } from '../spans/zero.ts';
import type { GateWords } from './gate.ts';
import type { Malloc } from './malloc.ts';
import { popDue, smallSlow } from './malloc-slow.ts';
import { type RType, tagOfTypes } from './rtype.ts';
import { tinyAlign } from './tiny.ts';

/** A tag that fits no span: SPAN_CACHE would have to be one of the last 4096 numbers below 0, and none is. */
const NO_TAG = ~CLASSES_MASK;

export interface FastPaths {
  readonly mallocgc: (size: number, type: RType | null, needzero: boolean) => number;
  readonly free: (ptr: number) => void;
  /** A zeroed value of a type. */
  readonly newobject: (type: RType) => number;
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
export function makeFastPaths(a: Malloc, gate: GateWords, lookup8: Int32Array, ptrSize: number): FastPaths {
  const { mem } = a.t;
  const { m, mFrom } = mem;
  const { cache } = a;
  const { classes } = cache;
  /** Requests below this go to the tiny allocator. */
  const tinyLimit = a.tinySpanClass < 0 ? 0 : TINY_SIZE;
  const alignMask = Int32Array.from({ length: TINY_SIZE }, (_, size) => tinyAlign(size, ptrSize) - 1);
  const bySize = new Int32Array(SMALL_SIZE_MAX).map((_, size) => (size < tinyLimit ? 0 : lookup8[(size + 7) >>> 3]!));

  function setOpen(isOpen: boolean): void {
    gate.words[gate.at | GATE_SIZES] = isOpen ? SMALL_SIZE_MAX - 8 : 0;
    // While the collector marks, what is freed is reported to it first.
    gate.words[gate.at | GATE_TAG] = isOpen && m[H_WRITE_BARRIER] === 0 ? classes | cacheTag(m) : NO_TAG;
  }

  const paths = pathsOver(
    a,
    m,
    mem.m16,
    mem.f64,
    mFrom[MC_LEFT],
    mFrom[MC_SIZE],
    mFrom[MC_WIN],
    mFrom[MC_WIN_ADDR],
    mFrom[1],
    mFrom[SPAN_CACHE],
    mem.plan.spans,
    classes,
    cache.ref,
    a.tinySpanClass < 0 ? 0 : cache.classRef(a.tinySpanClass),
    gate.words,
    gate.at,
    lookup8,
    bySize,
    alignMask,
    tagOfTypes(mem, true),
    tagOfTypes(mem, false),
    Math.imul,
    Math.clz32,
    zeroSmall,
    zeroTiny,
    popDue,
  );
  return { ...paths, setOpen };
}

/**
 * The paths, over parameters: a constant of the function around would be tested for being set at each use, and one of the
 * module takes eight bytes of bytecode to name.
 *
 * `left` … `windowAddr`: MC_LEFT … MC_WIN_ADDR of a class record; `bitOf`: the bit index in a pair on a reuse stack;
 * `cacheOf`: SPAN_CACHE of a span record.
 *
 * `gate[at]`: this thread's gate, see gate.ts. Its tag is `classes` with that of the sweep generation. A new generation begins
 * only while this thread is stopped or outside its region, and `setOpen` follows.
 *
 * `bySize`: class record of pointer-free objects by size; 0: for the tiny allocator. `alignMask`: alignment of an object in
 * a tiny block by its size, less one. `scanTag`, `noscanTag`: tags of this heap's types with pointers, and without.
 */
function pathsOver(
  a: Malloc,
  m: Words,
  m16: Uint16Array<ArrayBufferLike>,
  f64: Float64Array<ArrayBufferLike>,
  left: Words,
  slotSize: Words,
  windows: Words,
  windowAddr: Words,
  bitOf: Words,
  cacheOf: Words,
  spans: number,
  classes: number,
  proc: number,
  tinyRecord: number,
  gate: Words,
  at: number,
  lookup8: Int32Array,
  bySize: Int32Array,
  alignMask: Int32Array,
  scanTag: number,
  noscanTag: number,
  imul: typeof Math.imul,
  clz32: typeof Math.clz32,
  clearSmall: typeof zeroSmall,
  clearTiny: typeof zeroTiny,
  due: typeof popDue,
): Omit<FastPaths, 'setOpen'> {
  function mallocgc(size: number, type: RType | null, needzero: boolean): number {
    let below = 0xffffffff;
    try {
      below = (size - 1) >>> 0;
    } catch {}
    if (below >= gate[at] >>> 0 || (size | 0) !== size) return a.route(size, type, needzero) >>> 0;
    if (type !== null) return typed(size, type, needzero) >>> 0;
    const c = bySize[size];
    return c === 0 ? tiny(size) : small(c, needzero);
  }

  function typed(size: number, type: RType, needzero: boolean): Addr {
    if (type?.tag !== scanTag) return a.route(size, type, needzero);
    return smallScan((lookup8[(size + 7) >>> 3]! - MC_WORDS) | 0, type.number, needzero);
  }

  /**
   * Small values go straight to their class: `mallocgc` would ask for each what the type says once. One comparison
   * tells both that the type is one of this heap and that it has pointers.
   */
  function newobject(type: RType): number {
    let size = 0;
    try {
      size = type.size;
    } catch {}
    if ((size - 1) >>> 0 >= gate[at] >>> 0) return a.newRoute(type);
    if (type.tag === scanTag) return smallScan((lookup8[(size + 7) >>> 3]! - MC_WORDS) | 0, type.number, true);
    if (type.tag !== noscanTag) return a.newRoute(type);
    const c = bySize[size];
    return c === 0 ? tiny(size) : small(c, true);
  }

  /** The slot freed last, on top of the reuse stack, which is never known to be zero. If there is none, one of the window. */
  function small(c: number, needzero: boolean): Addr {
    const w = m;
    const top = (w[c] - 2) | 0;
    const last = w[top];
    if (last === 0) return (fromWindow(c, needzero) >>> 0) as Addr;
    const bitIndex = bitOf[top];
    if (needzero !== false) clearSmall(f64, last, slotSize[c]);
    const rest = (left[c] - 1) | 0;
    w[c] = top;
    left[c] = rest;
    w[bitIndex >>> 5] |= 1 << bitIndex;
    if (rest < 0) return (due(a, c, last as Addr) >>> 0) as Addr;
    return (last >>> 0) as Addr;
  }

  /** The lowest free slot of the window (Go: `nextFreeFast`). */
  function fromWindow(c: number, needzero: boolean): Addr {
    const w = m;
    const window = windows[c];
    if (window === 0) return (nextFree(c, 0, needzero) >>> 0) as Addr;
    const bit = window & -window;
    const size = slotSize[c];
    const addr = (windowAddr[c] + imul(31 - clz32(bit), size)) >>> 0;
    if (needzero !== false && w[c | MC_NEEDZERO] !== 0) clearSmall(f64, addr, size);
    windows[c] = window ^ bit;
    w[w[c | MC_WIN_WORD]] |= bit;
    return addr as Addr;
  }

  /** Go: the tiny allocator. Packs an object of 1 … 15 bytes into the current block. */
  function tiny(size: number): Addr {
    const align = alignMask[size];
    const at = (m[proc | PROC_TINY_OFFSET] + align) & ~align;
    const end = (at + size) | 0;
    const block = m[proc | PROC_TINY];
    if (end > TINY_SIZE || block === 0) return (newTinyBlock(size) >>> 0) as Addr;
    const word = m[proc | PROC_TINY_MASK];
    m[proc | PROC_TINY_OFFSET] = end;
    m[word] |= (1 << at) | (0x8000 << end);
    return ((block + at) >>> 0) as Addr;
  }

  /** The object goes to the start of a new block, of the window. What `small` does, but the class is known. */
  function newTinyBlock(size: number): Addr {
    const w = m;
    const window = w[tinyRecord | MC_WIN];
    if (window === 0 || w[(w[tinyRecord] - 2) | 0] !== 0) return (reuseTinyBlock(size) >>> 0) as Addr;
    const bit = window & -window;
    const i = 31 - clz32(bit);
    const addr = (w[tinyRecord | MC_WIN_ADDR] + (i << 4)) >>> 0;
    // Zeroed whole: later objects of the block are handed out as they are.
    if (w[tinyRecord | MC_NEEDZERO] !== 0) clearTiny(f64, addr);
    w[tinyRecord | MC_WIN] = window ^ bit;
    w[w[tinyRecord | MC_WIN_WORD]] |= bit;
    return (beginTiny(addr, (w[tinyRecord | MC_WIN_TYPES] + i) | 0, size) >>> 0) as Addr;
  }

  /** Of the reuse stack; or a block from wherever there is one. */
  function reuseTinyBlock(size: number): Addr {
    const w = m;
    const top = (w[tinyRecord] - 2) | 0;
    const last = w[top];
    if (last === 0) {
      const addr = small(tinyRecord, true);
      const s = w[(spans + (addr >>> PAGE_SHIFT)) | 0];
      return beginTiny(addr, (w[s + SPAN_TYPES] + (((addr - w[s]) | 0) >>> 4)) | 0, size);
    }
    const bitIndex = w[top | 1];
    const s = w[(spans + (last >>> PAGE_SHIFT)) | 0];
    clearTiny(f64, last);
    w[tinyRecord] = top;
    w[bitIndex >>> 5] |= 1 << bitIndex;
    const left = (w[tinyRecord | MC_LEFT] - 1) | 0;
    w[tinyRecord | MC_LEFT] = left;
    if (left < 0) due(a, tinyRecord, last as Addr);
    return beginTiny(last, (w[s + SPAN_TYPES] + ((bitIndex - w[s | SPAN_ALLOC_BITS]) | 0)) | 0, size);
  }

  /** An object is the first of a block, whose mask is `word`; of two blocks the one with more room left is the current one. */
  function beginTiny(addr: number, word: number, size: number): Addr {
    const w = m;
    w[word] = 1 | (0x8000 << size);
    const old = w[proc | PROC_TINY];
    if (old !== 0 && size >= w[proc | PROC_TINY_OFFSET]) return (addr >>> 0) as Addr;
    const oldWord = w[proc | PROC_TINY_MASK];
    w[proc | PROC_TINY] = addr;
    w[proc | PROC_TINY_OFFSET] = size;
    w[proc | PROC_TINY_MASK] = word;
    // The old block is an ordinary one now: free it if nothing is left in it.
    if (old !== 0 && w[oldWord] === 0) a.freeTinyBlock(old >>> 0);
    return (addr >>> 0) as Addr;
  }

  function smallScan(c: number, type: number, needzero: boolean): Addr {
    const w = m;
    const top = (w[c] - 2) | 0;
    const last = w[top];
    if (last !== 0) {
      const s = w[(spans + (last >>> PAGE_SHIFT)) | 0];
      m16[(w[s + SPAN_TYPES_LESS_BITS] + bitOf[top]) | 0] = type;
      return small(c, needzero);
    }
    const window = windows[c];
    if (window === 0) return (nextFree(c, type, needzero) >>> 0) as Addr;
    const bit = window & -window;
    const i = 31 - clz32(bit);
    const word = w[c | MC_WIN_WORD];
    const addr = (windowAddr[c] + imul(i, slotSize[c])) >>> 0;
    if (needzero !== false && w[c | MC_NEEDZERO] !== 0) clearSmall(f64, addr, slotSize[c]);
    m16[w[c | MC_WIN_TYPES] + i] = type;
    windows[c] = window ^ bit;
    w[word] |= bit;
    return addr as Addr;
  }

  /** Go: `nextFree`. Moves the window on inside the span, unless something else is to be done first. `type` 0: noscan. */
  function nextFree(c: number, type: number, needzero: boolean): Addr {
    const quiet = m[H_STOP] === 0 && m[proc | PROC_REMOTE_HEAD] === 0 && a.plainWindows;
    // Nothing left: a profile sample is due.
    if (!quiet || m[c | MC_LEFT] === 0 || !a.cache.nextWindow(c)) return smallSlow(a, c, type, needzero);
    return type === 0 ? small(c, needzero) : smallScan(c, type, needzero);
  }

  function free(ptr: number): void {
    const w = m;
    let s = 0;
    try {
      s = w[spans + (ptr >>> PAGE_SHIFT)];
    } catch {}
    const record = (cacheOf[s] - gate[at | GATE_TAG]) | 0;
    // A span of this thread, in which no other frees, swept, inside a region; and an address.
    if ((record & ~CLASSES_MASK) === 0 && ptr >>> 0 === ptr) {
      const bits = w[s | SPAN_ALLOC_BITS];
      const index = exactIndex((ptr - w[s]) | 0, w[s | SPAN_INVERSE]);
      // Where a slot begins, and not one that the span itself hands out again.
      if (index >>> 0 < w[s | SPAN_FREEINDEX] >>> 0) {
        const bitIndex = (bits + index) | 0;
        const word = bitIndex >>> 5;
        const bit = 1 << bitIndex;
        const old = w[word];
        const c = (classes + record) | 0;
        const top = w[c];
        if ((old & bit) !== 0 && (top & STACK_MASK) !== 0) {
          w[word] = old ^ bit;
          w[top] = ptr;
          bitOf[top] = bitIndex;
          w[c] = top + 2;
          return;
        }
      }
    }
    freeAhead(ptr);
  }

  /** Index of the slot that begins at byte `off` of a span; above all indices if none does. See SizeClassTable.inverse. */
  function exactIndex(off: number, inverse: number): number {
    const product = imul(off, inverse & INVERSE_MASK);
    return (product >>> inverse) | (product << (32 - inverse));
  }

  /** `free` of a slot that the span itself hands out again; or the reuse stack is full; or it is not for the fast path. */
  function freeAhead(ptr: number): void {
    if (typeof ptr !== 'number') {
      a.freeRoute(ptr);
      return;
    }
    const w = m;
    const s = w[spans + (ptr >>> PAGE_SHIFT)];
    const record = (w[s | SPAN_CACHE] - gate[at | GATE_TAG]) | 0;
    if ((record & ~CLASSES_MASK) === 0 && ptr >>> 0 === ptr) {
      const index = exactIndex((ptr - w[s]) | 0, w[s | SPAN_INVERSE]);
      if (index >>> 0 < w[s + SPAN_NELEMS]) {
        const bitIndex = (w[s | SPAN_ALLOC_BITS] + index) | 0;
        const word = bitIndex >>> 5;
        const bit = 1 << bitIndex;
        const rest = w[word] ^ bit;
        if ((rest & bit) === 0) {
          const taken = w[s + SPAN_ALLOC_COUNT] - 1;
          if (index < w[s | SPAN_FREEINDEX] || taken === 0) {
            a.cache.freeSlot(s as SpanRef, index);
            return;
          }
          w[word] = rest;
          w[s + SPAN_ALLOC_COUNT] = taken;
          w[s + SPAN_NEEDZERO] = 1;
          w[(classes + record) | MC_DIRECT]++;
          return;
        }
      }
    }
    a.freeRoute(ptr);
  }

  return { mallocgc, free, newobject, small, smallScan, tiny };
}
