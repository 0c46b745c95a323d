/**
 * Records of allocator memory, read without believing them: spans may go and come back as others while they are looked
 * at. What is found out here is only that reading on stays within memory and ends.
 */
import { popcount32 } from '../../base/bits.ts';
import { NIL, type SpanRef, type Words } from '../../base/brand.ts';
import { PAGE_SHIFT } from '../../layout/constants.ts';
import { H_EMPTY_SPAN, H_GROWN_PAGES, H_SWEEPGEN } from '../../layout/header.ts';
import { SPAN_BASE, SPAN_EXTENT, SPAN_NPAGES, SPAN_SWEEPGEN } from '../../layout/span.ts';
import { spanBase } from '../../spans/mspan.ts';
import type { Mem } from '../../sys/mem.ts';

/** Whether a span record can be at this word. */
export function isRecord({ m, plan }: Mem, word: number): boolean {
  return word >= plan.persistent && word + SPAN_EXTENT <= plan.end && word !== m[H_EMPTY_SPAN];
}

/** The record that the spans table has for a page, if it is one that covers the page; else nil. */
export function spanAtPage(mem: Mem, page: number): SpanRef {
  const { m, plan } = mem;
  if (!(page >= 0 && page < knownPages(mem))) return NIL as SpanRef;
  const s = m[plan.spans + page] as SpanRef;
  if (!isRecord(mem, s)) return NIL as SpanRef;
  const first = firstPage(m, s);
  return page >= first && page < first + m[s + SPAN_NPAGES] ? s : (NIL as SpanRef);
}

/** Pages that the page allocator knows. */
export function knownPages({ m, plan }: Mem): number {
  return Math.max(0, Math.min(m[H_GROWN_PAGES], plan.pages));
}

export function firstPage(m: Words, s: SpanRef): number {
  return spanBase(m, s) >>> PAGE_SHIFT;
}

/** First page of the span with this record; null when there is none. */
export function pageOf(mem: Mem, s: number): number | null {
  return isRecord(mem, s) && mem.m[s + SPAN_BASE] !== 0 ? firstPage(mem.m, s as SpanRef) : null;
}

/** How far a span's sweep generation is ahead of the heap's: see SPAN_SWEEPGEN. */
export function aheadOf(m: Words, s: SpanRef): number {
  return (m[s + SPAN_SWEEPGEN] - m[H_SWEEPGEN]) | 0;
}

/** Whether a bit is 1, by its index in allocator memory. */
export function bitAt(m: Words, bit: number): boolean {
  return (m[bit >>> 5] & (1 << bit)) !== 0;
}

/** 1 bits of the first `count` from a bit index on, which is the first of a word. */
export function countBits(m: Words, bit: number, count: number): number {
  let n = 0;
  const first = bit >>> 5;
  const words = count >>> 5;
  for (let w = first; w < first + words; w++) n += popcount32(m[w]);
  const rest = count & 31;
  return rest === 0 ? n : n + popcount32(m[first + words] & ((1 << rest) - 1));
}

/** Calls `visit` for the record at `word` and those it leads to by word `link`: at most `most`, while they can be records. */
export function eachLinked(mem: Mem, word: number, link: number, most: number, visit: (s: SpanRef) => void): void {
  for (let s = word, n = 0; n < most && isRecord(mem, s); s = mem.m[s + link], n++) visit(s as SpanRef);
}
