/** Reaping by the event loop, when it hears that a worker has ended. */
import { ArgumentError } from '../base/errors.ts';
import type { MHeap } from '../spans/mheap.ts';
import { tryReapAttachment, tryReapBackground, tryReapWorker } from '../threads/reap.ts';
import type { StopOptions } from '../threads/stop-the-world.ts';
import { NO_THREAD_ID, type NodeWorkerLike } from './worker-threads.ts';

/** Milliseconds until the next try, in which the event loop may hear of more ends. */
const AGAIN_MS = 2;

/** Reaps all threads of this heap that a worker of Node's has attached, when it exits. Throws ArgumentError. */
export function reapAtExit(heap: MHeap, worker: NodeWorkerLike, options: StopOptions): void {
  if (typeof worker?.once !== 'function' || typeof worker.threadId !== 'number') {
    throw new ArgumentError(
      'ERR_INVALID_ARGUMENT',
      'watch: expected a Worker of node:worker_threads, or in a browser one of the browser',
    );
  }
  const { threadId } = worker;
  if (threadId === NO_THREAD_ID) {
    throw new ArgumentError(
      'ERR_INVALID_ARGUMENT',
      'watch: the worker has ended already; watch it when you start it, or reap its threads with heap.reap(id)',
    );
  }
  worker.once('exit', () => reapWorker(heap, threadId, options));
}

/** Reaps all threads of this heap that the worker with this thread id has attached, then calls `done`. */
export function reapWorker(heap: MHeap, threadId: number, options: StopOptions, done: () => void = () => {}): void {
  untilReaped(heap, () => tryReapWorker(heap, threadId, options), done);
}

/** The same for the background worker that this thread has started, in a browser: if it has attached. */
export function reapBackground(heap: MHeap, options: StopOptions, done: () => void): void {
  untilReaped(heap, () => tryReapBackground(heap, options), done);
}

/** The same for one attachment of a record. Settles when it has ended, or this thread is detached itself. */
export function reapAttachment(heap: MHeap, id: number, epoch: number, options: StopOptions): Promise<void> {
  return new Promise((done, failed) => {
    const tryReap = (): boolean => {
      try {
        return tryReapAttachment(heap, id, epoch, options);
      } catch (error) {
        failed(error);
        return true;
      }
    };
    untilReaped(heap, tryReap, done, done);
  });
}

/**
 * Several workers may have been terminated at once: as long as their `exit` events wait behind this one, they are
 * waited for in vain.
 */
function untilReaped(heap: MHeap, tryReap: () => boolean, done: () => void, detached: () => void = () => {}): void {
  if (!heap.t.attached) detached();
  else if (tryReap()) done();
  else setTimeout(() => untilReaped(heap, tryReap, done, detached), AGAIN_MS);
}
