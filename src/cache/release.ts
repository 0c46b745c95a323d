/** A thread gives up every span it has: it leaves, or memory is out and all must have them (Go: `mcache.releaseAll`). */
import { NIL, type SpanRef } from '../base/brand.ts';
import { centralLock, centralPush } from '../central/mcentral.ts';
import { H_EMPTY_SPAN, H_WRITE_BARRIER } from '../layout/header.ts';
import {
  MC_FULL_COUNT,
  MC_FULL_FIRST,
  MC_PARTIAL_COUNT,
  MC_PARTIAL_FIRST,
  MC_SPAN,
  PROC_EMPTY_PAGES,
} from '../layout/proc.ts';
import { SPAN_ALLOC_COUNT, SPAN_CACHE, SPAN_FREEINDEX, SPAN_OWNER, SPAN_SWEEPGEN } from '../layout/span.ts';
import { listRemove } from '../spans/mspan.ts';
import { beginFree } from './empty-spans.ts';
import type { MCache } from './mcache.ts';
import { giveUpStacks } from './reuse-stacks.ts';

/** To mheap the empty ones, to mcentral the others. The thread is the caller itself, or stopped. */
export function releaseAll(cache: MCache): void {
  const { heap, ref } = cache;
  const { t } = heap;
  const { m } = t.mem;
  const empty = m[H_EMPTY_SPAN] as SpanRef;
  giveUpStacks(cache);
  for (let spanClass = 2; spanClass < heap.spanClasses; spanClass++) {
    const c = cache.classRef(spanClass);
    cache.flushClass(c, true);
    const current = m[c + MC_SPAN] as SpanRef;
    m[c + MC_SPAN] = empty;
    if (current !== empty) release(cache, spanClass, current);
    for (const list of [c + MC_PARTIAL_FIRST, c + MC_FULL_FIRST]) {
      for (let s = m[list] as SpanRef; s !== NIL; s = m[list] as SpanRef) {
        listRemove(m, list, s);
        t.pause('mcache.release');
        release(cache, spanClass, s);
      }
    }
    m[c + MC_PARTIAL_COUNT] = 0;
    m[c + MC_FULL_COUNT] = 0;
  }
  m[ref + PROC_EMPTY_PAGES] = 0;
}

function release(cache: MCache, spanClass: number, s: SpanRef): void {
  const { heap } = cache;
  const { t } = heap;
  const { m } = t.mem;
  if (m[s + SPAN_ALLOC_COUNT] === 0 && m[H_WRITE_BARRIER] === 0) {
    beginFree(cache, s);
    heap.free(s);
    return;
  }
  const lock = centralLock(t.mem, spanClass);
  t.lock(lock);
  m[s + SPAN_FREEINDEX] = 0;
  m[s + SPAN_CACHE] = 0;
  m[s + SPAN_SWEEPGEN] = m[s + SPAN_SWEEPGEN] - 3;
  m[s + SPAN_OWNER] = 0;
  centralPush(t.mem, s);
  t.unlock(lock);
}
