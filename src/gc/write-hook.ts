/** What the write barrier tells the collector, and a snapshot. */
import { NIL } from '../base/brand.ts';
import { PROC_MARKING, PROC_WB, PROC_WB_COUNT, WB_WORDS } from '../layout/proc.ts';
import { PHASE_HELD, PHASE_SHIFT, SNAP_STATE } from '../layout/snapshot.ts';
import type { WriteHook } from './barrier.ts';
import type { Collector } from './collector.ts';
import { makeSnapshotLog } from './snapshot-log.ts';

/**
 * What the write barrier does while the collector marks (Go: `wbBuf`): old and new value go into the thread's buffer,
 * to be shaded when it is full, or in the ragged barrier. While a snapshot is taken, what the slot holds is noted.
 * Between the barrier's test, this and the store there is no safepoint.
 */
export function makeWriteHook(collector: Collector): WriteHook {
  const { t, marker } = collector;
  const { m } = collector.mem;
  const count = t.ref + PROC_WB_COUNT;
  const buffer = t.ref + PROC_WB;
  const note = makeSnapshotLog(collector.heap);

  return function onWrite(slot: number, old: number, value: number): void {
    if (m[SNAP_STATE] >>> PHASE_SHIFT === PHASE_HELD) note(slot);
    let n = m[count];
    if (n > WB_WORDS - 2) {
      marker.flushBarrier(t.ref);
      if (m[t.ref + PROC_MARKING] === 0) marker.share(true);
      n = 0;
    }
    if (old !== NIL) m[buffer + n++] = old;
    if (value !== NIL) m[buffer + n++] = value;
    m[count] = n;
  };
}
