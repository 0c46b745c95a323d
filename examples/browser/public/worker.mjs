/** Moves one arm of the galaxy whenever the page wants a step. One message comes, at the start; then all is in the heap. */
import { attachHeap } from '/spanheap/index.js';
import { Galaxy, move, shareOf } from './galaxy.mjs';

addEventListener('message', ({ data: { shared, index, workers } }) => start(attachHeap(shared), index, workers), {
  once: true,
});

function start(heap, index, workers) {
  // Made outside of any scope, these references last as long as the worker.
  const galaxy = heap.roots.get('galaxy', Galaxy);
  const { wanted } = galaxy;
  const done = galaxy.done.at(index);
  const [from, to] = shareOf(galaxy.stars.length, index, workers);
  const stars = galaxy.stars.slice(from, to);

  const work = () => {
    while (done.load() !== wanted.load()) {
      heap.scope(() => {
        const { sunX, sunY } = galaxy;
        const cursor = stars.cursor();
        while (cursor.next()) move(cursor.value, sunX, sunY);
      });
      done.add(1);
    }
    setTimeout(work, 4);
  };
  work();
  postMessage({ thread: heap.threadId, first: from, last: to - 1 });
}
