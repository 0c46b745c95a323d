/**
 * Workers change one graph while the collector is always at work: with random delays in slow paths, a second marker that
 * must agree, dead memory overwritten. Then threads are terminated at random moments, the background worker among them:
 * the heap is whole, and the next cycle completes.
 *
 * SPANHEAP_STRESS_SECONDS=n runs each for n seconds. SPANHEAP_SEED=n repeats a seed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { createHeap, type Heap, type HeapOptions } from '../../src/index.ts';
import { C_GO, newControl, W_PROGRESS } from '../support/control.ts';
import { CHECKS, countOf } from '../support/gc-cycle.ts';
import {
  Arena,
  checkItem,
  G_STOP,
  type GraphInput,
  GW_HEAP_ID,
  GW_PARKED,
  GW_PROGRESS,
  graphWord,
  Item,
  type ItemRef,
  newGraphControl,
  newItem,
  SLOTS,
} from '../support/graph-worker.ts';
import { newSeed, type Random, random } from '../support/random.ts';
import { allEnded, reapEnded, startHand, until } from '../support/workers.ts';

const MB = 2 ** 20;
const stressSeconds = Number(process.env['SPANHEAP_STRESS_SECONDS'] ?? 0);
const SECONDS = stressSeconds || 6;
const KILLS = stressSeconds > 0 ? 200 : 20;

/** The workers that heaps have started for the background. */
const backgrounds: Worker[] = [];
const threads = process.getBuiltinModule('node:worker_threads');
const RealWorker = threads.Worker;
let graph: Graph | undefined;

beforeEach(() => {
  backgrounds.length = 0;
  threads.Worker = class extends RealWorker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      backgrounds.push(this);
    }
  };
});

afterEach(async () => {
  threads.Worker = RealWorker;
  await Promise.all((graph?.hands ?? []).map((hand) => hand.worker.terminate()));
  graph = undefined;
});

interface Hand {
  readonly index: number;
  readonly worker: Worker;
  readonly at: number;
  readonly ended: Promise<unknown>;
}

class Graph {
  readonly heap: Heap;
  readonly control = newGraphControl();
  readonly rnd: Random;
  readonly complaints: string[] = [];
  hands: Hand[] = [];
  #started = 0;

  constructor(seed: number, options: HeapOptions = {}) {
    const background = `${inject('workerDir')}/gc-worker.mjs`;
    this.heap = createHeap({ maxBytes: 128 * MB, maxThreads: 12, gcPercent: 10, background, ...CHECKS, ...options });
    this.rnd = random(seed);
    const { heap } = this;
    heap.scope(() => {
      const arena = heap.new(Arena);
      for (let id = 1; id <= SLOTS; id++) arena.slots.push(newItem(heap, id));
      arena.names.set('one', newItem(heap, 1));
      arena.numbers.set(1, newItem(heap, 1));
      heap.roots.set('arena', arena);
    });
  }

  async start(input: Partial<GraphInput> = {}): Promise<Hand> {
    // An index of its own, so that ids are.
    const index = ++this.#started % 60;
    const at = graphWord(index);
    const { control } = this;
    control.fill(0, at, at + 8);
    const workerData = { shared: this.heap.share(), control, index, seed: this.rnd.below(2 ** 31), ...input };
    const worker = new RealWorker(`${inject('workerDir')}/graph-worker.mjs`, { workerData });
    worker.on('error', (error) => this.complaints.push(`worker ${index}: ${error.stack}`));
    const hand = { index, worker, at, ended: new Promise((resolve) => worker.once('exit', resolve)) };
    this.hands.push(hand);
    await until(`worker ${index} attached`, () => control[at + GW_HEAP_ID] !== 0 || this.complaints.length > 0);
    expect(this.complaints).toEqual([]);
    return hand;
  }

  /** Each of these goes on. */
  async goOn(hands = this.hands): Promise<void> {
    const before = hands.map(({ at }) => this.control[at + GW_PROGRESS]!);
    await until('the others go on', () =>
      hands.every(
        ({ at }, i) => this.complaints.length > 0 || Atomics.load(this.control, at + GW_PROGRESS) > before[i]! + 1,
      ),
    );
    expect(this.complaints).toEqual([]);
  }

  /** Terminates a worker wherever it is; its thread is reaped. */
  async kill(hand: Hand): Promise<void> {
    await hand.worker.terminate();
    this.hands = this.hands.filter((other) => other !== hand);
    await reapEnded(this.heap, this.control[hand.at + GW_HEAP_ID]!);
  }

  /** The heap is whole, and a cycle completes. */
  async check(): Promise<void> {
    expect(this.complaints).toEqual([]);
    this.heap.verify();
    const { cycles } = this.heap.stats().gc;
    this.heap.gc();
    expect(this.heap.stats().gc.cycles).toBeGreaterThan(cycles);
    await this.goOn();
  }

