/** How the heap profile keeps within its share of a thread's time. */
import { expect, test } from 'vitest';
import { createHeap, MEM_PROFILE_RATE } from '../../../src/index.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { SampleBudget } from '../../../src/observe/sample-budget.ts';

/**
 * Takes `count` samples of so many nanoseconds, `gap` nanoseconds apart at a thinning of 1; returns the thinning
 * afterwards.
 */
function spend(budget: SampleBudget, count: number, cost: number, gap: number, rate = MEM_PROFILE_RATE): number {
  let now = 1e15;
  for (let i = 0; i < count; i++) {
    budget.spend(now, now + cost, rate);
    now += cost + gap * budget.thinning;
  }
  return budget.thinning;
}

test('samples that take a small share stay as frequent as they are', () => {
  expect(spend(new SampleBudget(), 1000, 10_000, 500_000)).toBe(1);
});

test('samples become rarer until their share is below a twenty-fifth, and stay so', () => {
  const budget = new SampleBudget();
  // A tenth, a twentieth, a fortieth.
  expect(spend(budget, 200, 15_000, 150_000)).toBe(4);
  expect(spend(budget, 1000, 15_000, 150_000)).toBe(4);
});

test('and as frequent again when the program allocates less', () => {
  const budget = new SampleBudget();
  spend(budget, 200, 15_000, 50_000);
  expect(budget.thinning).toBeGreaterThan(4);
  expect(spend(budget, 200, 15_000, 10_000_000)).toBe(1);
});

test('a sample that was interrupted is none that is expensive', () => {
  const budget = new SampleBudget();
  let now = 0;
  for (let i = 0; i < 200; i++) {
    const cost = i % 16 === 0 ? 4_000_000 : 5000;
    budget.spend(now, now + cost, MEM_PROFILE_RATE);
    now += cost + 500_000;
  }
  expect(budget.thinning).toBe(1);
});

test('whoever asks for more than is usual gets it', () => {
  expect(spend(new SampleBudget(), 1000, 15_000, 1000, MEM_PROFILE_RATE / 2)).toBe(1);
});

test.each([
  [MEM_PROFILE_RATE, 4 * MEM_PROFILE_RATE],
  [MEM_PROFILE_RATE - 1, MEM_PROFILE_RATE - 1],
])('at rate %i a thinning of 4 gives records of rate %i, and estimates that are right', (rate, thinned) => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 26, memProfileRate: rate });
  const { cache } = heap.raw as unknown as Malloc;
  // Whatever samples cost here.
  Object.defineProperty(cache, 'thinning', { get: () => 4, set: () => {} });
  let state = 12345;
  cache.random = () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
  const bytes = 2 ** 31;
  for (let i = 0; i < bytes / 1024; i++) heap.raw.free(heap.raw.mallocgc(1024, null, false));
  const records = heap.memProfile().records.filter((r) => r.size === 1024);
  expect(new Set(records.map((r) => r.rate))).toEqual(new Set([thinned]));
  const estimate = records.reduce((sum, r) => sum + r.allocBytes / (1 - Math.exp(-r.size / r.rate)), 0);
  // Four standard deviations of as many samples as are to be expected.
  expect(Math.abs(estimate / bytes - 1)).toBeLessThan(4 / Math.sqrt(bytes / thinned));
});
