/**
 * Heap profiles of heaps whose threads die, at every place where they note a sample or its end: the others go on, the heap
 * is whole, and no stack ever has fewer objects than are alive.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, inject, test } from 'vitest';
import { createHeap, type Heap } from '../../src/index.ts';
import {
  C_STOP,
  newControl,
  TABLE_SLOTS,
  W_ERRORS,
  W_PARKED,
  W_PROGRESS,
  W_TABLE,
  workerWord,
} from '../support/control.ts';
import { Internals } from '../support/internals.ts';
import { newSeed, random } from '../support/random.ts';
import { allEnded, type Hand, reapEnded, startHand, until } from '../support/workers.ts';

const MB = 2 ** 20;
let hands: Hand[] = [];
afterEach(async () => {
  await Promise.all(hands.map((hand) => hand.worker.terminate()));
  hands = [];
});

interface Sums {
  /** Objects sampled, ever. */
  readonly allocs: number;
  /**
   * How many more the profile has in use than there are, without those of 16 bytes: of a tiny block it knows the first
   * object.
   */
  readonly surplus: number;
}

function sums(heap: Heap): Sums {
  const { records, lost } = heap.memProfile();
  expect(lost).toBe(0);
  for (const r of records) expect(r.inuseObjects).toBeGreaterThanOrEqual(0);
  const alive = heap.stats().classes.reduce((n, c) => n + (c.size === 16 ? 0 : c.objects), 0);
  return {
    allocs: records.reduce((n, r) => n + r.allocObjects, 0),
    surplus: records.reduce((n, r) => n + (r.size === 16 ? 0 : r.inuseObjects), 0) - alive,
  };
}

/** Frees what a dead worker's table names. */
function buryObjects(heap: Heap, control: Int32Array<SharedArrayBuffer>, index: number): void {
  const at = workerWord(index) + W_TABLE;
  for (let i = 0; i < TABLE_SLOTS; i++) {
    const addr = control[at + i * 2]! >>> 0;
    if (addr !== 0) heap.raw.free(addr);
    control[at + i * 2] = 0;
  }
}

/** The first visits are those of the first sample ever; later ones have the records already. */
const PLACES: { place: string; visits: number }[] = [
  { place: 'profile.record', visits: 1 },
  { place: 'profile.record', visits: 2 },
  { place: 'profile.record', visits: 9 },
  { place: 'profile.record', visits: 40 },
  { place: 'profile.bucket', visits: 1 },
  { place: 'profile.bucket', visits: 50 },
  { place: 'profile.counted', visits: 1 },
  { place: 'profile.counted', visits: 200 },
  { place: 'specials', visits: 1 },
  { place: 'specials', visits: 2 },
  { place: 'specials', visits: 301 },
  { place: 'specials', visits: 302 },
  { place: 'special.freed', visits: 1 },
  { place: 'special.freed', visits: 77 },
  { place: 'mheap', visits: 5 },
  { place: 'mheap', visits: 6 },
];

test.each(PLACES)('a worker dies at $place, visit $visits; another goes on', async ({ place, visits }) => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB, maxThreads: 4, memProfileRate: 1 });
  const control = newControl(2);
  const first = await startHand(heap, control, 0, { role: 'churn', seed: 1, maxSize: 60_000 });
  hands = [first];
  const parkAt = { place, visits };
  const victim = await startHand(heap, control, 1, { role: 'churn', seed: 2, maxSize: 60_000, parkAt });
  hands.push(victim);
  await until(`it is at ${place}`, () => Atomics.load(control, victim.at + W_PARKED) === 1);
  await victim.worker.terminate();
  const held = new Internals(heap).locksHeldBy(victim.heapId);
  if (place === 'profile.record') expect(held).toContain('mheap');
  if (place === 'specials' || place === 'special.freed') expect(held).toContain('specials');
  await reapEnded(heap, victim.heapId);
  heap.verify();
  const before = control[first.at + W_PROGRESS]!;
  await until('the other goes on', () => Atomics.load(control, first.at + W_PROGRESS) > before + 3);
  buryObjects(heap, control, 1);
  Atomics.store(control, C_STOP, 1);
  await allEnded([first], control);
  heap.verify();
  // Every object is known; the dead one may have left the one that it was allocating or freeing.
  const { allocs, surplus } = sums(heap);
  expect(allocs).toBeGreaterThan(100);
  expect(surplus).toBeGreaterThanOrEqual(-1);
  expect(surplus).toBeLessThanOrEqual(1);
});

