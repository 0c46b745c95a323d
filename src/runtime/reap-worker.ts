/** Reaping by the event loop, when it hears that a worker has ended. */
import type { MHeap } from '../spans/mheap.ts';
import { tryReapWorker } from '../threads/reap.ts';
import type { StopOptions } from '../threads/stop-the-world.ts';

/** Milliseconds until the next try, in which the event loop may hear of more ends. */
const AGAIN_MS = 2;

/**
 * Reaps all threads of this heap that the worker with this thread id has attached, then calls `done`. Several workers may
 * have been terminated at once: as long as their `exit` events wait behind this one, they are waited for in vain.
 */
export function reapWorker(heap: MHeap, threadId: number, options: StopOptions, done: () => void = () => {}): void {
  if (!heap.t.attached) return;
  if (tryReapWorker(heap, threadId, options)) done();
  else setTimeout(() => reapWorker(heap, threadId, options, done), AGAIN_MS);
}
