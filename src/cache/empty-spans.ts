/**
 * The empty spans that a thread keeps, since what was freed is often wanted again: at the end of its `partial` lists,
 * PROC_EMPTY_PAGES pages in all. They go back to mheap when they become too many, and before the heap becomes larger than
 * it ever was; none does while the collector marks, for a marker may be about to set a mark in it.
 *
 * Who writes: the owner of the cache, or who flushes it while that thread is stopped. A span is handed over by its state,
 * FREEING, and its owner, stored before it leaves its list, so that whoever repairs the lists knows whose it is.
 */
import { NIL, type SpanRef } from '../base/brand.ts';
import { H_PAGES_IN_USE, H_PEAK_PAGES, H_PROCS } from '../layout/header.ts';
import { MC_PARTIAL_COUNT, MC_PARTIAL_FIRST, MC_PARTIAL_LAST, PROC_EMPTY_PAGES, PROC_GROWN } from '../layout/proc.ts';
import {
  LIST_PROC_PARTIAL,
  SPAN_ALLOC_COUNT,
  SPAN_CACHE,
  SPAN_LIST,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_STATE,
  SPAN_STATE_FREEING,
} from '../layout/span.ts';
import { listAppend, listRemove } from '../spans/mspan.ts';
import type { MCache } from './mcache.ts';
import { flushGrown, heldPages } from './reuse-stacks.ts';

/** Pages of empty spans that a thread keeps at first, and at most when others may need them. */
export const KEEP_PAGES = 128;
/** Slots of grown reuse stacks after which a call flushes no further one. */
const FLUSH_SLOTS = 8192;

/** An own span has got slots back. If it is empty, and not the one allocated from, it is kept for a while or given back. */
export function settle(cache: MCache, c: number, s: SpanRef): void {
  const { t } = cache.heap;
  const { m } = t.mem;
  if (m[s + SPAN_ALLOC_COUNT] !== 0 || m[s + SPAN_LIST] !== LIST_PROC_PARTIAL) return;
  const kept = m[cache.ref + PROC_EMPTY_PAGES] + m[s + SPAN_NPAGES];
  m[cache.ref + PROC_EMPTY_PAGES] = kept;
  if (kept > keepPages(cache) && !cache.marking) {
    cache.givenPages += m[s + SPAN_NPAGES];
    giveBack(cache, c, s);
  } else {
    listRemove(m, c + MC_PARTIAL_FIRST, s);
    t.pause('mcache.keep');
    listAppend(m, c + MC_PARTIAL_FIRST, s, LIST_PROC_PARTIAL);
  }
}

/** Pages of empty spans that the thread may keep: beside others, fewer by what its reuse stacks may hold back. */
function keepPages(cache: MCache): number {
  const alone = Atomics.load(cache.heap.t.mem.m, H_PROCS) === 1;
  return alone ? cache.keepPages : KEEP_PAGES - heldPages(cache);
}

/** A new span is needed: if some were given back, they would have been wanted, and the limit rises by its pages. */
export function wantBack(cache: MCache, npages: number): void {
  if (cache.givenPages <= 0) return;
  cache.givenPages -= npages;
  cache.keepPages += npages;
}

/**
 * Gives empty spans back, and lowers the limit by them, until `npages` more do not make the heap larger than it ever was.
 * Reuse stacks that have grown may hide some: they are flushed then, not too many slots at a time.
 */
export function makeRoom(cache: MCache, npages: number): void {
  const { m } = cache.heap.t.mem;
  const grows = () => Atomics.load(m, H_PAGES_IN_USE) + npages > Atomics.load(m, H_PEAK_PAGES);
  if (cache.marking) return;
  giveBackWhile(cache, grows);
  if (m[cache.ref + PROC_GROWN] === 0 || !grows()) return;
  let slots = 0;
  for (const spanClass of cache.grownClasses) {
    const flushed = flushGrown(cache, spanClass);
    if (flushed === 0) continue;
    slots += flushed;
    giveBackWhile(cache, grows);
    if (slots >= FLUSH_SLOTS || !grows()) return;
  }
}

function giveBackWhile(cache: MCache, grows: () => boolean): void {
  const { m } = cache.heap.t.mem;
  for (let spanClass = 2; m[cache.ref + PROC_EMPTY_PAGES] > 0 && spanClass < cache.heap.spanClasses; ) {
    if (!grows()) return;
    const c = cache.classRef(spanClass);
    const last = m[c + MC_PARTIAL_LAST] as SpanRef;
    if (last !== NIL && m[last + SPAN_ALLOC_COUNT] === 0) {
      cache.keepPages = Math.max(KEEP_PAGES, cache.keepPages - m[last + SPAN_NPAGES]);
      giveBack(cache, c, last);
    } else {
      spanClass++;
    }
  }
}

/** An empty span of the partial list goes back to mheap. */
function giveBack(cache: MCache, c: number, s: SpanRef): void {
  const { t } = cache.heap;
  const { m } = t.mem;
  beginFree(cache, s);
  t.pause('mcache.settle');
  listRemove(m, c + MC_PARTIAL_FIRST, s);
  m[c + MC_PARTIAL_COUNT]--;
  m[cache.ref + PROC_EMPTY_PAGES] -= m[s + SPAN_NPAGES];
  cache.heap.free(s);
}

/** Marks an empty span as on its way back, in this thread's name, before it is taken off its list. */
export function beginFree(cache: MCache, s: SpanRef): void {
  const { t } = cache.heap;
  const { m } = t.mem;
  m[s + SPAN_OWNER] = t.id;
  m[s + SPAN_CACHE] = 0;
  Atomics.store(m, s + SPAN_STATE, SPAN_STATE_FREEING);
}
