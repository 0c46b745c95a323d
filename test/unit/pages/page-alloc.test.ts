import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNK_PAGES, PAGE_SIZE } from '../../../src/layout/constants.ts';
import { H_RELEASED_PAGES, H_SEARCH_PAGE } from '../../../src/layout/header.ts';
import { CHUNK_ALLOC, CHUNK_SCAV, SUM_WORDS } from '../../../src/layout/pages.ts';
import { planMeta } from '../../../src/layout/plan.ts';
import { PAGE_CACHE_WORDS, PC_LAST_SCAV, PROC_PAGE_CACHE, PROC_WORDS } from '../../../src/layout/proc.ts';
import { PageAlloc } from '../../../src/pages/page-alloc.ts';
import { pageBit } from '../../../src/pages/page-bits.ts';
import { allocToCache, cacheAlloc, cacheHas, flushCache } from '../../../src/pages/page-cache.ts';
import { scavenge } from '../../../src/pages/scavenge.ts';
import { Mem, REACH } from '../../../src/sys/mem.ts';
import { PageModel } from './model.ts';

const CACHES = 2;

function makeMem(pages: number): Mem {
  const plan = planMeta(pages, CACHES);
  return new Mem(new ArrayBuffer(REACH), new ArrayBuffer(plan.words * 4), plan);
}

function makePages(pages: number): PageAlloc {
  const pa = new PageAlloc(makeMem(pages));
  pa.init();
  return pa;
}

/** Chunks that a run of operations may grow: neighbours, gaps, and neighbours in different entries of every level. */
const CHUNKS = [0, 1, 2, 4, 6, 7, 8, 62, 63, 64, 511, 512] as const;

type Op =
  | readonly ['grow' | 'fill' | 'flush', number]
  | readonly ['alloc' | 'scavenge', number]
  | readonly ['free' | 'take', number, number]
  | readonly ['rebuild', boolean];

const npages = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 70 }) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 513 }) },
  { weight: 1, arbitrary: fc.integer({ min: 514, max: 1300 }) },
);
const cacheNo = fc.integer({ min: 0, max: CACHES - 1 });
const opArb: fc.Arbitrary<Op> = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(fc.constant('grow' as const), fc.integer({ min: 0, max: CHUNKS.length - 1 })) },
  { weight: 8, arbitrary: fc.tuple(fc.constant('alloc' as const), npages) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('free' as const), fc.nat(), fc.nat({ max: 3 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('fill' as const), cacheNo) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('take' as const), cacheNo, fc.integer({ min: 1, max: 20 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('flush' as const), cacheNo) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('scavenge' as const), npages) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('rebuild' as const), fc.boolean()) },
);

/** The page allocator and the model, side by side. */
class Pair {
  readonly pa = makePages(520 * CHUNK_PAGES);
  readonly model = new PageModel(CACHES);
  readonly grown = new Set<number>();
  readonly live: [number, number][] = [];

  word(cache: number): number {
    return this.pa.mem.plan.procs + cache * PROC_WORDS + PROC_PAGE_CACHE;
  }

  apply(op: Op): void {
    const { pa, model } = this;
    switch (op[0]) {
      case 'grow':
        this.#grow(CHUNKS[op[1]]!);
        return;
      case 'alloc': {
        const [page, scavenged] = model.alloc(op[1]);
        expect([pa.alloc(op[1]), pa.scavengedPages]).toEqual([page, scavenged]);
        if (page >= 0) this.live.push([page, op[1]]);
        return;
      }
      case 'free':
        this.#free(op[1], op[2]);
        return;
      case 'fill':
        if (model.caches[op[1]]!.free.size > 0) return;
        expect(allocToCache(pa, this.word(op[1]))).toBe(model.fillCache(op[1]));
        return;
      case 'take': {
        const [page, scavenged] = model.cacheAlloc(op[1], op[2]);
        expect(cacheAlloc(pa.mem, this.word(op[1]), op[2])).toBe(page);
        expect(pa.m[this.word(op[1]) + PC_LAST_SCAV]).toBe(scavenged);
        if (page >= 0) this.live.push([page, op[2]]);
        return;
      }
      case 'flush':
        model.flushCache(op[1]);
        flushCache(pa, this.word(op[1]));
        return;
      case 'scavenge':
        this.#scavenge(op[1]);
        return;
      case 'rebuild':
        this.#rebuild(op[1]);
        return;
    }
  }

