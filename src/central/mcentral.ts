/**
 * Central lists (Go: `mcentral`): spans that no thread owns. A thread takes a span with free slots from here before
 * it asks mheap for a new one; spans come here when a thread detaches, is reaped, or is made to give up its cache.
 *
 * The sets are described in layout/central.ts. A span without owner is changed only under the lock of its mcentral:
 * its bits and counts, its list, and its owner (0 → the thread that takes it).
 *
 * Unswept spans come here without being touched: when marking ends, the lists of all threads are appended to the unswept
 * sets as they are (`spliceUnswept`), with owners, marks of lists and sweep generations of before. Whoever takes one off
 * its set, under the lock, has won the right to sweep it (central/sweep.ts).
 */
import { NIL, type SpanRef } from '../base/brand.ts';
import {
  CENTRAL_FULL,
  CENTRAL_LOCK,
  CENTRAL_PARTIAL,
  CENTRAL_SETS,
  CENTRAL_WORDS,
  SET_COUNT,
  SET_FIRST,
  SET_LAST,
  SET_WORDS,
} from '../layout/central.ts';
import { H_SWEEPGEN } from '../layout/header.ts';
import {
  LIST_CENTRAL,
  LIST_PROC_PARTIAL,
  SPAN_ALLOC_COUNT,
  SPAN_CLASS,
  SPAN_LIST,
  SPAN_NELEMS,
  SPAN_NEXT,
  SPAN_OWNER,
  SPAN_PREV,
  SPAN_SWEEPGEN,
} from '../layout/span.ts';
import type { MHeap } from '../spans/mheap.ts';
import { listAppend, listRemove } from '../spans/mspan.ts';
import type { Mem } from '../sys/mem.ts';

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
  const spanClass = m[s + SPAN_CLASS];
  const list = m[s + SPAN_LIST];
  let set = centralRef(mem, spanClass) + CENTRAL_SETS + (list - LIST_CENTRAL) * SET_WORDS;
  if (list < LIST_CENTRAL) {
    const kind = list === LIST_PROC_PARTIAL ? CENTRAL_PARTIAL : CENTRAL_FULL;
    set = centralSet(mem, spanClass, kind, false, Atomics.load(m, H_SWEEPGEN));
  }
  listRemove(m, set + SET_FIRST, s);
  m[set + SET_COUNT] = m[set + SET_COUNT] - 1;
}

/**
 * Appends a thread's list to the set that becomes the unswept one when the sweep generation grows, which it is about to.
 * Constant time: the spans are not touched. World stopped.
 */
export function spliceUnswept(mem: Mem, spanClass: number, kind: number, list: number, count: number): void {
  const { m } = mem;
  const first = m[list];
  if (first === NIL) return;
  const set = centralSet(mem, spanClass, kind, true, m[H_SWEEPGEN]);
  const last = m[set + SET_LAST];
  if (last === NIL) m[set + SET_FIRST] = first;
  else m[last + SPAN_NEXT] = first;
  m[first + SPAN_PREV] = last;
  m[set + SET_LAST] = m[list + 1];
  m[set + SET_COUNT] = m[set + SET_COUNT] + count;
  m[list] = NIL;
  m[list + 1] = NIL;
}

/** Takes the first span of a set, now owned by the calling thread and on no list; nil if there is none. */
export function popOwned(heap: MHeap, lock: number, set: number): SpanRef {
  const { t } = heap;
  const { m } = t.mem;
  t.lock(lock);
  const s = m[set + SET_FIRST] as SpanRef;
  if (s !== NIL) {
    centralRemove(t.mem, s);
    m[s + SPAN_OWNER] = t.id;
  }
  t.pause('mcentral.pop');
  t.unlock(lock);
  return s;
}
