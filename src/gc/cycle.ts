/**
 * The two transitions of a cycle (Go: `gcStart`, `gcMarkDone`, `gcMarkTermination`). What happens between them, and who
 * does it, is in collector.ts.
 *
 * Both happen while the world is stopped, under the world lock, and test again whether they are still due: several threads
 * may come with the same wish. In both, what threads' caches hold is changed for them; H_CACHES_CHANGER says so, and if the
 * coordinator dies, a reaper makes all caches anew (threads/repair.ts). Words are stored in an order that leaves a heap
 * that can go on, whatever comes last:
 *
 *   begin    windows are marked, roots are noted, then H_WRITE_BARRIER = 1. Before that nobody marks: the marks there are
 *            mean nothing, and the reaper clears them, and drops the roots.
 *   finish   H_WRITE_BARRIER = 0, spans go to mcentral, then sweepgen grows. Before that nobody sweeps: the cycle was for
 *            nothing, and the reaper clears the marks. After it, every span is one that is still to be swept.
 */
import type { ProcRef } from '../base/brand.ts';
import { nanotime } from '../base/clock.ts';
import { beginMarking, endMarking } from '../cache/marking.ts';
import { MCache } from '../cache/mcache.ts';
import { sweepOne } from '../central/sweep.ts';
import {
  GC_BG_CREDIT,
  GC_BYTES_MARKED,
  GC_COMPLETE,
  GC_CPU_BASE,
  GC_DEBUG,
  GC_DEBUG_CHECKMARK,
  GC_ENABLED,
  GC_EPOCH_SWEEPGEN,
  GC_FORCED,
  GC_FREED_MARKING,
  GC_GOAL,
  GC_HEAP_LIVE,
  GC_HEAP_SCAN,
  GC_HEAP0,
  GC_HEAP1,
  GC_LAST_MARKED,
  GC_MARKED,
  GC_PAGES_SWEPT,
  GC_PAUSE1,
  GC_RECLAIM_CREDIT,
  GC_RECLAIM_INDEX,
  GC_RESCAN,
  GC_SCAN_WORK,
  GC_STARTED,
  GC_SWEEP_CLASS,
  GC_T_END,
  GC_T_MARK,
  GC_T_START,
  GC_WHY,
  GC_WORK_COUNT,
  GC_WORKING,
} from '../layout/gc.ts';
import {
  H_CACHES_CHANGER,
  H_GROWN_PAGES,
  H_HEAP_LOCK,
  H_SWEEPGEN,
  H_TRACE,
  H_WRITE_BARRIER,
} from '../layout/header.ts';
import { PROC_ASSIST, PROC_DEAD, PROC_WB_COUNT } from '../layout/proc.ts';
import { isHeld, KEEP_LATER, SNAP_CYCLE, SNAP_KEEP } from '../layout/snapshot.ts';
import { EV_CYCLE_BEGIN, EV_MARK_TERMINATION, WHY_MARK_SETUP, WHY_MARK_TERMINATION } from '../layout/trace.ts';
import { nextMarkBitArenaEpoch } from '../spans/bits-arena.ts';
import { beginPeriod, prepareStage } from '../spans/profile.ts';
import { stateOf } from '../sync/status.ts';
import { raggedBarrier } from '../threads/ragged.ts';
import {
  attachedProcs,
  awaitReaper,
  stopLocked,
  withWorldLocked,
  withWorldStopped,
} from '../threads/stop-the-world.ts';
import { cpuTimes } from './books.ts';
import { checkmark } from './checkmark.ts';
import type { GcContext } from './context.ts';
import { markEverything } from './keep-all.ts';
import { prepareRoots, rootJobsLeft, scheduleRescan } from './roots.ts';
import { type CycleRecord, notePause, recordCycle, recordPause } from './stats.ts';

/** Bytes that are scanned in the last stop, rather than starting the world once more. */
const LAST_WORK = 32 << 10;

/** Why a cycle begins. */
export type Trigger = 'heap' | 'time' | 'forced' | 'snapshot';

/** Whether the collector marks now. */
export function isMarking(ctx: GcContext): boolean {
  return ctx.mem.m[H_WRITE_BARRIER] !== 0;
}

/**
 * Begins a cycle, if `due` still says so when the world has stopped and none has begun. All spans must be swept; what has
 * not been is swept here. `onBegun` runs before the world starts again. In a region or not, at a safepoint. Blocks until
 * the world has stopped.
 */
export function begin(ctx: GcContext, trigger: Trigger, due: () => boolean, onBegun?: () => void): boolean {
  const { t, heap } = ctx;
  let begun = false;
  withWorldStopped(
    t,
    () => {
      if (isMarking(ctx) || !due()) return;
      // Sweep termination (Go: `finishsweep_m`).
      while (sweepOne(heap) >= 0);
      startMarking(ctx, trigger);
      begun = true;
      onBegun?.();
    },
    { ...ctx.stop, why: WHY_MARK_SETUP, onStopped: (ns) => begun && recordPause(ctx.mem, ns, true) },
  );
  if (begun) t.pause('gc.begun');
  return begun;
}

