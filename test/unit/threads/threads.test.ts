/** Several real worker threads on one heap. */
import { afterEach, expect, test } from 'vitest';
import { createHeap, type Heap, type HeapOptions } from '../../../src/index.ts';
import { PROC_IDLE, PROC_RUNNING } from '../../../src/layout/proc.ts';
import {
  C_GO,
  C_STOP,
  newControl,
  TABLE_SLOTS,
  W_OUT_OF_MEMORY,
  W_PROGRESS,
  W_TABLE,
  workerWord,
} from '../../support/control.ts';
import { Internals } from '../../support/internals.ts';
import { checkPattern } from '../../support/pattern.ts';
import { newSeed } from '../../support/random.ts';
import { allEnded, type Hand, startHand, until } from '../../support/workers.ts';

const MB = 2 ** 20;

let heap: Heap;
let control: Int32Array<SharedArrayBuffer>;
let hands: Hand[] = [];

function setup(workers: number, options: HeapOptions = {}): void {
  heap = createHeap({ gc: 'off', maxBytes: 64 * MB, maxThreads: 8, ...options });
  control = newControl(workers);
  hands = [];
}

async function start(input: Parameters<typeof startHand>[3], index = hands.length): Promise<Hand> {
  const hand = await startHand(heap, control, index, input);
  hands.push(hand);
  return hand;
}

function go(value: number): void {
  Atomics.store(control, C_GO, value);
  Atomics.notify(control, C_GO);
}

const progressOf = (hand: Hand): number => Atomics.load(control, hand.at + W_PROGRESS);

afterEach(async () => {
  await Promise.all(hands.map((hand) => hand.worker.terminate()));
  hands = [];
});

/** Objects of a worker's table that are still there, checked. */
function tableOf(index: number): [addr: number, size: number][] {
  const at = workerWord(index) + W_TABLE;
  const list: [number, number][] = [];
  for (let i = 0; i < TABLE_SLOTS; i++) {
    const addr = control[at + i * 2]! >>> 0;
    const size = control[at + i * 2 + 1]!;
    if (addr === 0) continue;
    expect(checkPattern(heap.memory, addr, size), `object of ${size} bytes at ${addr}`).toBe(-1);
    list.push([addr, size]);
  }
  return list;
}

test('three workers and the main thread allocate, free each other’s objects, and verify all the while', async () => {
  const seed = newSeed('churn');
  setup(3);
  for (let i = 0; i < 3; i++) await start({ role: 'churn', seed: seed + i, sleepOneIn: 400 });
  for (let round = 1; round <= 15; round++) {
    await until('all make progress', () => hands.every((hand) => progressOf(hand) > round * 20));
    heap.verify();
  }
  Atomics.store(control, C_STOP, 1);
  await allEnded(hands, control);
  const report = heap.verify();
  expect(report.threads).toBe(1);
  expect(heap.stats().remoteFrees).toBeGreaterThan(0);
  expect(heap.stats().badRemoteFrees).toBe(0);
});

test('a heap that is too small for its workers: requests fail, nothing breaks, all memory comes back', async () => {
  const seed = newSeed('small heap');
  setup(3, { maxBytes: 6 * MB });
  for (let i = 0; i < 3; i++) await start({ role: 'churn', seed: seed + i, maxSize: 400_000 });
  await until('some request failed', () => hands.every((hand) => control[hand.at + W_OUT_OF_MEMORY]! > 20));
  heap.verify();
  Atomics.store(control, C_STOP, 1);
  await allEnded(hands, control);
  heap.verify();
});

test('objects of all kinds go from a producer to a consumer, while the main thread stops the world', async () => {
  setup(2);
  const count = 4000;
  const seed = newSeed('producer and consumer');
  await start({ role: 'produce', seed, count });
  await start({ role: 'consume', seed, count });
  for (let i = 0; i < 5; i++) heap.verify();
  await allEnded(hands, control);
  const stats = heap.stats();
  expect(stats.remoteFrees).toBeGreaterThan(count / 4);
  expect(stats.badRemoteFrees).toBe(0);
  expect(stats.liveObjects).toBe(0);
  expect(stats.heapInUseBytes).toBe(0);
  heap.verify();
});

test('objects of a worker that detached stay, and anybody frees them', async () => {
  setup(1);
  const [hand] = [await start({ role: 'hold', seed: 1, count: 300 })];
  await until('the table is full', () => progressOf(hand) === 1);
  hand.worker.postMessage('detach');
  await hand.ended;
  expect(heap.verify().threads).toBe(1);
  const list = tableOf(0);
  expect(list.length).toBe(300);
  for (const [addr] of list) heap.raw.free(addr);
  for (const [addr] of list) expect(() => heap.raw.free(addr)).toThrow(/free already|not in a span/);
  heap.verify();
  expect(heap.stats().heapInUseBytes).toBe(0);
});

