/** Mark bits, one object at a time: what everybody but the marker itself needs (Go: `markBitsForAddr`, `setMarked`). */
import type { SpanRef, Words } from '../base/brand.ts';
import { GC_BYTES_MARKED } from '../layout/gc.ts';
import {
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_GCMARK_BITS,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
} from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import type { Mem } from '../sys/mem.ts';
import { bitsWords } from './bits-arena.ts';
import { setPageMark, slotIndex, spanOf } from './mspan.ts';

/** Marks the object that this address is in, and no more: it will not be scanned. False: it was marked, or is none. */
export function setMarked(mem: Mem, addr: number): boolean {
  const { m } = mem;
  const s = spanOf(mem, addr);
  if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return false;
  const index = isLargeClass(m[s + SPAN_CLASS]) ? 0 : slotIndex(m, s, addr);
  if (index >= m[s + SPAN_NELEMS]) return false;
  const bit = m[s + SPAN_GCMARK_BITS] + index;
  if ((Atomics.or(m, bit >>> 5, 1 << bit) & (1 << bit)) !== 0) return false;
  Atomics.add(m, GC_BYTES_MARKED, m[s + SPAN_ELEMSIZE] >>> 3);
  setPageMark(mem, s);
  return true;
}

/** Whether any slot of a span is marked. */
export function hasMarks(m: Words, s: SpanRef): boolean {
  const from = m[s + SPAN_GCMARK_BITS] >>> 5;
  return m.subarray(from, from + bitsWords(m[s + SPAN_NELEMS])).some((word) => word !== 0);
}