function startMarking(ctx: GcContext, trigger: Trigger): void {
  const { t, heap, mem, pacer, limiter } = ctx;
  const { m, mf, plan } = mem;
  const now = nanotime();
  limiter.resetCapacity(now, ctx.mutators());
  // The program's own time is what is limited: the background worker has a CPU that the program does not ask for.
  limiter.startGCTransition(true, now, 0);
  Atomics.store(m, H_CACHES_CHANGER, t.id);
  // Not again for a cycle that was given up, since nothing was swept: the bits in use are those of an epoch ago.
  if (m[GC_EPOCH_SWEEPGEN] !== m[H_SWEEPGEN]) {
    t.lock(H_HEAP_LOCK);
    m[GC_EPOCH_SWEEPGEN] = m[H_SWEEPGEN];
    nextMarkBitArenaEpoch(t);
    t.unlock(H_HEAP_LOCK);
  }
  m.fill(0, plan.pageMarks, plan.pageMarks + ((m[H_GROWN_PAGES] + 31) >>> 5));
  for (const word of [GC_SCAN_WORK, GC_BG_CREDIT, GC_BYTES_MARKED, GC_FREED_MARKING]) Atomics.store(m, word, 0);
  ctx.marker.clear();
  for (const p of attachedProcs(mem)) {
    beginMarking(new MCache(heap, p));
    mf[(p + PROC_ASSIST) >>> 1] = 0;
    m[p + PROC_WB_COUNT] = 0;
    t.pause('gc.begin');
  }
  prepareRoots(t);
  t.pause('gc.roots');
  mf[GC_T_START >>> 1] = now;
  mf[GC_HEAP0 >>> 1] = ctx.books.heapLive();
  const cpu = cpuTimes(mem);
  mf.set([cpu.mark, cpu.assist, cpu.sweep], GC_CPU_BASE >>> 1);
  pacer.startCycle(now, ctx.procs(), trigger === 'time');
  mf[GC_GOAL >>> 1] = pacer.heapGoal();
  m[GC_WHY] = trigger === 'forced' || trigger === 'snapshot' ? 1 : 0;
  // A heap without collector is not to lose what only the program knows the addresses of.
  m[SNAP_KEEP] = trigger === 'snapshot' && m[GC_ENABLED] === 0 ? KEEP_LATER : 0;
  m[GC_FORCED] = m[GC_FORCED] + m[GC_WHY];
  Atomics.store(m, GC_STARTED, m[GC_STARTED] + 1);
  Atomics.store(m, H_WRITE_BARRIER, 1);
  Atomics.store(m, H_CACHES_CHANGER, 0);
  mf[GC_T_MARK >>> 1] = nanotime();
  limiter.finishGCTransition(mf[GC_T_MARK >>> 1]);
  if (m[H_TRACE] !== 0) {
    t.trace.event(EV_CYCLE_BEGIN, 0, m[GC_STARTED], mf[GC_HEAP0 >>> 1] / 8, goalUnits(pacer.heapGoal()), m[GC_WHY]);
  }
  // This thread goes on inside its region, where free has a slow path only from here on.
  t.refresh();
}

/** A goal in units of 8 bytes; no goal is given as the largest number. */
export function goalUnits(bytes: number): number {
  return Math.min(bytes / 8, 0x7fffffff);
}

/** Whether anything is left that a marker could do, or somebody holds grey objects. */
export function hasWork(ctx: GcContext): boolean {
  const { m } = ctx.mem;
  return Atomics.load(m, GC_WORKING) > 0 || hasFreeWork(ctx);
}

/** Whether there is work that nobody has taken. */
export function hasFreeWork(ctx: GcContext): boolean {
  return Atomics.load(ctx.mem.m, GC_WORK_COUNT) > 0 || rootJobsLeft(ctx.mem) || !ctx.marker.isEmpty();
}

/**
 * Ends the marking if nothing is grey (Go: `gcMarkDone`). First each thread shades what its write-barrier buffer holds,
 * at a safepoint of its own; if that made nothing grey, the world is stopped and it is looked at again, since threads went
 * on storing pointers meanwhile. False: there is work, or somebody else was faster, or a snapshot holds the cycle open, or a
 * thread has died, whose reaper was waited for. At a safepoint, in a region.
 *
 * With the world lock no leaf lock is waited for while the world runs: its owner may have died, and his reaper needs the
 * world lock. So what the barrier makes grey stays on this thread's stack meanwhile, and the barrier ends with the first.
 */
