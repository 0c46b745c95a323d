/**
 * A cycle that is held open for a heap snapshot: who holds it, and how it comes to an end.
 *
 * While a cycle marks, nothing is swept, no span goes away, no slot that is freed is handed out again, and the type of an
 * object stays. So a thread that keeps the cycle from ending can read every object that was there when it began, at its
 * leisure, beside all others. SNAP_STATE says who does, and in which phase:
 *
 *        claim            begin (stopped)         drain (stopped)           end
 *   0 ----------> PREPARING ----------> HELD ----------------> DRAINING ----------> 0
 *                     ^                  |                        |
 *    claim by the next|                  | give up: by whoever needs memory, whose store cannot be logged,
 *    (stopped)        |                  | who is tired of waiting, by a reaper, by its own thread
 *                     +----------------- ABORTED <----------------+
 *
 * - Each change names the thread that takes the snapshot. Those that several threads may make are a compare-and-exchange of
 *   the word; those marked "stopped" are made while the world is. A reaper of that thread makes it 0
 *   (threads/repair-snapshot.ts), so nobody waits for a thread that is gone.
 * - HELD begins and DRAINING begins while the world is stopped. So between two safepoints a thread that has seen HELD may
 *   rely on it but for ABORTED, after which what it logs is of no use, and does no harm: the log stays until somebody takes
 *   it (`takeAborted`), with the world stopped: from then on nobody else writes to it. That is its own thread, the next one
 *   that claims, or one that needs memory.
 * - DRAINING keeps nothing but the log's memory. It is given up for that, or for the next snapshot when nobody reads on.
 * - `tryFinish` (gc/cycle.ts) does not end a cycle while HELD. It looks with the world lock held, under which alone HELD
 *   begins.
 * - Who gives it up, and when, without being asked: SNAP_PROGRESS is a minute old, or the heap is above its memory limit
 *   (gc/held-cycle.ts); the heap is full (`onOutOfMemory`). So a stream that its consumer has forgotten is not in the way
 *   for ever.
 *
 * The log's segments are manual spans that belong to the thread in SNAP_STATE, so that its reaper frees them; the list of
 * them, from SNAP_LOGS on, is only added to while HELD (by compare-and-exchange), and only taken from by who drains or drops.
 * The bits of logged slots are cleared by the log's own entries, which costs as much as the stores that were logged; only
 * after a thread died with them (SNAP_DIRTY) all of them are looked through.
 */
import type { SpanRef, Words } from '../base/brand.ts';
import { millitime } from '../base/clock.ts';
import { SnapshotAbortedError } from '../base/errors.ts';
import { GC_WAKE } from '../layout/gc.ts';
import { H_GROWN_PAGES } from '../layout/header.ts';
import {
  LOG_COUNT,
  LOG_ENTRIES,
  LOG_NEXT,
  PHASE_ABORTED,
  PHASE_DRAINING,
  PHASE_HELD,
  PHASE_PREPARING,
  PHASE_SHIFT,
  PROC_SNAP_LOG,
  SNAP_BITS_PER_PAGE,
  SNAP_DIRTY,
  SNAP_LOG_COUNT,
  SNAP_LOGS,
  SNAP_OWNER_MASK,
  SNAP_PROGRESS,
  SNAP_SERIAL,
  SNAP_STATE,
  SNAP_WHY,
  WHY_DEATH,
  WHY_DETACHED,
  WHY_GC,
  WHY_LIMIT,
  WHY_LOG,
  WHY_MEMORY,
  WHY_NONE,
  WHY_STUCK,
} from '../layout/snapshot.ts';
import { SPAN_OWNER } from '../layout/span.ts';
import { dropHeldBits } from '../spans/held-bits.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanOf } from '../spans/mspan.ts';
import { unpark } from '../sync/park.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { allProcs, type StopOptions, withWorldStopped } from './stop-the-world.ts';

/** Milliseconds without progress after which whoever is in want of the collector, or of a snapshot, gives one up. */
const STUCK_MS = 60_000;
/** Words that are cleared between two safepoints. */
const CLEAR_SLICE = 1 << 20;

const WHY: Readonly<Record<number, string>> = {
  [WHY_NONE]: 'its thread was taken to be gone',
  [WHY_MEMORY]: 'the heap was full, and memory that the snapshot kept was needed',
  [WHY_LOG]: 'the program has stored more pointers meanwhile than could be noted',
  [WHY_STUCK]: 'nobody read on for a minute, while others waited for the collector, or to take one',
  [WHY_DEATH]: 'a thread died while it stored a pointer',
  [WHY_DETACHED]: 'its thread has detached from the heap',
  [WHY_LIMIT]: 'the heap has grown above its memory limit',
  [WHY_GC]: 'its thread has asked for a collection',
};

/** The thread that is taking a snapshot, in any phase; 0: none. */
export function snapshotOwner(m: Words): number {
  return Atomics.load(m, SNAP_STATE) & SNAP_OWNER_MASK;
}

