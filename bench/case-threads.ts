// The churn on several threads at once: on one shared heap, on a heap per thread, on a free list per thread.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createHeap } from '../src/index.ts';
import { answer, type Budget, taskOf } from './measure.ts';
import type { ThreadResult, ThreadTask } from './thread-task.ts';
import type { Churn } from './workload.ts';

export interface ThreadsTask extends Budget {
  readonly memory: 'one heap' | 'own heaps' | 'own free lists';
  readonly threads: number;
  readonly churn: Churn;
}

const BYTES = 256 << 20;

const { memory, threads, churn, warmMs, ms } = taskOf<ThreadsTask>();
const go = new Int32Array(new SharedArrayBuffer(4));
const newHeap = () => createHeap({ gc: 'off', maxBytes: BYTES, shared: true, maxThreads: threads + 1 });
const shared = memory === 'one heap' ? newHeap() : undefined;

function memoryOf(): ThreadTask['memory'] {
  if (memory === 'own free lists') return { bytes: BYTES };
  return { heap: (shared ?? newHeap()).share() };
}

const workers = Array.from({ length: threads }, (_, i) => {
  const task: ThreadTask = { churn: { ...churn, seed: 12345 + 2 * i }, warmMs, ms, memory: memoryOf(), go };
  return new Worker(new URL('./worker-churn.js', import.meta.url), { workerData: task });
});
const messages = async () => (await Promise.all(workers.map((w) => once(w, 'message')))).map(([message]) => message);
await messages();
const results = messages() as Promise<ThreadResult[]>;
Atomics.store(go, 0, 1);
Atomics.notify(go, 0);

const rates = (await results).map(({ ops, elapsedMs }) => ops / elapsedMs / 1000);
answer({ mpairs: rates.reduce((a, b) => a + b, 0), slowest: Math.min(...rates) });
