/**
 * A thread dies while it has the lock of all specials. The sweeper is played by hand: at a place of its slow paths it
 * throws, and is never heard of again.
 */
import { beforeEach, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, i32, string, struct } from '../../../src/index.ts';
import { H_SPECIAL_IN_HAND, H_SPECIALS_LOCK } from '../../../src/layout/header.ts';
import { SPAN_SPECIAL_SLOTS } from '../../../src/layout/span.ts';
import { spanOf } from '../../../src/spans/mspan.ts';
import { clearMarks } from '../../support/clear-marks.ts';
import { HandSweep } from '../../support/hand-sweep.ts';

const Node = struct('Node', { key: i32, wide: i32, name: string });

let heap: Heap;
let hand: HandSweep;
let log: unknown[];
const note = (what: unknown): void => {
  log.push(what);
};

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24, maxThreads: 4 });
  hand = new HandSweep(heap);
  log = [];
});

/** Sweeps until the nth visit of a place, and dies there. Whether it came that far. */
function dieAt(place: string, visit: number): boolean {
  let visits = 0;
  hand.heap.t.delay = (at) => {
    if (at === place && ++visits === visit) throw new Error('dies');
  };
  try {
    hand.collect();
    return false;
  } catch (error) {
    expect((error as Error).message).toBe('dies');
    return true;
  }
}

const PLACES = ['special.hand', 'special.moved', 'special.queued', 'specials'];

test.each(PLACES.flatMap((place) => [1, 2, 3].map((visit) => [place, visit] as const)))(
  'at "%s", visit %i: every callback runs once',
  (place, visit) => {
    for (let key = 0; key < 4; key++) {
      const node = heap.new(Node, { key });
      heap.cleanup(node, note, `cleanup ${key}`);
      if (key % 2 === 1) heap.finalizer(node, (r) => note(`finalizer ${r.key}`));
      heap.weak(node);
    }
    const came = dieAt(place, visit);
    if (place !== 'specials' || visit < 3) expect(came).toBe(true);
    const isLocked = hand.mem.m[H_SPECIALS_LOCK] !== 0;
    if (came) expect(isLocked).toBe(place !== 'specials' || visit !== 0);
    expect(heap.reap(hand.heap.t.id)).toBe(true);
    expect(hand.mem.m[H_SPECIALS_LOCK]).toBe(0);
    expect(hand.mem.m[H_SPECIAL_IN_HAND]).toBe(0);
    clearMarks(heap);
    heap.verify();
    hand = new HandSweep(heap);
    for (let i = 0; i < 3; i++) {
      hand.collect();
      heap.drainCleanups();
    }
    const expected = [0, 1, 2, 3].map((key) => `cleanup ${key}`).concat(['finalizer 1', 'finalizer 3']);
    expect(log.map(String).sort()).toEqual(expected.sort());
    heap.verify();
  },
);

test('a waiter for the lock goes on after the repair; page bits and buckets are made again', () => {
  const kept = heap.new(Node, { name: heap.intern('a text that is kept') });
  heap.weak(kept);
  heap.intern('another');
  const { m, plan } = hand.mem;
  hand.heap.t.enter();
  hand.heap.t.lock(H_SPECIALS_LOCK);
  // Half-done: a bit that says nothing, one that is missing, buckets that were being moved.
  m.fill(0, plan.pageSpecials, plan.pageSpecials + 8);
  m[plan.pageSpecials + 8] = 1;
  for (let i = 0; i < 64; i++) m[m[9 * 16 + 4]! + i] = 0;
  heap.reap(hand.heap.t.id);
  heap.verify();
  const other = attachHeap(heap.share());
  const copy = other.new(Node, { name: other.intern('a text that is kept') });
  const bytesOf = (h: Heap, r: typeof kept): number => h.memory.i32[(h.addressOf(r) + 8) >>> 2]!;
  expect(bytesOf(other, copy)).toBe(bytesOf(heap, kept));
});

test('the slot of a first record that was not linked yet, or of a last one that was taken out, has none', () => {
  const plain = heap.new(Node);
  const { m } = hand.mem;
  hand.heap.t.enter();
  hand.heap.t.lock(H_SPECIALS_LOCK);
  m[spanOf(hand.mem, heap.addressOf(plain)) + SPAN_SPECIAL_SLOTS] = 1;
  heap.reap(hand.heap.t.id);
  heap.verify();
});
