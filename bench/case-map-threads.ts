// get and set in several threads at once: on one shared map, and on a JS Map per thread.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createHeap } from '../src/index.ts';
import type { MapThreadTask } from './map-task.ts';
import { nameMap } from './maps/peers.ts';
import type { MapWork } from './maps/workload.ts';
import { answer, type Budget, taskOf } from './measure.ts';
import type { ThreadResult } from './thread-task.ts';

export interface MapThreadsTask extends MapWork, Budget {
  readonly memory: 'one map' | 'own JS maps';
  readonly threads: number;
}

const BYTES = 512 << 20;

const { memory, threads, keys, gets, warmMs, ms } = taskOf<MapThreadsTask>();
const go = new Int32Array(new SharedArrayBuffer(4));
// The collector runs, as it does for JavaScript's own maps.
const heap = memory === 'one map' ? createHeap({ maxBytes: BYTES, maxThreads: threads + 1, gc: 'on' }) : undefined;
if (heap) nameMap(heap);

const workers = Array.from({ length: threads }, (_, i) => {
  const task: MapThreadTask = { work: { keys, gets }, seed: 1000 + 2 * i, warmMs, ms, heap: heap?.share(), go };
  return new Worker(new URL('./worker-map.js', import.meta.url), { workerData: task });
});
const messages = async () => (await Promise.all(workers.map((w) => once(w, 'message')))).map(([message]) => message);
await messages();
const results = messages() as Promise<ThreadResult[]>;
Atomics.store(go, 0, 1);
Atomics.notify(go, 0);

const rates = (await results).map(({ ops, elapsedMs }) => ops / elapsedMs / 1000);
answer({ mops: rates.reduce((a, b) => a + b, 0), slowest: Math.min(...rates) });
