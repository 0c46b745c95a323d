/**
 * One thread's part in the collector: it begins cycles when they are due, marks with the others, pays for what it
 * allocates meanwhile, sweeps, and ends cycles. The transitions are in cycle.ts.
 *
 * Who marks. A thread that marks is counted in GC_WORKING for as long as it may hold grey objects that others cannot see
 * (its marker's stack). It polls between slices of work, so the world may stop while it is counted; then the cycle is not
 * over. Whoever makes GC_WORKING 0 and finds no work tries to finish (`tryFinish`).
 *
 *   background worker   background.ts; marks until there is nothing left to do, then sweeps
 *   assists             a thread that allocates while the collector marks owes scan work for it (Go: `gcAssistAlloc`)
 *   gc(), gcStep()      on request
 *
 * With nobody in the background the marking is incremental: assists alone, and steps on request.
 */
import { millitime, nanotime } from '../base/clock.ts';
import { isAllSwept, sweepOne } from '../central/sweep.ts';
import { MAX_ALLOC, PAGE_SIZE } from '../layout/constants.ts';
import {
  GC_BG_CREDIT,
  GC_BYTES_MARKED,
  GC_COMPLETE,
  GC_ENABLED,
  GC_FREED_MARKING,
  GC_HEAP_LIVE,
  GC_IDLE,
  GC_MARKED,
  GC_PACER,
  GC_PAUSED,
  GC_STARTED,
  GC_T_END,
  GC_TRIGGER,
  GC_WAKE,
  GC_WORK_COUNT,
  GC_WORKER,
  GC_WORKING,
  TRIGGER_NEVER,
} from '../layout/gc.ts';
import { H_HEAP_LOCK, H_PAGES_IN_USE, H_PROCS } from '../layout/header.ts';
import { PACER_MEMORY_LIMIT, PACER_TRIGGER, PACER_WORDS } from '../layout/pacer.ts';
import {
  PROC_ASSIST,
  PROC_AWAITING,
  PROC_DEAD,
  PROC_MARKING,
  PROC_SWEEPING,
  TM_MARK_NS,
  TM_SWEEP_NS,
} from '../layout/proc.ts';
import { isHeld, WHY_MEMORY } from '../layout/snapshot.ts';
import { SPAN_ELEMSIZE } from '../layout/span.ts';
import type { Collector as AllocCollector } from '../malloc/hooks.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import { count } from '../spans/heap-stats.ts';
import { setMarked } from '../spans/mark.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanOf } from '../spans/mspan.ts';
import { unpark } from '../sync/park.ts';
import type { Proc } from '../sync/proc.ts';
import { stateOf } from '../sync/status.ts';
import type { Mem } from '../sys/mem.ts';
import { freeAbortedLog, giveUp } from '../threads/hold.ts';
import { attachedProcs, awaitReaper, Patience, type StopOptions } from '../threads/stop-the-world.ts';
import { assist } from './assist.ts';
import { Books } from './books.ts';
import type { GcContext } from './context.ts';
import { begin, hasFreeWork, hasWork, isMarking, type Trigger, tryFinish } from './cycle.ts';
import { HeldCycle } from './held-cycle.ts';
import { GCCPULimiter } from './limiter.ts';
import { type Marker, makeMarker } from './marker.ts';
import { GCController } from './pacer.ts';
import { NO_LIMIT } from './pacing/goals.ts';
import { doRootJob } from './roots.ts';
import type { CycleRecord } from './stats.ts';
import { SweepPacing } from './sweep-pacing.ts';

/** Milliseconds that `gc()` waits for spans that other threads are sweeping: they need microseconds, if they run. */
const SWEEPERS_MS = 100;
/** Bytes scanned between two safepoints: some 30 µs. */
const SLICE = 32 << 10;
/** Looks for work of a marker that has none, before it sleeps; about as long as waking it would take. */
const SPIN = 2000;
/** Milliseconds that a marker sleeps for when nobody wakes it. */
const NAP_MS = 1;
/** Cycles that a thread waits for before it is out of memory, when there are others who take what they free. */
const CYCLES_FOR_MEMORY = 8;

export interface CollectorOptions {
  readonly stop: StopOptions;
  readonly onCycle: (record: CycleRecord) => void;
}

