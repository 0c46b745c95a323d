/** How the ends of threads are noticed in a browser, with locks of the test's own. All threads are this one. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { mayAttach } from '../../../src/gc/background.ts';
import { ArgumentError, attachHeap, createHeap, type Heap, struct, u32 } from '../../../src/index.ts';
import { GC_RESERVED, GC_STARTER, GC_WORKER, WORKER_STARTING } from '../../../src/layout/gc.ts';
import { H_LOCK_NAME, LOCK_NAME_WORDS } from '../../../src/layout/header.ts';
import { PROC_EPOCH, PROC_LOCKED, PROC_RUNNING } from '../../../src/layout/proc.ts';
import { readClasses } from '../../../src/runtime/init.ts';
import { lockName, runLocked } from '../../../src/runtime/web-locks.ts';
import type { WebWorkerLike } from '../../../src/runtime/worker-threads.ts';
import { attachProc } from '../../../src/threads/attach.ts';
import { FakeLocks } from '../../support/fake-locks.ts';
import { Internals, setState } from '../../support/internals.ts';

const Pair = struct('Pair', { a: u32, b: u32 });
const OPTIONS = { maxBytes: 1 << 24, background: false, maxThreads: 4 };
/** What a page has of a worker that it started. */
const worker: WebWorkerLike = { postMessage: () => {} };
let locks: FakeLocks;

/** As in a browser: no modules of Node's. */
function inBrowser(navigator: object): void {
  vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: undefined } }));
  vi.stubGlobal('navigator', navigator);
}

beforeEach(() => {
  locks = new FakeLocks();
  inBrowser({ locks });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Until all promises have settled that can, so many milliseconds have passed, and the event loop has had a turn. */
async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await new Promise((resolve) => setImmediate(resolve));
  await vi.advanceTimersByTimeAsync(0);
}
/** How the names of this heap's locks begin. */
const prefixOf = (name: string): string => name.replace(/ \d+ \d+$/, '');
const threadsOf = (heap: Heap): number[] =>
  heap
    .view()
    .threads()
    .map(({ id }) => id);
/** The heap's locks that are held, as "id epoch". */
const held = (): string[] => locks.held.map((name) => name.slice(prefixOf(name).length + 1));
const pending = (): string[] => locks.pending.map((name) => name.slice(prefixOf(name).length + 1));
/** As when the thread is gone that holds this lock. */
const end = (attachment: string): void => locks.endHolder(locks.held.find((name) => name.endsWith(` ${attachment}`))!);
const lockedWord = (heap: Heap, id: number): number => {
  const inside = new Internals(heap);
  return inside.m[inside.proc(id) + PROC_LOCKED]!;
};

test('an attachment has a lock of its own until it detaches, and says so when it has been granted', async () => {
  const heap = createHeap(OPTIONS);
  const other = attachHeap(heap.share());
  expect([lockedWord(heap, 1), lockedWord(heap, 2)]).toEqual([0, 0]);
  await pass();
  expect(locks.held[0]).toMatch(/^spanheap [0-9a-f]{32} 1 1$/);
  expect(held()).toEqual(['1 1', '2 1']);
  expect([lockedWord(heap, 1), lockedWord(heap, 2)]).toEqual([1, 1]);
  other.detach();
  await pass();
  expect(held()).toEqual(['1 1']);
  const next = attachHeap(heap.share());
  expect(lockedWord(heap, 2)).toBe(0);
  await pass();
  expect([next.threadId, ...held()]).toEqual([2, '1 1', '2 3']);
  const stranger = createHeap(OPTIONS);
  await pass();
  expect(new Set(locks.held.map(prefixOf)).size).toBe(2);
  for (const h of [heap, next, stranger]) h.detach();
  await pass();
  expect(locks.held).toEqual([]);
});

test('a lock keeps no heap alive that nobody refers to any more', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const made = (): WeakRef<object> => new WeakRef(createHeap(OPTIONS).share().meta);
  const memory = made();
  await pass();
  expect(held()).toEqual(['1 1']);
  vi.useRealTimers();
  for (let i = 0; i < 20 && memory.deref() !== undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    collect();
  }
  expect(memory.deref()).toBeUndefined();
  expect(held()).toEqual(['1 1']);
});

