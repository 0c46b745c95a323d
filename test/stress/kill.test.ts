/**
 * Workers are terminated at random moments, most of them in the middle of a slow path. After each: the thread is
 * reaped, the heap is whole, the others go on, and what the dead one had is intact and can be freed.
 *
 * SPANHEAP_STRESS_SECONDS=n kills for n seconds instead of a hundred times. SPANHEAP_SEED=n repeats a seed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { createHeap, type Heap } from '../../src/index.ts';
import {
  C_STOP,
  newControl,
  TABLE_SLOTS,
  W_ERRORS,
  W_OUT_OF_MEMORY,
  W_PARKED,
  W_PROGRESS,
  W_TABLE,
  W_WORDS,
  workerWord,
} from '../support/control.ts';
import { Internals } from '../support/internals.ts';
import { checkPattern } from '../support/pattern.ts';
import { newSeed, type Random, random } from '../support/random.ts';
import { allEnded, type Hand, reapEnded, startHand, until } from '../support/workers.ts';

const MB = 2 ** 20;
const KILLS = 100;
const stressSeconds = Number(process.env['SPANHEAP_STRESS_SECONDS'] ?? 0);

let hands: Hand[] = [];

afterEach(async () => {
  await Promise.all(hands.map((hand) => hand.worker.terminate()));
  hands = [];
});

/** Checks the objects that a dead worker's table names, and frees them. */
function buryObjects(heap: Heap, control: Int32Array<SharedArrayBuffer>, index: number): number {
  const at = workerWord(index) + W_TABLE;
  let buried = 0;
  for (let i = 0; i < TABLE_SLOTS; i++) {
    const addr = control[at + i * 2]! >>> 0;
    if (addr === 0) continue;
    expect(checkPattern(heap.memory, addr, control[at + i * 2 + 1]!), `object at ${addr}`).toBe(-1);
    heap.raw.free(addr);
    buried++;
  }
  control.fill(0, workerWord(index), workerWord(index) + W_WORDS);
  return buried;
}

async function killOne(heap: Heap, control: Int32Array<SharedArrayBuffer>, rnd: Random): Promise<string[]> {
  const victim = rnd.pick(hands);
  await sleep(rnd.below(12));
  await victim.worker.terminate();
  const held = new Internals(heap).locksHeldBy(victim.heapId);
  await reapEnded(heap, victim.heapId);
  heap.verify();
  const others = hands.filter((hand) => hand !== victim);
  const before = others.map((hand) => control[hand.at + W_PROGRESS]!);
  await until('the others go on', () =>
    others.every((hand, i) => Atomics.load(control, hand.at + W_PROGRESS) > before[i]!),
  );
  for (const hand of others) expect(control[hand.at + W_ERRORS]).toBe(0);
  buryObjects(heap, control, victim.index);
  hands = others;
  return held;
}

/** Kills until `enough`, with three workers alive; returns how often somebody died with each lock. */
async function massacre(
  heap: Heap,
  input: { seed: number; maxSize: number; sleepOneIn: number },
  enough: (kills: number) => boolean,
): Promise<{ kills: number; locks: Map<string, number>; outOfMemory: number }> {
  const control = newControl(3);
  const rnd = random(input.seed);
  const locks = new Map<string, number>();
  let outOfMemory = 0;
  let kills = 0;
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      if (hands.some((hand) => hand.index === i)) continue;
      hands.push(await startHand(heap, control, i, { role: 'churn', ...input, seed: rnd.below(2 ** 31) }));
    }
  };
  for (; !enough(kills); kills++) {
    await fill();
    outOfMemory += hands.reduce((n, hand) => n + control[hand.at + W_OUT_OF_MEMORY]!, 0);
    for (const name of await killOne(heap, control, rnd)) locks.set(name, (locks.get(name) ?? 0) + 1);
  }
  Atomics.store(control, C_STOP, 1);
  await allEnded(hands, control);
  hands = [];
  heap.verify();
  return { kills, locks, outOfMemory };
}

function report(name: string, locks: ReadonlyMap<string, number>, kills: number): void {
  const held = [...locks].map(([lock, n]) => `${n} with ${lock}`).join(', ');
  console.log(`${name}: ${kills} killed: ${held || 'none with a lock'}`);
}

test(
  'a hundred workers die under load; the heap is whole after each, and the others go on',
  async () => {
    const heap = createHeap({ gc: 'off', maxBytes: 128 * MB, maxThreads: 6 });
    const until = Date.now() + stressSeconds * 1000;
    const input = { seed: newSeed('kills'), maxSize: 100_000, sleepOneIn: 30 };
    const { kills, locks } = await massacre(heap, input, (n) => n >= KILLS && Date.now() >= until);
    report('kills', locks, kills);
    expect(locks.get('mheap') ?? 0).toBeGreaterThan(0);
    expect(heap.stats().threads).toBe(1);
  },
  120_000 + stressSeconds * 1000,
);