test('objects of a living worker can be freed by the main thread, once', async () => {
  setup(1);
  const hand = await start({ role: 'hold', seed: 1, count: 300 });
  await until('the table is full', () => progressOf(hand) === 1);
  const list = tableOf(0);
  for (const [addr] of list) heap.raw.free(addr);
  heap.verify();
  const before = heap.stats();
  for (const [addr] of list) expect(() => heap.raw.free(addr)).toThrow(/free already|not in a span/);
  expect(heap.stats()).toEqual(before);
  heap.verify();
  hand.worker.postMessage('detach');
  await allEnded(hands, control);
  heap.verify();
  expect(heap.stats().heapInUseBytes).toBe(0);
});

test('memory that one worker’s cache holds is there for a thread that needs it', async () => {
  setup(1, { maxBytes: 2 * MB });
  const hand = await start({ role: 'hoard', seed: 1 });
  await until('the heap is full', () => progressOf(hand) === 1);
  const addrs = Array.from({ length: 5000 }, () => heap.raw.mallocgc(64, null, true));
  expect(new Set(addrs).size).toBe(5000);
  heap.verify();
  hand.worker.postMessage('go');
  await allEnded(hands, control);
  expect(heap.reap(hand.heapId)).toBe(true);
  heap.verify();
});

test('a worker in its event loop does not delay a stop', async () => {
  setup(1);
  const hand = await start({ role: 'hold', seed: 1, count: 10 });
  await until('it is idle', () => progressOf(hand) === 1);
  const inside = new Internals(heap);
  expect(inside.status(hand.heapId)).toBe(PROC_IDLE);
  expect(heap.verify().threads).toBe(2);
  expect(inside.status(hand.heapId)).toBe(PROC_IDLE);
});

test('a worker that sleeps outside of its region does not delay a stop, and goes on after it', async () => {
  setup(1);
  const hand = await start({ role: 'blocked', seed: 1 });
  await until('it sleeps', () => progressOf(hand) === 1);
  expect(heap.verify().threads).toBe(2);
  go(1);
  await allEnded(hands, control);
  expect(progressOf(hand)).toBe(2);
});

test('a worker in a long region delays a stop until it polls, and then runs on', async () => {
  setup(2);
  const long = await start({ role: 'long', seed: 1 });
  await until('it is in its region', () => progressOf(long) === 1);
  const stopper = await start({ role: 'verify', seed: 1 });
  const inside = new Internals(heap);
  // The other worker cannot get its stop: nothing can be read from that but that it has not, for a while.
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(progressOf(stopper)).toBe(0);
    expect(inside.status(long.heapId)).toBe(PROC_RUNNING);
  }
  go(1);
  await until('the stop is over', () => progressOf(stopper) === 1);
  expect(progressOf(long)).toBe(2);
  go(2);
  await allEnded(hands, control);
});

test('threads that stop the world at once take turns', async () => {
  setup(3);
  for (let i = 0; i < 3; i++) await start({ role: 'verify', seed: 1, count: 40 });
  for (let i = 0; i < 40; i++) heap.verify();
  await allEnded(hands, control);
  expect(heap.verify().threads).toBe(1);
});

test('a stop inside a region, by a thread that others stop too', async () => {
  setup(2);
  for (let i = 0; i < 2; i++) await start({ role: 'verify', seed: 1, count: 30 });
  for (let i = 0; i < 30; i++) heap.scope(() => heap.verify());
  await allEnded(hands, control);
});

test('the fast paths go on while another thread holds the heap lock', async () => {
  setup(1);
  const hand = await start({ role: 'fast', seed: 1 });
  await until('it runs', () => progressOf(hand) > 0);
  let passed = 0;
  heap.setHooks({
    onDelay: (place) => {
      if (place !== 'mheap' || passed > 0) return;
      const before = progressOf(hand);
      Atomics.wait(control, C_GO, 0, 200);
      passed = progressOf(hand) - before;
    },
  });
  heap.raw.free(heap.raw.mallocgc(100_000, null, false));
  expect(passed).toBeGreaterThan(0);
  Atomics.store(control, C_STOP, 1);
  await allEnded(hands, control);
});

test('a record can be used by one thread after the other', async () => {
  setup(1, { maxThreads: 2 });
  for (let i = 0; i < 5; i++) {
    hands = [];
    Atomics.store(control, workerWord(0) + W_PROGRESS, 0);
    await start({ role: 'verify', seed: i, count: 1 }, 0);
    await allEnded(hands, control);
  }
  expect(heap.verify().threads).toBe(1);
  expect(heap.stats().threads).toBe(1);
});
