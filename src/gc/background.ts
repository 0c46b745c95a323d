/**
 * What the background worker does (Go: `gcBgMarkWorker`, `bgsweep`, `forcegchelper` in one): it marks while there is
 * something to mark, sweeps while there is something to sweep, begins a cycle when the last one was two minutes ago, and
 * sleeps otherwise. It is a thread of the heap like any other, so it can die at any moment and be reaped.
 *
 * It also ends, without a word, when the JS thread ends that started it: a worker's workers are its. So that thread retires
 * it before it detaches, and whoever reaps that thread reaps the worker (`reap`). Each state of GC_WORKER is left by
 * compare-and-exchange: STARTING → 0 by who gives the start up, and then the worker does not attach; STARTING → ATTACHING
 * by the worker, and then who gives it up waits until it runs; its id → RETIRING by who gives it up, and the worker leaves.
 * Until its record is free the word is not 0, so that no other is started.
 */
import {
  GC_RESERVED,
  GC_STARTER,
  GC_WAKE,
  GC_WORKER,
  WORKER_ATTACHING,
  WORKER_RETIRING,
  WORKER_STARTING,
} from '../layout/gc.ts';
import { H_PROCS } from '../layout/header.ts';
import { PROC_EPOCH } from '../layout/proc.ts';
import { isHeld } from '../layout/snapshot.ts';
import { parkWhile, unpark } from '../sync/park.ts';
import type { Proc } from '../sync/proc.ts';
import { procRef } from '../sync/proc-ref.ts';
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
/** Milliseconds after which a worker that does not leave is taken to be gone already. */
const RETIRE_MS = 5000;

/** Tells the background worker, if there is one, and idle markers that there is something to do. */
export function wake({ m }: Mem): void {
  Atomics.add(m, GC_WAKE, 1);
  unpark(m, GC_WAKE);
}

/** For the thread that comes to start the worker: whether it may. */
export function claimStart({ m }: Mem, id: number): boolean {
  if (Atomics.compareExchange(m, GC_WORKER, 0, WORKER_STARTING) !== 0) return false;
  Atomics.store(m, GC_STARTER, id);
  return true;
}

/** The worker could not be started, or has ended before it attached or while it did; what it had attached has been reaped. */
export function startFailed({ m }: Mem, id: number): void {
  if (Atomics.load(m, GC_STARTER) !== id) return;
  for (const state of [WORKER_STARTING, WORKER_ATTACHING]) Atomics.compareExchange(m, GC_WORKER, state, 0);
}

/** For the worker, before it attaches: false if nobody wants it any more. */
export function mayAttach({ m }: Mem): boolean {
  return Atomics.compareExchange(m, GC_WORKER, WORKER_STARTING, WORKER_ATTACHING) === WORKER_STARTING;
}

/**
 * This thread is about to leave: if it has started the worker, that leaves first, and the next cycle starts another.
 * Outside of regions. Blocks for as long as the worker takes to its next safepoint.
 */
export function retireBackground(t: Proc): void {
  const { mem, id } = t;
  const { m } = mem;
  const worker = m[GC_RESERVED];
  const isMine = (): boolean => Atomics.load(m, GC_STARTER) === id;
  for (let waits = 0; isMine() && waits < RETIRE_MS; waits++) {
    Atomics.compareExchange(m, GC_WORKER, WORKER_STARTING, 0);
    if (Atomics.compareExchange(m, GC_WORKER, worker, WORKER_RETIRING) === worker) wake(mem);
    const state = Atomics.load(m, GC_WORKER);
    const epoch = Atomics.load(m, procRef(mem, worker) + PROC_EPOCH);
    if ((epoch & 1) === 0 && state !== WORKER_ATTACHING) break;
    t.parkWhile(procRef(mem, worker) + PROC_EPOCH, epoch, 1);
  }
  Atomics.compareExchange(m, GC_WORKER, WORKER_RETIRING, 0);
  Atomics.compareExchange(m, GC_STARTER, id, 0);
}

/** Runs until no other thread is attached to the heap, or another worker has taken its place. Blocks. */
export function runBackground(c: Collector): void {
  const { t } = c;
  const { m } = c.mem;
  Atomics.compareExchange(m, GC_WORKER, WORKER_ATTACHING, t.id);
  t.enter();
  while (Atomics.load(m, H_PROCS) > 1 && Atomics.load(m, GC_WORKER) === t.id) {
    const seen = Atomics.load(m, GC_WAKE);
    if (isMarking(c)) turn(c, seen);
    else if (!c.isSwept()) c.sweep(SWEEP_BATCH);
    else {
      c.startPeriodic(FORCE_PERIOD);
      if (isMarking(c)) continue;
      nap(c, seen);
    }
    c.pollBetween();
  }
  t.leave();
  Atomics.compareExchange(m, GC_WORKER, t.id, 0);
}

/** `seen`: GC_WAKE before it was looked whether there is something to do. */
function turn(c: Collector, seen: number): void {
  if (c.markForAll(TURN) > 0 || !isMarking(c) || hasFreeWork(c)) return;
  if (hasWork(c)) c.awaitWork();
  else if (!tryFinish(c) && isHeld(c.mem.m) && !c.held.review(0)) nap(c, seen);
}

/** Until there is something to do, or for a while. */
function nap({ t, mem }: Collector, seen: number): void {
  t.release();
  parkWhile(mem.m, GC_WAKE, seen, NAP_MS);
  t.resume();
}
