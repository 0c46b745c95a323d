/** A thread whose allocations are in the heap's profile; it says so, and ends when it is told. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, i32, ref, type SharedHeap, slice, struct } from '../../src/index.ts';

const Item = struct('Item', {
  n: i32,
  get next() {
    return ref(Item);
  },
});

const heap = attachHeap(workerData as SharedHeap);

function allocateInWorker(): void {
  heap.scope(() => {
    const list = heap.make(slice(ref(Item)), 0, 64);
    for (let n = 0; n < 64; n++) list.push(heap.new(Item, { n }));
    heap.roots.set('list of the worker', list);
  });
}

/** Lists that are garbage when the next is made. */
function churnInWorker(): void {
  for (let round = 0; round < 40; round++) {
    heap.scope(() => {
      let list = heap.new(Item, { n: 0 });
      for (let n = 1; n < 2000; n++) list = heap.new(Item, { n, next: list });
    });
  }
}

allocateInWorker();
parentPort!.on('message', (message) => {
  if (message === 'churn') {
    churnInWorker();
    parentPort!.postMessage('done');
  } else {
    heap.detach();
    parentPort!.close();
  }
});
parentPort!.postMessage('done');