test('workers die in a heap that is too small, while they take back each other’s caches', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 5 * MB, maxThreads: 6 });
  const input = { seed: newSeed('kills in a small heap'), maxSize: 300_000, sleepOneIn: 40 };
  const { kills, locks, outOfMemory } = await massacre(heap, input, (n) => n >= 30);
  report('kills in a small heap', locks, kills);
  expect(outOfMemory).toBeGreaterThan(0);
}, 120_000);

/** Every delay place in the slow paths. The locks are hit twice: after they are taken and before they are released. */
const PLACES: { place: string; visits: number; small?: boolean }[] = [
  { place: 'mheap', visits: 1 },
  { place: 'mheap', visits: 2 },
  { place: 'mheap', visits: 31 },
  { place: 'mheap', visits: 32 },
  { place: 'mcentral', visits: 1 },
  { place: 'mcentral', visits: 2 },
  { place: 'mcentral', visits: 19 },
  { place: 'mcentral', visits: 20 },
  { place: 'span.publish', visits: 1 },
  { place: 'span.publish', visits: 9 },
  { place: 'span.free', visits: 1 },
  { place: 'span.free', visits: 5 },
  { place: 'span.forget', visits: 7 },
  { place: 'span.forget', visits: 23 },
  { place: 'span.forget', visits: 50 },
  { place: 'mcache.refill', visits: 3 },
  { place: 'mcache.settle', visits: 2 },
  { place: 'mcache.keep', visits: 2 },
  { place: 'mcache.release', visits: 2, small: true },
  { place: 'large.alloc', visits: 3 },
  { place: 'large.free', visits: 3 },
  { place: 'defer.noted', visits: 4 },
  { place: 'defer.taken', visits: 2 },
  { place: 'reclaim', visits: 1, small: true },
  { place: 'reclaim', visits: 3, small: true },
  { place: 'world', visits: 1, small: true },
  { place: 'world', visits: 2, small: true },
];

test.each(PLACES)('a worker dies at $place, visit $visits; another goes on', async ({ place, visits, small }) => {
  const heap = createHeap({ gc: 'off', maxBytes: small === true ? 4 * MB : 64 * MB, maxThreads: 4 });
  const control = newControl(2);
  const maxSize = small === true ? 300_000 : 100_000;
  hands = [await startHand(heap, control, 0, { role: 'churn', seed: 1, maxSize })];
  const victim = await startHand(heap, control, 1, { role: 'churn', seed: 2, maxSize, parkAt: { place, visits } });
  hands.push(victim);
  await until(`it is at ${place}`, () => Atomics.load(control, victim.at + W_PARKED) === 1);
  await victim.worker.terminate();
  const held = new Internals(heap).locksHeldBy(victim.heapId);
  if (place === 'mheap' || place === 'mcentral' || place === 'world') expect(held).toContain(place);
  await reapEnded(heap, victim.heapId);
  heap.verify();
  const before = control[hands[0]!.at + W_PROGRESS]!;
  await until('the other goes on', () => Atomics.load(control, hands[0]!.at + W_PROGRESS) > before + 3);
  buryObjects(heap, control, 1);
  Atomics.store(control, C_STOP, 1);
  await allEnded([hands[0]!], control);
  heap.verify();
});

test('heap.watch reaps a worker that ends, however it ends', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 4 });
  const control = newControl(1);
  for (const end of ['terminate', 'exit'] as const) {
    const hand = await startHand(heap, control, 0, { role: 'leave', seed: 3 });
    hands = [hand];
    heap.watch(hand.worker);
    expect(heap.threadsOf(hand.worker.threadId)).toEqual([hand.heapId]);
    await until('it works', () => Atomics.load(control, hand.at + W_PROGRESS) > 1000);
    expect(heap.stats().threads).toBe(2);
    if (end === 'terminate') await hand.worker.terminate();
    else Atomics.store(control, C_STOP, 1);
    await hand.ended;
    await until('it is reaped', () => heap.stats().threads === 1);
    heap.verify();
    Atomics.store(control, C_STOP, 0);
    buryObjects(heap, control, 0);
    heap.verify();
  }
});

test('heap.watch reaps workers that are terminated at once, each inside of its region', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 4 });
  const control = newControl(3);
  hands = await Promise.all([0, 1, 2].map((i) => startHand(heap, control, i, { role: 'long', seed: i })));
  for (const { worker } of hands) heap.watch(worker);
  await until('they are in their regions', () => hands.every(({ at }) => Atomics.load(control, at + W_PROGRESS) === 1));
  // The first one's exit is told while the others are RUNNING for ever.
  await Promise.all(hands.map(({ worker }) => worker.terminate()));
  await until('all are reaped', () => heap.stats().threads === 1);
  heap.verify();
});
