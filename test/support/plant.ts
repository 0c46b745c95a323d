/** Faults planted for `verify` to name: words that are broken on purpose, and put back. */
import { expect } from 'vitest';
import type { Words } from '../../src/base/brand.ts';
import { type Heap, VerifyError } from '../../src/index.ts';

/** A word, and what is in it meanwhile. `of`: the memory it is in; by default that of the test, allocator memory. */
export type Plant = readonly [word: number, value: number, of?: Words];

/** Plants these, and expects `verify` to name the invariant with these words. Then the heap is good again. */
export function expectNamed(heap: Heap, m: Words, plants: readonly Plant[], invariant: string, says: string): void {
  const before = plants.map(([word, , of = m]) => of[word]!);
  for (const [word, value, of = m] of plants) of[word] = value;
  let error: unknown;
  try {
    heap.verify();
  } catch (e) {
    error = e;
  } finally {
    // The last first: a word may be planted twice.
    for (let i = plants.length - 1; i >= 0; i--) {
      const [word, , of = m] = plants[i]!;
      of[word] = before[i]!;
    }
  }
  expect(error).toBeInstanceOf(VerifyError);
  expect((error as VerifyError).message).toContain(says);
  expect((error as VerifyError).invariant).toBe(invariant);
  expect((error as VerifyError).code).toBe('ERR_CORRUPT');
  heap.verify();
}
