/**
 * The allocation trace with real workers: what is read is what happened, in an order that makes sense for each address, while
 * threads free each other's objects, the collector sweeps, traces begin and end, rings run full, and threads die.
 *
 * SPANHEAP_STRESS_SECONDS=n runs each for n seconds. SPANHEAP_SEED=n repeats a seed.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, inject, test } from 'vitest';
import { type AllocEvent, type AllocTrace, createHeap, type Heap } from '../../src/index.ts';
import { H_TRACE } from '../../src/layout/header.ts';
import { RING_WAITING } from '../../src/layout/trace.ts';
import { ringRef } from '../../src/sync/trace.ts';
import { C_STOP, newControl, W_PARKED, W_PROGRESS } from '../support/control.ts';
import {
  Arena,
  G_STOP,
  type GraphInput,
  GW_HEAP_ID,
  GW_PROGRESS,
  graphWord,
  newGraphControl,
  newItem,
  SLOTS,
} from '../support/graph-worker.ts';
import { Internals } from '../support/internals.ts';
import { newSeed, random } from '../support/random.ts';
import { TraceModel } from '../support/trace-model.ts';
import { allEnded, type Hand, reapEnded, startHand, until } from '../support/workers.ts';

const MB = 2 ** 20;
const SECONDS = Number(process.env['SPANHEAP_STRESS_SECONDS'] ?? 0) || 3;

const workers: Worker[] = [];

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.terminate()));
  workers.length = 0;
});

async function churn(
  heap: Heap,
  control: Int32Array<SharedArrayBuffer>,
  index: number,
  seed: number,
  more: object = {},
): Promise<Hand> {
  const hand = await startHand(heap, control, index, { role: 'churn', seed, maxSize: 60_000, ...more });
  workers.push(hand.worker);
  return hand;
}

/** Reads for a while, with breaths in which rings run full. */
async function readFor(trace: AllocTrace, model: TraceModel, ms: number, nap: () => number): Promise<void> {
  const until = Date.now() + ms;
  while (Date.now() < until) {
    trace.drain((e) => model.add(e));
    await sleep(nap());
  }
}

/** Reads on and on, until what is returned is called. */
function readAlways(trace: AllocTrace, model: TraceModel): () => void {
  const timer = setInterval(() => trace.drain((e) => model.add(e)), 1);
  return () => clearInterval(timer);
}

function finish(trace: AllocTrace, model: TraceModel): void {
  trace.stop();
  while (trace.drain((e) => model.add(e)) > 0);
}

/** What is live according to a trace is what the heap has, as the begin of another tells it. */
function expectLive(heap: Heap, model: TraceModel): void {
  const trace = heap.startTrace();
  const alive = new TraceModel();
  finish(trace, alive);
  expect(alive.wrong).toEqual([]);
  const order = (m: TraceModel): number[] => [...m.live.keys()].sort((a, b) => a - b);
  expect(order(model)).toEqual(order(alive));
}

test('threads free each other’s objects: every free is of a live object, no address is live twice, nothing is lost', async () => {
  const seed = newSeed('trace of churn');
  const rnd = random(seed);
  const heap = createHeap({ gc: 'off', maxBytes: 256 * MB, maxThreads: 6 });
  const control = newControl(3);
  const hands = await Promise.all(
    [0, 1, 2].map((i) => churn(heap, control, i, rnd.below(2 ** 31), i === 2 ? { sleepOneIn: 500 } : {})),
  );
  for (let round = 0; round < 6; round++) {
    const trace = heap.startTrace({ ringEvents: rnd.pick([256, 1024, 16_384]) });
    const model = new TraceModel();
    await readFor(trace, model, (SECONDS * 1000) / 6, () => rnd.below(8));
    finish(trace, model);
    expect(trace.lost).toBe(0);
    expect(model.wrong).toEqual([]);
    expect(model.count('alloc')).toBeGreaterThan(100);
    expect(model.count('alive') + model.crossed).toBeGreaterThan(0);
    heap.verify();
  }
  // The last one sees the end: what it says is alive then is what the heap has.
  const trace = heap.startTrace();
  const model = new TraceModel();
  await readFor(trace, model, 300, () => 1);
  Atomics.store(control, C_STOP, 1);
  const quit = readAlways(trace, model);
  await allEnded(hands, control);
  quit();
  finish(trace, model);
  expect(trace.lost).toBe(0);
  expect(model.wrong).toEqual([]);
  expect(model.crossed).toBeGreaterThan(0);
  expect(model.count('detach')).toBe(3);
  heap.verify();
  expectLive(heap, model);
});