const state = (phase: number, id: number): number => (phase << PHASE_SHIFT) | id;

/** Why the snapshot with this serial number has ended before its time. */
export function abortedError(m: Words, serial: number): SnapshotAbortedError {
  const why = m[SNAP_SERIAL] === serial ? WHY[Atomics.load(m, SNAP_WHY)] : 'another has been begun since';
  return new SnapshotAbortedError(`snapshot: given up: ${why}`);
}

export function claimSnapshot(heap: MHeap, options: StopOptions): number {
  const { t } = heap;
  const { m } = t.mem;
  for (;;) {
    const seen = Atomics.load(m, SNAP_STATE);
    if (seen === 0) {
      if (Atomics.compareExchange(m, SNAP_STATE, 0, state(PHASE_PREPARING, t.id)) === 0) break;
    } else if (seen >>> PHASE_SHIFT === PHASE_ABORTED) {
      if (takeAborted(heap, options)) break;
    } else if (!giveUpIfStuck(m)) {
      t.liveness.reapGone();
      if (Atomics.load(m, SNAP_STATE) !== seen) continue;
      const who = (seen & SNAP_OWNER_MASK) === t.id ? 'this thread' : `thread ${seen & SNAP_OWNER_MASK}`;
      throw new SnapshotAbortedError(`snapshot: ${who} is taking one already; a heap has one at a time`);
    }
  }
  if (m[SNAP_DIRTY] !== 0) clearAllBits(t);
  dropHeldBits(t.mem);
  const serial = (m[SNAP_SERIAL] + 1) | 0;
  Atomics.store(m, SNAP_WHY, WHY_NONE);
  m[SNAP_SERIAL] = serial;
  return serial;
}

/**
 * ABORTED → PREPARING, for this thread, and the log is gone. False: it is not ABORTED any more. In a region, at a
 * safepoint.
 */
function takeAborted(heap: MHeap, options: StopOptions): boolean {
  const { t } = heap;
  const { m, i32 } = t.mem;
  let taken = false;
  withWorldStopped(
    t,
    () => {
      if (Atomics.load(m, SNAP_STATE) >>> PHASE_SHIFT !== PHASE_ABORTED) return;
      Atomics.store(m, SNAP_STATE, state(PHASE_PREPARING, t.id));
      taken = true;
      forgetSegments(t.mem);
      // Who dies with the state has the segments.
      for (let segment = Atomics.load(m, SNAP_LOGS); segment !== 0; segment = i32[segment + LOG_NEXT]) {
        m[spanOf(t.mem, segment * 4) + SPAN_OWNER] = t.id;
      }
    },
    options,
  );
  if (taken) emptyLog(heap);
  return taken;
}

/** PREPARING → HELD. By the thread that takes the snapshot, with the world stopped. */
export function setHeld({ t }: MHeap): void {
  const { m } = t.mem;
  snapshotGoesOn(m);
  Atomics.store(m, SNAP_STATE, state(PHASE_HELD, t.id));
}

const milliseconds = (): number => millitime() | 0;

/** Its own thread has read on. */
export function snapshotGoesOn(m: Words): void {
  Atomics.store(m, SNAP_PROGRESS, milliseconds());
}

/** Gives up a snapshot that nobody has read on for a minute. */
export function giveUpIfStuck(m: Words): boolean {
  return ((milliseconds() - Atomics.load(m, SNAP_PROGRESS)) | 0) > STUCK_MS && giveUp(m, WHY_STUCK);
}

/** Whether this thread's snapshot with that number is still held: whatever it has read since it began is good. */
export function stillHeld({ t }: MHeap, serial: number): boolean {
  const { m } = t.mem;
  return Atomics.load(m, SNAP_STATE) === state(PHASE_HELD, t.id) && m[SNAP_SERIAL] === serial;
}

/**
 * HELD or DRAINING → ABORTED, for a reason. False: there is none of that kind. Any time, from any thread. The cycle can end
 * from here on; the log stays (`freeAbortedLog`).
 */
export function giveUp(m: Words, why: number): boolean {
  const seen = Atomics.load(m, SNAP_STATE);
  const phase = seen >>> PHASE_SHIFT;
  if (phase !== PHASE_HELD && phase !== PHASE_DRAINING) return false;
  Atomics.store(m, SNAP_WHY, why);
  if (Atomics.compareExchange(m, SNAP_STATE, seen, state(PHASE_ABORTED, seen & SNAP_OWNER_MASK)) !== seen) return false;
  wakeAll(m);
  return true;
}

/** Those who wait for the cycle to end, and the background worker, who can end it. */
export function wakeAll(m: Words): void {
  unpark(m, SNAP_STATE);
  Atomics.add(m, GC_WAKE, 1);
  unpark(m, GC_WAKE);
}

/**
 * HELD → DRAINING: the cycle can end, and nothing is logged any more. False: it was given up. In a region, at a safepoint.
 */