export class Collector implements AllocCollector, GcContext {
  readonly t: Proc;
  readonly heap: MHeap;
  readonly mem: Mem;
  readonly table: TypeTable;
  readonly marker: Marker;
  readonly books: Books;
  readonly pacer: GCController;
  readonly limiter: GCCPULimiter;
  readonly sweepPacing: SweepPacing;
  readonly stop: StopOptions;
  readonly onCycle: (record: CycleRecord) => void;
  /** Cycles that snapshots hold open. */
  readonly held: HeldCycle;
  /** Wired by `runtime`: called when a cycle has begun, to have somebody in the background. */
  wakeBackground: () => void = () => {};
  /** The cycle that the marker's stack belongs to. */
  #cycle = 0;
  readonly #sweeper = {
    heapLive: () => this.books.heapLive(),
    pagesSwept: () => this.books.pagesSwept(),
    sweepOne: () => this.#sweepTimed(),
  };

  constructor(heap: MHeap, table: TypeTable, options: CollectorOptions) {
    const { t } = heap;
    this.t = t;
    this.heap = heap;
    this.mem = t.mem;
    this.table = table;
    this.marker = makeMarker(t, table);
    this.books = new Books(t.mem);
    const words = t.mem.mf.subarray(GC_PACER >>> 1, (GC_PACER >>> 1) + PACER_WORDS);
    this.pacer = new GCController(words, this.books);
    this.limiter = new GCCPULimiter(words, this.books);
    this.sweepPacing = new SweepPacing(words);
    this.stop = options.stop;
    this.onCycle = options.onCycle;
    this.held = new HeldCycle(this);
    t.onRagged = () => {
      this.marker.flushBarrier(t.ref);
      if (this.mem.m[t.ref + PROC_MARKING] === 0) this.marker.share(true);
    };
  }

  procs(): number {
    return Math.max(1, Atomics.load(this.mem.m, H_PROCS));
  }

  mutators(): number {
    return Math.max(1, this.procs() - (Atomics.load(this.mem.m, GC_WORKER) > 0 ? 1 : 0));
  }

  backgroundShare(): number {
    return Atomics.load(this.mem.m, GC_WORKER) > 0 ? 1 / this.procs() : 0;
  }

  repace(isSweepDone: boolean): void {
    const { mem, pacer, books } = this;
    pacer.commit(isSweepDone);
    const trigger = pacer.words[PACER_TRIGGER];
    Atomics.store(
      mem.m,
      GC_TRIGGER,
      this.#mayBegin() ? Math.min(TRIGGER_NEVER, Math.floor(trigger / 8)) : TRIGGER_NEVER,
    );
    const inUse = Atomics.load(mem.m, H_PAGES_IN_USE);
    this.sweepPacing.pace(trigger, books.heapLive(), inUse, books.pagesSwept(), isSweepDone);
  }

  /** Whether cycles begin by themselves. */
  #mayBegin(): boolean {
    const { m } = this.mem;
    return m[GC_ENABLED] !== 0 && Atomics.load(m, GC_PAUSED) === 0;
  }

  /** A setting has changed: `change` runs, and goal and trigger follow. In a region. */
  configure(change: () => void): void {
    const { t } = this;
    t.lock(H_HEAP_LOCK);
    try {
      change();
      if (isMarking(this)) this.pacer.update();
      else this.repace(this.isSwept());
    } finally {
      t.unlock(H_HEAP_LOCK);
    }
  }

  isSwept(): boolean {
    return isAllSwept(this.mem.m);
  }

  // What the allocator asks.

  beforeSpan(bytes: number): void {
    const { m, mf } = this.mem;
    if (isMarking(this)) {
      this.held.review(bytes);
      if (mf[(this.t.ref + PROC_ASSIST) >>> 1] < bytes) assist(this, bytes);
      return;
    }
    if (this.sweepPacing.pagesPerByte() !== 0) {
      this.sweepPacing.deductSweepCredit(Math.max(bytes, PAGE_SIZE), 0, this.#sweeper);
    }
    if (m[GC_HEAP_LIVE] >= m[GC_TRIGGER] || this.#overLimit()) this.#start('heap');
  }

  /** With a memory limit the trigger moves with what else takes memory. */
  #overLimit(): boolean {
    const { pacer } = this;
    if (pacer.words[PACER_MEMORY_LIMIT] >= NO_LIMIT || !this.#mayBegin()) return false;
    return this.books.heapLive() >= pacer.trigger();
  }

  #due = (): boolean => {
    const { m } = this.mem;
    return m[GC_HEAP_LIVE] >= m[GC_TRIGGER] || this.#overLimit();
  };

  #start(trigger: Trigger): void {
    this.sweepRest();
    if (begin(this, trigger, this.#due)) this.wakeBackground();
  }

  /** A cycle because the last one was long ago (Go: `forcegcperiod`). In a region. */
  startPeriodic(periodNs: number): void {
    const { mf } = this.mem;
    const due = (): boolean => this.#mayBegin() && nanotime() - mf[GC_T_END >>> 1] > periodNs;
    if (!due() || isMarking(this)) return;
    this.sweepRest();
    if (begin(this, 'time', due)) this.wakeBackground();
  }

  onOutOfMemory(): boolean {
    const { m } = this.mem;
    // What was freed since a snapshot began is to be had when its cycle has ended.
    const gaveUp = giveUp(m, WHY_MEMORY);
    freeAbortedLog(this.heap, this.stop);
    if (m[GC_ENABLED] !== 0) {
      this.collect();
      return true;
    }
    // Another thread may have given it up.
    const isOpen = isMarking(this) || !this.isSwept();
    if (isOpen) this.held.finish();
    return gaveUp || isOpen;
  }

  /** What others allocate while a cycle runs outlives it, and what they allocate afterwards is garbage only to the next. */
  mayFindMore(calls: number): boolean {
    return this.mem.m[GC_ENABLED] !== 0 && this.mutators() > 1 && calls < CYCLES_FOR_MEMORY;
  }

  /**
   * A freed object's pointers are lost as if they had been overwritten, so they are reported. Its slot is marked: nobody
   * gets it before the cycle is over, while others may have its address in their buffers.
   */
  beforeFree(addr: number): void {
    const { m } = this.mem;
    Atomics.store(m, GC_FREED_MARKING, 1);
    this.marker.scanObject(addr);
    // Marked, and not one of the bytes that are alive.
    setMarked(this.mem, addr);
    Atomics.sub(m, GC_BYTES_MARKED, m[spanOf(this.mem, addr) + SPAN_ELEMSIZE] >>> 3);
    if (m[this.t.ref + PROC_MARKING] === 0) this.marker.share(true);
  }

  // Marking.

  /**
   * Marks until nothing is left that this thread could take, or `limit` bytes were scanned. Ends the cycle if it was the
   * last to work. In a region, at a safepoint. Returns the bytes scanned. `forAll`: they are credited to all who allocate, as
   * soon as they were scanned (Go: `gcFlushBgCredit`).
   */
  mark(limit: number, forAll = false): number {
    const { t, marker, mem } = this;
    const { m } = mem;
    this.#join();
    let done = 0;
    while (done < limit && isMarking(this)) {
      if (!marker.isEmpty()) {
        const scanned = marker.drain(Math.min(SLICE, limit - done));
        done += scanned;
        if (forAll) Atomics.add(m, GC_BG_CREDIT, scanned >>> 3);
        if (Atomics.load(m, GC_IDLE) > 0 && Atomics.load(m, GC_WORK_COUNT) === 0) this.#shareWork(false);
      } else if (!marker.take() && !doRootJob(t, marker)) {
        break;
      }
      t.poll();
      if (t.trace.number !== 0) t.trace.readForOthers();
      if (this.#cycle !== m[GC_STARTED]) this.#forget();
    }
    this.#part();
    return done;
  }

  /** What is left of a cycle that was given up. */
  #forget(): void {
    this.marker.clear();
    this.#cycle = this.mem.m[GC_STARTED];
  }

  #join(): void {
    const { m } = this.mem;
    if (this.#cycle !== m[GC_STARTED]) this.#forget();
    m[this.t.ref + PROC_MARKING] = 1;
    Atomics.add(m, GC_WORKING, 1);
  }

  #part(): void {
    const { m } = this.mem;
    if (isMarking(this)) this.#shareWork(true);
    m[this.t.ref + PROC_MARKING] = 0;
    if (Atomics.sub(m, GC_WORKING, 1) === 1 && isMarking(this) && !hasFreeWork(this)) tryFinish(this);
  }

  #shareWork(all: boolean): void {
    this.marker.share(all);
    const { m } = this.mem;
    if (Atomics.load(m, GC_IDLE) === 0) return;
    Atomics.add(m, GC_WAKE, 1);
    unpark(m, GC_WAKE);
  }

  /** Marks until marking number `cycle` is over. In a region; waits outside of it while others have all the work. */
  markToEnd(cycle: number): void {
    const { m } = this.mem;
    const patience = new Patience(this.stop);
    while (isMarking(this) && ((m[GC_MARKED] - cycle) | 0) < 0) {
      const started = nanotime();
      this.mark(MAX_ALLOC);
      count(this.mem, this.t.ref, TM_MARK_NS, nanotime() - started);
      if (!isMarking(this)) return;
      if (hasFreeWork(this)) continue;
      if (!hasWork(this)) {
        if (!tryFinish(this) && isHeld(m)) this.held.await(patience);
      } else {
        this.awaitWork();
        this.#checkMarkers(patience);
      }
    }
  }

  /**
   * Warns when the others take long, and throws in the end: one of them may be dead, with nobody to say so. One that is
   * known to be DEAD is reaped, since all who could do it may be waiting here.
   */
  #checkMarkers(patience: Patience): void {
    const { t } = this;
    const { m } = this.mem;
    for (const p of attachedProcs(this.mem)) {
      if (p === t.ref || m[p + PROC_MARKING] === 0) continue;
      if (stateOf(m, p) === PROC_DEAD) awaitReaper(t);
      else patience.check(t, p);
    }
  }

  /** Until there may be work: a moment's look, then asleep outside of the region. At a safepoint. */
  awaitWork(): void {
    const { m } = this.mem;
    const seen = Atomics.load(m, GC_WAKE);
    const awaiting = this.t.ref + PROC_AWAITING;
    m[awaiting] = 1;
    Atomics.add(m, GC_IDLE, 1);
    for (let i = 0; i < SPIN && !hasFreeWork(this) && Atomics.load(m, GC_WORKING) > 0; i++);
    if (!hasFreeWork(this) && Atomics.load(m, GC_WORKING) > 0) this.#napOutside(seen);
    m[awaiting] = 0;
    Atomics.sub(m, GC_IDLE, 1);
  }

  #napOutside(seen: number): void {
    const { t } = this;
    if (!this.mem.shared) return;
    t.release();
    t.parkWhile(GC_WAKE, seen, NAP_MS);
    t.resume();
  }

  /** Marks in the background for a while, for the credit of all who allocate. Returns the bytes scanned. */
  markForAll(limit: number): number {
    const started = nanotime();
    const done = this.mark(limit, true);
    const ns = nanotime() - started;
    count(this.mem, this.t.ref, TM_MARK_NS, ns);
    this.t.trace.marked(ns, done);
    if (isMarking(this)) this.pacer.update();
    return done;
  }

  // Sweeping.

  #sweepTimed(): boolean {
    const started = nanotime();
    const pages = sweepOne(this.heap);
    count(this.mem, this.t.ref, TM_SWEEP_NS, nanotime() - started);
    return pages >= 0;
  }

  /** Sweeps up to `spans` spans. False: there is nothing left to sweep. In a region. */
  sweep(spans: number): boolean {
    const started = nanotime();
    let more = true;
    for (let i = 0; i < spans && more; i++) more = sweepOne(this.heap) >= 0;
    count(this.mem, this.t.ref, TM_SWEEP_NS, nanotime() - started);
    if (!more) this.sweepPacing.finish();
    return more;
  }

  /** In a region, at a safepoint. */
  sweepRest(): void {
    while (this.sweep(16)) this.pollBetween();
  }

  /** A safepoint between two batches of sweeping, which writes events for a trace as fast as any program. */
  pollBetween(): void {
    const { t } = this;
    t.poll();
    if (t.trace.number === 0) return;
    t.trace.awaitRoom();
    t.trace.readForOthers();
  }

  // On request.

  /** One whole cycle, sweep included (Go: `runtime.GC`). In a region, at a safepoint. Blocks until it is done. */
  collect(): void {
    this.t.callOuts.refuseInHook('gc');
    const { m } = this.mem;
    // A cycle that is under way may have seen things alive that are dead now.
    let wanted = (m[GC_STARTED] + 1) | 0;
    while (((Atomics.load(m, GC_COMPLETE) - wanted) | 0) < 0) {
      // One that was given up, because the thread died that was ending it, is none, nor one that keeps all for a snapshot.
      if (((Atomics.load(m, GC_MARKED) - wanted) | 0) >= 0) wanted = (m[GC_MARKED] + 1) | 0;
      if (isMarking(this)) this.markToEnd(m[GC_STARTED]);
      else {
        this.sweepRest();
        if (begin(this, 'forced', () => ((m[GC_STARTED] - wanted) | 0) < 0)) this.wakeBackground();
      }
    }
    this.sweepRest();
    this.#awaitSweepers();
  }

  /** Spans that others have in hand are swept in a moment. */
  #awaitSweepers(): void {
    const { m } = this.mem;
    const until = millitime() + SWEEPERS_MS;
    for (const p of attachedProcs(this.mem)) {
      const word = p + PROC_SWEEPING;
      while (p !== this.t.ref && Atomics.load(m, word) !== 0 && millitime() < until) {
        this.t.trace.readForOthers();
        this.t.poll();
      }
    }
  }

  /** A step of about `ms` milliseconds of whatever is to be done. False: nothing is. In a region, at a safepoint. */
  step(ms: number): boolean {
    this.t.callOuts.refuseInHook('gcStep');
    const until = millitime() + ms;
    if (!isMarking(this) && this.#due()) this.#start('heap');
    do {
      if (isMarking(this)) {
        if (this.markForAll(SLICE) === 0 && isMarking(this)) {
          if (hasWork(this)) this.awaitWork();
          else if (!tryFinish(this) && isHeld(this.mem.m) && !this.held.review(0)) return false;
        }
      } else if (!this.sweep(10)) {
        return false;
      }
    } while (millitime() < until);
    return isMarking(this) || !this.isSwept();
  }
}
