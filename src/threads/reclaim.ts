/**
 * Last resort before "out of memory": with the world stopped, everything that the threads hold in advance goes back to
 * where all can have it: reuse stacks, windows, spans with free slots, page caches, frees not yet taken. Works because
 * caches live in shared memory and are consistent at safepoints.
 *
 * The thread that asked takes its part before the others run again: they would refill their caches, a block of pages each,
 * before it came to look. So what it does not get here was in no cache.
 *
 * Whoever dies here leaves caches of living threads half changed. H_CACHES_CHANGER says so: the others stay stopped until a
 * reaper has made their caches anew. In `attempt` a thread changes what is its own, or locked, as it does in a running world.
 */
import { MCache } from '../cache/mcache.ts';
import { drainDeferred, dropTiny } from '../cache/owner-free.ts';
import { releaseAll } from '../cache/release.ts';
import { H_CACHES_CHANGER, H_PROCS } from '../layout/header.ts';
import type { MHeap } from '../spans/mheap.ts';
import { attachedProcs, withWorldStopped } from './stop-the-world.ts';

/**
 * Runs `attempt` with all caches empty, or without emptying them if that is enough: another thread may have done it a moment
 * ago. It may take leaf locks, not poll. Returns what it returned; `failed` is called before the world starts again, when it
 * is false. The calling thread must be at a safepoint itself. Blocks until the world has stopped.
 */
export function reclaimCaches(heap: MHeap, attempt: () => boolean, failed: () => void = () => {}): boolean {
  const { t } = heap;
  const { mem } = t;
  return withWorldStopped(t, () => {
    if (Atomics.load(mem.m, H_PROCS) > 1 && attempt()) return true;
    Atomics.store(mem.m, H_CACHES_CHANGER, t.id);
    for (const ref of attachedProcs(mem)) {
      releaseProc(new MCache(heap, ref));
      t.pause('reclaim');
    }
    Atomics.store(mem.m, H_CACHES_CHANGER, 0);
    const done = attempt();
    if (!done) failed();
    return done;
  });
}

/** Empties one thread's caches. The thread is the caller itself, or stopped. */
export function releaseProc(cache: MCache): void {
  drainDeferred(cache);
  dropTiny(cache);
  releaseAll(cache);
  cache.heap.flush(cache.ref);
}