  #grow(chunk: number): void {
    if (this.grown.has(chunk)) return;
    this.grown.add(chunk);
    this.pa.grow(chunk * CHUNK_PAGES, CHUNK_PAGES);
    this.model.grow(chunk * CHUNK_PAGES, CHUNK_PAGES);
  }

  /** All or a part of what one allocation gave. */
  #free(which: number, part: number): void {
    if (this.live.length === 0) return;
    const [[page, n]] = this.live.splice(which % this.live.length, 1) as [[number, number]];
    const keep = part === 0 ? 0 : Math.floor(n / (part + 1));
    if (keep > 0) this.live.push([page, keep]);
    this.pa.free(page + keep, n - keep);
    this.model.free(page + keep, n - keep);
  }

  #scavenge(pages: number): void {
    const released: [number, number][] = [];
    const bytes = scavenge(this.pa, pages * PAGE_SIZE, (page, n) => released.push([page, n]));
    expect(released).toEqual(this.model.scavenge(pages));
    expect(bytes).toBe(released.reduce((sum, [, n]) => sum + n * PAGE_SIZE, 0));
  }

  /** With everything but the scavenged bits of free pages spoiled before. */
  #rebuild(spoil: boolean): void {
    const { pa, model } = this;
    const { m } = pa;
    if (spoil) {
      const at = pa.mem.plan.summaries[0]!;
      for (let w = at; w < at + 30 * SUM_WORDS; w++) m[w] = (w * 7919) & 511;
      pa.eachChunk((c) => m.fill(0x0f0f0f0f ^ c, pa.chunkAt(c) + CHUNK_ALLOC, pa.chunkAt(c) + CHUNK_ALLOC + 16));
      m[H_SEARCH_PAGE] = 77;
      m[H_RELEASED_PAGES] = -5;
    }
    pa.rebuild((page) => model.used.has(page));
  }

  compare(): void {
    const { pa, model } = this;
    expect(pa.check()).toBeNull();
    expect(pa.freePages()).toBe(model.freeCount());
    expect(pa.m[H_RELEASED_PAGES]).toBe(model.scav.size);
    for (const p of model.pages) {
      const at = pa.chunkAt(p >>> 9);
      const got = [pageBit(pa.m, at + CHUNK_ALLOC, p & 511), pageBit(pa.m, at + CHUNK_SCAV, p & 511)];
      if (got[0] !== Number(model.used.has(p)) || got[1] !== Number(model.scav.has(p))) {
        expect.fail(`page ${p}: alloc ${got[0]}, scav ${got[1]}`);
      }
    }
    for (const [i, cache] of model.caches.entries()) {
      for (const p of cache.free) expect(cacheHas(pa.mem, this.word(i), p), `cache ${i} page ${p}`).toBe(true);
    }
  }
}

