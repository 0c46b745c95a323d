/**
 * Several workers change the same maps at once, and check what they read. Then some are terminated in the middle: the
 * others go on, and the maps are whole.
 *
 * SPANHEAP_STRESS_SECONDS=n runs each for n seconds. SPANHEAP_SEED=n repeats a seed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, inject, test } from 'vitest';
import { createHeap, type Heap } from '../../src/index.ts';
import { checkMap } from '../../src/types/map/check.ts';
import { keyCodec } from '../../src/types/map/keys.ts';
import { type MapOps, makeMapOps } from '../../src/types/map/ops.ts';
import {
  COUNTERS,
  M_PAUSE,
  M_STOP,
  MW_ERRORS,
  MW_FINISHED,
  MW_HEAP_ID,
  MW_PARKED,
  MW_PAUSED,
  MW_PROGRESS,
  MW_STARTED,
  MW_WORDS,
  mapKey,
  mapWorkerWord,
  newMapControl,
  PERMANENT,
} from '../support/map-control.ts';
import { mapHost, type Pair, valueCodec } from '../support/map-host.ts';
import type { MapWorkerInput } from '../support/map-worker.ts';
import { newSeed, type Random, random } from '../support/random.ts';
import { reapEnded, until } from '../support/workers.ts';

const MB = 2 ** 20;
const stressSeconds = Number(process.env['SPANHEAP_STRESS_SECONDS'] ?? 0);

interface Hand {
  readonly index: number;
  readonly worker: Worker;
  readonly at: number;
  readonly ended: Promise<unknown>;
}

class Arena {
  readonly heap: Heap = createHeap({ gc: 'off', maxBytes: 512 * MB, maxThreads: 6 });
  readonly control = newMapControl(4);
  readonly host = mapHost(this.heap);
  readonly pairOps: MapOps;
  readonly countOps: MapOps;
  readonly pairs: number;
  readonly counters: number;
  readonly scratch: number;
  readonly rnd: Random;
  readonly complaints: string[] = [];
  hands: Hand[] = [];
  /** Increments of workers that are gone: begun, and done. */
  started = 0;
  finished = 0;

  constructor(seed: number) {
    this.rnd = random(seed);
    const { host, heap } = this;
    this.pairOps = heap.scope(() => makeMapOps(host, keyCodec(host, 'string'), valueCodec(host, 'pair')));
    this.countOps = heap.scope(() => makeMapOps(host, keyCodec(host, 'u32'), valueCodec(host, 'u32')));
    this.pairs = heap.scope(() => this.pairOps.create());
    this.counters = heap.scope(() => this.countOps.create());
    this.scratch = heap.scope(() => this.countOps.create());
    heap.scope(() => {
      for (let i = 0; i < PERMANENT; i++) this.pairOps.set(this.pairs, mapKey(i), { a: i, b: 0, sum: i });
    });
  }

  async start(index: number, input: Partial<MapWorkerInput> = {}): Promise<Hand> {
    const at = mapWorkerWord(index);
    const { control, pairs, counters, scratch } = this;
    control.fill(0, at, at + MW_WORDS);
    const shared = this.heap.share();
    const workerData: MapWorkerInput = {
      ...{ shared, control, index, pairs, counters, scratch, seed: this.rnd.below(2 ** 31) },
      ...input,
    };
    const worker = new Worker(`${inject('workerDir')}/map-worker.mjs`, { workerData });
    worker.on('message', (text) => this.complaints.push(`worker ${index}: ${text}`));
    worker.on('error', (error) => this.complaints.push(`worker ${index}: ${error.stack}`));
    const hand = { index, worker, at, ended: new Promise((resolve) => worker.once('exit', resolve)) };
    this.hands.push(hand);
    await until(`worker ${index} attached`, () => control[at + MW_HEAP_ID] !== 0 || this.complaints.length > 0);
    expect(this.complaints).toEqual([]);
    return hand;
  }

  /** Ends a worker wherever it is, and reaps its thread. */
  async kill(hand: Hand): Promise<void> {
    await hand.worker.terminate();
    await reapEnded(this.heap, this.control[hand.at + MW_HEAP_ID]!);
    this.#bury(hand);
  }

  #bury(hand: Hand): void {
    this.started += this.control[hand.at + MW_STARTED]!;
    this.finished += this.control[hand.at + MW_FINISHED]!;
    expect(this.control[hand.at + MW_ERRORS]).toBe(0);
    this.hands = this.hands.filter((other) => other !== hand);
  }

  /** Lets all living workers come to rest, checks the maps, and lets them go on. */
  async check(): Promise<void> {
    const { control } = this;
    Atomics.store(control, M_PAUSE, 1);
    await until('all rest', () => this.hands.every((hand) => Atomics.load(control, hand.at + MW_PAUSED) === 1));
    this.checkAll();
    Atomics.store(control, M_PAUSE, 0);
    Atomics.notify(control, M_PAUSE);
  }

  checkAll(): void {
    const { heap, host, pairOps, countOps, control } = this;
    expect(this.complaints).toEqual([]);
    heap.scope(() => {
      const { entries } = checkMap(host, pairOps.shape, this.pairs);
      expect(pairOps.size(this.pairs)).toBe(entries);
      checkMap(host, countOps.shape, this.counters);
      checkMap(host, countOps.shape, this.scratch);
      for (let i = 0; i < PERMANENT; i++) {
        const pair = pairOps.get(this.pairs, mapKey(i)) as Pair;
        expect([pair.a, pair.sum]).toEqual([i, (pair.a + pair.b) | 0]);
      }
      let sum = 0;
      for (let i = 0; i < COUNTERS; i++) sum += (countOps.get(this.counters, i) as number | undefined) ?? 0;
      const tally = (word: number): number => this.hands.reduce((n, hand) => n + control[hand.at + word]!, 0);
      expect(sum).toBeGreaterThanOrEqual(this.finished + tally(MW_FINISHED));
      expect(sum).toBeLessThanOrEqual(this.started + tally(MW_STARTED));
    });
    heap.verify();
  }

  async stop(): Promise<void> {
    Atomics.store(this.control, M_STOP, 1);
    for (const hand of [...this.hands]) {
      await hand.ended;
      this.#bury(hand);
    }
    this.checkAll();
  }

  async goOn(steps: number): Promise<void> {
    const { control } = this;
    const before = this.hands.map((hand) => control[hand.at + MW_PROGRESS]!);
    await until('all go on', () =>
      this.hands.every((hand, i) => Atomics.load(control, hand.at + MW_PROGRESS) > before[i]! + steps),
    );
  }
}

