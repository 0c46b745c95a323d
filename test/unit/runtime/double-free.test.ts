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

  it(`${size} bytes: the owner frees, then another thread does, or itself`, () => {
    owner.raw.mallocgc(size, null, true);
    const p = owner.raw.mallocgc(size, null, true);
    owner.raw.free(p);
    expect(() => other.raw.free(p)).toThrow(DOUBLE);
    expect(() => owner.raw.free(p)).toThrow(DOUBLE);
    expect(() => owner.scope(() => owner.raw.free(p))).toThrow(DOUBLE);
  });
}

it('of a tiny block: what no object covers is free, and what is inside of one is a bad pointer', () => {
  const BAD = expect.objectContaining({ code: 'ERR_BAD_POINTER' });
  const [a, b, c] = [4, 4, 8].map((size) => owner.raw.mallocgc(size, null, true)) as [number, number, number];
  expect([b - a, c - a]).toEqual([4, 8]);
  owner.raw.free(b);
  expect(() => owner.raw.free(b)).toThrow(DOUBLE);
  expect(() => owner.raw.free(a + 1)).toThrow(BAD);
  expect(() => owner.raw.free(c + 7)).toThrow(`points into the object at 0x${c.toString(16)} of a tiny block`);
  owner.raw.free(a);
  owner.raw.free(c);
  // The whole block, with another in its span and without.
  for (const p of [a, b, c]) expect(() => owner.raw.free(p)).toThrow(expect.objectContaining({ name: 'PointerError' }));
});

it('of a large object, which nobody can know any more, is a bad pointer', () => {
  const p = owner.raw.mallocgc(100_000, null, true);
  owner.raw.free(p);
  expect(() => owner.raw.free(p)).toThrow(expect.objectContaining({ code: 'ERR_BAD_POINTER' }));
  expect(() => other.raw.free(p)).toThrow('not an object of this heap, or free already');
});
