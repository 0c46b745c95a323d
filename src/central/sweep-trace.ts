/**
 * What a sweep tells the allocation trace: every object that it is about to free. The sweeper calls this when notes of frees
 * by hand are taken and dead objects are revived or not, and before it changes a bit: then an object is dead if its
 * allocation bit is set and its mark bit is not. One event names up to 32 of them.
 *
 * If the sweeper dies before it has renewed the span's bits, the span is swept again and told of again; nobody has had a
 * slot of it meanwhile, so whoever knows what is alive sees by the address that he knows already.
 */
import { ctz32 } from '../base/bits.ts';
import type { SpanRef } from '../base/brand.ts';
import { SPAN_ALLOC_BITS, SPAN_CLASS, SPAN_ELEMSIZE, SPAN_GCMARK_BITS, SPAN_NELEMS } from '../layout/span.ts';
import { EV_SWEEP, EV_SWEEP_TINY } from '../layout/trace.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanBase } from '../spans/mspan.ts';
import { tinyMaskWord } from '../spans/tiny-mask.ts';

/** A trace is under way; the caller has claimed the span. No lock held. */
export function traceSweep(heap: MHeap, s: SpanRef): void {
  const { t } = heap;
  const { m } = t.mem;
  const base = spanBase(m, s);
  const size = m[s + SPAN_ELEMSIZE];
  const isTiny = m[s + SPAN_CLASS] === heap.tinySpanClass;
  const alloc = m[s + SPAN_ALLOC_BITS] >>> 5;
  const mark = m[s + SPAN_GCMARK_BITS] >>> 5;
  for (let w = 0; w << 5 < m[s + SPAN_NELEMS]; w++) {
    const dead = m[alloc + w] & ~m[mark + w];
    if (dead === 0) continue;
    const addr = base + (w << 5) * size;
    if (isTiny) traceTiny(heap, s, w << 5, dead);
    else t.trace.event(EV_SWEEP, 0, addr, size, dead, 0);
  }
}

/** The blocks from `first` on whose bits are set in `dead`. */
function traceTiny(heap: MHeap, s: SpanRef, first: number, dead: number): void {
  const { t } = heap;
  const { m } = t.mem;
  for (let bits = dead; bits !== 0; bits &= bits - 1) {
    const index = first + ctz32(bits);
    const starts = m[tinyMaskWord(m, s, index)] & 0xffff;
    const block = spanBase(m, s) + index * m[s + SPAN_ELEMSIZE];
    if (starts !== 0) t.trace.event(EV_SWEEP_TINY, 0, block, 0, starts, 0);
  }
}
