/**
 * What the collector's two transitions do with a thread's cache (Go: `prepareForSweep`, `flushallmcaches`). By the
 * coordinator, world stopped; constant time a class. See mcache.ts for why.
 */
import { popcount32 } from '../base/bits.ts';
import type { SpanRef, Words } from '../base/brand.ts';
import { spliceUnswept } from '../central/mcentral.ts';
import { CENTRAL_FULL, CENTRAL_PARTIAL } from '../layout/central.ts';
import { GC_BYTES_MARKED } from '../layout/gc.ts';
import { H_EMPTY_SPAN, H_SWEEPGEN } from '../layout/header.ts';
import {
  MC_FULL_COUNT,
  MC_FULL_FIRST,
  MC_PARTIAL_COUNT,
  MC_PARTIAL_FIRST,
  MC_SPAN,
  MC_WIN,
  MC_WIN_WORD,
  PROC_EMPTY_PAGES,
  PROC_FLUSH_GEN,
  PROC_TINY,
  PROC_TINY_MASK,
} from '../layout/proc.ts';
import { LIST_PROC_FULL, SPAN_ALLOC_BITS, SPAN_ELEMSIZE, SPAN_GCMARK_BITS } from '../layout/span.ts';
import { beginStats, emptyClass, endStats } from '../spans/heap-stats.ts';
import { listPush, setPageMark } from '../spans/mspan.ts';
import type { Mem } from '../sys/mem.ts';
import type { MCache } from './mcache.ts';

/** Marks `slots` of word `w` of a span's bitmap, before any of them is an object. */
export function blacken(mem: Mem, s: SpanRef, w: number, slots: number): void {
  const { m } = mem;
  Atomics.or(m, (m[s + SPAN_GCMARK_BITS] >>> 5) + w, slots);
  Atomics.add(m, GC_BYTES_MARKED, popcount32(slots) * (m[s + SPAN_ELEMSIZE] >>> 3));
  setPageMark(mem, s);
}

/** The word of a span's bitmaps that the window of this class mirrors. */
function windowWord(m: Words, c: number): number {
  return m[c + MC_WIN_WORD] - (m[m[c + MC_SPAN] + SPAN_ALLOC_BITS] >>> 5);
}

/** What is left in the window of a class will not be handed out from it: it is marked no more. */
export function unblacken(mem: Mem, c: number): void {
  const { m } = mem;
  const left = m[c + MC_WIN];
  if (left === 0) return;
  const s = m[c + MC_SPAN];
  Atomics.and(m, (m[s + SPAN_GCMARK_BITS] >>> 5) + windowWord(m, c), ~left);
  Atomics.sub(m, GC_BYTES_MARKED, popcount32(left) * (m[s + SPAN_ELEMSIZE] >>> 3));
}

/** The collector begins to mark: what is in the windows is black, and the reuse stacks are emptied and off. */
export function beginMarking(cache: MCache): void {
  const { heap } = cache;
  const { m } = heap.t.mem;
  for (let spanClass = 2; spanClass < heap.spanClasses; spanClass++) {
    const c = cache.classRef(spanClass);
    if (!cache.isStackEmpty(c)) cache.flushClass(c);
    if (m[c + MC_WIN] !== 0) blacken(heap.t.mem, m[c + MC_SPAN] as SpanRef, windowWord(m, c), m[c + MC_WIN]);
  }
  cache.setReuse(false);
}

/**
 * The collector has marked: what is left in the windows is not marked, and every span goes to mcentral, to be swept in the
 * coming generation. No span's record is touched but that of the class's current one.
 */
export function endMarking(cache: MCache): void {
  const { heap, ref } = cache;
  const { mem } = heap.t;
  const { m } = mem;
  const empty = m[H_EMPTY_SPAN] as SpanRef;
  beginStats(mem, ref);
  for (let spanClass = 2; spanClass < heap.spanClasses; spanClass++) {
    const c = cache.classRef(spanClass);
    const s = m[c + MC_SPAN] as SpanRef;
    if (s !== empty) {
      unblacken(mem, c);
      listPush(m, c + MC_FULL_FIRST, s, LIST_PROC_FULL);
      m[c + MC_FULL_COUNT]++;
    }
    emptyClass(mem, ref, spanClass);
    m[c + MC_WIN] = 0;
    m[c + MC_SPAN] = empty;
    spliceUnswept(mem, spanClass, CENTRAL_PARTIAL, c + MC_PARTIAL_FIRST, m[c + MC_PARTIAL_COUNT]);
    spliceUnswept(mem, spanClass, CENTRAL_FULL, c + MC_FULL_FIRST, m[c + MC_FULL_COUNT]);
    m[c + MC_PARTIAL_COUNT] = 0;
    m[c + MC_FULL_COUNT] = 0;
  }
  endStats(mem, ref);
  m.fill(0, ref + PROC_TINY, ref + PROC_TINY_MASK + 1);
  m[ref + PROC_EMPTY_PAGES] = 0;
  m[ref + PROC_FLUSH_GEN] = m[H_SWEEPGEN] + 2;
  cache.setReuse(true);
}
