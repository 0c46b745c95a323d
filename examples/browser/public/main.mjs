/** The page: makes the galaxy, starts the workers, and draws what they do, frame by frame, out of the same memory. */
import { createHeap } from '/spanheap/index.js';
import { Picture } from './picture.mjs';
import { Galaxy, MAX_WORKERS, move, place, shareOf, Star } from './galaxy.mjs';

const parameters = new URLSearchParams(location.search);
const STARS = Number(parameters.get('stars') ?? 60_000);
const WORKERS = Math.min(MAX_WORKERS, Number(parameters.get('workers') ?? 4));

const $ = (id) => document.getElementById(id);
if (!crossOriginIsolated) {
  $('state').textContent = 'This page is not cross-origin isolated, so the browser gives it no shared memory.';
  throw new Error('the server must send the headers COOP and COEP');
}

const heap = createHeap({ maxBytes: 64 * 2 ** 20 });
const galaxy = heap.new(Galaxy);
heap.roots.set('galaxy', galaxy);
galaxy.stars = heap.make(Galaxy.fields.stars, STARS);
heap.scope(() => {
  for (let arm = 0; arm < WORKERS; arm++) {
    const [from, to] = shareOf(STARS, arm, WORKERS);
    const cursor = galaxy.stars.slice(from, to).cursor();
    while (cursor.next()) place(cursor.value, from + cursor.index, arm, WORKERS);
  }
});

const workers = Array.from({ length: WORKERS }, () => new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' }));
const attached = await Promise.all(
  workers.map(
    (worker, index) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message ?? 'a worker did not start'));
        worker.postMessage({ shared: heap.share(), index, workers: WORKERS });
      }),
  ),
);
