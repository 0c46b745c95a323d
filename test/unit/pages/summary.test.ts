import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SUM_END, SUM_MAX, SUM_START, SUM_WORDS } from '../../../src/layout/pages.ts';
import { childChanged, LEVEL_ENTRIES, mergeSummaries } from '../../../src/pages/summary.ts';

const LOG = 6;
const FULL = 1 << LOG;
const INTO = LEVEL_ENTRIES * SUM_WORDS;

/** Free pages of one entry: mostly all or none, or free at an edge, so that runs across entries are common. */
const entry = fc
  .tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: FULL - 1 }), fc.integer({ min: 1, max: FULL - 1 }))
  .map(([kind, a, b]) =>
    Array.from({ length: FULL }, (_, i) => {
      if (kind < 3) return kind < 2;
      if (kind === 3) return i < a;
      if (kind === 4) return i >= a;
      return kind === 5 ? i < a || i > b : i > Math.min(a, b) && i < Math.max(a, b);
    }),
  );
const entries = fc.array(entry, { minLength: LEVEL_ENTRIES, maxLength: LEVEL_ENTRIES });

/** (start, max, end) of flags, true: free. */
function summaryOf(free: readonly boolean[]): number[] {
  const runs = free
    .map((f) => (f ? '1' : '0'))
    .join('')
    .split('0')
    .map((run) => run.length);
  return [runs[0]!, Math.max(...runs), runs.at(-1)!];
}

function load(children: readonly (readonly boolean[])[]): Int32Array {
  const m = new Int32Array(INTO + SUM_WORDS);
  for (const [i, child] of children.entries()) m.set(summaryOf(child), i * SUM_WORDS);
  m.set(summaryOf(children.flat()), INTO);
  return m;
}

const parent = (m: Int32Array): number[] => [m[INTO + SUM_START]!, m[INTO + SUM_MAX]!, m[INTO + SUM_END]!];

describe('summaries', () => {
  it('mergeSummaries gives the summary of the whole', () => {
    fc.assert(
      fc.property(entries, (children) => {
        const m = load(children);
        m.fill(-1, INTO);
        expect(mergeSummaries(m, 0, LEVEL_ENTRIES, LOG, INTO)).toBe(true);
        expect(parent(m)).toEqual(summaryOf(children.flat()));
        expect(mergeSummaries(m, 0, LEVEL_ENTRIES, LOG, INTO)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('childChanged gives the same for any change of one entry, and says whether it is one', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: LEVEL_ENTRIES - 1 }), entry, (children, child, changed) => {
        const m = load(children);
        const before = parent(m);
        const [start, max, end] = summaryOf(children[child]!) as [number, number, number];
        m.set(summaryOf(changed), child * SUM_WORDS);
        const want = summaryOf(children.with(child, changed).flat());
        expect(childChanged(m, 0, child, LOG, INTO, start, max, end)).toBe(before.join() !== want.join());
        expect(parent(m)).toEqual(want);
      }),
      { numRuns: 3000 },
    );
  });

  it('looks at the other entries when one of the longest runs gets shorter', () => {
    const free = (page: number): boolean => page < 250 || (page >= 258 && page < 508);
    const pages = (from: number, to: number): boolean[] => Array.from({ length: to - from }, (_, i) => free(from + i));
    const children = Array.from({ length: LEVEL_ENTRIES }, (_, c) => pages(c * FULL, (c + 1) * FULL));
    const m = load(children);
    expect(parent(m)).toEqual([250, 250, 0]);
    const [start, max, end] = summaryOf(children[3]!) as [number, number, number];
    m.set(summaryOf(children[3]!.map((f, i) => f && i < 20)), 3 * SUM_WORDS);
    expect(childChanged(m, 0, 3, LOG, INTO, start, max, end)).toBe(true);
    expect(parent(m)).toEqual([212, 250, 0]);
  });
});
