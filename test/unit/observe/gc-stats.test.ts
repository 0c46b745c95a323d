/** `heap.stats().gc`: that each number is of what it says. */
import { expect, test } from 'vitest';
import { createHeap, type Heap, ref, struct, u32 } from '../../../src/index.ts';

const MB = 2 ** 20;
const Node = struct('Node', {
  value: u32,
  get next() {
    return ref(Node);
  },
});

/** A list of `count` nodes, in the slot of a root. */
function makeList(heap: Heap, count: number): void {
  const head = heap.new(Node);
  heap.roots.set('list', head);
  for (let i = 0; i < count; i += 512) {
    heap.scope(() => {
      for (let k = 0; k < 512 && i + k < count; k++) {
        const node = heap.new(Node, { value: i + k, next: head.next });
        head.next = node;
      }
    });
  }
}

test('a new heap has collected nothing', () => {
  const { gc } = createHeap({ maxBytes: 16 * MB, background: false, gcPercent: 100 }).stats();
  expect(gc).toMatchObject({ enabled: true, phase: 'off', cycles: 0, forcedCycles: 0, background: false });
  expect(gc).toMatchObject({ pauses: 0, pauseTotalNs: 0, lastPausesNs: [], markNs: 0, assistNs: 0, sweepNs: 0 });
  expect(gc).toMatchObject({ markedBytes: 0, freedBytes: 0, freedObjects: 0, heapLiveBytes: 0 });
  expect(gc).toMatchObject({ gcPercent: 100, memoryLimit: Infinity, limiting: false, lastLimitedCycle: 0 });
  // Go's heap minimum, and the trigger before it.
  expect(gc.goalBytes).toBe(4 * MB);
  expect(gc.triggerBytes).toBeGreaterThan(2 * MB);
  expect(gc.triggerBytes).toBeLessThan(4 * MB);
});

test('a forced cycle: what it marked, freed and took', () => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false });
  heap.pauseGC();
  makeList(heap, 10_000);
  const before = heap.stats();
  expect(before.gc.cycles).toBe(0);
  expect(before.gc.heapLiveBytes).toBeGreaterThanOrEqual(before.liveBytes);

  heap.gc();
  const live = heap.stats();
  expect(live.gc).toMatchObject({ cycles: 1, forcedCycles: 1, phase: 'off', freedObjects: 0, freedBytes: 0 });
  expect(live.gc.markedBytes).toBe(live.liveBytes);
  expect(live.gc.pauses).toBe(2);
  expect(live.gc.lastPausesNs).toHaveLength(2);
  expect(live.gc.pauseTotalNs).toBeCloseTo(live.gc.lastPausesNs[0]! + live.gc.lastPausesNs[1]!, 0);
  expect(live.gc.markNs).toBeGreaterThan(0);
  expect(live.gc.goalBytes).toBeGreaterThanOrEqual(4 * MB);

  heap.roots.delete('list');
  heap.gc();
  const dead = heap.stats();
  expect(dead.gc).toMatchObject({ cycles: 2, forcedCycles: 2 });
  // All of the list but what the persistent reference to its head keeps: nothing, once JS has let go of it.
  expect(dead.gc.freedObjects).toBe(live.liveObjects - dead.liveObjects);
  expect(dead.gc.freedBytes).toBe(live.liveBytes - dead.liveBytes);
  expect(dead.gc.sweepNs).toBeGreaterThan(live.gc.sweepNs);
});

test('cycles that nobody asked for are not forced, and the last 256 pauses are kept', () => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false, gcPercent: 20 });
  for (let i = 0; i < 400_000; i++) {
    heap.scope(() => {
      heap.new(Node, { value: i });
    });
  }
  const { gc } = heap.stats();
  expect(gc.cycles).toBeGreaterThan(0);
  expect(gc.forcedCycles).toBe(0);
  expect(gc.freedObjects).toBeGreaterThan(100_000);
  for (let i = 0; i < 150; i++) heap.gc();
  const after = heap.stats().gc;
  expect(after.forcedCycles).toBe(150);
  // A cycle that was under way has been ended before.
  expect(after.pauses).toBeGreaterThanOrEqual(2 * after.cycles);
  expect(after.lastPausesNs).toHaveLength(256);
  expect(Math.min(...after.lastPausesNs)).toBeGreaterThan(0);
  expect(after.pauseTotalNs).toBeGreaterThan(after.lastPausesNs.reduce((sum, ns) => sum + ns, 0));
});

test('the last 64 cycles, each with what it found', () => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false });
  heap.pauseGC();
  makeList(heap, 10_000);
  heap.gc();
  heap.roots.delete('list');
  for (let i = 0; i < 69; i++) heap.gc();
  const { lastCycles, lastPausesNs } = heap.stats().gc;
  expect(lastCycles.map(({ cycle }) => cycle)).toEqual(Array.from({ length: 64 }, (_, i) => i + 7));
  for (const [i, record] of lastCycles.entries()) {
    expect(record).toMatchObject({ forced: true, procs: 1, goal: 4 * MB });
    expect([record.sweepTermination, record.markTermination]).toEqual(lastPausesNs.slice(2 * i + 12, 2 * i + 14));
    if (i > 0) expect(record.at).toBeGreaterThan(lastCycles[i - 1]!.at);
  }
});

test('a cycle is traced once, with what it began with, ended with and marked', () => {
  const lines: string[] = [];
  const heap = createHeap({ maxBytes: 64 * MB, background: false, gctrace: (line) => lines.push(line) });
  const pause = heap.pauseGC();
  makeList(heap, 200_000);
  heap.gc();
  const [record] = heap.stats().gc.lastCycles;
  expect(record).toMatchObject({ cycle: 1, forced: true });
  expect(record!.heapMarked).toBeGreaterThanOrEqual(200_000 * 8);
  expect(record!.heapAfter).toBeGreaterThanOrEqual(record!.heapBefore);
  expect(record!.heapBefore).toBeGreaterThanOrEqual(record!.heapMarked);
  expect(lines).toEqual([
    expect.stringMatching(/^gc 1 @\d+\.\d{3}s \d+%: .* 1->1->1 MB, 4 MB goal, .* 1 P \(forced\)$/),
  ]);
  pause.dispose();
  heap.gc();
  expect(lines.map((line) => line.slice(0, 5))).toEqual(['gc 1 ', 'gc 2 ']);
});

test('settings show at once, and in goal and trigger', () => {
  const heap = createHeap({ maxBytes: 64 * MB, background: false });
  heap.setGCPercent(50);
  expect(heap.stats().gc).toMatchObject({ gcPercent: 50, goalBytes: 2 * MB });
  heap.setGCPercent(-1);
  expect(heap.stats().gc).toMatchObject({ gcPercent: -1, goalBytes: Infinity, triggerBytes: Infinity });
  heap.setMemoryLimit(32 * MB);
  const limited = heap.stats().gc;
  expect(limited.memoryLimit).toBe(32 * MB);
  expect(limited.goalBytes).toBeLessThan(32 * MB);
  const pause = heap.pauseGC();
  expect(heap.stats().gc).toMatchObject({ enabled: false, triggerBytes: Infinity });
  pause.dispose();
  expect(heap.stats().gc.enabled).toBe(true);
  expect(createHeap({ maxBytes: MB, gc: 'off' }).stats().gc).toMatchObject({ enabled: false, triggerBytes: Infinity });
});
