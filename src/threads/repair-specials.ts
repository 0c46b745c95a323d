/**
 * Specials after a thread died with their lock. The spans' lists are right (spans/special-list.ts); what is derived from
 * them is made again, and the record that was on its way to a queue arrives. World stopped; its lock is not released yet.
 */
import { NIL, type Ref } from '../base/brand.ts';
import { H_GROWN_PAGES, H_SPECIAL_IN_HAND } from '../layout/header.ts';
import { SPAN_SPECIALS, SPAN_STATE, SPAN_STATE_IN_USE } from '../layout/span.ts';
import { KIND_INTERNED, SPECIAL_ADDR, SPECIAL_KIND, SPECIAL_NEXT } from '../layout/special.ts';
import { finishQueueing } from '../spans/callback-queue.ts';
import { clearInterned, linkInterned } from '../spans/intern-table.ts';
import { eachSpan, spanOf } from '../spans/mspan.ts';
import { noteSpecials } from '../spans/special-list.ts';
import type { Mem } from '../sys/mem.ts';

export function repairSpecials(mem: Mem): void {
  const { m, plan } = mem;
  const hand = m[H_SPECIAL_IN_HAND] as Ref;
  if (hand !== NIL) finishQueueing(mem, spanOf(mem, m[hand + SPECIAL_ADDR] >>> 0), hand);
  m.fill(0, plan.pageSpecials, plan.pageSpecials + ((plan.pages + 31) >>> 5));
  clearInterned(mem);
  eachSpan(mem, m[H_GROWN_PAGES], (s) => {
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return;
    // Also where there are none: the slot of the first is noted before it is linked, and until after the last is taken out.
    noteSpecials(mem, s);
    for (let r = m[s + SPAN_SPECIALS] as Ref; r !== NIL; r = m[r + SPECIAL_NEXT] as Ref) {
      // One whose serial is 0 was cleared and still in its list: a sweep will take it out, as one of a dead object.
      if (m[r + SPECIAL_KIND] === KIND_INTERNED) linkInterned(m, r);
    }
  });
}
