/**
 * Specials as roots (Go: `markrootSpans`): what the object of a finalizer leads to must be there when the finalizer runs.
 * The object itself is no root, or it would never die: it stays unmarked, and its sweep revives it.
 *
 * Finalizers that come and go while the collector marks need no barrier. Who sets one has a reference to the object: it
 * was reachable when marking began, or is black, or was shaded; so it is marked in this cycle with all it leads to. Who
 * takes a pending one shades the object first.
 */
import { NIL, type Ref, type SpanRef } from '../base/brand.ts';
import { PAGE_SHIFT } from '../layout/constants.ts';
import { H_SPECIALS_LOCK } from '../layout/header.ts';
import { SPAN_CLASS, SPAN_ELEMSIZE, SPAN_SPECIALS, SPAN_STATE, SPAN_STATE_IN_USE } from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import { KIND_PENDING, SPECIAL_ADDR, SPECIAL_KIND, SPECIAL_NEXT } from '../layout/special.ts';
import { takesCallbacks } from '../spans/callback-queue.ts';
import { spanBase } from '../spans/mspan.ts';
import { slotOf } from '../spans/special-list.ts';
import type { Proc } from '../sync/proc.ts';

/**
 * Calls `scanObject` with the address of each object that has a finalizer, in spans that begin in these pages: what is in
 * the object is to be marked, but not the object itself. While marking, or while the world is stopped; no lock held.
 */
export function specialRoots(t: Proc, firstPage: number, endPage: number, scanObject: (addr: number) => void): void {
  const { m, plan } = t.mem;
  for (let page = firstPage; page < endPage; page++) {
    const bits = Atomics.load(m, plan.pageSpecials + (page >>> 5)) >>> page;
    if (bits === 0) {
      page |= 31;
      continue;
    }
    if ((bits & 1) === 0) continue;
    for (const addr of finalized(t, m[plan.spans + page] as SpanRef, page)) scanObject(addr);
  }
}

/** Objects of a span that have finalizers. Collected first: what scans them may need a lock. */
function finalized(t: Proc, s: SpanRef, page: number): number[] {
  const { mem } = t;
  const { m } = mem;
  const addrs: number[] = [];
  // Its last special, and all of the span, may be gone since the bit was read.
  if (s === NIL || m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || spanBase(m, s) !== page * 2 ** PAGE_SHIFT) return addrs;
  t.lock(H_SPECIALS_LOCK);
  for (let r = m[s + SPAN_SPECIALS] as Ref; r !== NIL; r = m[r + SPECIAL_NEXT] as Ref) {
    if (m[r + SPECIAL_KIND] > KIND_PENDING || !takesCallbacks(mem, r)) continue;
    const size = isLargeClass(m[s + SPAN_CLASS]) ? 0 : m[s + SPAN_ELEMSIZE];
    const addr = spanBase(m, s) + slotOf(m, s, m[r + SPECIAL_ADDR]) * size;
    if (addrs[addrs.length - 1] !== addr) addrs.push(addr);
  }
  t.unlock(H_SPECIALS_LOCK);
  return addrs;
}
