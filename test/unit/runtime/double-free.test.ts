/** An object freed twice, by two threads, is an error for the second, whoever that is and whenever the first free is taken. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { attachHeap, createHeap, type Heap } from '../../../src/index.ts';

let owner: Heap;
let other: Heap;

beforeEach(() => {
  // Two threads of the heap in one JS thread: each call runs alone, so every order can be written down.
  owner = createHeap({ gc: 'off', maxBytes: 1 << 24 });
  other = attachHeap(owner.share());
});

afterEach(() => {
  owner.verify();
  other.detach();
  owner.detach();
});

const DOUBLE = expect.objectContaining({ code: 'ERR_DOUBLE_FREE' });

for (const size of [1, 8, 16, 100, 5000]) {
  it(`${size} bytes: another thread frees, then the owner does, before it took the note`, () => {
    const keep = owner.raw.mallocgc(size, null, true);
    const p = owner.raw.mallocgc(size, null, true);
    other.raw.free(p);
    expect(() => owner.raw.free(p)).toThrow(DOUBLE);
    expect(() => owner.raw.usableSize(p)).toThrow(DOUBLE);
    expect(() => owner.scope(() => owner.raw.free(p))).toThrow(DOUBLE);
    expect(() => other.raw.free(p)).toThrow(DOUBLE);
    // The slot comes back once, and its neighbour was not touched.
    owner.raw.free(keep);
    const seen = new Set<number>();
    for (let i = 0; i < 2000; i++) {
      const q = owner.raw.mallocgc(size, null, false);
      expect(seen.has(q)).toBe(false);
      seen.add(q);
    }
    expect(owner.stats().badRemoteFrees).toBe(0);
  });

  it(`${size} bytes: the owner frees, then another thread does`, () => {
    owner.raw.mallocgc(size, null, true);
    const p = owner.raw.mallocgc(size, null, true);
    owner.raw.free(p);
    expect(() => other.raw.free(p)).toThrow(expect.objectContaining({ name: 'PointerError' }));
  });
}
