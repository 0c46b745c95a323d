/** The region protocol and the locks, step by step: one thread is played by the test, the other is real. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { millitime } from '../../../src/base/clock.ts';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';
import { H_HEAP_LOCK, H_STOP, H_WORLD_LOCK } from '../../../src/layout/header.ts';
import {
  PROC_BLOCKED,
  PROC_DEAD,
  PROC_FREE,
  PROC_HALTED,
  PROC_IDLE,
  PROC_RUNNING,
  PROC_STATUS,
  PROC_STOPPED,
} from '../../../src/layout/proc.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { LOCK_CONTENDED, LOCK_OWNER, Proc } from '../../../src/sync/proc.ts';
import { lockName } from '../../../src/sync/ranks.ts';
import { changeState } from '../../../src/sync/status.ts';
import { releaseLocksOf, stopLocked, withWorldStopped } from '../../../src/threads/stop-the-world.ts';
import { C_STOP, newControl, W_PROGRESS } from '../../support/control.ts';
import { Internals } from '../../support/internals.ts';
import { allEnded, type Hand, startHand, until } from '../../support/workers.ts';

// So that a test may set the clock.
vi.mock(import('../../../src/base/clock.ts'), { spy: true });

let heap: Heap;
let ghost: Heap;
/** The same thread as `ghost`, moved by hand. */
let t: Proc;
let x: Internals;
let hands: Hand[] = [];
const control = newControl(1);

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, maxThreads: 4 });
  ghost = attachHeap(heap.share());
  x = new Internals(heap);
  t = new Proc(x.mem, x.proc(ghost.threadId));
  control.fill(0);
});

afterEach(async () => {
  await Promise.all(hands.map((hand) => hand.worker.terminate()));
  hands = [];
});

const status = (): number => x.status(t.id);

async function startChurn(): Promise<Hand> {
  const hand = await startHand(heap, control, 0, { role: 'churn', seed: 5 });
  hands = [hand];
  await until('it works', () => Atomics.load(control, hand.at + W_PROGRESS) > 5);
  return hand;
}

/** A worker that waits for the heap lock of the ghost, who is dead. */
async function startBlocked(): Promise<Hand> {
  const hand = await startChurn();
  t.lock(H_HEAP_LOCK);
  await until('it waits', () => (Atomics.load(x.m, H_HEAP_LOCK) & LOCK_CONTENDED) !== 0);
  x.setStatus(t.id, PROC_DEAD);
  await until('it is BLOCKED', () => x.status(hand.heapId) === PROC_BLOCKED);
  return hand;
}

async function goesOn(hand: Hand): Promise<void> {
  const before = Atomics.load(control, hand.at + W_PROGRESS);
  await until('it goes on', () => Atomics.load(control, hand.at + W_PROGRESS) > before + 3);
}

async function end(hand: Hand): Promise<void> {
  Atomics.store(control, C_STOP, 1);
  await allEnded([hand], control);
  hands = [];
  heap.verify();
}

test('a region nests; only its outermost end leaves it', () => {
  expect(status()).toBe(PROC_IDLE);
  t.enter();
  t.enter();
  expect(status()).toBe(PROC_RUNNING);
  t.leave();
  expect(status()).toBe(PROC_RUNNING);
  t.leave();
  expect(status()).toBe(PROC_IDLE);
});

test('the gate is open inside a region, and never when each call must be seen', () => {
  const seen: boolean[] = [];
  t.gate = { setOpen: (open) => seen.push(open), setPaused: () => {} };
  t.enter();
  t.leave();
  t.guarded = true;
  t.enter();
  t.leave();
  t.guarded = false;
  expect(seen).toEqual([true, false, false, false, false, false]);
});

