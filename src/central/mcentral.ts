/**
 * Central lists (Go: `mcentral`): spans that no thread owns. A thread takes a span with free slots from here before
 * it asks mheap for a new one; spans come here when a thread detaches, is reaped, or is made to give up its cache.
 *
 * The sets are described in layout/central.ts. A span without owner is changed only under the lock of its mcentral:
 * its bits and counts, its list, and its owner (0 → the thread that takes it).
 *
 * Sweeping on the way (Go: `cacheSpan`): first a swept span with free slots, then unswept ones, which the taker sweeps
 * after it won them: sweepgen G−2 → G−1 by compare-and-exchange, G when done.
 */
import { NIL, type SpanClass, type SpanRef } from '../base/brand.ts';
import {
  CENTRAL_FULL,
  CENTRAL_LOCK,
  CENTRAL_PARTIAL,
  CENTRAL_SETS,
  CENTRAL_WORDS,
  SET_COUNT,
  SET_FIRST,
  SET_WORDS,
} from '../layout/central.ts';
import { H_SWEEPGEN } from '../layout/header.ts';
import {
  LIST_CENTRAL,
  SPAN_ALLOC_COUNT,
  SPAN_CLASS,
  SPAN_LIST,
  SPAN_NELEMS,
  SPAN_OWNER,
  SPAN_SWEEPGEN,
} from '../layout/span.ts';
import type { MHeap } from '../spans/mheap.ts';
import { listAppend, listRemove } from '../spans/mspan.ts';
import type { Mem } from '../sys/mem.ts';

/** Unswept spans that one request looks at before it takes a new span (Go: 100, 1 % of space against time). */
const SPAN_BUDGET = 100;

export function centralRef(mem: Mem, spanClass: number): number {
  return mem.plan.centrals + spanClass * CENTRAL_WORDS;
}

/** Lock word of the mcentral of a span class. */
export function centralLock(mem: Mem, spanClass: number): number {
  return centralRef(mem, spanClass) + CENTRAL_LOCK;
}

/** Word of set `kind` (CENTRAL_PARTIAL or CENTRAL_FULL), swept or not, at this sweep generation. */
export function centralSet(mem: Mem, spanClass: number, kind: number, swept: boolean, sweepgen: number): number {
  const role = (sweepgen >>> 1) & 1;
  return centralRef(mem, spanClass) + CENTRAL_SETS + (kind + (swept ? role : 1 - role)) * SET_WORDS;
}

/** Puts a span on the swept set that its counts ask for. Lock: this mcentral. */
export function centralPush(mem: Mem, s: SpanRef): void {
  const { m } = mem;
  const spanClass = m[s + SPAN_CLASS];
  const kind = m[s + SPAN_ALLOC_COUNT] < m[s + SPAN_NELEMS] ? CENTRAL_PARTIAL : CENTRAL_FULL;
  const gen = m[s + SPAN_SWEEPGEN];
  const set = centralSet(mem, spanClass, kind, true, gen);
  listAppend(m, set + SET_FIRST, s, LIST_CENTRAL + kind + ((gen >>> 1) & 1));
  m[set + SET_COUNT] = m[set + SET_COUNT] + 1;
}

/** Takes a span off whichever set it is on. Lock: this mcentral. */
export function centralRemove(mem: Mem, s: SpanRef): void {
  const { m } = mem;
  const index = m[s + SPAN_LIST] - LIST_CENTRAL;
  const set = centralRef(mem, m[s + SPAN_CLASS]) + CENTRAL_SETS + index * SET_WORDS;
  listRemove(m, set + SET_FIRST, s);
  m[set + SET_COUNT] = m[set + SET_COUNT] - 1;
}

/** A span with at least one free slot, now owned by the calling thread and on no list; nil if there is none. */
export function cacheSpan(heap: MHeap, spanClass: SpanClass): SpanRef {
  const { t } = heap;
  const { mem } = t;
  const { m } = mem;
  const gen = Atomics.load(m, H_SWEEPGEN);
  const partial = centralSet(mem, spanClass, CENTRAL_PARTIAL, true, gen);
  const unswept = centralSet(mem, spanClass, CENTRAL_PARTIAL, false, gen);
  const unsweptFull = centralSet(mem, spanClass, CENTRAL_FULL, false, gen);
  // Racy look: most requests find nothing here and should not pay for the lock.
  if ((m[partial] | m[unswept] | m[unsweptFull]) === NIL) return NIL as SpanRef;
  const lock = centralLock(mem, spanClass);
  let s = popOwned(heap, lock, partial);
  for (let budget = SPAN_BUDGET; s === NIL && budget > 0; budget--) {
    const found = popUnswept(heap, lock, unswept, gen) || popUnswept(heap, lock, unsweptFull, gen);
    if (found === NIL) break;
    if (heap.hooks.sweepSpan !== undefined) heap.hooks.sweepSpan(found);
    Atomics.store(m, found + SPAN_SWEEPGEN, gen);
    t.lock(lock);
    if (m[found + SPAN_ALLOC_COUNT] < m[found + SPAN_NELEMS]) {
      s = found;
    } else {
      m[found + SPAN_OWNER] = 0;
      centralPush(mem, found);
    }
    t.unlock(lock);
  }
  return s;
}

function popOwned(heap: MHeap, lock: number, set: number): SpanRef {
  const { t } = heap;
  const { m } = t.mem;
  t.lock(lock);
  const s = m[set + SET_FIRST] as SpanRef;
  if (s !== NIL) {
    centralRemove(t.mem, s);
    m[s + SPAN_OWNER] = t.id;
  }
  t.unlock(lock);
  return s;
}

/** Takes the first span of an unswept set and wins the right to sweep it. */
function popUnswept(heap: MHeap, lock: number, set: number, gen: number): SpanRef {
  const { t } = heap;
  const { m } = t.mem;
  t.lock(lock);
  let s = m[set + SET_FIRST] as SpanRef;
  while (s !== NIL) {
    centralRemove(t.mem, s);
    // Owned while it is on no list: whoever reaps another thread in the meantime must leave it alone.
    if (Atomics.compareExchange(m, s + SPAN_SWEEPGEN, gen - 2, gen - 1) === gen - 2) {
      m[s + SPAN_OWNER] = t.id;
      break;
    }
    s = m[set + SET_FIRST] as SpanRef;
  }
  t.unlock(lock);
  return s;
}
