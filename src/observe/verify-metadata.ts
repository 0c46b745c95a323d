/**
 * The part of `heap.verify()` that checks the allocator's own memory: free lists of records, mark-bit arenas, and that
 * no two spans share bits or side tables.
 */
import { NIL, type SpanRef } from '../base/brand.ts';
import { ARENA_NEXT, ARENA_USED, ARENA_WORDS } from '../layout/bits-arena.ts';
import { FIX_IN_USE, FIX_LIST, FIX_WORDS, FIXALLOCS } from '../layout/fixalloc.ts';
import {
  H_BITS_CURRENT,
  H_BITS_FREE,
  H_BITS_NEXT,
  H_BITS_PREVIOUS,
  H_BITS_REGION_NEXT,
  H_PERSISTENT_NEXT,
} from '../layout/header.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_GCMARK_BITS,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_TYPES,
} from '../layout/span.ts';
import { bitsWords } from '../spans/bits-arena.ts';
import type { MHeap } from '../spans/mheap.ts';
import { describeSpan, fail, hex } from './verify.ts';

export function verifyMetadata(heap: MHeap, spans: readonly SpanRef[]): void {
  verifyFixallocs(heap);
  verifyArenas(heap);
  verifyDisjoint(heap, spans);
}

function verifyFixallocs(heap: MHeap): void {
  const { m, plan } = heap.t.mem;
  for (let i = 0; i < FIXALLOCS; i++) {
    const f = plan.fixallocs + i * FIX_WORDS;
    if (m[f + FIX_IN_USE] < 0) fail('fixalloc.inUse', `fixalloc ${i} has ${m[f + FIX_IN_USE]} records in use`);
    const seen = new Set<number>();
    for (let r = m[f + FIX_LIST]; r !== NIL; r = m[r]) {
      if (r < plan.persistent || r >= m[H_PERSISTENT_NEXT])
        fail('fixalloc.list', `fixalloc ${i} names ${hex(r)}, outside of persistent memory`);
      if (seen.has(r)) fail('fixalloc.list', `fixalloc ${i} has record ${hex(r)} twice on its free list`);
      seen.add(r);
    }
  }
}

function verifyArenas(heap: MHeap): void {
  const { m, plan } = heap.t.mem;
  const seen = new Set<number>();
  for (const head of [H_BITS_NEXT, H_BITS_CURRENT, H_BITS_PREVIOUS, H_BITS_FREE]) {
    for (let arena = m[head]; arena !== NIL; arena = m[arena + ARENA_NEXT]) {
      const at = `arena ${hex(arena)}`;
      if (arena < plan.gcBits || arena >= m[H_BITS_REGION_NEXT] || (arena - plan.gcBits) % ARENA_WORDS !== 0)
        fail('gcBitsArena.list', `${at} is none`);
      if (seen.has(arena)) fail('gcBitsArena.list', `${at} has two roles`);
      if (m[arena + ARENA_USED] < 0) fail('gcBitsArena.used', `${at}: ${m[arena + ARENA_USED]} words`);
      seen.add(arena);
    }
  }
}

/** Bitmaps and side tables belong to one span each. */
function verifyDisjoint(heap: MHeap, spans: readonly SpanRef[]): void {
  const { m } = heap.t.mem;
  const owner = new Map<number, SpanRef>();
  const claim = (word: number, s: SpanRef, what: string): void => {
    const other = owner.get(word);
    if (other !== undefined)
      fail('span.shared', `${describeSpan(m, s)} and ${describeSpan(m, other)} share ${what} at ${hex(word)}`);
    owner.set(word, s);
  };
  for (const s of spans) {
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) continue;
    for (let w = 0; w < bitsWords(m[s + SPAN_NELEMS]); w += 2) {
      claim((m[s + SPAN_ALLOC_BITS] >>> 5) + w, s, 'bits');
      claim((m[s + SPAN_GCMARK_BITS] >>> 5) + w, s, 'bits');
    }
    // Types are counted in 16-bit units and tiny masks in words: the regions differ, so the numbers cannot meet.
    if (m[s + SPAN_TYPES] !== 0) claim(-m[s + SPAN_TYPES], s, 'a side table');
  }
}