test('one that detaches before it is granted the lock holds none', async () => {
  const heap = createHeap(OPTIONS);
  attachHeap(heap.share()).detach();
  const next = attachHeap(heap.share());
  await pass();
  expect(held()).toEqual(['1 1', '2 3']);
  expect([next.threadId, lockedWord(heap, 2)]).toEqual([2, 3]);
});

test('one that is granted the lock late says nothing in a record that is another’s by then', async () => {
  const heap = createHeap(OPTIONS);
  let letGo = (): void => {};
  const other = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  void locks.request(lockName(new Internals(heap).mem, 2, 1), () => other);
  attachHeap(heap.share()).detach();
  const next = attachHeap(heap.share());
  await pass();
  expect([next.threadId, lockedWord(heap, 2)]).toEqual([2, 3]);
  letGo();
  await pass();
  expect([held(), lockedWord(heap, 2)]).toEqual([['1 1', '2 3'], 3]);
});

test('Node’s own Web Locks are let alone, and so are those of an unshared heap', async () => {
  createHeap({ maxBytes: 1 << 24, shared: false }).watch(worker);
  vi.unstubAllGlobals();
  vi.stubGlobal('navigator', { locks });
  const random = vi.spyOn(crypto, 'getRandomValues');
  const heap = createHeap(OPTIONS);
  attachHeap(heap.share());
  await pass();
  expect([locks.held, locks.pending]).toEqual([[], []]);
  expect(random).not.toHaveBeenCalled();
  const { m } = new Internals(heap);
  expect([...m.subarray(H_LOCK_NAME, H_LOCK_NAME + LOCK_NAME_WORDS)]).toEqual([0, 0, 0, 0]);
  expect(() => heap.watch(worker)).toThrow('watch: expected a Worker of node:worker_threads');
});

test.each([
  ['no navigator', undefined],
  ['no locks', {}],
])('watch without Web Locks says what to do: %s', (_, navigator) => {
  inBrowser(navigator as object);
  for (const heap of [createHeap(OPTIONS), createHeap({ maxBytes: 1 << 24, shared: false })]) {
    expect(() => heap.watch(worker)).toThrow(ArgumentError);
    expect(() => heap.watch(worker)).toThrow(
      /^watch: without Web Locks, which need a secure context, .*heap\.reap\(id\)/,
    );
  }
});

test('watch in a browser wants a worker', () => {
  const heap = createHeap(OPTIONS);
  for (const value of [undefined, null, 7, {}, { terminate: () => {} }, { postMessage: 1 }])
    expect(() => heap.watch(value as never), String(value)).toThrow(ArgumentError);
  heap.detach();
  expect(() => heap.watch(worker)).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }));
});

test('where the locks are refused the heap works, and watch warns once', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const heap = createHeap(OPTIONS);
  const other = attachHeap(heap.share());
  await pass();
  locks.refusal = new Error('the page has no origin');
  const third = attachHeap(heap.share());
  await pass();
  expect(lockedWord(heap, 3)).toBe(0);
  heap.watch(worker);
  third.watch(worker);
  await pass(5000);
  const text =
    'spanheap: watch: the end of a worker will not be noticed, since the browser gives no Web Lock: Error: the page has no origin';
  expect(warn.mock.calls).toEqual([[text], [text]]);
  expect(threadsOf(heap)).toEqual([1, 2, 3]);
  third.new(Pair);
  for (const h of [other, third, heap]) h.detach();
});

