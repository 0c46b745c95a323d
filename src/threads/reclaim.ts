/**
 * Last resort before "out of memory": with the world stopped, everything that the threads hold in advance goes back to
 * where all can have it: reuse stacks, windows, spans with free slots, page caches, frees not yet taken. Works because
 * caches live in shared memory and are consistent at safepoints.
 *
 * Whoever dies here leaves caches of living threads half changed. H_RECLAIMER says so: the others stay stopped until a
 * reaper has made their caches anew.
 */
import { MCache } from '../cache/mcache.ts';
import { drainDeferred, dropTiny } from '../cache/owner-free.ts';
import { releaseAll } from '../cache/release.ts';
import { H_RECLAIMER } from '../layout/header.ts';
import type { MHeap } from '../spans/mheap.ts';
import { attachedProcs, withWorldStopped } from './stop-the-world.ts';

/** The calling thread must be at a safepoint itself. Blocks until the world has stopped. */
export function reclaimCaches(heap: MHeap): void {
  const { mem } = heap.t;
  withWorldStopped(heap.t, () => {
    Atomics.store(mem.m, H_RECLAIMER, heap.t.id);
    for (const ref of attachedProcs(mem)) {
      releaseProc(new MCache(heap, ref));
      heap.t.pause('reclaim');
    }
    Atomics.store(mem.m, H_RECLAIMER, 0);
  });
}

/** Empties one thread's caches. The thread is the caller itself, or stopped. */
export function releaseProc(cache: MCache): void {
  drainDeferred(cache);
  dropTiny(cache);
  releaseAll(cache);
  cache.heap.flush(cache.ref);
}
