/** Threads that wait for others find out by themselves whether these are still there: see threads/dead.ts. */
import type { MHeap } from '../spans/mheap.ts';
import { markGone, reapBlocked, reapGone } from '../threads/reap.ts';
import type { StopOptions } from '../threads/stop-the-world.ts';
import { isOsThreadGone } from './worker-threads.ts';

/**
 * For a thread that attaches, before it waits for others or others for it. Where the OS cannot be asked nothing changes:
 * `heap.watch` and `heap.reap` tell.
 */
export function lookAfter(heap: MHeap, options: StopOptions): void {
  const { t } = heap;
  if (!t.mem.shared) return;
  t.liveness = {
    markGone: () => void markGone(heap, isOsThreadGone),
    reapGone: () => reapGone(heap, isOsThreadGone, options),
    reapBlocked: () => reapBlocked(heap),
  };
}
