/**
 * A thread is terminated at any moment, its reuse stacks grown or in the middle of it: one that is alone in its heap, where
 * whoever comes next reaps it, finds a sound heap and the room free, and lets its own stacks grow; and one beside others.
 *
 * SPANHEAP_STRESS_SECONDS=n kills for n seconds instead of 15 times. SPANHEAP_SEED=n repeats a seed.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, inject, test } from 'vitest';
import { attachHeap, createHeap, type Heap, type SharedHeap } from '../../src/index.ts';
import { H_ROOM_OWNER } from '../../src/layout/header.ts';
import { PROC_GROWN } from '../../src/layout/proc.ts';
import { Internals } from '../support/internals.ts';
import { newSeed, random } from '../support/random.ts';

const SECONDS = Number(process.env['SPANHEAP_STRESS_SECONDS'] ?? 0);
const ROUNDS = 15;

/** Starts a worker that frees and allocates, and terminates it so many milliseconds after it has begun. Its thread's id. */
async function killSwinging(workerData: object, ms: number): Promise<number> {
  const worker = new Worker(`${inject('workerDir')}/swing-worker.mjs`, { workerData });
  const [id] = (await once(worker, 'message')) as [number];
  await sleep(ms);
  await worker.terminate();
  return id;
}

/** A heap to which nobody is attached. */
function newHeap(): { shared: SharedHeap; x: Internals } {
  const first = createHeap({ gc: 'off', maxBytes: 256 << 20, maxThreads: 3 });
  const made = { shared: first.share(), x: new Internals(first) };
  first.detach();
  return made;
}

test(
  'a thread alone is killed again and again',
  async () => {
    const seed = newSeed('killed alone');
    const r = random(seed);
    let { shared, x } = newHeap();
    let owned = 0;
    const end = Date.now() + SECONDS * 1000;
    for (let round = 0; SECONDS > 0 ? Date.now() < end : round < ROUNDS; round++) {
      // What the dead held stays: there is no collector.
      if (round % 20 === 19) ({ shared, x } = newHeap());
      const id = await killSwinging({ shared, seed: seed + round, most: 3000 }, r.below(80));
      if (x.m[H_ROOM_OWNER] === id) owned++;
      const heap = attachHeap(shared);
      heap.reap(id);
      heap.verify();
      expect(x.m[H_ROOM_OWNER]).toBe(0);
      for (let i = 0; i < 12; i++) {
        heap.scope(() => {
          const addrs = Array.from({ length: 2000 }, () => heap.raw.mallocgc(96, null, false));
          expect(new Set(addrs).size).toBe(2000);
          for (const addr of addrs) heap.raw.free(addr);
        });
      }
      expect(x.m[H_ROOM_OWNER]).toBe(heap.threadId);
      heap.verify();
      heap.detach();
    }
    expect(owned).toBeGreaterThan(0);
  },
  120_000 + SECONDS * 1000,
);

test(
  'a thread beside another is killed again and again',
  async () => {
    const seed = newSeed('killed beside another');
    const r = random(seed);
    const create = (): Heap => createHeap({ gc: 'off', maxBytes: 256 << 20, maxThreads: 3 });
    let heap = create();
    let grown = 0;
    const end = Date.now() + SECONDS * 1000;
    for (let round = 0; SECONDS > 0 ? Date.now() < end : round < ROUNDS; round++) {
      if (round % 20 === 19) heap = create();
      const x = new Internals(heap);
      const id = await killSwinging({ shared: heap.share(), seed: seed + round, most: 120 }, r.below(60));
      if (x.m[x.proc(id) + PROC_GROWN] !== 0) grown++;
      heap.reap(id);
      heap.verify();
    }
    expect(grown).toBeGreaterThan(0);
  },
  120_000 + SECONDS * 1000,
);
