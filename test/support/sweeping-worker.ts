/** A worker that makes many tiny objects, which nobody keeps, and collects them when it is told to. */
import { workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../../src/index.ts';

const { shared, phase, objects } = workerData as {
  shared: SharedHeap;
  /** One word: 1 when the garbage is there, 2 when the test asks to collect it, 3 when that is done. */
  phase: Int32Array<SharedArrayBuffer>;
  objects: number;
};
const heap = attachHeap(shared);
// 12 bytes each: no two fit into one tiny block.
for (let i = 0; i < objects; i++) heap.raw.mallocgc(12, null, false);
Atomics.store(phase, 0, 1);
Atomics.wait(phase, 0, 1);
heap.gc();
Atomics.store(phase, 0, 3);
heap.detach();
