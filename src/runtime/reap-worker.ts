/** Reaping by the event loop, when it hears that a worker has ended. */
import type { MHeap } from '../spans/mheap.ts';
import { tryReapBackground, tryReapWorker } from '../threads/reap.ts';
import type { StopOptions } from '../threads/stop-the-world.ts';

/** Milliseconds until the next try, in which the event loop may hear of more ends. */
const AGAIN_MS = 2;

/** Reaps all threads of this heap that the worker with this thread id has attached, then calls `done`. */
export function reapWorker(heap: MHeap, threadId: number, options: StopOptions, done: () => void = () => {}): void {
  untilReaped(heap, () => tryReapWorker(heap, threadId, options), done);
}

/** The same for the background worker that this thread has started, in a browser: if it has attached. */
export function reapBackground(heap: MHeap, options: StopOptions, done: () => void): void {
  untilReaped(heap, () => tryReapBackground(heap, options), done);
}

/**
 * Several workers may have been terminated at once: as long as their `exit` events wait behind this one, they are
 * waited for in vain.
 */
function untilReaped(heap: MHeap, tryReap: () => boolean, done: () => void): void {
  if (!heap.t.attached) return;
  if (tryReap()) done();
  else setTimeout(() => untilReaped(heap, tryReap, done), AGAIN_MS);
}
