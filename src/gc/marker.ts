/**
 * Marking (Go: `gcDrain`, `scanObject`, `greyobject`, `wbBufFlush1`). One marker a thread.
 *
 * A grey object has its mark bit set and waits, on a marker's stack or in a work buffer, for its pointers to be looked at;
 * a black one has been scanned. Whoever sets the bit (one `Atomics.or`, after a plain look that answers most times) has
 * the object, and puts it on his own stack: nobody scans it twice. Objects without pointers go straight to black.
 *
 * The stack is this thread's own and in its own memory, pairs of
 *
 *     address | type number + (number of elements << 16)
 *
 * so what the span told when the object was marked need not be looked up again. Its older half goes to the shared work
 * buffers when it is full, and when others have nothing to do. Large objects are scanned in pieces of 128 KiB (Go:
 * oblets); their descriptor has no elements.
 *
 * What makes it right. The allocator writes an object's type before its allocation bit, and its address becomes known
 * after both (publication, see barrier.ts): an object that a pointer leads to has its type. While marking is on no span
 * goes back to mheap, so what a span's record says of its slots does not change under a marker; what is stale otherwise
 * (a pointer to an object freed by hand) may mark a slot that is free, which the sweep ignores.
 *
 * A marker reaches no safepoint inside of `drain`; between its calls the world may stop, with grey objects on the stack:
 * GC_WORKING says so (collector.ts).
 */
import { NIL, type ProcRef, type Ref, type SpanRef } from '../base/brand.ts';
import { PAGE_SHIFT } from '../layout/constants.ts';
import {
  GC_BYTES_MARKED,
  GC_RESCAN,
  GC_SCAN_WORK,
  WORKBUF_COUNT,
  WORKBUF_GREY,
  WORKBUF_ITEMS,
  WORKBUF_KIND,
  WORKBUF_ROOTS,
  WORKBUF_SEGMENTS,
  WORKBUF_WORDS,
} from '../layout/gc.ts';
import { PROC_WB, PROC_WB_COUNT, SEGMENT_SLOTS, SEGMENT_WORDS } from '../layout/proc.ts';
import {
  DIV_SHIFT,
  SPAN_ALLOC_BITS,
  SPAN_CLASS,
  SPAN_DIV,
  SPAN_ELEMSIZE,
  SPAN_GCMARK_BITS,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
  SPAN_TYPES,
} from '../layout/span.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import { spanOf } from '../spans/mspan.ts';
import { freeBuffer, newBuffer, putFull, takeFull } from '../spans/workbuf.ts';
import type { Proc } from '../sync/proc.ts';

/** Words of a marker's stack; how many of them go to work buffers at a time. */
const STACK_WORDS = 8192;
const SPILL_WORDS = 4096;
/** Pairs that a marker keeps when others have nothing to do. */
const KEEP_WORDS = 64;
/** Bytes of a large object that are scanned at a time (Go: `maxObletBytes`). */
const OBLET = 128 << 10;
const BUFFER_WORDS = WORKBUF_WORDS - WORKBUF_ITEMS;

export interface Marker {
  /**
   * Scans grey objects of this thread's stack until it is empty, or about `limit` bytes were looked through. Returns
   * the bytes. Not a safepoint.
   */
  readonly drain: (limit: number) => number;
  /** Makes the object that an address is in grey, or black if it has no pointers (Go: `shade`). Any number is allowed. */
  readonly shade: (addr: number) => void;
  /** Shades what a proc's write-barrier buffer holds: this thread's own, or that of a thread that is stopped. */
  readonly flushBarrier: (p: ProcRef) => void;
  /** Shades the pointers of an object, and not the object. For what specials keep alive. */
  readonly scanObject: (addr: number) => void;
  /** Puts all marked objects of a span on the stack again. */
  readonly rescanSpan: (s: SpanRef) => void;
  /** Takes a work buffer. False: there is none. */
  readonly take: () => boolean;
  /** Gives grey objects to others: all, or all but a few. */
  readonly share: (all: boolean) => void;
  /** Whether the stack is empty. */
  readonly isEmpty: () => boolean;
  /** Forgets the stack. For a cycle that was given up. */
  readonly clear: () => void;
}