test('a worker dies before its first tiny block has an object: the block is free, and its sample has ended', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 4, memProfileRate: 1 });
  const control = newControl(1);
  const parkAt = { place: 'specials', visits: 2 };
  hands = [await startHand(heap, control, 0, { role: 'hold', seed: 1, parkAt })];
  await until('it has linked the record', () => Atomics.load(control, hands[0]!.at + W_PARKED) === 1);
  expect(heap.memProfile().records.map((r) => [r.size, r.inuseObjects])).toEqual([[16, 1]]);
  await hands[0]!.worker.terminate();
  await reapEnded(heap, hands[0]!.heapId);
  heap.verify();
  expect(heap.memProfile().records.map((r) => [r.size, r.inuseObjects])).toEqual([[16, 0]]);
});

test('workers allocate, free for each other and die; the profile is that of the heap', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 128 * MB, maxThreads: 6, memProfileRate: 1 });
  const seed = newSeed('profile of the dying');
  const r = random(seed);
  const control = newControl(3);
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 3; i++) {
      if (hands.some((hand) => hand.index === i)) continue;
      const input = { role: 'churn' as const, seed: r.below(2 ** 31), maxSize: 40_000, sleepOneIn: 60 };
      hands.push(await startHand(heap, control, i, input));
    }
    const victim = r.pick(hands);
    const progress = control[victim.at + W_PROGRESS]!;
    await until('it works', () => Atomics.load(control, victim.at + W_PROGRESS) > progress + 2);
    sums(heap);
    await victim.worker.terminate();
    await reapEnded(heap, victim.heapId);
    heap.verify();
    sums(heap);
    hands = hands.filter((hand) => hand !== victim);
    for (const hand of hands) expect(control[hand.at + W_ERRORS]).toBe(0);
    buryObjects(heap, control, victim.index);
  }
  Atomics.store(control, C_STOP, 1);
  await allEnded(hands, control);
  hands = [];
  heap.verify();
  const { allocs, surplus } = sums(heap);
  expect(allocs).toBeGreaterThan(100);
  expect(Math.abs(surplus)).toBeLessThanOrEqual(12);
}, 120_000);

test('workers allocate while the collector runs: at the end of each cycle the profile has what is alive, and no more', async () => {
  const background = `${inject('workerDir')}/gc-worker.mjs`;
  const heap = createHeap({ maxBytes: 64 * MB, maxThreads: 6, background, gcPercent: 50, memProfileRate: 1 });
  const inuse = (): number =>
    heap.memProfile().records.reduce((n, r) => n + (r.type === 'Item' ? r.inuseObjects : 0), 0);
  const workers = [0, 1].map(
    () => new Worker(`${inject('workerDir')}/profile-worker.mjs`, { workerData: heap.share() }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  let running = workers.length;
  for (const worker of workers) {
    worker.once('message', () => running--);
    worker.postMessage('churn');
  }
  while (running > 0) {
    for (const r of heap.memProfile().records) expect(r.inuseObjects).toBeGreaterThanOrEqual(0);
    heap.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  heap.gc();
  // The two named lists of 64, of which the second has taken the name of the first; windows hold no objects.
  expect(inuse()).toBe(64);
  const allocated = heap.memProfile().records.reduce((n, r) => n + (r.type === 'Item' ? r.allocObjects : 0), 0);
  expect(allocated).toBe(2 * (64 + 40 * 2000));
  heap.verify();
  for (const worker of workers) worker.postMessage('end');
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  heap.roots.delete('list of the worker');
  heap.gc();
  expect(inuse()).toBe(0);
  heap.verify();
}, 120_000);
