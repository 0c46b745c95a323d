/** Workers that end in many ways, and a page that watches them. Each case has a heap of its own, and says what it saw. */
import { attachHeap, createHeap } from '/spanheap/index.js';
import { State } from './types.mjs';

const OPTIONS = { maxBytes: 2 ** 26, maxThreads: 8 };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Thread {
  worker = new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' });
  /** One for each round of what never ends, in memory that is not the heap's: this worker is alive as long as it changes. */
  ticks = new Int32Array(new SharedArrayBuffer(4));

  /** Resolves with its id in the heap when the worker has done it, or has begun what never ends. */
  do(heap, task) {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => resolve(data);
      this.worker.onerror = (event) => reject(new Error(event.message));
      this.worker.postMessage({ shared: heap.share(), task, ticks: this.ticks });
    });
  }
}

const threads = (heap) =>
  heap
    .view()
    .threads()
    .map(({ id }) => id);

/** Waits until just these threads are attached, for 10 s. */
async function until(heap, ids) {
  const end = performance.now() + 10_000;
  while (String(threads(heap)) !== String(ids) && performance.now() < end) await sleep(2);
  return threads(heap);
}

/** Names of the locks of a heap's threads, without what is of the heap: their ids and epochs. */
async function locks({ held, pending } = {}) {
  const all = await navigator.locks.query();
  const names = (list) => list.map(({ name }) => name.replace(/^spanheap \w{32} /, '')).sort();
  return { ...(held && { held: names(all.held) }), ...(pending && { pending: names(all.pending) }) };
}

const cases = {
  async beforeAndAfter() {
    const heap = createHeap(OPTIONS);
    const [before, after, never] = [new Thread(), new Thread(), new Thread()];
    const ids = [await before.do(heap, 'idle')];
    heap.watch(before.worker);
    heap.watch(after.worker);
    ids.push(await after.do(heap, 'idle'));
    // Nobody has to name it: all are watched.
    ids.push(await never.do(heap, 'idle'));
    const attached = threads(heap);
    for (const { worker } of [before, after, never]) worker.terminate();
    const left = await until(heap, [1]);
    heap.verify();
    const next = await new Thread().do(heap, 'idle');
    return { ids, attached, left, next };
  },

  async busy() {
    const heap = createHeap(OPTIONS);
    const state = heap.new(State);
    heap.roots.set('state', state);
    const seen = [];
    for (let round = 0; round < 3; round++) {
      const thread = new Thread();
      heap.watch(thread.worker);
      const id = await thread.do(heap, 'busy');
      const from = state.progress.load();
      while (state.progress.load() < from + 1000) await sleep(1);
      thread.worker.terminate();
      const left = await until(heap, [1]);
      // Whoever is reaped runs no more: not one step.
      const ticks = Atomics.load(thread.ticks, 0);
      await sleep(300);
      state.counts.update('key 0', (n = 0) => n + 1);
      heap.verify();
      seen.push({ id, left, wentOn: Atomics.load(thread.ticks, 0) - ticks });
    }
    const counted = [...state.counts.values()].reduce((sum, n) => sum + n, 0);
    return { seen, keys: state.counts.size, lost: Math.abs(counted - 3 - state.progress.load()) > 3 };
  },

  /** The page itself waits for the dead one; a worker hears of its end meanwhile. */
  async watchedByAWorker() {
    const heap = createHeap({ ...OPTIONS, background: false });
    heap.roots.set('state', heap.new(State));
    const [watcher, busy] = [new Thread(), new Thread()];
    await watcher.do(heap, 'watch');
    const id = await busy.do(heap, 'busy');
    // Its lock is known by then.
    await sleep(1200);
    busy.worker.terminate();
    const from = performance.now();
    heap.gc();
    const left = await until(heap, [1, 2]);
    return { id, left, inTime: performance.now() - from < 10_000 };
  },

  async detached() {
    const heap = createHeap(OPTIONS);
    const [first, second] = [new Thread(), new Thread()];
    heap.watch(first.worker);
    const id = await first.do(heap, 'idle');
    // Seen by the watcher's next look.
    await sleep(1200);
    await first.do(heap, 'detach');
    const left = await until(heap, [1]);
    // Has the record of the first, and keeps it.
    const next = await second.do(heap, 'idle');
    first.worker.terminate();
    await sleep(1500);
    const still = threads(heap);
    await second.do(heap, 'idle');
    heap.verify();
    return { id, left, next, still };
  },

  async watcherDetaches() {
    const heap = createHeap(OPTIONS);
    const other = attachHeap(heap.share());
    const thread = new Thread();
    await thread.do(heap, 'idle');
    heap.watch(thread.worker);
    const { pending } = await locks({ pending: true });
    heap.detach();
    const { pending: afterwards } = await locks({ pending: true });
    thread.worker.terminate();
    await sleep(1500);
    const unwatched = threads(other);
    other.watch(thread.worker);
    const left = await until(other, [2]);
    return { pending, afterwards, unwatched, left };
  },

  async collectorOfTheDead() {
    const heap = createHeap(OPTIONS);
    const thread = new Thread();
    heap.watch(thread.worker);
    await thread.do(heap, 'collect');
    const attached = await until(heap, [1, 2, 9]);
    const { held } = await locks({ held: true });
    thread.worker.terminate();
    const left = await until(heap, [1]);
    const { held: afterwards } = await locks({ held: true });
    heap.gc();
    heap.verify();
    return { attached, held, left, afterwards };
  },
};

globalThis.runCase = (name) => cases[name]();
