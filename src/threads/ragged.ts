/**
 * The ragged barrier (Go: `forEachP`): every attached thread does something once, at a safepoint, while the others run.
 *
 * The coordinator holds the world lock, raises GC_RAGGED, and sets STOP_RAGGED in H_STOP. A RUNNING thread finds it in its
 * next `poll`, runs its `onRagged` and stores the barrier's number. For a thread outside of its region the coordinator
 * does it: IDLE -> STOPPED by compare-and-exchange, so that the thread cannot enter meanwhile, and back. Both look at
 * PROC_RAGGED, so it is done once: the thread inside its region, or the coordinator while the thread cannot be in one.
 */
import type { ProcRef } from '../base/brand.ts';
import { GC_RAGGED } from '../layout/gc.ts';
import { H_STOP, STOP_RAGGED } from '../layout/header.ts';
import { PROC_IDLE, PROC_RAGGED, PROC_RUNNING, PROC_STATUS, PROC_STOPPED } from '../layout/proc.ts';
import { unpark } from '../sync/park.ts';
import type { Proc } from '../sync/proc.ts';
import { changeState, isOfReaper } from '../sync/status.ts';
import { allProcs, Patience, type StopOptions } from './stop-the-world.ts';

/**
 * `forStopped` is called for each thread that is outside of its region, the calling one included; it may end the barrier by
 * returning false. World lock held, in a region. Blocks until the RUNNING threads have reached safepoints. False: it was
 * ended, or a thread has died, whose reaper comes first.
 */
export function raggedBarrier(t: Proc, forStopped: (p: ProcRef) => boolean, options: StopOptions = {}): boolean {
  const { m } = t.mem;
  const barrier = (Atomics.load(m, GC_RAGGED) + 1) | 0;
  Atomics.store(m, GC_RAGGED, barrier);
  if (!forStopped(t.ref)) return false;
  if (!t.mem.shared) return true;
  Atomics.store(m, t.ref + PROC_RAGGED, barrier);
  Atomics.store(m, H_STOP, STOP_RAGGED);
  try {
    const patience = new Patience(options);
    return allProcs(t.mem).every((p) => p === t.ref || pass(t, p, barrier, forStopped, patience));
  } finally {
    Atomics.store(m, H_STOP, 0);
  }
}

function pass(t: Proc, p: ProcRef, barrier: number, forStopped: (p: ProcRef) => boolean, patience: Patience): boolean {
  const { m } = t.mem;
  for (;;) {
    if (Atomics.load(m, p + PROC_RAGGED) === barrier) return true;
    const state = changeState(m, p, PROC_IDLE, PROC_STOPPED);
    if (state === PROC_IDLE) {
      // It may have done it, and left, since it was looked at.
      const goesOn = Atomics.load(m, p + PROC_RAGGED) === barrier || forStopped(p);
      Atomics.store(m, p + PROC_RAGGED, barrier);
      changeState(m, p, PROC_STOPPED, PROC_IDLE);
      unpark(m, p + PROC_STATUS);
      return goesOn;
    }
    if (isOfReaper(state)) return false;
    // FREE, or left STOPPED by a coordinator that died: not in a region.
    if (state !== PROC_RUNNING) return true;
    t.awaitState(p, PROC_RUNNING, 1);
    patience.check(t, p);
  }
}