let arena: Arena | undefined;

afterEach(async () => {
  await Promise.all((arena?.hands ?? []).map((hand) => hand.worker.terminate()));
});

test.each([2, 4])(
  '%i workers, whole values, no lost update',
  async (workers) => {
    arena = new Arena(newSeed(`${workers} workers`));
    for (let i = 0; i < workers; i++) await arena.start(i, i % 2 === 0 ? {} : { sleepOneIn: 300 });
    const end = Date.now() + Math.max(4, stressSeconds) * 1000;
    while (Date.now() < end) {
      await sleep(300);
      await arena.check();
    }
    await arena.stop();
    expect(arena.finished).toBe(arena.started);
    expect(arena.finished).toBeGreaterThan(1000);
  },
  60_000 + stressSeconds * 1000,
);

test(
  'workers die anywhere, the others go on, and the maps are whole',
  async () => {
    arena = new Arena(newSeed('map kills'));
    const end = Date.now() + stressSeconds * 1000;
    for (let kills = 0; kills < 40 || Date.now() < end; kills++) {
      for (let i = 0; i < 3; i++) {
        if (!arena.hands.some((hand) => hand.index === i)) await arena.start(i, { sleepOneIn: 40 });
      }
      await sleep(arena.rnd.below(30));
      await arena.kill(arena.rnd.pick(arena.hands));
      await arena.goOn(1);
      await arena.check();
    }
    await arena.stop();
  },
  120_000 + stressSeconds * 1000,
);

test.each([
  { place: 'map.lock', visits: 50 },
  { place: 'map.insert', visits: 5 },
  { place: 'map.inserted', visits: 50 },
  { place: 'map.write', visits: 20 },
  { place: 'map.written', visits: 20 },
  { place: 'map.delete', visits: 10 },
  { place: 'map.deleted', visits: 30 },
  { place: 'map.kill', visits: 3 },
  { place: 'map.kill', visits: 20 },
  { place: 'map.killed', visits: 15 },
  { place: 'map.patch', visits: 12 },
  { place: 'map.publish', visits: 2 },
  { place: 'map.merge', visits: 1 },
  { place: 'map.clear', visits: 1 },
])('a worker dies at $place, visit $visits, while others wait for it', async ({ place, visits }) => {
  arena = new Arena(1);
  await arena.start(0);
  const victim = await arena.start(1, { parkAt: { place, visits } });
  const { control } = arena;
  await until(`it is at ${place}`, () => Atomics.load(control, victim.at + MW_PARKED) === 1);
  // Time for the other to run into its lock.
  await sleep(100);
  await arena.kill(victim);
  await arena.goOn(20);
  await arena.check();
  await arena.stop();
});