test('a lock word holds its owner; leaf locks do not nest, and are released by their owner', () => {
  t.lock(H_HEAP_LOCK);
  expect(x.m[H_HEAP_LOCK]).toBe(t.id);
  t.assertHeld(H_HEAP_LOCK);
  const leaf = x.mem.plan.centrals;
  expect(() => t.lock(leaf)).toThrow(/fatal error: a leaf lock is taken while another is held/);
  expect(() => t.assertHeld(leaf)).toThrow(/fatal error/);
  expect(() => t.unlock(leaf)).toThrow(/fatal error/);
  t.unlock(H_HEAP_LOCK);
  expect(x.m[H_HEAP_LOCK]).toBe(0);
  expect(() => t.unlock(H_HEAP_LOCK)).toThrow(/fatal error/);
  expect([H_WORLD_LOCK, H_HEAP_LOCK, leaf].map(lockName)).toEqual(['world', 'mheap', 'mcentral']);
});

test('leaving a region wakes a coordinator if there is one; unlocking wakes a sleeper only if one may sleep', () => {
  const notify = vi.spyOn(Atomics, 'notify');
  t.enter();
  t.leave();
  t.lock(H_HEAP_LOCK);
  t.unlock(H_HEAP_LOCK);
  expect(notify).not.toHaveBeenCalled();
  t.enter();
  Atomics.store(x.m, H_STOP, heap.threadId);
  t.leave();
  expect(notify.mock.calls.map(([, word]) => word)).toEqual([t.ref + PROC_STATUS]);
  Atomics.store(x.m, H_STOP, 0);
  notify.mockClear();
  t.lock(H_HEAP_LOCK);
  Atomics.or(x.m, H_HEAP_LOCK, LOCK_CONTENDED);
  t.unlock(H_HEAP_LOCK);
  expect(notify.mock.calls.map(([, word]) => word)).toEqual([H_HEAP_LOCK]);
  expect(x.m[H_HEAP_LOCK]).toBe(0);
  notify.mockRestore();
});

test('a thread that was stopped can be started by whoever takes the world lock over', () => {
  t.lockWorld();
  Atomics.store(x.m, H_STOP, t.id);
  x.setStatus(heap.threadId, PROC_STOPPED);
  x.setStatus(t.id, PROC_DEAD);
  heap.reap(ghost.threadId);
  expect(x.m[H_STOP]).toBe(0);
  expect(x.m[H_WORLD_LOCK]).toBe(0);
  expect(x.status(heap.threadId)).toBe(PROC_IDLE);
  heap.verify();
});

test('a worker that waits for a lock sets CONTENDED and stays RUNNING; the unlock wakes it and keeps nothing', async () => {
  const hand = await startChurn();
  t.lock(H_HEAP_LOCK);
  await until('it waits', () => (Atomics.load(x.m, H_HEAP_LOCK) & LOCK_CONTENDED) !== 0);
  expect(Atomics.load(x.m, H_HEAP_LOCK) & LOCK_OWNER).toBe(t.id);
  expect(x.status(hand.heapId)).toBe(PROC_RUNNING);
  const stuck = Atomics.load(control, hand.at + W_PROGRESS);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(Atomics.load(control, hand.at + W_PROGRESS)).toBe(stuck);
  t.unlock(H_HEAP_LOCK);
  await goesOn(hand);
  await end(hand);
});

test.each([
  ['is RUNNING', PROC_RUNNING, PROC_RUNNING],
  ['is DEAD', PROC_DEAD, PROC_BLOCKED],
  ['is BLOCKED, as a sweeper may be that others wait for,', PROC_BLOCKED, PROC_BLOCKED],
  ['is HALTED', PROC_HALTED, PROC_BLOCKED],
])('while it waits for a thread that %s, its status says whether only a reaper can help', (_, owner, expected) => {
  const other = attachHeap(heap.share());
  x.setStatus(other.threadId, owner);
  t.enter();
  const seen: number[] = [];
  const wait = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
    seen.push(status());
    return 'timed-out';
  });
  t.parkFor(H_HEAP_LOCK, 0, other.threadId);
  wait.mockRestore();
  expect(seen.at(-1)).toBe(expected);
  expect(status()).toBe(PROC_RUNNING);
  t.leave();
});