test('the collector sweeps in the background and in all threads: all that it frees was live, and is told once', async () => {
  const rnd = random(newSeed('trace of a graph'));
  const background = `${inject('workerDir')}/gc-worker.mjs`;
  const heap = createHeap({ maxBytes: 128 * MB, maxThreads: 8, gcPercent: 20, background });
  heap.scope(() => {
    const arena = heap.new(Arena);
    for (let id = 1; id <= SLOTS; id++) arena.slots.push(newItem(heap, id));
    arena.names.set('one', newItem(heap, 1));
    arena.numbers.set(1, newItem(heap, 1));
    heap.roots.set('arena', arena);
  });
  const control = newGraphControl();
  const ends: Promise<unknown>[] = [];
  for (let index = 1; index <= 2; index++) {
    const workerData: GraphInput = {
      shared: heap.share(),
      control,
      index,
      seed: rnd.below(2 ** 31),
      collectOneIn: 400,
    };
    const worker = new Worker(`${inject('workerDir')}/graph-worker.mjs`, { workerData });
    workers.push(worker);
    ends.push(once(worker, 'exit'));
    await until('attached', () => control[graphWord(index) + GW_HEAP_ID] !== 0);
  }
  for (let round = 0; round < 3; round++) {
    const trace = heap.startTrace();
    const model = new TraceModel();
    const before = Atomics.load(control, graphWord(1) + GW_PROGRESS);
    await readFor(trace, model, (SECONDS * 1000) / 3, () => rnd.below(4));
    if (round === 2) {
      Atomics.store(control, G_STOP, 1);
      const quit = readAlways(trace, model);
      await Promise.all(ends);
      quit();
      heap.gc();
    }
    finish(trace, model);
    expect(trace.lost).toBe(0);
    expect(model.wrong).toEqual([]);
    expect(Atomics.load(control, graphWord(1) + GW_PROGRESS)).toBeGreaterThan(before);
    expect(model.count('sweep')).toBeGreaterThan(1000);
    expect(model.count('cycleBegin')).toBeGreaterThan(0);
    if (round === 2) expectLive(heap, model);
  }
});

test.each([false, true])(
  'who reads, and waits for others to stop, reads for them meanwhile; own onFull: %s',
  async (own) => {
    const heap = createHeap({ maxBytes: 64 * MB, maxThreads: 4, gcPercent: 1000 });
    const phase = new Int32Array(new SharedArrayBuffer(4));
    const objects = 20_000;
    const worker = new Worker(`${inject('workerDir')}/sweeping-worker.mjs`, {
      workerData: { shared: heap.share(), phase, objects },
    });
    workers.push(worker);
    await until('it has made garbage', () => Atomics.load(phase, 0) === 1);
    // A batch of sweeping takes far more events than there is room for.
    const model = new TraceModel();
    const onFull = (): void => {
      while (trace.full) trace.drain((e) => model.add(e));
    };
    const trace: AllocTrace = heap.startTrace({ ringEvents: 256, ...(own && { onFull }) });
    const end = once(worker, 'exit');
    Atomics.store(phase, 0, 2);
    Atomics.notify(phase, 0);
    // This thread reads nowhere but where it waits in there.
    let stops = 0;
    for (; Atomics.load(phase, 0) === 2; stops++) heap.verify();
    await end;
    finish(trace, model);
    expect(trace.lost).toBe(0);
    expect(model.wrong).toEqual([]);
    expect(model.count('sweep')).toBeGreaterThan(objects * 0.9);
    expect(stops).toBeGreaterThan(0);
  },
);

test('the reader dies while a writer waits for it in a sweep: its reaper gets its stop of the world', async () => {
  const heap = createHeap({ maxBytes: 64 * MB, maxThreads: 4, gcPercent: 1000 });
  const phase = new Int32Array(new SharedArrayBuffer(4));
  const sweeper = new Worker(`${inject('workerDir')}/sweeping-worker.mjs`, {
    workerData: { shared: heap.share(), phase, objects: 20_000 },
  });
  workers.push(sweeper);
  await until('it has made garbage', () => Atomics.load(phase, 0) === 1);
  const reader = new Worker(`${inject('workerDir')}/trace-worker.mjs`, { workerData: heap.share() });
  const [id] = (await once(reader, 'message')) as [number];
  await reader.terminate();
  const end = once(sweeper, 'exit');
  const { m, mem } = new Internals(heap);
  Atomics.store(phase, 0, 2);
  Atomics.notify(phase, 0);
  const rings = [1, 2, 3, 4].map((thread) => ringRef(mem, thread));
  await until('it waits', () => rings.some((ring) => Atomics.load(m, ring + RING_WAITING) === 1));
  const asked = performance.now();
  await reapEnded(heap, id);
  // Not for as long as a writer waits for a reader that lives: 3 s.
  expect(performance.now() - asked).toBeLessThan(2000);
  await end;
  heap.verify();
});

