/**
 * Repair of heap snapshots, when a thread has died: the one that was taking one, or one that was noting its stores for it.
 * See threads/hold.ts and gc/snapshot-log.ts.
 */
import type { ProcRef } from '../base/brand.ts';
import {
  LOG_COUNT,
  LOG_ENTRIES,
  LOG_NEXT,
  PHASE_HELD,
  PHASE_SHIFT,
  PROC_SNAP_LOG,
  SNAP_LOG_COUNT,
  SNAP_LOGS,
  SNAP_OWNER_MASK,
  SNAP_STATE,
  WHY_DEATH,
} from '../layout/snapshot.ts';
import { SPAN_OWNER } from '../layout/span.ts';
import { spanOf } from '../spans/mspan.ts';
import type { Mem } from '../sys/mem.ts';
import { giveUp, wakeAll } from './hold.ts';
import { allProcs } from './stop-the-world.ts';

/** Before the manual spans of the dead thread are freed. World stopped. */
export function repairSnapshot(mem: Mem, dead: ProcRef, id: number): void {
  const { m } = mem;
  const state = Atomics.load(m, SNAP_STATE);
  if (state !== 0 && (state & SNAP_OWNER_MASK) === id) forget(mem, id);
  else if (m[dead + PROC_SNAP_LOG] !== 0) checkSegment(mem, dead, id, state >>> PHASE_SHIFT);
  m[dead + PROC_SNAP_LOG] = 0;
}

/** The snapshot's own thread: all segments are its spans, and go with it. SNAP_DIRTY stays set. */
function forget(mem: Mem, id: number): void {
  const { m, i32 } = mem;
  // It may have died while it took them from another.
  for (let segment = Atomics.load(m, SNAP_LOGS); segment !== 0; segment = i32[segment + LOG_NEXT]) {
    m[spanOf(mem, segment * 4) + SPAN_OWNER] = id;
  }
  for (const p of allProcs(mem)) m[p + PROC_SNAP_LOG] = 0;
  Atomics.store(m, SNAP_LOGS, 0);
  Atomics.store(m, SNAP_LOG_COUNT, 0);
  Atomics.store(m, SNAP_STATE, 0);
  wakeAll(m);
}

function checkSegment(mem: Mem, dead: ProcRef, id: number, phase: number): void {
  const { m, i32 } = mem;
  const segment = m[dead + PROC_SNAP_LOG];
  let listed = Atomics.load(m, SNAP_LOGS);
  while (listed !== 0 && listed !== segment) listed = i32[listed + LOG_NEXT];
  if (listed === 0) {
    // Not in the list yet: nobody else knows of it. Its pages go with the thread.
    m[spanOf(mem, segment * 4) + SPAN_OWNER] = id;
  } else if (phase === PHASE_HELD && i32[segment + LOG_ENTRIES + i32[segment + LOG_COUNT]] !== 0) {
    giveUp(m, WHY_DEATH);
  }
}
