/**
 * What the background worker does (Go: `gcBgMarkWorker`, `bgsweep`, `forcegchelper` in one): it marks while there is
 * something to mark, sweeps while there is something to sweep, begins a cycle when the last one was two minutes ago, and
 * sleeps otherwise. It is a thread of the heap like any other, so it can die at any moment and be reaped.
 */
import { GC_WAKE, GC_WORKER } from '../layout/gc.ts';
import { H_PROCS } from '../layout/header.ts';
import { parkWhile, unpark } from '../sync/park.ts';
import type { Mem } from '../sys/mem.ts';
import type { Collector } from './collector.ts';
import { hasFreeWork, hasWork, isMarking, tryFinish } from './cycle.ts';

/** Bytes scanned between two looks at everything else. */
const TURN = 1 << 20;
/** Spans swept between two safepoints (Go: `sweepBatchSize`). */
const SWEEP_BATCH = 10;
/** Milliseconds that it sleeps for when nobody wakes it. */
const NAP_MS = 1000;
/** Nanoseconds after which a cycle is due in any case (Go: `forcegcperiod`, 2 minutes). */
const FORCE_PERIOD = 120e9;

/** Tells the background worker, if there is one, and idle markers that there is something to do. */
export function wake({ m }: Mem): void {
  Atomics.add(m, GC_WAKE, 1);
  unpark(m, GC_WAKE);
}

/** Runs until no other thread is attached to the heap, or another worker has taken its place. Blocks. */
export function runBackground(c: Collector): void {
  const { t } = c;
  const { m } = c.mem;
  Atomics.store(m, GC_WORKER, t.id);
  t.enter();
  while (Atomics.load(m, H_PROCS) > 1 && Atomics.load(m, GC_WORKER) === t.id) {
    const seen = Atomics.load(m, GC_WAKE);
    if (isMarking(c)) turn(c);
    else if (!c.isSwept()) c.sweep(SWEEP_BATCH);
    else {
      c.startPeriodic(FORCE_PERIOD);
      if (isMarking(c)) continue;
      t.release();
      parkWhile(m, GC_WAKE, seen, NAP_MS);
      t.resume();
    }
    t.poll();
  }
  t.leave();
  Atomics.compareExchange(m, GC_WORKER, t.id, 0);
}

function turn(c: Collector): void {
  if (c.markForAll(TURN) > 0 || !isMarking(c) || hasFreeWork(c)) return;
  if (hasWork(c)) c.awaitWork();
  else tryFinish(c);
}
