/** `wait` and `notify` of atomics: what they return, and that nobody waits for a thread that waits. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import {
  ArgumentError,
  type Atomic,
  array,
  atomic,
  createHeap,
  type Heap,
  i8,
  i16,
  i32,
  i64,
  StaleRefError,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/index.ts';
import { Guarded, Job, Signals, type WaitWorkerInput } from '../../support/wait-worker.ts';
import { collectMeanwhile, messageOf, until, untilOthersRest } from '../../support/workers.ts';

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24 });
});

afterEach(() => {
  heap.verify();
});

const WAITABLE = [
  ['i32', i32, [-(2 ** 31), -1, 0, 2 ** 31 - 1]],
  ['u32', u32, [0, 1, 2 ** 31, 2 ** 32 - 1]],
  ['i64', i64, [-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n]],
  ['u64', u64, [0n, 1n, 2n ** 63n, 2n ** 64n - 1n]],
] as const;

describe.each(WAITABLE)('%s', (name, kind, values) => {
  const Two = struct(`Two ${name}`, { before: kind, value: atomic(kind) });
  const newValue = (at: Heap = heap): Atomic<unknown> => at.new(Two).value as unknown as Atomic<unknown>;

  test('another value is noticed at once, the same one is waited for, in a scope and outside', () => {
    const outside = newValue();
    heap.scope(() => {
      for (const value of [outside, newValue()]) {
        for (const x of values) {
          value.store(x);
          expect(value.wait(values[values.indexOf(x as never) === 0 ? 1 : 0])).toBe('not-equal');
          expect(value.wait(x, 0)).toBe('timed-out');
          expect(value.wait(x, -5)).toBe('timed-out');
        }
        // The scope goes on as before.
        expect(heap.new(Two, { before: values[1] } as object)).toMatchObject({ before: values[1] });
      }
    });
    expect(outside.wait(values[0])).toBe('not-equal');
    const from = performance.now();
    expect(outside.wait(values[3], 40)).toBe('timed-out');
    expect(performance.now() - from).toBeGreaterThanOrEqual(39);
    expect(outside.notify()).toBe(0);
  });

  test('what is no such integer, time or number is refused', () => {
    const value = newValue();
    const big = typeof values[0] === 'bigint';
    const wrongType = expect.objectContaining({ name: 'TypeError', code: 'ERR_WRONG_TYPE' });
    const outOfRange = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
    for (const x of [big ? 1 : 1n, '1', null, undefined]) expect(() => value.wait(x, 0)).toThrow(wrongType);
    expect(() => value.wait(big ? 2n ** 64n : 2 ** 32, 0)).toThrow(outOfRange);
    for (const ms of [Number.NaN, '1', 1n, null]) expect(() => value.wait(values[0], ms as never)).toThrow(wrongType);
    for (const count of ['1', 1n, null]) expect(() => value.notify(count as never)).toThrow(wrongType);
    for (const count of [-1, 0.5, Number.NaN]) expect(() => value.notify(count)).toThrow(outOfRange);
    expect(value.notify(0)).toBe(0);
    const ended = heap.scope(() => ({ value: newValue() })).value;
    expect(() => ended.wait(values[0], 0)).toThrow(StaleRefError);
    expect(() => ended.notify()).toThrow(StaleRefError);
  });

  test('in a heap of one thread only what need not wait', () => {
    const value = newValue(createHeap({ maxBytes: 2 ** 20, shared: false }));
    value.store(values[2]);
    expect(value.wait(values[1])).toBe('not-equal');
    expect(value.wait(values[2], 0)).toBe('timed-out');
    for (const ms of [undefined, 10]) {
      expect(() => value.wait(values[2], ms)).toThrow(ArgumentError);
      expect(() => value.wait(values[2], ms)).toThrow('shared: false');
    }
    expect(value.notify()).toBe(0);
  });
});

test.each([i8, u8, i16, u16])('none of 8 or 16 bits can be waited for', (kind) => {
  const value = heap.new(array(atomic(kind), 1)).at(0) as unknown as Atomic<number>;
  const refused = expect.objectContaining({
    name: 'TypeError',
    message: expect.stringContaining(`atomic(${kind.kind})`),
  });
  expect(() => value.wait(0, 0)).toThrow(refused);
  expect(() => value.notify()).toThrow(refused);
});

function start(role: WaitWorkerInput['role'], rounds = 0, index = 0): Worker {
  const workerData: WaitWorkerInput = { shared: heap.share(), role, rounds, index };
  const worker = new Worker(`${inject('workerDir')}/wait-worker.mjs`, { workerData });
  heap.watch(worker);
  return worker;
}

test('two threads wake each other, and a third collects all the time: no wake-up is lost', async () => {
  heap.roots.set('signals', heap.new(Signals, { widePing: -5n }));
  const rounds = 3000;
  const workers = [start('answer', rounds), start('ask', rounds)];
  const results = Promise.all(workers.map(messageOf));
  await collectMeanwhile(heap, workers);
  expect(await results).toEqual([{ lost: 0 }, { lost: 0 }]);
  const { ping, pong, widePing, widePong } = heap.roots.get('signals', Signals)!;
  expect([ping.load(), pong.load()]).toEqual([rounds, rounds]);
  expect([widePing.load(), widePong.load()]).toEqual([BigInt(rounds) - 5n, BigInt(rounds)]);
});

test('a thread that waits in a scope holds nobody up, and what it waits for lives', async () => {
  const job = heap.new(Job, { number: 7 });
  heap.roots.set('job', job);
  job.dispose();
  const worker = start('job');
  const ended = once(worker, 'exit');
  const { address } = (await messageOf(worker)) as { address: number };
  const result = messageOf(worker);
  await untilOthersRest(heap);
  const from = performance.now();
  for (let i = 0; i < 5; i++) {
    heap.gc();
    heap.scope(() => {
      for (let k = 0; k < 1000; k++) heap.new(Job, { number: -1 });
    });
  }
  heap.verify();
  // A thread inside its region would have been waited for until its wait is over.
  expect(performance.now() - from).toBeLessThan(10_000);
  Atomics.store(heap.memory.i32, address >>> 2, 1);
  expect(Atomics.notify(heap.memory.i32, address >>> 2)).toBe(1);
  expect(await result).toEqual({ woken: 'ok', number: 7, done: 1 });
  await ended;
});

test('who is woken is who waits for this word, as often as notify says', async () => {
  const signals = heap.new(Signals);
  heap.roots.set('signals', signals);
  const workers = [start('word', 0, 0), start('word', 0, 1)];
  await Promise.all(workers.map(messageOf));
  const results = Promise.all(workers.map(messageOf));
  const woken = [0, 0];
  for (let i = 0; i < 2000; i++) {
    const index = i % 10 === 0 ? 1 : 0;
    woken[index]! += signals.words.at(index).notify();
    expect(signals.words.at(2).notify()).toBe(0);
    if (i % 200 === 0) heap.gc();
  }
  signals.stop.store(1);
  for (const index of [0, 1]) {
    signals.words.at(index).store(1);
    woken[index]! += signals.words.at(index).notify();
  }
  expect(await results).toEqual(woken.map((n) => ({ woken: n })));
  expect(woken[0]).toBeGreaterThan(0);
});

test('a thread that is terminated while it waits is reaped as any other', async () => {
  heap.roots.set('job', heap.new(Job));
  const worker = start('job');
  await messageOf(worker);
  const { threadId } = worker;
  expect(heap.threadsOf(threadId)).toHaveLength(1);
  await sleep(20);
  await worker.terminate();
  await until('it is reaped', () => heap.threadsOf(threadId).length === 0);
  heap.gc();
});

test('the semaphore of the guide lets one in at a time', async () => {
  const guarded = heap.new(Guarded, { semaphore: { free: 1 } });
  heap.roots.set('guarded', guarded);
  const rounds = 5000;
  const workers = [start('guard', rounds), start('guard', rounds), start('guard', rounds)];
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  expect(guarded.entered).toBe(3 * rounds);
  expect(guarded.semaphore.free.load()).toBe(1);
});

test('and it is that of the guide', () => {
  const read = (file: string): string => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
  const example = read('docs/guide.md').match(/```ts\n(const Semaphore = [\s\S]*?)```/)![1]!;
  const tested = read('test/support/wait-worker.ts');
  expect(example.split('\n').length).toBeGreaterThan(10);
  expect(example.split('\n').filter((line) => !tested.includes(line.replace(/ +\/\/.*/, '')))).toEqual([]);
});

test('a thread that may not sleep is told so', async () => {
  vi.resetModules();
  const wait = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
    throw new TypeError('Atomics.wait cannot be called in this context');
  });
  try {
    const fresh = await import('../../../src/index.ts');
    const page = fresh.createHeap({ maxBytes: 2 ** 20, background: false });
    const word = page.new(fresh.array(fresh.atomic(fresh.i32), 1)).at(0);
    expect(() => word.wait(0, 0)).toThrow(fresh.ArgumentError);
    expect(() => word.wait(0, 0)).toThrow('may not wait');
    expect(word.notify()).toBe(0);
    page.scope(() => expect(() => word.wait(0)).toThrow('may not wait'));
    page.verify();
  } finally {
    wait.mockRestore();
    vi.resetModules();
  }
});
