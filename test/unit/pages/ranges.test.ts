import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { H_RANGES, HEADER_WORDS } from '../../../src/layout/header.ts';
import { addRange, rangesContain } from '../../../src/pages/ranges.ts';

const RANGES = HEADER_WORDS;

function list(m: Int32Array): number[][] {
  return Array.from({ length: m[H_RANGES]! }, (_, i) => [m[RANGES + 2 * i]!, m[RANGES + 2 * i + 1]!]);
}

describe('known ranges', () => {
  it('stay sorted and joined, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 40 })), (units) => {
        const m = new Int32Array(HEADER_WORDS + 100);
        const known = new Set<number>();
        for (const u of units) {
          known.add(u);
          expect(addRange(m, RANGES, u * 8, u * 8 + 8)).toBe(true);
          const want: number[][] = [];
          for (const k of [...known].sort((a, b) => a - b)) {
            const last = want.at(-1);
            if (last?.[1] === k * 8) last[1] = k * 8 + 8;
            else want.push([k * 8, k * 8 + 8]);
          }
          expect(list(m)).toEqual(want);
        }
        for (let p = 0; p < 41 * 8; p++) expect(rangesContain(m, RANGES, p)).toBe(known.has(p >> 3));
      }),
    );
  });

  it('do not take in what they know already', () => {
    const m = new Int32Array(HEADER_WORDS + 100);
    addRange(m, RANGES, 10, 20);
    addRange(m, RANGES, 30, 40);
    for (const [base, limit] of [
      [10, 20],
      [5, 11],
      [19, 30],
      [15, 16],
      [25, 31],
      [0, 50],
    ] as const) {
      expect(addRange(m, RANGES, base, limit), `${base} to ${limit}`).toBe(false);
    }
    expect(list(m)).toEqual([
      [10, 20],
      [30, 40],
    ]);
  });
});
