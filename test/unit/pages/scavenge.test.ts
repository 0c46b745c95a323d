import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { CHUNK_PAGES, PAGE_SIZE } from '../../../src/layout/constants.ts';
import { CHUNK_ALLOC, CHUNK_SCAV, CHUNK_WORDS } from '../../../src/layout/pages.ts';
import { planMeta } from '../../../src/layout/plan.ts';
import { PageAlloc } from '../../../src/pages/page-alloc.ts';
import { allocRange } from '../../../src/pages/page-bits.ts';
import {
  candidatePages,
  candidateStart,
  fillAligned,
  findScavengeCandidate,
  NO_CANDIDATE,
  scavenge,
} from '../../../src/pages/scavenge.ts';
import { Mem, REACH } from '../../../src/sys/mem.ts';

const power = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max }).map((n) => 1 << n);

describe('fillAligned', () => {
  it('fills whole groups', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), power(6), (lo, hi, m) => {
        const bit = (i: number): boolean => (((i < 32 ? lo : hi) >>> i) & 1) === 1;
        const want = Array.from({ length: 64 }, (_, i) => {
          const first = i - (i % m);
          return Array.from({ length: m }, (_, k) => bit(first + k)).includes(true);
        });
        const got = [fillAligned(lo, hi, m), fillAligned(hi, lo, m)];
        expect(want.map((_, i) => ((got[i >> 5]! >>> i) & 1) === 1)).toEqual(want);
      }),
      { numRuns: 500 },
    );
  });
});

describe('findScavengeCandidate', () => {
  const someRanges = fc.array(fc.tuple(fc.integer({ min: 0, max: 511 }), fc.integer({ min: 1, max: 90 })), {
    maxLength: 12,
  });

  it('gives the upper end of the highest run of whole units', () => {
    fc.assert(
      fc.property(someRanges, someRanges, power(6), fc.integer({ min: 0, max: 600 }), (alloc, scav, min, max) => {
        const m = new Int32Array(CHUNK_WORDS);
        const taken = new Set<number>();
        for (const [ranges, at] of [
          [alloc, CHUNK_ALLOC],
          [scav, CHUNK_SCAV],
        ] as const) {
          for (const [i, n] of ranges) {
            allocRange(m, at, i, Math.min(n, CHUNK_PAGES - i));
            for (let k = i; k < Math.min(i + n, CHUNK_PAGES); k++) taken.add(k - (k % min));
          }
        }
        let end = CHUNK_PAGES;
        while (end > 0 && taken.has(end - min)) end -= min;
        let start = end;
        const limit = Math.max(min, Math.ceil(max / min) * min);
        while (start > 0 && end - start < limit && !taken.has(start - min)) start -= min;
        const found = findScavengeCandidate(m, 0, CHUNK_PAGES - 1, min, max);
        const got = found === NO_CANDIDATE ? null : [candidateStart(found), candidatePages(found)];
        expect(got).toEqual(end === 0 ? null : [start, end - start]);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a free huge page whole', () => {
    const m = new Int32Array(CHUNK_WORDS);
    const units = { physPageBytes: 4096, hugePageBytes: 64 * PAGE_SIZE };
    const find = (max: number): number[] => {
      const found = findScavengeCandidate(m, 0, CHUNK_PAGES - 1, 1, max, units);
      return [candidateStart(found), candidatePages(found)];
    };
    expect(find(10)).toEqual([448, 64]);
    expect(find(65)).toEqual([384, 128]);
    allocRange(m, CHUNK_ALLOC, 500, 12);
    // The run ends inside a huge page that is in use already: nothing to spare.
    expect(find(10)).toEqual([490, 10]);
    expect(find(60)).toEqual([384, 116]);
  });
});

describe('scavenge', () => {
  let pa: PageAlloc;
  beforeEach(() => {
    const plan = planMeta(2 * CHUNK_PAGES, 1);
    pa = new PageAlloc(new Mem(new ArrayBuffer(REACH), new ArrayBuffer(plan.words * 4), plan));
    pa.init();
    pa.grow(0, 2 * CHUNK_PAGES);
    pa.free(pa.alloc(600), 600);
  });

  it('gives pages back from the top, and not twice', () => {
    const runs: number[][] = [];
    expect(scavenge(pa, 100 * PAGE_SIZE, (page, n) => runs.push([page, n]))).toBe(100 * PAGE_SIZE);
    expect(runs).toEqual([
      [512, 88],
      [500, 12],
    ]);
    expect(scavenge(pa, 2 ** 40, () => {})).toBe(500 * PAGE_SIZE);
    expect(scavenge(pa, 1, () => {})).toBe(0);
    expect([pa.countReleased(), pa.check()]).toEqual([1024, null]);
  });

  it('keeps the pages out of the way of allocation while they are given back', () => {
    let between = -1;
    scavenge(pa, PAGE_SIZE, (page) => {
      expect(pa.isFree(page)).toBe(false);
      between = pa.alloc(700);
      pa.free(between, 700);
    });
    expect(between).toBe(-1);
    expect([pa.alloc(1024), pa.scavengedPages, pa.check()]).toEqual([0, 425, null]);
  });

  it('leaves the pages free, and not scavenged, when giving back fails', () => {
    const fail = (): never => {
      throw new Error('no madvise');
    };
    expect(() => scavenge(pa, PAGE_SIZE, fail)).toThrow('no madvise');
    expect([pa.countReleased(), pa.freePages(), pa.check()]).toEqual([424, 1024, null]);
    expect(scavenge(pa, 2 ** 40, () => {})).toBe(600 * PAGE_SIZE);
  });
});