export function tryFinish(ctx: GcContext): boolean {
  const { t, mem, marker } = ctx;
  let record: CycleRecord | undefined;
  if (isHeld(mem.m)) return false;
  let hasDied = false;
  const flush = (p: ProcRef): boolean => {
    marker.flushBarrier(p);
    return marker.isEmpty();
  };
  const finished = withWorldLocked(t, () => {
    if (!isMarking(ctx) || isHeld(mem.m) || hasWork(ctx)) return false;
    const isPassed = raggedBarrier(t, flush, ctx.stop);
    hasDied = !isPassed && marker.isEmpty();
    if (!isPassed || hasWork(ctx)) return false;
    t.pause('gc.ragged');
    prepareStage(mem.m);
    let done = false;
    const onStopped = (ns: number): void => {
      if (!done) return;
      recordPause(mem, ns, false);
      record = recordCycle(ctx);
    };
    const stop = { ...ctx.stop, why: WHY_MARK_TERMINATION, onStopped };
    hasDied = stopLocked(t, () => (done = finish(ctx)), stop) === undefined;
    return done;
  });
  if (!marker.isEmpty()) marker.share(true);
  if (hasDied) awaitReaper(t);
  if (record !== undefined) ctx.onCycle(record);
  return finished;
}

/** World stopped. False: something is grey; the markers go on. */
function finish(ctx: GcContext): boolean {
  const { t, mem, marker } = ctx;
  const { m } = mem;
  const procs = attachedProcs(mem);
  for (const p of procs) marker.flushBarrier(p);
  marker.drain(LAST_WORK);
  if (hasWork(ctx)) {
    marker.share(true);
    return false;
  }
  if (Atomics.load(m, GC_RESCAN) !== 0) {
    // Grey objects or roots were lost. The marks are a set of objects that all will be scanned as they are now, and the
    // roots are taken as they are now: that is a snapshot as good as the first.
    prepareRoots(t);
    scheduleRescan(mem);
    return false;
  }
  if ((m[GC_DEBUG] & GC_DEBUG_CHECKMARK) !== 0) checkmark(t, ctx.table);
  markTermination(ctx);
  return true;
}

/** Go: `gcMarkTermination`. Nothing is grey. */
function markTermination(ctx: GcContext): void {
  const { t, heap, mem, pacer, limiter, books } = ctx;
  const { m, mf } = mem;
  const now = nanotime();
  limiter.startGCTransition(false, now);
  const cpu = cpuTimes(mem);
  const share = ctx.backgroundShare();
  if (m[SNAP_KEEP] === KEEP_LATER) markEverything(mem);
  if (m[SNAP_CYCLE] === m[GC_STARTED]) pacer.endHeldCycle();
  else pacer.endCycle(now, ctx.procs(), cpu.assist - mf[(GC_CPU_BASE >>> 1) + 1], 0, share);
  mf[GC_HEAP1 >>> 1] = books.heapLive();
  Atomics.store(m, H_CACHES_CHANGER, t.id);
  Atomics.store(m, H_WRITE_BARRIER, 0);
  for (const p of attachedProcs(mem)) {
    // One that has died may have marked slots for a window that it did not come to have: no zombies (central/sweep.ts).
    if (stateOf(m, p) === PROC_DEAD) Atomics.store(m, GC_FREED_MARKING, 1);
    endMarking(new MCache(heap, p));
    t.pause('gc.finish');
  }
  const marked = Math.max(0, m[GC_BYTES_MARKED]);
  mf[GC_LAST_MARKED >>> 1] = marked * 8;
  pacer.resetLive(marked * 8);
  Atomics.store(m, GC_HEAP_LIVE, marked);
  Atomics.store(m, GC_HEAP_SCAN, Math.min(marked, Math.max(0, m[GC_SCAN_WORK])));
  for (const word of [GC_SWEEP_CLASS, GC_PAGES_SWEPT, GC_RECLAIM_INDEX, GC_RECLAIM_CREDIT]) Atomics.store(m, word, 0);
  beginPeriod(m);
  Atomics.store(m, H_SWEEPGEN, m[H_SWEEPGEN] + 2);
  notePause(mem, m[GC_STARTED], mf[GC_PAUSE1 >>> 1]);
  Atomics.store(m, GC_MARKED, m[GC_STARTED]);
  // One that keeps all is none for who waits for garbage to be freed.
  if (m[SNAP_KEEP] === 0) Atomics.store(m, GC_COMPLETE, m[GC_STARTED]);
  Atomics.store(m, H_CACHES_CHANGER, 0);
  ctx.repace(false);
  if (m[H_TRACE] !== 0) {
    const before = mf[GC_HEAP1 >>> 1] / 8;
    t.trace.event(EV_MARK_TERMINATION, 0, m[GC_MARKED], before, goalUnits(pacer.heapGoal()), marked);
  }
  t.refresh();
  mf[GC_T_END >>> 1] = nanotime();
  limiter.finishGCTransition(mf[GC_T_END >>> 1]);
}
