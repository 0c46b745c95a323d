/**
 * Spans: from address to span, and the lists that spans are on (Go: `mspan`, `spanOf`, `mSpanList`).
 * The picture of a span's slots is in layout/span.ts.
 *
 * Lists are doubly linked through the span records; a list is two words, first and last. Who may change a list: the
 * owner of the proc record it is in, or the holder of the mcentral's lock.
 */
import { popcount32 } from '../base/bits.ts';
import { NIL, type SpanRef, type Words } from '../base/brand.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../layout/constants.ts';
import { GC_HEAP_LIVE, GC_HEAP_SCAN } from '../layout/gc.ts';
import { H_SWEEPGEN } from '../layout/header.ts';
import {
  DIV_SHIFT,
  SPAN_ALLOC_BITS,
  SPAN_BASE,
  SPAN_CLASS,
  SPAN_DIV,
  SPAN_ELEMSIZE,
  SPAN_LIST,
  SPAN_NELEMS,
  SPAN_NEXT,
  SPAN_NPAGES,
  SPAN_PREV,
  SPAN_TYPES,
  SPAN_TYPES_LESS_BITS,
} from '../layout/span.ts';
import { isNoscan } from '../layout/span-class.ts';
import type { Mem } from '../sys/mem.ts';

/** More slots no span has (see size-classes.ts). */
export const MAX_SLOTS = 65535;

/** The span that holds this page, or nil. Any number is allowed. */
export function spanOfPage(mem: Mem, page: number): SpanRef {
  return (page < mem.plan.pages ? mem.m[mem.plan.spans + page] : NIL) as SpanRef;
}

/** The span that holds this address, or nil (Go: `spanOf`). */
export function spanOf(mem: Mem, addr: number): SpanRef {
  return spanOfPage(mem, addr >>> PAGE_SHIFT);
}

export function spanBase(m: Words, s: SpanRef): number {
  return m[s + SPAN_BASE] >>> 0;
}

export function spanBytes(m: Words, s: SpanRef): number {
  return m[s + SPAN_NPAGES] * PAGE_SIZE;
}

/** Slots of a span whose record may be changed meanwhile, or be none: never more than there can be. */
export function slotsOf(m: Words, s: SpanRef): number {
  return Math.max(0, Math.min(m[s + SPAN_NELEMS], MAX_SLOTS));
}

/** Index of the slot that this address lies in. The span must be one of small objects. */
export function slotIndex(m: Words, s: SpanRef, addr: number): number {
  const div = m[s + SPAN_DIV];
  return Math.imul((addr - spanBase(m, s)) >>> 3, div >>> DIV_SHIFT) >>> div;
}

/** Counts `slots` more of a span's as live (Go: `heapLive`, `heapScan`). */
export function addLive(m: Words, s: SpanRef, slots: number): void {
  if (slots === 0) return;
  // In units of 8 bytes: all sizes are multiples of it, and the sum of a full heap still fits.
  const units = slots * (m[s + SPAN_ELEMSIZE] >>> 3);
  Atomics.add(m, GC_HEAP_LIVE, units);
  if (!isNoscan(m[s + SPAN_CLASS])) Atomics.add(m, GC_HEAP_SCAN, units);
}

/** What SPAN_CACHE holds of the sweep generation, on top of the record's index. */
export function cacheTag(m: Words): number {
  return (m[H_SWEEPGEN] >>> 1) << 30;
}

/** Notes that the span has a marked object (Go: `pageMarks`): the page reclaimer goes by it. */
export function setPageMark(mem: Mem, s: SpanRef): void {
  const { m, plan } = mem;
  const page = m[s + SPAN_BASE] >>> PAGE_SHIFT;
  const word = plan.pageMarks + (page >>> 5);
  if ((m[word] & (1 << page)) === 0) Atomics.or(m, word, 1 << page);
}

/** Appends at the front of the list at words `list` (first) and `list + 1` (last). */
export function listPush(m: Words, list: number, s: SpanRef, kind: number): void {
  const first = m[list];
  m[s + SPAN_NEXT] = first;
  m[s + SPAN_PREV] = NIL;
  m[s + SPAN_LIST] = kind;
  if (first !== NIL) m[first + SPAN_PREV] = s;
  else m[list + 1] = s;
  m[list] = s;
}

export function listAppend(m: Words, list: number, s: SpanRef, kind: number): void {
  const last = m[list + 1];
  m[s + SPAN_NEXT] = NIL;
  m[s + SPAN_PREV] = last;
  m[s + SPAN_LIST] = kind;
  if (last !== NIL) m[last + SPAN_NEXT] = s;
  else m[list] = s;
  m[list + 1] = s;
}

export function listRemove(m: Words, list: number, s: SpanRef): void {
  const next = m[s + SPAN_NEXT];
  const prev = m[s + SPAN_PREV];
  if (prev !== NIL) m[prev + SPAN_NEXT] = next;
  else m[list] = next;
  if (next !== NIL) m[next + SPAN_PREV] = prev;
  else m[list + 1] = prev;
  m[s + SPAN_NEXT] = NIL;
  m[s + SPAN_PREV] = NIL;
  m[s + SPAN_LIST] = 0;
}

/**
 * Gives a span in use another bitmap, from this bit on. Who dies here has not renewed the span yet (central/sweep.ts,
 * threads/repair.ts): it is done again, and both words are set.
 */
export function setAllocBits(m: Words, s: SpanRef, bits: number): void {
  if (!isNoscan(m[s + SPAN_CLASS])) m[s + SPAN_TYPES_LESS_BITS] = m[s + SPAN_TYPES] - bits;
  m[s + SPAN_ALLOC_BITS] = bits;
}

/** Live objects of a span: its allocation bits that are set. */
export function countLive(m: Words, s: SpanRef): number {
  const words = (m[s + SPAN_NELEMS] + 31) >>> 5;
  const bits = m[s + SPAN_ALLOC_BITS] >>> 5;
  let n = 0;
  for (let i = 0; i < words; i++) n += popcount32(m[bits + i]);
  return n;
}

/**
 * Calls `visit` for each span record that the spans table names from page `from` on, in address order; a span that begins
 * before that page is visited at it. The world must be stopped, or the caller content with a picture that is a little out
 * of date.
 */
export function eachSpan(mem: Mem, limit: number, visit: (s: SpanRef, page: number) => void, from = 0): void {
  const { m, plan } = mem;
  for (let page = from; page < limit; ) {
    const s = m[plan.spans + page] as SpanRef;
    if (s === NIL) {
      page++;
    } else {
      // From its base, not from here: of a span on its way back the first pages may be gone already.
      const next = Math.max(page + 1, (spanBase(m, s) >>> PAGE_SHIFT) + m[s + SPAN_NPAGES]);
      visit(s, page);
      page = next;
    }
  }
}
