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
 * Nearly all the time goes into waiting for memory, so pointers are gathered and marked BATCH at a time, in passes whose
 * loads do not depend on each other: the processor has a dozen of them under way, where pointer by pointer it would wait
 * for the span, then for the mark bit, then for the type. The last pass reads a word of each object that will be scanned
 * next, which brings it into the cache (Go prefetches there). No pointer stays in the batch when a function returns.
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
  SPAN_LARGE_TYPE,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
  SPAN_TYPES,
} from '../layout/span.ts';
import { isLargeClass, isNoscan } from '../layout/span-class.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import { spanOf } from '../spans/mspan.ts';
import { freeBuffer, newBuffer, putFull, takeFull } from '../spans/workbuf.ts';
import type { Proc } from '../sync/proc.ts';

/** Words of a marker's stack; how many of them go to work buffers at a time. */
const STACK_WORDS = 8192;
const SPILL_WORDS = 4096;
/** Pointers that are marked together. */
const BATCH = 64;
/** Words that a marker keeps when others have nothing to do: few, for going through a tree it never has many. */
const KEEP_WORDS = 8;
/** Bytes of a large object that are scanned at a time (Go: `maxObletBytes`). */
const OBLET = 128 << 10;
/** Index of the first layout. */
const UNKNOWN = 1;
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
  /**
   * Shades the pointers of all marked objects of a span, of a large one of the elements that begin between two
   * addresses. None of them goes on the stack: what that loses when there is no memory for buffers was marked since, so
   * each time that all is scanned again there is less left, and it comes to an end.
   */
  readonly rescanSpan: (s: SpanRef, from: number, end: number) => void;
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
  /** Gathered pointers; the word behind them is written and never read. */
  const batch = new Int32Array(BATCH + 1);
  /** What the passes find out: the span of each, the number of its slot, its mark bit as an index of a bit in `m`. */
  const spanAt = new Int32Array(BATCH);
  const slotAt = new Int32Array(BATCH);
  const bitAt = new Int32Array(BATCH);
  /** Type number -> index in `layout`: size, number of pointers, their offsets. 0: not known yet. */
  const at = new Int32Array(65536);
  let layout = new Int32Array(1024);
  /** The first is that of a type that is not registered: it has no pointers. */
  layout[UNKNOWN] = 1 << 30;
  let layoutEnd = UNKNOWN + 2;
  let top = 0;
  /** Bytes marked and not yet counted for all, in units of 8. */
  let marked = 0;

  /** Index of a type's layout; that of a type without pointers if no such type is registered. */
  function learn(type: number): number {
    const known = at[type];
    if (known !== 0) return known;
    const r = table.get(type);
    if (r === undefined) return UNKNOWN;
    const { pointers } = r;
    if (layoutEnd + pointers.length + 2 > layout.length) {
      const larger = new Int32Array((layout.length + pointers.length + 2) * 2);
      larger.set(layout);
      layout = larger;
    }
    const k = layoutEnd;
    layout[k] = Math.max(r.size, 4);
    layout[k + 1] = pointers.length;
    for (const [i, p] of pointers.entries()) layout[k + 2 + i] = p;
    layoutEnd += pointers.length + 2;
    at[type] = k;
    return k;
  }

  /** Bytes of a value of this type. In two steps: JavaScript reads `layout` before the index, and learning may replace it. */
  function sizeOf(type: number): number {
    const k = at[type] || learn(type);
    return layout[k];
  }

  function drain(limit: number): number {
    let work = 0;
    let n = 0;
    for (;;) {
      if (top === 0 || work >= limit) {
        if (n === 0) break;
        n = mark(n);
        continue;
      }
      top -= 2;
      const addr = st[top];
      const type = st[top + 1] & 0xffff;
      let elems = st[top + 1] >>> 16;
      if (elems === 0) elems = pieceOf(addr >>> 0, type);
      let k = at[type];
      if (k === 0) k = learn(type);
      work += layout[k] * elems;
      n = gather(addr, k, elems, n);
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

  /** Adds the pointers of `elems` values with layout `k` from `addr` on to the `n` in the batch; how many it has then. */
  function gather(addr: number, k: number, elems: number, n: number): number {
    const lay = layout;
    const size = lay[k];
    const end = (k + 2 + lay[k + 1]) | 0;
    let value = addr;
    for (let left = elems; left > 0; left--) {
      for (let i = (k + 2) | 0; i < end; i++) {
        const p = i32[(value + lay[i]) >>> 2];
        batch[n] = p;
        n = (n + ((p | -p) >>> 31)) | 0; // one more unless it is nil, without a branch to guess
        if (n === BATCH) n = mark(n);
      }
      value = (value + size) | 0;
    }
    return n;
  }

  /** Adds one pointer. */
  function add(p: number, n: number): number {
    if (p === 0) return n;
    batch[n] = p;
    return n === BATCH - 1 ? mark(BATCH) : n + 1;
  }

  /** Marks the objects that the batch's `n` pointers lead to, or into, and puts those with pointers on the stack. */
  function mark(n: number): 0 {
    const claimed = claim(locate(n));
    if (top + 2 * claimed > STACK_WORDS) spill(SPILL_WORDS);
    pushClaimed(claimed);
    return 0;
  }

  /** Finds the mark bits of small objects, and marks large ones. How many have a bit that is not set yet. */
  function locate(n: number): number {
    let found = 0;
    let last = -1;
    let base = 0;
    let div = 0;
    let bits = 0;
    for (let i = 0; i < n; i++) {
      const p = batch[i];
      const s = m[spans + (p >>> PAGE_SHIFT)];
      if (s !== last) {
        if (m[s | SPAN_CLASS] < 2) {
          greyLarge(s as SpanRef);
          continue;
        }
        // A page whose span is not for objects: no object's address, but that of one that was freed, or no address at all.
        if (m[s | SPAN_STATE] !== SPAN_STATE_IN_USE) continue;
        last = s;
        base = m[s];
        div = m[s + SPAN_DIV];
        bits = m[s + SPAN_GCMARK_BITS];
      }
      const slot = imul((p - base) >>> 3, div >>> DIV_SHIFT) >>> div;
      const bitIndex = (bits + slot) | 0;
      spanAt[found] = s;
      slotAt[found] = slot;
      bitAt[found] = bitIndex;
      found = (found + (~(m[bitIndex >>> 5] >>> bitIndex) & 1)) | 0;
    }
    return found;
  }

  /** Sets these bits, neighbours in one word together. How many were ours to set, each once. */
  function claim(n: number): number {
    let ours = 0;
    for (let i = 0; i < n; ) {
      const word = bitAt[i] >>> 5;
      let mask = 0;
      let end = i;
      do {
        mask |= 1 << bitAt[end];
        end = (end + 1) | 0;
      } while (end < n && bitAt[end] >>> 5 === word);
      let before = shared ? Atomics.or(m, word, mask) : m[word];
      if (!shared) m[word] = before | mask;
      if (before === 0) setPageMark(m[spanAt[i]]);
      for (; i < end; i++) {
        const bit = 1 << bitAt[i];
        spanAt[ours] = spanAt[i];
        slotAt[ours] = slotAt[i];
        if ((before & bit) === 0) ours = (ours + 1) | 0;
        before |= bit;
      }
    }
    return ours;
  }

  function pushClaimed(n: number): void {
    let last = -1;
    let size = 0;
    let base = 0;
    let types = 0;
    let noscan = 0;
    let lastType = -1;
    let desc = 0;
    let bytes = 0;
    let touched = 0;
    for (let i = 0; i < n; i++) {
      const s = spanAt[i];
      if (s !== last) {
        last = s;
        size = m[s + SPAN_ELEMSIZE];
        base = m[s];
        types = m[s + SPAN_TYPES];
        noscan = m[s | SPAN_CLASS] & 1;
        lastType = -1;
      }
      bytes = (bytes + size) | 0;
      if (noscan !== 0) continue;
      const addr = (base + imul(slotAt[i], size)) | 0;
      touched |= i32[addr >>> 2];
      const type = m16[(types + slotAt[i]) | 0];
      if (type !== lastType) {
        lastType = type;
        const elemSize = sizeOf(type);
        desc = type | ((size < elemSize * 2 ? 1 : (size / elemSize) | 0) << 16);
      }
      st[top] = addr;
      st[top + 1] = desc;
      top += 2;
    }
    marked = (marked + (bytes >>> 3)) | 0;
    batch[BATCH] = touched;
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
    if (isNoscan(m[s + SPAN_CLASS])) return;
    push(m[s], Atomics.load(m, s + SPAN_LARGE_TYPE));
  }

  /** A descriptor without elements: a large object, or a piece of one. */
  function push(addr: number, desc: number): void {
    if (top === STACK_WORDS) spill(SPILL_WORDS);
    st[top] = addr;
    st[top + 1] = desc;
    top += 2;
  }

  /**
   * Number of elements in the piece of a large object that begins at `addr`. At the object's beginning the other pieces
   * become work. As of small objects all of the slot is looked at, whatever was asked for: the rest is the user's as well
   * (`usableSize`), and `realloc` may make it part of the object meanwhile.
   */
  function pieceOf(addr: number, type: number): number {
    const s = spanOf(mem, addr);
    if (type === 0 || m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return 0;
    const base = m[s] >>> 0;
    const size = sizeOf(type);
    const total = Math.floor((m[s + SPAN_ELEMSIZE] >>> 0) / size);
    const step = Math.max(1, Math.floor(OBLET / size));
    const first = Math.floor((addr - base) / size);
    if (first === 0) for (let i = step; i < total; i += step) push((base + i * size) | 0, type);
    return Math.min(step, total - first);
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
    let gathered = 0;
    for (let i = b + WORKBUF_ITEMS; i < b + WORKBUF_ITEMS + n; i++) {
      if (kind === WORKBUF_ROOTS) gathered = add(m[i], gathered);
      else if (kind === WORKBUF_SEGMENTS) gathered = addSegment(m[i], gathered);
      else push(m[i], m[++i]);
    }
    mark(gathered);
    freeBuffer(t, b as Ref);
    return true;
  }

  function shade(addr: number): void {
    mark(add(addr | 0, 0));
  }

  /** A piece of a handle table, as it is now: what it loses meanwhile is shaded by who removes it. */
  function addSegment(start: number, n: number): number {
    if (m[spanOf(mem, start * 4) + SPAN_STATE] !== SPAN_STATE_MANUAL) return n;
    for (let w = start + SEGMENT_SLOTS; w < start + SEGMENT_WORDS; w++) n = add(i32[w], n);
    return n;
  }

  function flushBarrier(p: ProcRef): void {
    const n = m[p + PROC_WB_COUNT];
    let gathered = 0;
    for (let i = p + PROC_WB; i < p + PROC_WB + n; i++) gathered = add(m[i], gathered);
    mark(gathered);
    m[p + PROC_WB_COUNT] = 0;
    count(0);
  }

  function scanObject(addr: number): void {
    const s = spanOf(mem, addr);
    const spanClass = m[s + SPAN_CLASS];
    if (isNoscan(spanClass)) return;
    if (isLargeClass(spanClass)) {
      push(m[s], Atomics.load(m, s + SPAN_LARGE_TYPE));
      return;
    }
    mark(gatherSlot(s, Math.floor((addr - (m[s] >>> 0)) / m[s + SPAN_ELEMSIZE]), 0));
  }

  /** Adds the pointers of a small object to the `n` in the batch; how many it has then. */
  function gatherSlot(s: SpanRef, index: number, n: number): number {
    const size = m[s + SPAN_ELEMSIZE];
    const k = learn(m16[m[s + SPAN_TYPES] + index]!);
    return gather((m[s] + index * size) | 0, k, Math.max(1, Math.floor(size / layout[k])), n);
  }

  function rescanSpan(s: SpanRef, from: number, end: number): void {
    const spanClass = m[s + SPAN_CLASS];
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || isNoscan(spanClass)) return;
    const marks = m[s + SPAN_GCMARK_BITS];
    const alloc = m[s + SPAN_ALLOC_BITS];
    const nelems = m[s + SPAN_NELEMS];
    let n = 0;
    for (let i = 0; i < nelems; i++) {
      const both = m[(marks + i) >>> 5] & m[(alloc + i) >>> 5];
      if ((both & (1 << i)) === 0) continue;
      n = isLargeClass(spanClass) ? gatherPart(s, from, end) : gatherSlot(s, i, n);
    }
    mark(n);
  }

  /** Gathers from the elements of a large object that begin in a part of the heap. How many are in the batch then. */
  function gatherPart(s: SpanRef, from: number, end: number): number {
    const type = Atomics.load(m, s + SPAN_LARGE_TYPE);
    if (type === 0) return 0;
    const base = m[s] >>> 0;
    const k = learn(type);
    const size = layout[k];
    const first = Math.max(0, Math.ceil((from - base) / size));
    const last = Math.min(Math.floor((m[s + SPAN_ELEMSIZE] >>> 0) / size), Math.ceil((end - base) / size));
    return gather((base + first * size) | 0, k, last - first, 0);
  }

  function clear(): void {
    top = 0;
    marked = 0;
  }

  const isEmpty = (): boolean => top === 0;
  return { drain, shade, flushBarrier, scanObject, rescanSpan, take, share, isEmpty, clear };
}
