/** A worker that begins a trace of the heap, allocates, and waits for its end. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../../src/index.ts';

const heap = attachHeap(workerData as SharedHeap);
heap.startTrace({ ringEvents: 256 });
for (let i = 0; i < 50; i++) heap.raw.mallocgc(64, null, true);
parentPort!.postMessage(heap.threadId);
setInterval(() => {}, 1000);