export function beginDrain(heap: MHeap, serial: number, options: StopOptions): boolean {
  const { m } = heap.t.mem;
  let held = false;
  withWorldStopped(
    heap.t,
    () => {
      held = stillHeld(heap, serial);
      if (!held) return;
      forgetSegments(heap.t.mem);
      Atomics.store(m, SNAP_STATE, state(PHASE_DRAINING, heap.t.id));
    },
    options,
  );
  if (held) wakeAll(m);
  return held;
}

/**
 * Calls `visit` for each entry of the log's newest segment, and frees it. False: there is none. Throws SnapshotAbortedError
 * when the snapshot was given up. By the thread that drains, in a region; not a safepoint.
 */
export function drainLog(heap: MHeap, serial: number, visit: (slot: number, old: number) => void): boolean {
  const { t } = heap;
  const { m, i32 } = t.mem;
  if (Atomics.load(m, SNAP_STATE) !== state(PHASE_DRAINING, t.id)) throw abortedError(m, serial);
  snapshotGoesOn(m);
  const segment = Atomics.load(m, SNAP_LOGS);
  if (segment === 0) {
    m[SNAP_DIRTY] = 0;
    return false;
  }
  const end = segment + LOG_ENTRIES + i32[segment + LOG_COUNT];
  for (let at = segment + LOG_ENTRIES; at < end; at += 2) visit(i32[at] >>> 0, i32[at + 1] >>> 0);
  freeFirst(heap);
  return true;
}

/** Frees the log. While PREPARING, by that thread; a safepoint. */
function emptyLog(heap: MHeap): void {
  const { t } = heap;
  const { m } = t.mem;
  for (; Atomics.load(m, SNAP_LOGS) !== 0; t.poll()) freeFirst(heap);
  m[SNAP_DIRTY] = 0;
}

/** No thread has a segment that it would write on in. World stopped. */
function forgetSegments(mem: Mem): void {
  for (const p of allProcs(mem)) mem.m[p + PROC_SNAP_LOG] = 0;
  Atomics.store(mem.m, SNAP_LOG_COUNT, 0);
}

/**
 * Ends this thread's snapshot, whatever has become of it: nothing is held, and the log is gone. In a region, at a
 * safepoint.
 */
export function endSnapshot(heap: MHeap, serial: number, options: StopOptions): void {
  const { t } = heap;
  const { m } = t.mem;
  if (snapshotOwner(m) !== t.id || m[SNAP_SERIAL] !== serial) return;
  const seen = Atomics.load(m, SNAP_STATE);
  const phase = seen >>> PHASE_SHIFT;
  // Then nobody else has the log, and it is empty: no stop.
  const isOver = (phase === PHASE_PREPARING || phase === PHASE_DRAINING) && Atomics.load(m, SNAP_LOGS) === 0;
  if (isOver && Atomics.compareExchange(m, SNAP_STATE, seen, 0) === seen) {
    wakeAll(m);
    return;
  }
  // Before the stop, which may fail: nothing is held any more.
  giveUp(m, WHY_NONE);
  freeAbortedLog(heap, options);
}

/** The memory of a log that nobody will read. In a region, at a safepoint. */
export function freeAbortedLog(heap: MHeap, options: StopOptions): void {
  const { m } = heap.t.mem;
  if (Atomics.load(m, SNAP_STATE) >>> PHASE_SHIFT !== PHASE_ABORTED || !takeAborted(heap, options)) return;
  Atomics.store(m, SNAP_STATE, 0);
  wakeAll(m);
}

/** Clears the bits that the newest segment's entries have set, and frees it. */
function freeFirst(heap: MHeap): void {
  const { mem } = heap.t;
  const { m, i32, plan } = mem;
  const segment = Atomics.load(m, SNAP_LOGS);
  // The pair behind those that count may have set its bit as well.
  const end = segment + LOG_ENTRIES + i32[segment + LOG_COUNT] + 2;
  for (let at = segment + LOG_ENTRIES; at < end; at += 2) m[plan.snapshotBits + (i32[at] >>> 7)] = 0;
  heap.t.pause('snapshot.free');
  Atomics.store(m, SNAP_LOGS, i32[segment + LOG_NEXT]);
  const s = spanOf(mem, segment * 4) as SpanRef;
  heap.freeManual(s);
}

/**
 * Looks only, where nothing was ever set: memory that is only read is not taken from the system. While PREPARING; a
 * safepoint.
 */
function clearAllBits(t: Proc): void {
  const { m, plan } = t.mem;
  const end = plan.snapshotBits + m[H_GROWN_PAGES] * SNAP_BITS_PER_PAGE;
  for (let from = plan.snapshotBits; from < end; from += CLEAR_SLICE) {
    for (let w = from; w < Math.min(end, from + CLEAR_SLICE); w++) if (m[w] !== 0) m[w] = 0;
    t.poll();
  }
  m[SNAP_DIRTY] = 0;
}