describe('PageAlloc', () => {
  it('does what a naive page allocator does', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(opArb, { minLength: 1, maxLength: 60, size: 'max' }), (ops) => {
        const pair = new Pair();
        pair.apply(['grow', 0]);
        for (const [i, op] of ops.entries()) {
          pair.apply(op);
          if (i % 4 === 0) expect(pair.pa.check()).toBeNull();
        }
        pair.compare();
      }),
      { numRuns: 100 },
    );
  });

  it('does so for runs longer than chunks', { timeout: 60_000 }, () => {
    const op: fc.Arbitrary<Op> = fc.oneof(
      fc.tuple(fc.constant('alloc' as const), fc.integer({ min: 100, max: 1600 })),
      fc.tuple(fc.constant('free' as const), fc.nat(), fc.nat({ max: 3 })),
    );
    fc.assert(
      fc.property(fc.array(op, { minLength: 10, maxLength: 60, size: 'max' }), (ops) => {
        const pair = new Pair();
        for (let c = 0; c < CHUNKS.length; c++) pair.apply(['grow', c]);
        for (const op of ops) pair.apply(op);
        pair.compare();
      }),
      { numRuns: 60 },
    );
  });

  it('keeps its invariants when one chunk is used up and freed page by page', () => {
    const pa = makePages(4 * CHUNK_PAGES);
    pa.grow(0, CHUNK_PAGES);
    for (let i = 0; i < CHUNK_PAGES; i++) expect(pa.alloc(1)).toBe(i);
    expect([pa.alloc(1), pa.m[H_SEARCH_PAGE]]).toEqual([-1, 4 * CHUNK_PAGES]);
    // Every third, from the middle outwards, so that runs grow and join on both sides.
    for (let i = 0; i < CHUNK_PAGES; i++) {
      pa.free((256 + (i % 2 === 0 ? i >> 1 : -1 - (i >> 1)) * 3 + CHUNK_PAGES * 3) % CHUNK_PAGES, 1);
      expect(pa.check()).toBeNull();
    }
    expect(pa.alloc(CHUNK_PAGES)).toBe(0);
  });

  it('finds runs that cross entries of every level', () => {
    const pa = makePages(520 * CHUNK_PAGES);
    for (const c of [511, 512]) pa.grow(c * CHUNK_PAGES, CHUNK_PAGES);
    expect(pa.alloc(2 * CHUNK_PAGES + 1)).toBe(-1);
    expect(pa.alloc(2 * CHUNK_PAGES)).toBe(511 * CHUNK_PAGES);
    pa.free(511 * CHUNK_PAGES + 500, 30);
    expect(pa.alloc(31)).toBe(-1);
    expect(pa.alloc(30)).toBe(511 * CHUNK_PAGES + 500);
    expect(pa.check()).toBeNull();
  });

  it('never crosses a gap', () => {
    const pa = makePages(8 * CHUNK_PAGES);
    pa.grow(0, CHUNK_PAGES);
    pa.grow(2 * CHUNK_PAGES, CHUNK_PAGES);
    expect(pa.alloc(CHUNK_PAGES + 1)).toBe(-1);
    pa.grow(CHUNK_PAGES, CHUNK_PAGES);
    expect(pa.alloc(CHUNK_PAGES + 1)).toBe(0);
    expect(pa.knownRanges()).toEqual([[0, 3 * CHUNK_PAGES]]);
  });
});

describe('the end of the reservation', () => {
  const PAGES = 2 * CHUNK_PAGES + 100;

  it('cuts the last chunk short', () => {
    const pa = makePages(PAGES);
    pa.grow(0, PAGES);
    expect([pa.freePages(), pa.countReleased(), pa.isFree(PAGES - 1), pa.isFree(PAGES)]).toEqual([
      PAGES,
      PAGES,
      true,
      false,
    ]);
    expect(pa.alloc(PAGES + 1)).toBe(-1);
    expect(pa.alloc(PAGES)).toBe(0);
    expect(pa.check()).toBeNull();
    pa.free(0, PAGES);
    pa.rebuild(() => false);
    expect([pa.freePages(), pa.check()]).toEqual([PAGES, null]);
    expect(scavenge(pa, 2 ** 40, () => {})).toBe(PAGES * PAGE_SIZE);
    expect(pa.countReleased()).toBe(PAGES);
  });

  it('bounds the page cache', () => {
    const pa = makePages(PAGES);
    pa.grow(0, PAGES);
    pa.alloc(PAGES - 50);
    const word = pa.mem.plan.procs + PROC_PAGE_CACHE;
    let taken = 0;
    while (allocToCache(pa, word)) while (cacheAlloc(pa.mem, word, 1) >= 0) taken++;
    expect([taken, pa.check()]).toEqual([50, null]);
  });

  it('refuses to grow by anything but chunks of the reservation', () => {
    const pa = makePages(PAGES);
    for (const [page, n] of [
      [1, CHUNK_PAGES],
      [0, 100],
      [0, 0],
      [2 * CHUNK_PAGES, CHUNK_PAGES],
    ] as const) {
      expect(() => pa.grow(page, n)).toThrow('not whole chunks');
    }
    pa.grow(0, CHUNK_PAGES);
    expect(() => pa.grow(0, CHUNK_PAGES)).toThrow('known already');
  });
});

