/** A worker that frees and allocates up to `most` objects of many sizes in turns until it is terminated. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../../src/index.ts';
import { random } from './random.ts';

const { shared, seed, most } = workerData as { shared: SharedHeap; seed: number; most: number };
const heap = attachHeap(shared);
const { raw } = heap;
const r = random(seed);
const sizes = [16, 24, 48, 64, 112, 256, 512, 1024];
const live: number[] = [];
parentPort!.postMessage(heap.threadId);

for (;;) {
  const size = r.pick(sizes);
  const n = r.below(most);
  heap.scope(() => {
    for (let i = 0; i < n; i++) live.push(raw.mallocgc(r.oneIn(4) ? r.pick(sizes) : size, null, false));
    const kept = r.below(live.length + 1);
    while (live.length > kept) raw.free(live.pop()!);
  });
}
