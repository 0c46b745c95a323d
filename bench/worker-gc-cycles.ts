// Collects again and again, with short pauses: for threads that are measured while somebody marks.
import { workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../src/index.ts';

const PAUSE_MS = 50;

const heap = attachHeap(workerData as SharedHeap);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  heap.gc();
  Atomics.wait(sleeper, 0, 0, PAUSE_MS);
}
