import { PAGE_SIZE } from '../../src/layout/constants.ts';
import { CHUNK_ALLOC, CHUNK_SCAV } from '../../src/layout/pages.ts';
import { PC_BASE, PC_FREE_LO, PC_LAST_SCAV, PC_SCAV_LO } from '../../src/layout/proc.ts';
import { allocToCache, cacheAlloc, flushCache } from '../../src/pages/page-cache.ts';
import { BASES, cacheSet, PageWorld } from './page-world.ts';
import { caseFits, checkPageCase, type PageCase } from './pagealloc.ts';
import { bitmapText, bitmapWords, type Checker, type Doc, halves, list, same, type Tally, TOO_FAR } from './tally.ts';

interface AllocCase {
  readonly id: string;
  readonly cache: string;
  readonly scav: string;
  readonly ops: readonly (readonly [number, number | null, number, string, string])[];
}

interface FlushCase {
  readonly id: string;
  readonly alloc: string;
  readonly scav: string;
  readonly basePage: number;
  readonly cache: string;
  readonly cacheScav: string;
  readonly allocAfter: string;
  readonly scavAfter: string;
  readonly cacheAfter: readonly [number | null, string, string];
}

function setCache(world: PageWorld, word: number, basePage: number, cache: string, scav: string): void {
  const { m } = world.mem;
  m[word + PC_BASE] = world.page(basePage);
  m.set(halves(cache), word + PC_FREE_LO);
  m.set(halves(scav), word + PC_SCAV_LO);
}

/** [base or null, cache, scav]; here a cache without base has page 0, which is no page of the world. */
function cacheState(world: PageWorld, word: number): [number | null, string, string] {
  const { m } = world.mem;
  const base = m[word + PC_BASE];
  return [base === 0 ? null : world.relative(base), cacheSet(m, word, PC_FREE_LO), cacheSet(m, word, PC_SCAV_LO)];
}

/** Result of a `cacheAlloc`: [page or null, scavenged bytes]. */
function takeFromCache(world: PageWorld, word: number, npages: number): [number | null, number] {
  const page = world.relative(cacheAlloc(world.mem, word, npages));
  return [page, world.mem.m[word + PC_LAST_SCAV] * PAGE_SIZE];
}

function checkAlloc(c: AllocCase): string | null {
  const world = new PageWorld(BASES[0]);
  const word = world.cacheWord(0);
  setCache(world, word, 0, c.cache, c.scav);
  for (const [i, [n, ...want]] of c.ops.entries()) {
    const got = [...takeFromCache(world, word, n), ...cacheState(world, word).slice(1)];
    const wrong = same(`op ${i}, ${n} pages`, got, want);
    if (wrong !== null) return wrong;
  }
  return null;
}

function checkFlush(c: FlushCase): string | null {
  const world = new PageWorld(BASES[0]);
  const { m } = world.mem;
  world.grow(0, 1);
  const chunk = world.pa.chunkAt(world.base);
  m.set(bitmapWords(c.scav), chunk + CHUNK_SCAV);
  const used = bitmapWords(c.alloc);
  world.pa.rebuild((page) => {
    const i = world.relative(page)!;
    return ((used[i >>> 5] >>> i) & 1) === 1;
  });
  const word = world.cacheWord(1);
  setCache(world, word, c.basePage, c.cache, c.cacheScav);
  flushCache(world.pa, word);
  return (
    same('allocAfter', bitmapText(m, chunk + CHUNK_ALLOC), c.allocAfter) ??
    same('scavAfter', bitmapText(m, chunk + CHUNK_SCAV), c.scavAfter) ??
    same('cacheAfter', cacheState(world, word), c.cacheAfter) ??
    world.pa.check()
  );
}

function fill(world: PageWorld, word: number, want: readonly unknown[]): string | null {
  const { m } = world.mem;
  const filled = allocToCache(world.pa, word);
  const base = filled ? world.relative(m[word + PC_BASE]) : null;
  return same('cache', [base, ...cacheState(world, word).slice(1)], want);
}

function applyToCache(world: PageWorld, op: readonly unknown[]): string | null | undefined {
  return op[0] === 'toCache' ? fill(world, world.cacheWord(0), op.slice(1)) : undefined;
}

function applyMixed(world: PageWorld, op: readonly unknown[]): string | null | undefined {
  const [code, i] = op as [string, number];
  if (code === 'toCache') return fill(world, world.cacheWord(i), op.slice(2));
  if (code === 'cacheAlloc') {
    return same('pages', takeFromCache(world, world.cacheWord(i), op[2] as number), op.slice(3));
  }
  if (code === 'flush') {
    flushCache(world.pa, world.cacheWord(i));
    return null;
  }
  return world.apply(op);
}

export const pagecache: Checker = {
  name: 'pagecache',
  sections: ['cacheAlloc', 'flush', 'allocToCache', 'mixed'],
  source: /pageCache/,
  run(doc: Doc, tally: Tally): void {
    for (const c of list<AllocCase>(doc, 'cacheAlloc')) tally.case(c.id, () => checkAlloc(c));
    for (const c of list<FlushCase>(doc, 'flush')) tally.case(c.id, () => checkFlush(c));
    for (const c of list<PageCase>(doc, 'allocToCache')) {
      if (caseFits(c)) tally.case(c.id, () => checkPageCase(c, applyToCache));
      else tally.skip(TOO_FAR);
    }
    for (const c of list<PageCase>(doc, 'mixed')) tally.case(c.id, () => checkPageCase(c, applyMixed));
  },
};
