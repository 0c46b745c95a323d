/** The page counts together with its workers, one of which it terminates meanwhile. */
import { createHeap } from '/spanheap/index.js';
import { countOnce, KEYS, State } from './types.mjs';

const ROUNDS = 2000;
const heap = createHeap({ maxBytes: 64 * 2 ** 20 });
heap.roots.set('state', heap.new(State));
const { counts, progress } = heap.roots.get('state', State);

/** Resolves with its thread id when it says so: having counted, or, of the one that is terminated, before it starts. */
function begin(rounds) {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' });
  const said = new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data.thread);
    worker.onerror = (event) => reject(new Error(event.message));
  });
  worker.postMessage({ shared: heap.share(), rounds });
  return { worker, said };
}

const isAttached = (thread) =>
  heap
    .view()
    .threads()
    .some(({ id }) => id === thread);

async function countTogether() {
  const victim = begin(0);
  const victimId = await victim.said;
  const others = [begin(ROUNDS), begin(ROUNDS)];
  while (progress.load() < 100) await new Promise((resolve) => setTimeout(resolve, 1));
  for (let i = 0; i < ROUNDS / 2; i++) countOnce(counts);
  heap.watch(victim.worker);
  victim.worker.terminate();
  while (isAttached(victimId)) await new Promise((resolve) => setTimeout(resolve, 1));
  const reaped = !heap.reap(victimId);
  for (let i = 0; i < ROUNDS / 2; i++) countOnce(counts);
  await Promise.all(others.map(({ said }) => said));
  const { threads } = heap.verify();
  const wrong = KEYS.filter((key) => counts.get(key) !== 3 * ROUNDS);
  // The dead one counted every key as often as the first, or once less.
  const ofTheDead = KEYS.map((key) => counts.get(`${key} of the dead`));
  const uneven = ofTheDead.filter((n) => n !== ofTheDead[0] && n !== ofTheDead[0] - 1).length;
  return { wrong, reaped, threads, uneven, size: counts.size };
}

const output = document.querySelector('output');
countTogether()
  .catch((error) => String(error.stack))
  .then((result) => {
    output.textContent = JSON.stringify(result);
  });
