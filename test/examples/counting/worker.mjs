import { attachHeap } from '/spanheap/index.js';
import { countOnce, State } from './types.mjs';

addEventListener('message', ({ data: { shared, rounds } }) => {
  const heap = attachHeap(shared);
  const { counts, progress } = heap.roots.get('state', State);
  const thread = heap.threadId;
  const count = () => {
    for (let i = 0; i < rounds; i++) countOnce(counts);
    postMessage({ thread });
  };
  // For ever, in a map that others use: it is terminated at any point.
  const countForEver = () => {
    for (;;) {
      countOnce(counts, ' of the dead');
      progress.add(1);
    }
  };
  // The heap's lock, by which it is seen that the worker has ended, is had by the time that a later request is answered.
  navigator.locks.query().then(() => {
    if (rounds > 0) {
      count();
    } else {
      postMessage({ thread });
      countForEver();
    }
  });
});
