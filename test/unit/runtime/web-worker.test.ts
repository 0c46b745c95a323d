/** The background worker as a browser starts it: without thread ids, and with an event in place of an error. */
import { afterEach, expect, test, vi } from 'vitest';
import { mayAttach } from '../../../src/gc/background.ts';
import { attachHeap, createHeap, type Heap, struct, u32 } from '../../../src/index.ts';
import { GC_RESERVED, GC_WORKER, WORKER_ATTACHING } from '../../../src/layout/gc.ts';
import { PROC_EPOCH } from '../../../src/layout/proc.ts';
import type { WorkerStart } from '../../../src/runtime/gc-worker.ts';
import { checkShared, readClasses } from '../../../src/runtime/init.ts';
import { NO_THREAD_ID } from '../../../src/runtime/worker-threads.ts';
import { attachProc } from '../../../src/threads/attach.ts';
import { Internals } from '../../support/internals.ts';

const Pair = struct('Pair', { a: u32, b: u32 });
const SCRIPT = 'https://example.org/gc-worker.js';

/** A browser's Worker, in this thread. */
class FakeWorker {
  static started: FakeWorker[] = [];
  static onStart: (start: WorkerStart) => void = () => {};
  onerror: ((event: unknown) => void) | null = null;
  constructor() {
    FakeWorker.started.push(this);
  }
  postMessage(start: WorkerStart): void {
    FakeWorker.onStart(start);
  }
}

/** As in a browser: no modules of Node's, and Workers of its own. */
function inBrowser(): void {
  vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: undefined } }));
  vi.stubGlobal('Worker', FakeWorker);
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  FakeWorker.started = [];
  FakeWorker.onStart = () => {};
});

function startCycle(heap: Heap): void {
  const { cycles } = heap.stats().gc;
  while (heap.stats().gc.cycles < cycles + 1) {
    heap.scope(() => {
      for (let i = 0; i < 1000; i++) heap.new(Pair);
    });
  }
}

function twoThreads(): { heap: Heap; other: Heap; warn: ReturnType<typeof vi.spyOn> } {
  inBrowser();
  const heap = createHeap({ maxBytes: 1 << 24, gcPercent: 10, background: SCRIPT });
  return { heap, other: attachHeap(heap.share()), warn: vi.spyOn(console, 'warn').mockImplementation(() => {}) };
}

test.each([
  ['could not be loaded', {}, `${SCRIPT} could not be loaded; the option background of createHeap takes the URL of`],
  ['has thrown', { message: 'Uncaught Error: no', filename: SCRIPT }, `failed: Uncaught Error: no (${SCRIPT})`],
])(
  'a worker that %s before it attached: live threads stay, one warning, tried less and less often',
  (_, event, text) => {
    const { heap, other, warn } = twoThreads();
    startCycle(heap);
    expect(FakeWorker.started).toHaveLength(1);
    for (let round = 1; round <= 3; round++) {
      FakeWorker.started.at(-1)!.onerror!(event);
      expect([heap.attached, other.attached, heap.stats().threads]).toEqual([true, true, 2]);
      expect(new Internals(heap).m[GC_WORKER]).toBe(0);
      for (let rest = 2 ** (round - 1); rest > 0; rest--) startCycle(heap);
      expect(FakeWorker.started).toHaveLength(round);
      startCycle(heap);
      expect(FakeWorker.started).toHaveLength(round + 1);
    }
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toContain(text);
    heap.verify();
    other.detach();
  },
);

test('a worker that has attached and then fails: it is reaped, and nobody else', () => {
  const { heap, other } = twoThreads();
  const inside = new Internals(heap);
  const { m } = inside;
  FakeWorker.onStart = ({ shared }) => {
    const mem = checkShared(shared, 'a test');
    expect(mayAttach(mem)).toBe(true);
    const { id } = attachProc(mem, readClasses(mem), { thread: NO_THREAD_ID + 1, osThread: 0 }, true);
    expect(id).toBe(m[GC_RESERVED]);
    Atomics.compareExchange(m, GC_WORKER, WORKER_ATTACHING, id);
  };
  startCycle(heap);
  expect(heap.stats()).toMatchObject({ threads: 3, gc: { background: true } });
  FakeWorker.started[0]!.onerror!({ message: 'Uncaught Error: no' });
  expect([heap.attached, other.attached]).toEqual([true, true]);
  expect(heap.stats()).toMatchObject({ threads: 2, gc: { background: false } });
  expect(m[inside.proc(m[GC_RESERVED]!) + PROC_EPOCH]! & 1).toBe(0);
  heap.verify();
});

test('the thread id of nobody names nobody', () => {
  const { heap } = twoThreads();
  expect(heap.threadsOf(NO_THREAD_ID)).toEqual([]);
});
