/** The background worker and the thread that starts it, as installed: only the build has the worker's program inside. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import type { Heap } from '../../../src/index.ts';

const LIBRARY = new URL('../../../dist/index.js', import.meta.url);
const { createHeap, struct, u32 }: typeof import('../../../src/index.ts') = await import(
  /* @vite-ignore */ LIBRARY.href
);

const Pair = struct('Pair', { a: u32, b: u32 });

/** Starts a cycle, and with it the background worker; then `end`. */
const PROGRAM = (end: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from 'node:worker_threads';
    import { attachHeap, struct, u32 } from '${LIBRARY.href}';
    const heap = attachHeap(workerData);
    const Pair = struct('Pair', { a: u32, b: u32 });
    while (!heap.stats().gc.background) heap.scope(() => { for (let i = 0; i < 1000; i++) heap.new(Pair); });
    ${end}`)}`,
  );

function collectingHeap(): Heap {
  return createHeap({ maxBytes: 1 << 26, gcPercent: 10 });
}

function keepBusy(heap: Heap): void {
  const { cycles } = heap.stats().gc;
  while (heap.stats().gc.cycles < cycles + 2) {
    heap.scope(() => {
      for (let i = 0; i < 1000; i++) heap.new(Pair);
    });
  }
}

test('a thread that has started the background worker takes it along when it detaches; the next cycle starts another', async () => {
  const heap = collectingHeap();
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(PROGRAM('heap.detach();'), { workerData: heap.share() });
    await once(worker, 'exit');
    expect(heap.stats()).toMatchObject({ threads: 1, gc: { background: false } });
    heap.verify();
  }
  keepBusy(heap);
  while (!heap.stats().gc.background) keepBusy(heap);
  heap.verify();
  heap.detach();
});

test.each([
  ['ends without detaching', ''],
  ['is terminated while it allocates', 'parentPort.postMessage(1); for (;;) heap.scope(() => { heap.new(Pair); });'],
])('one that %s: both are reaped', async (_, end) => {
  const heap = collectingHeap();
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(PROGRAM(end), { workerData: heap.share() });
    heap.watch(worker);
    const ended = once(worker, 'exit');
    if (end !== '') {
      await once(worker, 'message');
      await worker.terminate();
    }
    await ended;
    expect(heap.stats()).toMatchObject({ threads: 1, gc: { background: false } });
    heap.verify();
  }
  keepBusy(heap);
  heap.detach();
});

test('the thread that made the heap detaches: the others go on, with a background worker of their own', async () => {
  const heap = collectingHeap();
  keepBusy(heap);
  while (!heap.stats().gc.background) keepBusy(heap);
  const worker = new Worker(PROGRAM("heap.detach(); parentPort.postMessage('done')"), { workerData: heap.share() });
  heap.detach();
  expect((await once(worker, 'message'))[0]).toBe('done');
});

test('a thread that attaches starts the worker from where the heap was told that its script is', async () => {
  const script = new URL('../../../dist/gc-worker.js', import.meta.url);
  const heap = createHeap({ maxBytes: 1 << 26, gcPercent: 10, background: script, stopWarning: 1234 });
  expect(heap.share().gc).toEqual({ background: script.href, stopWarning: 1234 });
  const worker = new Worker(PROGRAM('heap.detach();'), { workerData: heap.share() });
  await once(worker, 'exit');
  heap.detach();
  // One that is not there: the thread says so, and goes on by itself.
  const lost = createHeap({ maxBytes: 1 << 26, gcPercent: 10, background: new URL('missing.js', script) });
  // It goes on until it has heard: three cycles may be over before the script is looked for.
  const hears = `
    const alive = setInterval(() => {}, 1000);
    const { warn } = console;
    await new Promise((heard) => { console.warn = (text) => { warn(text); heard(); }; });
    clearInterval(alive);`;
  const program = PROGRAM(hears).href.replace(
    encodeURIComponent('!heap.stats().gc.background'),
    'heap.stats().gc.cycles%3C3',
  );
  const other = new Worker(new URL(program), { workerData: lost.share(), stderr: true });
  let text = '';
  other.stderr.on('data', (piece) => {
    text += piece;
  });
  await Promise.all([once(other, 'exit'), once(other.stderr, 'end')]);
  expect(text).toContain("the collector's background worker failed");
  expect(text).toContain('missing.js');
  lost.detach();
});

test('where no worker may be started it is tried less and less often, and told once; later one comes after all', () => {
  const threads = process.getBuiltinModule('node:worker_threads');
  const tries = vi.spyOn(threads, 'Worker').mockImplementation(
    class {
      constructor() {
        throw new Error('not allowed here');
      }
    } as never,
  );
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const heap = collectingHeap();
  try {
    while (heap.stats().gc.cycles < 60) keepBusy(heap);
    expect(tries.mock.calls.length).toBeGreaterThan(2);
    expect(tries.mock.calls.length).toBeLessThan(8);
    expect(warned.mock.calls).toEqual([[expect.stringContaining('failed: not allowed here')]]);
  } finally {
    vi.restoreAllMocks();
  }
  while (!heap.stats().gc.background) keepBusy(heap);
  heap.detach();
});
