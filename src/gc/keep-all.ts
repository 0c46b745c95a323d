/**
 * A cycle that frees nothing: that of a snapshot of a heap whose collector is off, where addresses may be known to the
 * program alone. All objects are marked before it ends, whatever leads to them.
 *
 * The thread that takes the snapshot does it beside the others, from the allocation bits as they were when the cycle began
 * (`heldBits`): what was allocated since is marked already, what was freed since is marked too, and is freed by the sweep
 * all the same, because its allocation bit is 0. If the snapshot ends before that is done, the cycle's last
 * stop does it.
 */
import { popcount32 } from '../base/bits.ts';
import type { SpanRef } from '../base/brand.ts';
import { GC_BYTES_MARKED } from '../layout/gc.ts';
import { H_GROWN_PAGES } from '../layout/header.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_ELEMSIZE,
  SPAN_GCMARK_BITS,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
} from '../layout/span.ts';
import { eachSpan, setPageMark } from '../spans/mspan.ts';
import type { Mem } from '../sys/mem.ts';

/** Marks the objects of a span that its allocation bits name, as `bitsAt` reads a word of them. */
export function markObjects(mem: Mem, s: SpanRef, bitsAt: (mem: Mem, w: number) => number): void {
  const { m } = mem;
  const alloc = m[s + SPAN_ALLOC_BITS] >>> 5;
  const mark = m[s + SPAN_GCMARK_BITS] >>> 5;
  let slots = 0;
  for (let w = 0; w << 5 < m[s + SPAN_NELEMS]; w++) {
    const live = bitsAt(mem, alloc + w);
    if (live !== 0) slots += popcount32(live & ~Atomics.or(m, mark + w, live));
  }
  if (slots === 0) return;
  Atomics.add(m, GC_BYTES_MARKED, slots * (m[s + SPAN_ELEMSIZE] >>> 3));
  setPageMark(mem, s);
}

/** Marks all objects. World stopped. */
export function markEverything(mem: Mem): void {
  const { m } = mem;
  eachSpan(mem, m[H_GROWN_PAGES], (s) => {
    if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE) markObjects(mem, s, (_, w) => m[w]);
  });
}