test('nobody reads: writers wait, not for ever, and what finds no room is counted', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB, maxThreads: 4 });
  const control = newControl(2);
  const trace = heap.startTrace({ ringEvents: 256 });
  const count = 3000;
  // The main thread does not come to read while it waits here.
  const makers = await Promise.all(
    [0, 1].map((i) => startHand(heap, control, i, { role: i === 0 ? 'produce' : 'consume', seed: 5 + i, count })),
  );
  workers.push(...makers.map((hand) => hand.worker));
  await allEnded(makers, control);
  const { lost } = trace;
  expect(lost).toBeGreaterThan(count);
  const events: AllocEvent[] = [];
  trace.stop();
  while (trace.drain((e) => events.push(e.clone())) > 0);
  expect(trace.lost).toBe(lost);
  const spans = events.filter((e) => e.kind.startsWith('span') || e.kind === 'grow').length;
  const told = events.filter((e) => e.kind === 'alloc' || e.kind === 'free').length;
  expect(told + lost).toBeGreaterThanOrEqual(2 * count);
  // Spans, stops and threads are among the lost, too.
  expect(told + lost).toBeLessThan(2 * count + 1000 + spans);
  heap.verify();
});

test('a thread dies between its number and its event: the others’ events follow, one is lost', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB, maxThreads: 4 });
  const control = newControl(2);
  const trace = heap.startTrace();
  const model = new TraceModel();
  const other = await churn(heap, control, 0, 1);
  const victim = await churn(heap, control, 1, 2, { parkAt: { place: 'trace.publish', visits: 500 } });
  const read = (): boolean => trace.drain((e) => model.add(e)) > 0;
  await until('it is there', () => {
    read();
    return Atomics.load(control, victim.at + W_PARKED) === 1;
  });
  const goesOn = (): Promise<void> => {
    const progress = Atomics.load(control, other.at + W_PROGRESS);
    return until('the other goes on', () => Atomics.load(control, other.at + W_PROGRESS) > progress + 2);
  };
  // Until it has, an event of its own may be missing that comes before the victim's.
  await goesOn();
  while (read());
  const before = model.count('alloc');
  await goesOn();
  // What comes after it is held back: it may still write.
  read();
  expect(model.count('alloc')).toBe(before);
  await victim.worker.terminate();
  await reapEnded(heap, victim.heapId);
  read();
  expect(model.count('alloc')).toBeGreaterThan(before);
  expect(trace.lost).toBe(1);
  Atomics.store(control, C_STOP, 1);
  const quit = readAlways(trace, model);
  await allEnded([other], control);
  quit();
  finish(trace, model);
  expect(trace.lost).toBe(1);
  expect(model.count('reaped')).toBe(1);
  // Its last call alone may have been told and not done, or done and not told.
  expect(model.errors).toBeLessThanOrEqual(1);
  heap.verify();
});

test('threads are killed anywhere while they are traced', async () => {
  const rnd = random(newSeed('kills under a trace'));
  const heap = createHeap({ gc: 'off', maxBytes: 128 * MB, maxThreads: 6 });
  const control = newControl(3);
  const trace = heap.startTrace();
  const model = new TraceModel();
  const quit = readAlways(trace, model);
  let hands: Hand[] = [];
  let kills = 0;
  const until = Date.now() + SECONDS * 1000;
  while (kills < 8 || Date.now() < until) {
    for (let i = 0; i < 3; i++) {
      if (hands.every((hand) => hand.index !== i))
        hands.push(await churn(heap, control, i, rnd.below(2 ** 31), { sleepOneIn: 300 }));
    }
    await sleep(rnd.below(60));
    const victim = rnd.pick(hands);
    hands = hands.filter((hand) => hand !== victim);
    await victim.worker.terminate();
    await reapEnded(heap, victim.heapId);
    heap.verify();
    kills++;
  }
  Atomics.store(control, C_STOP, 1);
  await allEnded(hands, control);
  quit();
  finish(trace, model);
  console.log(
    `kills under a trace: ${kills}, of which ${model.errors} left a call half done, ${trace.lost} an event unwritten`,
  );
  expect(kills).toBeGreaterThan(5);
  expect(model.count('reaped')).toBe(kills);
  expect(model.errors).toBeLessThanOrEqual(kills);
  expect(trace.lost).toBeLessThanOrEqual(kills);
});

test('the reader dies: the trace ends when it is reaped, and another can begin', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB, maxThreads: 4 });
  const { m } = new Internals(heap);
  const worker = new Worker(`${inject('workerDir')}/trace-worker.mjs`, { workerData: heap.share() });
  workers.push(worker);
  const [id] = (await once(worker, 'message')) as [number];
  expect(m[H_TRACE]).toBeGreaterThan(0);
  expect(() => heap.startTrace()).toThrow(/under way/);
  await worker.terminate();
  // Nobody reads any more; a full ring holds nobody up for long.
  for (let i = 0; i < 2000; i++) heap.raw.free(heap.raw.mallocgc(64, null, true));
  await reapEnded(heap, id);
  expect(m[H_TRACE]).toBe(0);
  const trace = heap.startTrace();
  const alive = trace.read().filter((e) => e.kind === 'alive');
  expect(alive.length).toBe(50);
  trace.stop();
});
