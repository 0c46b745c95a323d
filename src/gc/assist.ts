/**
 * Paying for what a thread allocates while the collector marks (Go: `gcAssistAlloc`). PROC_ASSIST is the thread's account, in
 * bytes that it may allocate; whoever finds it overdrawn takes credit that the background worker has earned, or marks.
 *
 * Who writes: the account is the thread's own; GC_BG_CREDIT is everybody's, through `Atomics`.
 */
import type { Words } from '../base/brand.ts';
import { millitime } from '../base/clock.ts';
import { GC_BG_CREDIT, GC_STARTED } from '../layout/gc.ts';
import { PACER_ASSIST_BYTES_PER_WORK, PACER_HEAP_GOAL } from '../layout/pacer.ts';
import { PROC_ASSIST, TM_ASSIST_NS } from '../layout/proc.ts';
import { isHeld } from '../layout/snapshot.ts';
import { count } from '../spans/heap-stats.ts';
import type { Collector } from './collector.ts';
import { hasFreeWork, isMarking } from './cycle.ts';

/** How long an assist waits however large the heap is: whoever has the work may be dead, and not reaped yet. */
const GIVE_UP_MS = 500;
/** Milliseconds that an assist waits for credit, when others have all the work and the heap is below its goal. */
const WAIT_MS = 2;

/** Marks for what this thread has allocated, and for `bytes` that it is about to. A safepoint; may sleep. */
export function assist(c: Collector, bytes: number): void {
  const { t, pacer, mem } = c;
  const { m, mf } = mem;
  const account = (t.ref + PROC_ASSIST) >>> 1;
  if (c.limiter.limiting() || (isHeld(m) && !hasFreeWork(c))) return;
  const started = millitime();
  const trace = t.trace.assistBegin(bytes);
  let scanned = 0;
  let slept = 0;
  pacer.update();
  const cycle = m[GC_STARTED];
  while (isMarking(c) && m[GC_STARTED] === cycle && mf[account] < bytes) {
    let work = pacer.assistWork(bytes - mf[account]);
    const stolen = stealCredit(m, work);
    work -= stolen;
    const marked = work > 0 ? c.mark(work) : 0;
    const paid = stolen + marked;
    scanned += marked;
    mf[account] += Math.max(paid, 1) * pacer.words[PACER_ASSIST_BYTES_PER_WORK];
    if (mf[account] >= bytes || paid > 0) continue;
    // A snapshot keeps the cycle open: its end is not to be had by marking.
    if (isHeld(m)) break;
    // Others have all the work: wait for what they credit; below the goal not for long, beyond it until they have done.
    const now = millitime();
    const waited = now - started;
    if (waited > GIVE_UP_MS) break;
    if (waited > WAIT_MS && c.books.heapLive() < pacer.words[PACER_HEAP_GOAL]) break;
    c.awaitWork();
    slept += millitime() - now;
  }
  const ms = millitime() - started;
  // Waiting takes no CPU time of anybody: the limiter must not count it.
  count(mem, t.ref, TM_ASSIST_NS, (ms - slept) * 1e6);
  t.trace.assistEnd(trace, ms * 1e6, scanned);
}

/** Takes up to `work` bytes of what the background worker has done for all (Go: `bgScanCredit`). */
function stealCredit(m: Words, work: number): number {
  for (;;) {
    const credit = Atomics.load(m, GC_BG_CREDIT);
    const take = Math.min(credit, Math.ceil(work / 8));
    if (take <= 0) return 0;
    if (Atomics.compareExchange(m, GC_BG_CREDIT, credit, credit - take) === credit) return take * 8;
  }
}
