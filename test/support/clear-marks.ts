/** For tests that play a cycle by hand: what marks are left mean nothing, as after a cycle that was given up. */
import type { Heap } from '../../src/index.ts';
import { H_GROWN_PAGES } from '../../src/layout/header.ts';
import { SPAN_GCMARK_BITS, SPAN_NELEMS, SPAN_STATE, SPAN_STATE_IN_USE } from '../../src/layout/span.ts';
import { bitsWords } from '../../src/spans/bits-arena.ts';
import { eachSpan } from '../../src/spans/mspan.ts';
import { Internals } from './internals.ts';

export function clearMarks(heap: Heap): void {
  const { m, mem } = new Internals(heap);
  eachSpan(mem, m[H_GROWN_PAGES]!, (s) => {
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return;
    const from = m[s + SPAN_GCMARK_BITS]! >>> 5;
    m.fill(0, from, from + bitsWords(m[s + SPAN_NELEMS]!));
  });
}