test('a thread that stays stopped because nobody reaps the dead coordinator complains after a minute', () => {
  x.setStatus(t.id, PROC_STOPPED);
  Atomics.store(x.m, H_STOP, ghost.threadId);
  let now = 0;
  const clock = vi.mocked(millitime).mockImplementation(() => (now += 1000));
  const wait = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
    // As long as somebody is at it, it waits. When the stop is over whoever made it starts all, or has died.
    if (now > 200_000) Atomics.store(x.m, H_STOP, 0);
    now += 1000;
    return 'timed-out';
  });
  expect(() => t.enter()).toThrow(/a thread died while it had the world stopped, and was not reaped for 60 s/);
  clock.mockRestore();
  wait.mockRestore();
  expect(now).toBeGreaterThan(260_000);
  expect(now).toBeLessThan(300_000);
  x.setStatus(t.id, PROC_IDLE);
  heap.verify();
});

test('no leaf lock is taken with the world lock while the world runs', () => {
  t.enter();
  t.lockWorld();
  expect(() => t.lock(H_HEAP_LOCK)).toThrow(
    /fatal error: a leaf lock is taken with the world lock while the world runs/,
  );
  stopLocked(t, () => {
    t.lock(H_HEAP_LOCK);
    t.unlock(H_HEAP_LOCK);
  });
  expect(() => t.lock(H_HEAP_LOCK)).toThrow(/fatal error/);
  t.unlockWorld();
  t.lock(H_HEAP_LOCK);
  t.unlock(H_HEAP_LOCK);
  t.leave();
});

test('a worker that waits for the lock of a dead thread becomes BLOCKED, and goes on after the reaper has been', async () => {
  const hand = await startBlocked();
  expect(heap.reap(ghost.threadId)).toBe(true);
  heap.verify();
  await goesOn(hand);
  await end(hand);
});

test('a worker that was BLOCKED stays where it is while a reaper has the world stopped, whatever becomes of the lock', async () => {
  const hand = await startBlocked();
  const reaper = (heap.raw as unknown as Malloc).t;
  // As after the repair, or as in a second stop that comes before it has woken up.
  withWorldStopped(
    reaper,
    () => {
      releaseLocksOf(x.mem, t.id);
      const stuck = Atomics.load(control, hand.at + W_PROGRESS);
      for (const until = performance.now() + 100; performance.now() < until; ) {
        expect(x.m[H_HEAP_LOCK]).toBe(0);
        expect(x.status(hand.heapId)).not.toBe(PROC_RUNNING);
      }
      expect(Atomics.load(control, hand.at + W_PROGRESS)).toBe(stuck);
    },
    { reaping: true },
  );
  await goesOn(hand);
  expect(heap.reap(ghost.threadId)).toBe(true);
  await end(hand);
});

test('a worker waits at its safepoint while the world is stopped, outside of its region', async () => {
  const hand = await startChurn();
  t.lockWorld();
  Atomics.store(x.m, H_STOP, t.id);
  await until('it is outside', () => x.status(hand.heapId) === PROC_IDLE);
  const p = x.proc(hand.heapId);
  while (changeState(x.m, p, PROC_IDLE, PROC_STOPPED) !== PROC_IDLE);
  const stuck = Atomics.load(control, hand.at + W_PROGRESS);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(Atomics.load(control, hand.at + W_PROGRESS)).toBe(stuck);
  Atomics.store(x.m, H_STOP, 0);
  x.setStatus(hand.heapId, PROC_IDLE);
  t.unlockWorld();
  await goesOn(hand);
  await end(hand);
});

test('a stop by anybody but a reaper waits until a dead thread is reaped, and who waits reaps it', async () => {
  for (let i = 0; i < 100; i++) ghost.raw.mallocgc(64, null, true);
  x.setStatus(t.id, PROC_DEAD);
  const hand = await startHand(heap, control, 0, { role: 'verify', seed: 1 });
  hands = [hand];
  await end(hand);
  expect(Atomics.load(control, hand.at + W_PROGRESS)).toBe(1);
  expect(x.status(t.id)).toBe(PROC_FREE);
});
