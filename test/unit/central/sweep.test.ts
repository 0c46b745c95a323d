/** A sweeper that others look at in the middle of a sweep. */
import { expect, test } from 'vitest';
import { attachHeap, createHeap } from '../../../src/index.ts';
import { H_HEAP_LOCK } from '../../../src/layout/header.ts';
import { PROC_BLOCKED, PROC_RUNNING, PROC_SWEEPING } from '../../../src/layout/proc.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { Internals, setState } from '../../support/internals.ts';

test('waiting in a sweep for a lock that a dead thread holds: the reaper counts anew, and the books are right', () => {
  const heap = createHeap({ background: false, maxBytes: 2 ** 25, maxThreads: 4 });
  const dead = attachHeap(heap.share());
  const sweeper = attachHeap(heap.share());
  const { m } = new Internals(heap);
  const { t } = sweeper.raw as unknown as Malloc;
  for (let i = 0; i < 1000; i++) {
    const addr = sweeper.raw.mallocgc(64, null, true);
    if (i % 4 === 0) sweeper.raw.pin(addr);
  }
  const { HeapObjects } = heap.memStats();
  // The first bitmap of a cycle is cut under the heap lock: the thread that has it dies there.
  t.delay = (place) => {
    if (place !== 'mcentral.claim' || m[t.ref + PROC_SWEEPING] === 0) return;
    t.delay = undefined;
    expect(Atomics.compareExchange(m, H_HEAP_LOCK, 0, dead.threadId)).toBe(0);
  };
  let waited = 0;
  const parkFor = t.parkFor.bind(t);
  t.parkFor = (word, seen, owner) => {
    if (word !== H_HEAP_LOCK || owner !== dead.threadId) return parkFor(word, seen, owner);
    waited++;
    // What `parkFor` does when the owner is DEAD, and what happens meanwhile.
    expect(setState(m, t.ref, PROC_BLOCKED)).toBe(PROC_RUNNING);
    expect(m[t.ref + PROC_SWEEPING]).toBe(1);
    heap.reap(dead.threadId);
    setState(m, t.ref, PROC_RUNNING);
  };
  sweeper.gc();
  expect(waited).toBe(1);
  heap.verify();
  expect(heap.memStats().HeapObjects).toBe(HeapObjects - 750);
  expect(heap.stats().liveObjects).toBe(HeapObjects - 750);
});
