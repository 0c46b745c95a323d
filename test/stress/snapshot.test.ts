/**
 * Snapshots while workers change the heap: tokens move between slots, each is in exactly one at each moment, and so it must
 * be in each snapshot. And threads that die in the middle.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, inject, test } from 'vitest';
import { type Heap, SnapshotAbortedError } from '../../src/index.ts';
import { H_WRITE_BARRIER } from '../../src/layout/header.ts';
import { SNAP_EPOCH } from '../../src/layout/snapshot.ts';
import { SPAN_BITS_EPOCH } from '../../src/layout/span.ts';
import { Internals } from '../support/internals.ts';
import { newSeed, random } from '../support/random.ts';
import { joined } from '../support/snapshot-edit.ts';
import { C_ARMED } from '../support/snapshot-worker.ts';
import { TokenHeap } from '../support/token-heap.ts';
import { reapEnded, until } from '../support/workers.ts';

const SECONDS = Number(process.env['SPANHEAP_STRESS_SECONDS'] ?? 0) / 10;
const ROUNDS = 5 + Math.round(SECONDS);
const background = (): string => `${inject('workerDir')}/gc-worker.mjs`;

let tokens: TokenHeap | undefined;

afterEach(async () => {
  for (const { worker } of tokens?.workers ?? []) await worker.terminate();
  tokens = undefined;
});

/** A snapshot that takes its time: others have much of it between the pieces. */
async function slowly(heap: Heap, between: (piece: number) => Promise<unknown> | undefined): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of heap.snapshot()) {
    pieces.push(piece);
    await between(pieces.length);
  }
  return joined(pieces);
}

test.each([
  ['the collector frees', { gc: 'on', background: true }, { frees: false, collects: false }],
  ['tokens are freed by hand', { gc: 'on', background: true }, { frees: true, collects: false }],
  ['others ask for collections', { gc: 'on', background: false }, { frees: true, collects: true }],
  ['without collector', { gc: 'off' }, { frees: true, collects: false }],
] as const)('each token is in one slot: %s', async (_, options, how) => {
  const seed = newSeed('snapshots beside mutators');
  const bg = 'background' in options && options.background ? background() : false;
  tokens = new TokenHeap(2, { gc: options.gc, background: options.gc === 'on' ? bg : false });
  for (const i of [0, 1]) await tokens.start(i, { seed: seed + i, ...how });
  let patches = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = tokens.rounds(0) + tokens.rounds(1);
    const bytes = await slowly(tokens.heap, () => sleep(5));
    expect(tokens.rounds(0) + tokens.rounds(1), 'workers went on').toBeGreaterThan(before);
    expect(tokens.wrong(bytes)).toBe(null);
    if (new TextDecoder('latin1').decode(bytes).includes('PTCH')) patches++;
    tokens.heap.verify({ pointers: false });
  }
  expect(patches).toBeGreaterThan(0);
  await tokens.stop();
  expect([tokens.errors(0), tokens.errors(1)]).toEqual([0, 0]);
  tokens.heap.gc();
  tokens.heap.verify({ pointers: false });
});

test('without the log of stores it would not be so', async () => {
  const seed = newSeed('snapshots without log');
  tokens = new TokenHeap(2, { background: background() });
  for (const i of [0, 1]) await tokens.start(i, { seed: seed + i });
  const { m, mem } = new Internals(tokens.heap);
  const holder = m[mem.plan.spans + (tokens.someSlot >>> 13)]!;
  let wrong = 0;
  for (let round = 0; round < 10 && wrong === 0; round++) {
    const bytes = await slowly(tokens.heap, (piece) => {
      // From here on the holders pass for younger than the snapshot, so their stores are not noted.
      if (piece === 1) m[SNAP_EPOCH] = m[holder + SPAN_BITS_EPOCH]!;
      return sleep(20);
    });
    if (tokens.wrong(bytes) !== null) wrong++;
  }
  expect(wrong).toBe(1);
  await tokens.stop();
});

test.each(['snapshot.note', 'snapshot.segment', 'mcache.refill', 'defer.noted'])(
  'a mutator that dies at "%s" while a snapshot is taken',
  async (place) => {
    const rnd = random(newSeed(`mutator dies at ${place}`));
    for (let round = 0; round < 3; round++) {
      tokens = new TokenHeap(2, { background: background() });
      const { heap, control } = tokens;
      await tokens.start(0, { seed: rnd.below(2 ** 30), frees: true });
      const visits = 1 + rnd.below(place === 'snapshot.note' ? 5000 : place === 'snapshot.segment' ? 2 : 5);
      const dying = await tokens.start(1, { seed: rnd.below(2 ** 30), parkAt: { place, visits }, frees: true });
      const kill = async (): Promise<void> => {
        Atomics.store(control, C_ARMED, 1);
        // Some places may not be reached in this time: then it dies wherever it is.
        for (let waits = 0; waits < 200 && !tokens!.parked(1); waits++) await sleep(1);
        await dying.worker.terminate();
        await reapEnded(heap, tokens!.idOf(1));
        tokens!.unlock(1);
      };
      let bytes: Uint8Array | undefined;
      try {
        bytes = await slowly(heap, (piece) => (piece === 1 ? kill() : sleep(5)));
      } catch (error) {
        expect(error).toBeInstanceOf(SnapshotAbortedError);
        expect((error as Error).message).toContain('a thread died while it stored a pointer');
        expect(place).toBe('snapshot.note');
      }
      if (place !== 'snapshot.note') expect(bytes).toBeDefined();
      // It died after the moment that the snapshot shows.
      if (bytes !== undefined) expect(tokens.wrong(bytes)).toBe(null);
      heap.verify({ pointers: false });
      expect((await slowly(heap, () => undefined)).length).toBeGreaterThan(2 ** 20);
      tokens.workers.splice(1);
      await tokens.stop();
      heap.gc();
      heap.verify({ pointers: false });
    }
  },
);

test('the thread that takes a snapshot is killed, over and over', async () => {
  const seed = newSeed('snapshots of the dead');
  const rnd = random(seed);
  tokens = new TokenHeap(2, { background: background() });
  const { heap } = tokens;
  const { m } = new Internals(heap);
  await tokens.start(0, { seed, frees: true });
  for (let round = 0; round < 8 + SECONDS; round++) {
    const taker = await tokens.start(1, { seed: seed + round, captures: true });
    const pieces = tokens.rounds(1);
    await until('it is in the middle', () => tokens!.rounds(1) > pieces + rnd.below(3));
    await sleep(rnd.below(10));
    await taker.worker.terminate();
    heap.reap(tokens.idOf(1));
    heap.verify({ pointers: false });
    // The cycle that it held open ends.
    heap.gc();
    if (rnd.oneIn(2)) expect(tokens.wrong(await slowly(heap, () => sleep(1)))).toBe(null);
  }
  tokens.workers.splice(1);
  await tokens.stop();
  heap.gc();
  expect(m[H_WRITE_BARRIER]).toBe(0);
  heap.verify({ pointers: false });
});