  /** All threads end; everything that can be reached is there, and nothing else. */
  async end(): Promise<void> {
    const { heap } = this;
    Atomics.store(this.control, G_STOP, 1);
    for (const hand of this.hands) await hand.ended;
    this.hands = [];
    expect(this.complaints).toEqual([]);
    heap.verify();
    heap.gc();
    heap.gc();
    heap.verify();
    expect(countOf(heap, 'Item')).toBe(heap.scope(() => this.#walk()));
    heap.detach();
  }

  #walk(): number {
    const { heap } = this;
    const seen = new Set<number>();
    const queue: ItemRef[] = [];
    const reach = (item: ItemRef | null | undefined): void => {
      if (!item || seen.has(heap.addressOf(item))) return;
      seen.add(heap.addressOf(item));
      queue.push(item);
    };
    const arena = heap.roots.get('arena', Arena)!;
    for (const item of arena.slots) reach(item);
    for (const item of arena.names.values()) reach(item);
    for (const item of arena.numbers.values()) reach(item);
    for (let i = 0; i < 4; i++) reach(heap.roots.get(`r${i}`, Item));
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
      checkItem(item);
      reach(item.next);
      reach(item.other);
      for (const other of item.list) reach(other);
    }
    return seen.size;
  }
}

test.each([
  ['a background worker', true],
  ['marking by those who allocate', false],
])(
  'threads change one graph while the collector is always at work: %s',
  async (_, background) => {
    const seed = newSeed(`gc stress, background ${background}`);
    graph = new Graph(seed, background ? {} : { background: false });
    for (let i = 0; i < 3; i++) await graph.start({ sleepOneIn: 60 });
    for (const until = Date.now() + SECONDS * 1000; Date.now() < until; ) {
      await sleep(300);
      await graph.check();
    }
    const { cycles } = graph.heap.stats().gc;
    await graph.end();
    expect(cycles).toBeGreaterThan(20);
  },
  120_000 + SECONDS * 2000,
);

test(
  'workers die at any moment, the background worker among them; the next cycle completes',
  async () => {
    const seed = newSeed('gc kills');
    graph = new Graph(seed);
    const { rnd, heap } = graph;
    let workers = 0;
    for (let kills = 0; kills < KILLS; kills++) {
      while (graph.hands.length < 3) await graph.start({ sleepOneIn: 40, collectOneIn: 20 });
      await sleep(rnd.below(25));
      const victim = backgrounds.at(-1);
      if (rnd.oneIn(3) && victim !== undefined && victim.threadId >= 0) {
        const { threadId } = victim;
        await victim.terminate();
        await until('it is reaped', () => heap.threadsOf(threadId).length === 0);
        workers++;
        heap.gc();
        // By the thread that begins the next cycle, which may be any.
        await until('another is started', () => heap.stats().gc.background);
      } else {
        await graph.kill(rnd.pick(graph.hands));
      }
      await graph.check();
    }
    await graph.end();
    console.log(`gc kills: ${workers} of ${KILLS} were the background worker`);
    expect(workers).toBeGreaterThan(0);
  },
  120_000 + KILLS * 2000,
);

const PLACES = [
  ['gc.begin', 1],
  ['gc.begin', 2],
  ['gc.roots', 1],
  ['gc.begun', 1],
  ['gc.ragged', 1],
  ['gc.ragged', 3],
  ['gc.finish', 1],
  ['gc.finish', 2],
  ['gc.finish', 4],
  ['sweep', 1],
  ['sweep', 20],
  ['sweep', 60],
  ['mcentral', 60],
  ['span.free', 5],
  ['world', 4],
  ['mheap', 40],
] as const;

test.each(PLACES)('a thread dies at %s, visit %i; the next cycle completes', async (place, visits) => {
  graph = new Graph(newSeed(`gc death at ${place}`), { background: false });
  await graph.start();
  const victim = await graph.start({ collectOneIn: 2, parkAt: { place, visits } });
  const parked = (): boolean => Atomics.load(graph!.control, victim.at + GW_PARKED) === 1;
  await until(`it is at ${place}`, () => parked() || graph!.complaints.length > 0);
  expect(graph.complaints).toEqual([]);
  await graph.kill(victim);
  await graph.check();
  await graph.check();
  await graph.end();
});

test('a thread that reaches no safepoint is named after the time that was asked for', async () => {
  const heap = createHeap({ background: false, stopWarning: 30, maxBytes: 16 * MB });
  const control = newControl(1);
  const hand = await startHand(heap, control, 0, { role: 'long', seed: 1 });
  await until('it is in its region', () => control[hand.at + W_PROGRESS] === 1);
  const warnings: string[] = [];
  const warn = vi.spyOn(console, 'warn').mockImplementation((text: string) => {
    warnings.push(text);
    Atomics.store(control, C_GO, 2);
  });
  heap.gc();
  warn.mockRestore();
  expect(warnings.length).toBe(1);
  expect(warnings[0]).toContain(`thread ${hand.heapId} of the heap `);
  await allEnded([hand], control);
  expect(heap.stats().gc.cycles).toBe(1);
});