test('a thread whose lock was taken away is not waited for any more', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const heap = createHeap(OPTIONS);
  const other = attachHeap(heap.share());
  await pass();
  locks.steal(locks.held[1]!);
  await pass();
  expect(lockedWord(heap, 2)).toBe(0);
  heap.watch(worker);
  await pass(3000);
  expect([pending(), other.attached]).toEqual([[], true]);
  expect(warn).not.toHaveBeenCalled();
});

test('nor is it reaped by who waits for it by then, and gets it', async () => {
  const heap = createHeap(OPTIONS);
  const other = attachHeap(heap.share());
  await pass();
  heap.watch(worker);
  expect(pending()).toEqual(['2 1']);
  locks.steal(locks.held[1]!);
  await pass();
  expect([pending(), other.attached, lockedWord(heap, 2)]).toEqual([[], true, 0]);
  await pass(3000);
  expect(other.attached).toBe(true);
  other.new(Pair);
});

test('threads that attached before and after are reaped when they end', async () => {
  const heap = createHeap(OPTIONS);
  const before = attachHeap(heap.share());
  before.new(Pair);
  await pass();
  heap.watch(worker);
  heap.watch(worker);
  expect(pending()).toEqual(['2 1']);
  const after = attachHeap(heap.share());
  await pass();
  expect(pending()).toEqual(['2 1']);
  await pass(1000);
  expect(pending()).toEqual(['2 1', '3 1']);
  end('3 1');
  await pass();
  expect(threadsOf(heap)).toEqual([1, 2]);
  expect(after.attached).toBe(false);
  end('2 1');
  await pass();
  expect(threadsOf(heap)).toEqual([1]);
  // One that ends before it was seen.
  const short = attachHeap(heap.share());
  await pass();
  end('2 3');
  expect(short.attached).toBe(true);
  await pass(1000);
  expect(threadsOf(heap)).toEqual([1]);
  heap.verify();
  expect(vi.getTimerCount()).toBe(1);
});

test('one that has no lock yet is not waited for', async () => {
  const heap = createHeap(OPTIONS);
  await pass();
  attachHeap(heap.share());
  heap.watch(worker);
  // Not even asked for: it would be granted at once, were it not for the order of requests in one thread.
  expect(locks.pending.length).toBe(1);
  await pass(3000);
  expect(threadsOf(heap)).toEqual([1, 2]);
});

test('when one detaches nobody is reaped, not even who has its record by then', async () => {
  const heap = createHeap(OPTIONS);
  const other = attachHeap(heap.share());
  await pass();
  heap.watch(worker);
  other.detach();
  const next = attachHeap(heap.share());
  await pass(3000);
  expect([next.threadId, next.attached]).toEqual([2, true]);
  expect([held(), pending()]).toEqual([['1 1', '2 3'], ['2 3']]);
  end('2 3');
  await pass();
  expect(next.attached).toBe(false);
});

test('a watcher that detaches, or is reaped, stops', async () => {
  const heap = createHeap(OPTIONS);
  const [watcher, reaped, other] = [attachHeap(heap.share()), attachHeap(heap.share()), attachHeap(heap.share())];
  await pass();
  watcher.watch(worker);
  reaped.watch(worker);
  expect(pending().length).toBe(6);
  expect(vi.getTimerCount()).toBe(2);
  watcher.detach();
  expect(vi.getTimerCount()).toBe(1);
  heap.reap(reaped.threadId);
  await pass(1000);
  expect(pending()).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
  end('4 1');
  await pass(3000);
  expect(other.attached).toBe(true);
});

test('of two watchers the first reaps, and the second finds nobody', async () => {
  const heap = createHeap(OPTIONS);
  const [second] = [attachHeap(heap.share()), attachHeap(heap.share())];
  await pass();
  heap.watch(worker);
  second.watch(worker);
  end('3 1');
  await pass();
  expect(threadsOf(heap)).toEqual([1, 2]);
  expect([held(), pending()]).toEqual([
    ['1 1', '2 1'],
    ['1 1', '2 1'],
  ]);
});

