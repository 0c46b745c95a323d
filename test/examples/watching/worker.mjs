/** A thread of the heap that does what the page says. */
import { attachHeap } from '/spanheap/index.js';
import { Pair, State } from './types.mjs';

const held = [];
let heap;

/** Every one of these keeps its references until the worker ends. */
const tasks = {
  idle: () => {
    for (let i = 0; i < 10_000; i++) held.push(heap.new(Pair, { a: i, b: i }));
  },
  /** Changes a map and makes references for ever: it can be terminated at any point. */
  busy: (ticks) => {
    const { counts, progress } = heap.roots.get('state', State);
    setTimeout(() => {
      for (let i = 0; ; i++) {
        Atomics.add(ticks, 0, 1);
        try {
          counts.update(`key ${i % 50}`, (n = 0) => n + 1);
          if (i % 10 === 0) held.push(heap.new(Pair, { a: i, b: i }));
          progress.add(1);
        } catch (error) {
          // Reaped too early: then it ticks on.
          if (error.code !== 'ERR_DETACHED') throw error;
        }
      }
    });
  },
  /** Runs a cycle, and so starts the collector's worker, which is this one's. */
  collect: () => heap.gc(),
  detach: () => heap.detach(),
  watch: () => heap.watch(self),
};

addEventListener('message', async ({ data: { shared, task, ticks } }) => {
  heap ??= attachHeap(shared);
  const thread = heap.threadId;
  // The lock is had by the time that a later request is answered.
  await navigator.locks.query();
  tasks[task](ticks);
  postMessage(thread);
});