describe('rebuild', () => {
  it('takes the known pages from its argument after a death inside grow', () => {
    const pa = makePages(8 * CHUNK_PAGES);
    pa.grow(0, 2 * CHUNK_PAGES);
    pa.alloc(700);
    // The chunk is in the ranges, but mheap never said that the heap grew.
    pa.grow(2 * CHUNK_PAGES, CHUNK_PAGES);
    pa.rebuild((page) => page < 700, 2 * CHUNK_PAGES);
    expect([pa.check(), pa.knownRanges(), pa.freePages()]).toEqual([null, [[0, 2 * CHUNK_PAGES]], 324]);
    pa.grow(2 * CHUNK_PAGES, CHUNK_PAGES);
    expect([pa.check(), pa.alloc(800)]).toEqual([null, 700]);
  });

  it('makes a heap that knows nothing', () => {
    const pa = makePages(CHUNK_PAGES);
    pa.grow(0, CHUNK_PAGES);
    pa.rebuild(() => false, 0);
    expect([pa.check(), pa.alloc(1), pa.knownRanges()]).toEqual([null, -1, []]);
  });

  it('repairs whatever part of an operation a dead thread had written', () => {
    const run = fc.tuple(
      fc.constantFrom('alloc', 'free', 'grow', 'fill', 'flush'),
      fc.integer({ min: 1, max: 900 }),
      fc.infiniteStream(fc.boolean()),
    );
    fc.assert(
      fc.property(run, ([op, n, written]) => {
        const pa = makePages(8 * CHUNK_PAGES);
        const { m } = pa;
        const word = pa.mem.plan.procs + PROC_PAGE_CACHE;
        pa.grow(0, 2 * CHUNK_PAGES);
        pa.alloc(300);
        pa.free(40, 200);
        allocToCache(pa, word);
        const before = m.slice();
        const used = (page: number): boolean =>
          page < 40 || (page >= 240 && page < 300) || cacheHas(pa.mem, word, page);
        if (op === 'alloc') pa.alloc(n);
        else if (op === 'free') pa.free(240, Math.min(n, 60));
        else if (op === 'grow') pa.grow(2 * CHUNK_PAGES, (1 + (n % 6)) * CHUNK_PAGES);
        else {
          flushCache(pa, word);
          if (op === 'fill') allocToCache(pa, word);
        }
        for (let w = 0; w < before.length; w++)
          if (m[w] !== before[w] && written.next().value === false) m[w] = before[w];
        // The reaper drops a dead thread's cache before it rebuilds.
        m.fill(0, word, word + PAGE_CACHE_WORDS);
        pa.rebuild(used, 2 * CHUNK_PAGES);
        expect(pa.check()).toBeNull();
        for (let p = 0; p < 8 * CHUNK_PAGES; p++) {
          if (pa.isFree(p) !== (p < 2 * CHUNK_PAGES && !used(p))) expect.fail(`page ${p}`);
        }
      }),
      { numRuns: 40 },
    );
  });
});
