// One thread of the case of maps on several threads: warms up, says so, waits for the start, works for a fixed time.
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap } from '../src/index.ts';
import type { MapThreadTask } from './map-task.ts';
import { findMap, openJs } from './maps/peers.ts';
import { startMap } from './maps/workload.ts';
import { measure, Timer } from './measure.ts';
import type { ThreadResult } from './thread-task.ts';

const { work, seed, warmMs, ms, heap: shared, go } = workerData as MapThreadTask;
const heap = shared && attachHeap(shared);
const step = startMap(heap ? findMap(heap) : openJs(), work, seed);
measure(step, { warmMs, ms: 0 });
parentPort?.postMessage('warm');
Atomics.wait(go, 0, 0);
const timer = new Timer();
while (timer.elapsedMs < ms) timer.time(step);
const result: ThreadResult = { ops: timer.ops, elapsedMs: timer.elapsedMs };
parentPort?.postMessage(result);
heap?.detach();
