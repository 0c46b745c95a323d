// What the threads case and its workers agree on.
import type { SharedHeap } from '../src/index.ts';
import type { Churn } from './workload.ts';

export interface ThreadTask {
  readonly churn: Churn;
  readonly warmMs: number;
  readonly ms: number;
  /** The heap that all threads share, or the bytes of a free list of the thread's own. */
  readonly memory: { readonly heap: SharedHeap } | { readonly bytes: number };
  /** One word, 0 until every thread is warm: the worker says so with its first message, the second is its result. */
  readonly go: Int32Array<SharedArrayBuffer>;
}

export interface ThreadResult {
  readonly ops: number;
  readonly elapsedMs: number;
}