test('it is tried again when another thread does not come to a safepoint', async () => {
  const heap = createHeap(OPTIONS);
  const [busy, other] = [attachHeap(heap.share()), attachHeap(heap.share())];
  await pass();
  heap.watch(worker);
  const inside = new Internals(heap);
  const state = setState(inside.m, inside.proc(busy.threadId), PROC_RUNNING);
  const from = performance.now();
  end('3 1');
  await pass();
  expect(performance.now() - from).toBeGreaterThan(40);
  expect(threadsOf(heap)).toEqual([1, 2, 3]);
  setState(inside.m, inside.proc(busy.threadId), state);
  await pass(10);
  expect(threadsOf(heap)).toEqual([1, 2]);
  expect(other.attached).toBe(false);
  heap.verify();
});

test('a watcher that detaches in the middle lets the lock go', async () => {
  const heap = createHeap(OPTIONS);
  const [watcher, busy] = [attachHeap(heap.share()), attachHeap(heap.share())];
  attachHeap(heap.share());
  await pass();
  watcher.watch(worker);
  const inside = new Internals(heap);
  const state = setState(inside.m, inside.proc(busy.threadId), PROC_RUNNING);
  end('4 1');
  await pass(10);
  expect(held()).toEqual(['1 1', '2 1', '3 1', '4 1']);
  setState(inside.m, inside.proc(busy.threadId), state);
  heap.reap(watcher.threadId);
  await pass(100);
  expect(held()).toEqual(['1 1', '2 1', '3 1']);
});

test('one that has started the background worker is reaped when that has ended too', async () => {
  const heap = createHeap({ ...OPTIONS, background: true });
  const starter = attachHeap(heap.share());
  const inside = new Internals(heap);
  const { m, mem } = inside;
  const id = m[GC_RESERVED]!;
  m[GC_WORKER] = WORKER_STARTING;
  m[GC_STARTER] = starter.threadId;
  await pass();
  // In `runLocked`, where it is until it ends.
  let left = (): void => {};
  const running = new Promise<void>((resolve) => {
    left = resolve;
  });
  void locks.request(lockName(mem, id, 1), () => {
    expect(mayAttach(mem)).toBe(true);
    expect(attachProc(mem, readClasses(mem), { thread: 0, osThread: 0 }, true).id).toBe(id);
    return running;
  });
  await pass();
  expect(held()).toEqual(['1 1', '2 1', `${id} 1`]);
  expect(lockedWord(heap, id)).toBe(0);
  heap.watch(worker);
  end('2 1');
  await pass(100);
  expect(threadsOf(heap)).toEqual([1, 2, id]);
  left();
  await pass(100);
  expect(threadsOf(heap)).toEqual([1]);
  expect(m[GC_STARTER]).toBe(0);
  heap.verify();
});

test('the background worker runs without a lock where it gets none, and what it throws is an uncaught error', async () => {
  const heap = createHeap({ ...OPTIONS, background: true });
  const { mem, m } = new Internals(heap);
  const run = vi.fn();
  await pass();
  runLocked(mem, run);
  expect(run).not.toHaveBeenCalled();
  await pass();
  expect(run).toHaveBeenCalledTimes(1);
  locks.refusal = new Error('no');
  runLocked(mem, run);
  await pass();
  expect(run).toHaveBeenCalledTimes(2);
  locks.refusal = undefined;
  runLocked(mem, () => {
    throw new RangeError('of the worker');
  });
  await expect(vi.advanceTimersByTimeAsync(1)).rejects.toThrow('of the worker');
  // Another one has come and gone since the name of the lock was made.
  const word = new Internals(heap).proc(m[GC_RESERVED]!) + PROC_EPOCH;
  const names: string[][] = [];
  runLocked(mem, () => names.push(held()));
  m[word] = m[word]! + 2;
  await pass();
  expect(names).toHaveLength(1);
  expect(names[0]).toContain(`${m[GC_RESERVED]} 3`);
});