export function makeMarker(t: Proc, table: TypeTable): Marker {
  const { imul } = Math;
  const { mem } = t;
  const { m, m16, i32 } = mem;
  const { spans, pageMarks } = mem.plan;
  const { shared } = mem;
  const st = new Int32Array(STACK_WORDS);
  /** Type number -> index in `layout`: size, number of pointers, their offsets. 0: not known yet. */
  const at = new Int32Array(65536);
  let layout = new Int32Array(1024);
  let layoutEnd = 1;
  let top = 0;
  /** Bytes marked and not yet counted for all, in units of 8. */
  let marked = 0;

  /** Index of a type's layout; that of a type without pointers if no such type is registered. */
  function learn(type: number): number {
    const known = at[type];
    if (known !== 0) return known;
    const r = table.get(type);
    const pointers = r?.pointers ?? [];
    if (layoutEnd + pointers.length + 2 > layout.length) {
      const larger = new Int32Array((layout.length + pointers.length + 2) * 2);
      larger.set(layout);
      layout = larger;
    }
    const k = layoutEnd;
    layout[k] = r === undefined ? 1 << 30 : Math.max(r.size, 4);
    layout[k + 1] = pointers.length;
    for (const [i, p] of pointers.entries()) layout[k + 2 + i] = p;
    layoutEnd += pointers.length + 2;
    if (r !== undefined) at[type] = k;
    return k;
  }

  function drain(limit: number): number {
    let work = 0;
    while (top !== 0 && work < limit) {
      top -= 2;
      const addr = st[top];
      const desc = st[top + 1];
      const elems = desc >>> 16;
      work += elems === 0 ? scanLarge(addr >>> 0, desc & 0xffff) : scan(addr, desc & 0xffff, elems);
    }
    count(work);
    return work;
  }

  /** Adds to what all threads did in this cycle. */
  function count(work: number): void {
    if (work > 0) Atomics.add(m, GC_SCAN_WORK, work >>> 3);
    if (marked > 0) Atomics.add(m, GC_BYTES_MARKED, marked);
    marked = 0;
  }

  /** Looks at the pointers of `elems` values of a type from `addr` on. Returns their bytes. */
  function scan(addr: number, type: number, elems: number): number {
    let k = at[type];
    if (k === 0) k = learn(type);
    const lay = layout;
    const size = lay[k];
    const end = (k + 2 + lay[k + 1]) | 0;
    let value = addr;
    for (let n = elems; n > 0; n--) {
      for (let i = (k + 2) | 0; i < end; i++) {
        const p = i32[(value + lay[i]) >>> 2];
        if (p !== 0) grey(p);
      }
      value = (value + size) | 0;
    }
    return size * elems;
  }

  /** Marks the object that `p` points to or into, and puts it on the stack if it has pointers. */
  function grey(p: number): void {
    const s = m[spans + (p >>> PAGE_SHIFT)];
    const spanClass = m[s | SPAN_CLASS];
    if (spanClass < 2) {
      greyLarge(s as SpanRef);
      return;
    }
    // A page whose span is not for objects: no object's address, but that of one that was freed, or no address at all.
    if (m[s | SPAN_STATE] !== SPAN_STATE_IN_USE) return;
    const base = m[s];
    const div = m[s | SPAN_DIV];
    const index = imul((p - base) >>> 3, div >>> DIV_SHIFT) >>> div;
    const bitIndex = (m[s | SPAN_GCMARK_BITS] + index) | 0;
    const word = bitIndex >>> 5;
    const bit = 1 << bitIndex;
    const before = m[word];
    if ((before & bit) !== 0) return;
    if (shared) {
      if ((Atomics.or(m, word, bit) & bit) !== 0) return;
    } else {
      m[word] = before | bit;
    }
    const size = m[s | SPAN_ELEMSIZE];
    marked = (marked + (size >>> 3)) | 0;
    if (before === 0) setPageMark(base);
    if ((spanClass & 1) !== 0) return;
    const type = m16[(m[s | SPAN_TYPES] + index) | 0];
    let k = at[type];
    if (k === 0) k = learn(type);
    const elemSize = layout[k];
    const n = size < elemSize * 2 ? 1 : (size / elemSize) | 0;
    if (top === STACK_WORDS) spill(SPILL_WORDS);
    st[top] = base + imul(index, size);
    st[top + 1] = type | (n << 16);
    top += 2;
  }

  function setPageMark(base: number): void {
    const page = base >>> PAGE_SHIFT;
    const word = pageMarks + (page >>> 5);
    if ((m[word] & (1 << page)) === 0) Atomics.or(m, word, 1 << page);
  }

  /** No span, one for manual use, or a large object. */
  function greyLarge(s: SpanRef): void {
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return;
    const bit = m[s + SPAN_GCMARK_BITS];
    if ((Atomics.or(m, bit >>> 5, 1 << bit) & (1 << bit)) !== 0) return;
    marked += m[s + SPAN_ELEMSIZE] >>> 3;
    setPageMark(m[s]);
    if ((m[s + SPAN_CLASS] & 1) !== 0) return;
    push(m[s], Atomics.load(m, s + SPAN_LARGE_TYPE));
  }

  /** A descriptor without elements: a large object, or a piece of one. */
  function push(addr: number, desc: number): void {
    if (top === STACK_WORDS) spill(SPILL_WORDS);
    st[top] = addr;
    st[top + 1] = desc;
    top += 2;
  }

  /** Scans the piece of a large object that begins at `addr`. At the object's beginning the other pieces become work. */
  function scanLarge(addr: number, type: number): number {
    const s = spanOf(mem, addr);
    if (type === 0 || m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return 0;
    const base = m[s] >>> 0;
    const k = learn(type);
    const size = layout[k];
    const total = Math.floor((m[s + SPAN_LARGE_SIZE] >>> 0) / size);
    const step = Math.max(1, Math.floor(OBLET / size));
    const first = Math.floor((addr - base) / size);
    if (first === 0) for (let i = step; i < total; i += step) push((base + i * size) | 0, type);
    return scan(addr | 0, type, Math.min(step, total - first));
  }

  /** Moves the oldest `words` of the stack to work buffers; what finds no room there is scanned again later. */
  function spill(words: number): void {
    for (let from = 0; from < words; from += BUFFER_WORDS) {
      const n = Math.min(BUFFER_WORDS, words - from);
      const b = newBuffer(t, WORKBUF_GREY);
      if (b === NIL) {
        Atomics.store(m, GC_RESCAN, 1);
        break;
      }
      for (let i = 0; i < n; i++) m[b + WORKBUF_ITEMS + i] = st[from + i];
      m[b + WORKBUF_COUNT] = n;
      putFull(t, b);
    }
    st.copyWithin(0, words, top);
    top -= words;
  }

  function share(all: boolean): void {
    count(0);
    const words = all ? top : (top >>> 2) << 1;
    if (all ? top > 0 : top > KEEP_WORDS) spill(words);
  }

  function take(): boolean {
    const b = takeFull(t);
    if (b === NIL) return false;
    const kind = m[b + WORKBUF_KIND];
    const n = m[b + WORKBUF_COUNT];
    for (let i = b + WORKBUF_ITEMS; i < b + WORKBUF_ITEMS + n; i++) {
      if (kind === WORKBUF_ROOTS) shade(m[i]);
      else if (kind === WORKBUF_SEGMENTS) shadeSegment(m[i]);
      else push(m[i], m[++i]);
    }
    freeBuffer(t, b as Ref);
    return true;
  }

  function shade(addr: number): void {
    if (addr !== 0) grey(addr | 0);
  }

  /** A piece of a handle table, as it is now: what it loses meanwhile is shaded by who removes it. */
  function shadeSegment(start: number): void {
    if (m[spanOf(mem, start * 4) + SPAN_STATE] !== SPAN_STATE_MANUAL) return;
    for (let w = start + SEGMENT_SLOTS; w < start + SEGMENT_WORDS; w++) shade(i32[w]);
  }

  function flushBarrier(p: ProcRef): void {
    const n = m[p + PROC_WB_COUNT];
    for (let i = p + PROC_WB; i < p + PROC_WB + n; i++) grey(m[i]);
    m[p + PROC_WB_COUNT] = 0;
    count(0);
  }

  function scanObject(addr: number): void {
    const s = spanOf(mem, addr);
    const spanClass = m[s + SPAN_CLASS];
    if ((spanClass & 1) !== 0) return;
    if (spanClass < 2) {
      push(m[s], Atomics.load(m, s + SPAN_LARGE_TYPE));
      return;
    }
    const size = m[s + SPAN_ELEMSIZE];
    const index = Math.floor((addr - (m[s] >>> 0)) / size);
    const type = m16[m[s + SPAN_TYPES] + index]!;
    scan((m[s] + index * size) | 0, type, Math.max(1, Math.floor(size / layout[learn(type)])));
  }

  function rescanSpan(s: SpanRef): void {
    const spanClass = m[s + SPAN_CLASS];
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || (spanClass & 1) !== 0) return;
    const marks = m[s + SPAN_GCMARK_BITS];
    const alloc = m[s + SPAN_ALLOC_BITS];
    const size = m[s + SPAN_ELEMSIZE];
    for (let i = 0; i < m[s + SPAN_NELEMS]; i++) {
      const both = m[(marks + i) >>> 5] & m[(alloc + i) >>> 5];
      if ((both & (1 << i)) === 0) continue;
      if (spanClass < 2) push(m[s], Atomics.load(m, s + SPAN_LARGE_TYPE));
      else {
        const type = m16[m[s + SPAN_TYPES] + i]!;
        push(m[s] + i * size, type | (Math.max(1, Math.floor(size / layout[learn(type)])) << 16));
      }
    }
  }

  function clear(): void {
    top = 0;
    marked = 0;
  }

  const isEmpty = (): boolean => top === 0;
  return { drain, shade, flushBarrier, scanObject, rescanSpan, take, share, isEmpty, clear };
}
