import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNK_PAGES } from '../../../src/layout/constants.ts';
import * as bits from '../../../src/pages/page-bits.ts';

/** Where the bitmap lies in its words; what is around it must stay. */
const AT = 2;
const GUARD = 0x12345678;

const LENGTHS = fc.oneof(
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 60, max: 300 }),
);

/** Runs of random lengths: fragmented, coarse, long. */
const ofRuns = fc
  .tuple(fc.boolean(), fc.array(LENGTHS, { minLength: 1, maxLength: 200, size: 'max' }))
  .map(([first, lengths]) => lengths.flatMap((n, i) => Array<boolean>(n).fill((i % 2 === 0) === first)));

/** Words that are full, free, or free at one end or at both, so that what happens at their borders is common. */
const ofWords = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 31 })), { minLength: 16, maxLength: 16 })
  .map((words) =>
    words.flatMap(([kind, n]) =>
      Array.from({ length: 32 }, (_, i) => {
        if (kind < 2) return kind === 0;
        return kind === 2 ? i >= n : kind === 3 ? i < n : kind === 4 ? i >= n && i < n + 8 : i % n === 0;
      }),
    ),
  );

/** A bitmap as an array of flags; true: in use. */
const bitmap = fc
  .oneof(ofRuns, ofWords)
  .map((flags) => Array.from({ length: CHUNK_PAGES }, (_, i) => flags[i] ?? false));
const range = fc
  .tuple(fc.integer({ min: 0, max: CHUNK_PAGES - 1 }), fc.integer({ min: 0, max: CHUNK_PAGES - 1 }))
  .map(([a, b]) => [Math.min(a, b), Math.abs(a - b) + 1] as const);

function words(flags: readonly boolean[]): Int32Array {
  const m = new Int32Array(AT + 16 + 1).fill(GUARD);
  for (let w = 0; w < 16; w++)
    m[AT + w] = flags.slice(w * 32, w * 32 + 32).reduce((x, f, i) => x | (Number(f) << i), 0);
  return m;
}

function flagsOf(m: Int32Array): boolean[] {
  expect([m[0], m[1], m[AT + 16]]).toEqual([GUARD, GUARD, GUARD]);
  return Array.from({ length: CHUNK_PAGES }, (_, i) => bits.pageBit(m, AT, i) === 1);
}

/** Lowest run of n free pages, −1. */
function naiveFind(used: readonly boolean[], n: number): number {
  let run = 0;
  for (let i = 0; i < used.length; i++) {
    run = used[i] ? 0 : run + 1;
    if (run === n) return i - n + 1;
  }
  return -1;
}

function freeRuns(used: readonly boolean[]): number[] {
  return used
    .map((u) => (u ? '1' : '0'))
    .join('')
    .split(/1+/)
    .map((run) => run.length);
}

describe('bitmaps of a chunk', () => {
  it('find gives the lowest run, and the lowest free page', () => {
    fc.assert(
      fc.property(
        bitmap,
        fc.integer({ min: 1, max: CHUNK_PAGES }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (used, n, at) => {
          const firstFree = used.indexOf(false);
          // Any hint below which no page is free.
          const hint = firstFree < 0 ? CHUNK_PAGES - 1 : Math.floor(firstFree * at);
          for (const npages of [1, 2, 3, 31, 32, 33, 64, n]) {
            const found = bits.find(words(used), AT, npages, hint);
            const want = naiveFind(used, npages);
            expect(found === bits.NOT_FOUND ? -1 : bits.foundIndex(found)).toBe(want);
            if (want >= 0) expect(bits.foundFirstFree(found)).toBe(firstFree);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('summarize, longestRun, freeBefore and freeFrom measure runs', () => {
    fc.assert(
      fc.property(
        bitmap,
        fc.integer({ min: 0, max: CHUNK_PAGES }),
        fc.integer({ min: 1, max: 600 }),
        (used, i, bound) => {
          const m = words(used);
          const runs = freeRuns(used);
          const sum = bits.summarize(m, AT);
          const max = Math.max(...runs);
          expect([bits.packedStart(sum), bits.packedMax(sum), bits.packedEnd(sum)]).toEqual([
            runs[0],
            max,
            runs.at(-1),
          ]);
          expect(bits.longestRun(m, AT, bound)).toBe(Math.min(max, bound));
          expect(bits.freeBefore(m, AT, i)).toBe(freeRuns(used.slice(0, i)).at(-1));
          expect(bits.freeFrom(m, AT, i)).toBe(freeRuns(used.slice(i))[0]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('allocRange, freeRange and popcntRange touch their range and nothing else', () => {
    fc.assert(
      fc.property(bitmap, range, (used, [i, n]) => {
        const inside = (k: number): boolean => k >= i && k < i + n;
        const m = words(used);
        expect(bits.popcntRange(m, AT, i, n)).toBe(used.filter((u, k) => u && inside(k)).length);
        expect(bits.popcntAll(m, AT)).toBe(used.filter((u) => u).length);
        bits.allocRange(m, AT, i, n);
        expect(flagsOf(m)).toEqual(used.map((u, k) => u || inside(k)));
        bits.freeRange(m, AT, i, n);
        expect(flagsOf(m)).toEqual(used.map((u, k) => u && !inside(k)));
        bits.allocAll(m, AT);
        expect(flagsOf(m)).not.toContain(false);
        bits.freeAll(m, AT);
        expect(flagsOf(m)).not.toContain(true);
      }),
      { numRuns: 300 },
    );
  });

  it('findBitRange finds runs of ones in 32 and in 64 bits', () => {
    fc.assert(
      fc.property(bitmap, fc.integer({ min: 1, max: 64 }), (flags, n) => {
        const m = words(flags);
        const ones = flags.map((f) => !f);
        const in64 = naiveFind(ones.slice(0, 64), n);
        expect(bits.findBitRange64(m[AT]!, m[AT + 1]!, n)).toBe(in64 < 0 ? 64 : in64);
        if (n > 32) return;
        const in32 = naiveFind(ones.slice(0, 32), n);
        expect(bits.findBitRange32(m[AT]!, n)).toBe(in32 < 0 ? 32 : in32);
      }),
      { numRuns: 1000 },
    );
  });
});
