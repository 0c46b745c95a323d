/** `heap.memStats()` beside real threads that allocate, free, collect, come, go and are killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, inject, test } from 'vitest';
import { createHeap, type Heap, type HeapOptions } from '../../../src/index.ts';
import { C_STOP, newControl, W_PROGRESS } from '../../support/control.ts';
import { checkReading } from '../../support/mem-stats.ts';
import { newSeed, random } from '../../support/random.ts';
import { allEnded, type Hand, startHand, until } from '../../support/workers.ts';

const MB = 2 ** 20;

let heap: Heap;
let control: Int32Array<SharedArrayBuffer>;
let hands: Hand[] = [];

function setup(workers: number, options: HeapOptions): void {
  heap = createHeap({ maxBytes: 128 * MB, maxThreads: 8, ...options });
  control = newControl(workers);
  hands = [];
}

const progressOf = (hand: Hand): number => Atomics.load(control, hand.at + W_PROGRESS);

afterEach(async () => {
  await Promise.all(hands.map((hand) => hand.worker.terminate()));
  hands = [];
});

/** Reads as often as it can until `done`, and checks each reading against the one before. */
async function watch(done: () => boolean): Promise<number> {
  let last = heap.memStats();
  let readings = 0;
  while (!done()) {
    for (let i = 0; i < 200; i++) {
      const now = heap.memStats();
      checkReading(now, last);
      last = now;
      readings++;
    }
    await sleep(1);
  }
  return readings;
}

test('every reading beside threads that free each other’s objects is consistent; in the end it is exact', async () => {
  const seed = newSeed('books');
  setup(3, { gc: 'off' });
  for (let i = 0; i < 3; i++) hands.push(await startHand(heap, control, i, { role: 'churn', seed: seed + i }));
  const readings = await watch(() => hands.every((hand) => progressOf(hand) > 400));
  expect(readings).toBeGreaterThan(100);
  heap.verify();
  Atomics.store(control, C_STOP, 1);
  await allEnded(hands, control);
  const s = heap.memStats();
  expect(s.HeapObjects).toBe(heap.verify().objects);
  expect(s.Mallocs).toBeGreaterThan(1000);
});

test('beside threads that collect', async () => {
  const background = `${inject('workerDir')}/gc-worker.mjs`;
  setup(1, { gcPercent: 50, background });
  hands.push(await startHand(heap, control, 0, { role: 'hold', seed: 1, count: 100 }));
  const rnd = random(newSeed('collecting'));
  let last = heap.memStats();
  for (let i = 0; i < 400; i++) {
    heap.scope(() => {
      for (let k = 0; k < 2000; k++) heap.raw.mallocgc(1 + rnd.below(400), null, false);
    });
    const now = heap.memStats();
    checkReading(now, last);
    last = now;
  }
  expect(last.NumGC).toBeGreaterThan(2);
  expect(last.Frees).toBeGreaterThan(10_000);
  heap.gc();
  heap.verify();
});

test('a worker that is terminated and reaped leaves books that are right', async () => {
  const seed = newSeed('terminated');
  setup(4, { gc: 'off' });
  for (let i = 0; i < 4; i++) hands.push(await startHand(heap, control, i, { role: 'leave', seed: seed + i }));
  await until('all make progress', () => hands.every((hand) => progressOf(hand) > 200));
  let last = heap.memStats();
  for (const hand of hands) {
    await hand.worker.terminate();
    heap.reap(hand.heapId);
    const now = heap.memStats();
    checkReading(now, last);
    last = now;
  }
  const { objects } = heap.verify();
  const now = heap.memStats();
  checkReading(now, last);
  expect(now.HeapObjects).toBe(objects);
});
