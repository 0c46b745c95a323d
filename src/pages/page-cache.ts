/**
 * A thread's own free pages (Go: `pageCache`): what is free of one aligned block of 64, taken from the page allocator
 * at once, so that requests below PAGE_CACHE_MAX_REQUEST pages need no lock.
 *
 *   PC_BASE                 first page of the block
 *   PC_FREE_LO, _HI         bit i: page base + i is this thread's to hand out    (1 = free: not as in the alloc bitmap)
 *   PC_SCAV_LO, _HI         bit i: and it is scavenged. A subset of the free bits
 *   PC_LAST_SCAV            result of the last `cacheAlloc`
 *
 * The words lie in the thread's proc record. The thread that owns the record writes all of them, with plain stores and
 * without a lock; another thread may only once the owner is stopped or dead. In the page allocator's bitmap the pages
 * are in use, and not scavenged: the scavenged bits move here with them.
 *
 * `allocToCache` and `flushCache` also change the page allocator and need the heap lock. They order their stores so
 * that whoever finds them half done, after the thread died, never sees a free bit for a page that is not the cache's.
 */
import { ctz32, lowMask, popcount32 } from '../base/bits.ts';
import type { PageNo, Words } from '../base/brand.ts';
import { fatal } from '../base/fatal.ts';
import { CHUNK_PAGES, LOG_CHUNK_PAGES, PAGE_CACHE_PAGES } from '../layout/constants.ts';
import { H_PAGES_IN_USE, H_PROCS, H_RELEASED_PAGES, H_SEARCH_PAGE } from '../layout/header.ts';
import { CHUNK_ALLOC, CHUNK_SCAV } from '../layout/pages.ts';
import { PC_BASE, PC_FREE_HI, PC_FREE_LO, PC_LAST_SCAV, PC_SCAV_HI, PC_SCAV_LO } from '../layout/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { NO_PAGES, type PageAlloc } from './page-alloc.ts';
import { find, findBitRange64, foundIndex, NOT_FOUND } from './page-bits.ts';
import { scavengeIndexMark } from './scavenge-index.ts';

export function isCacheEmpty(mem: Mem, word: number): boolean {
  return (mem.m[word + PC_FREE_LO] | mem.m[word + PC_FREE_HI]) === 0;
}

/** Whether the cache owns `page`. For checks and for repair. */
export function cacheHas(mem: Mem, word: number, page: number): boolean {
  const i = page - mem.m[word + PC_BASE];
  if (i < 0 || i >= PAGE_CACHE_PAGES) return false;
  return ((mem.m[word + (i < 32 ? PC_FREE_LO : PC_FREE_HI)] >>> i) & 1) !== 0;
}

/**
 * The lowest run of `npages` pages of the cache, or −1. Leaves in PC_LAST_SCAV how many of them were scavenged. Owner
 * only, no lock (Go: `pageCache.alloc`).
 */
export function cacheAlloc(mem: Mem, word: number, npages: number): PageNo | typeof NO_PAGES {
  const { m } = mem;
  const lo = m[word + PC_FREE_LO];
  const hi = m[word + PC_FREE_HI];
  m[word + PC_LAST_SCAV] = 0;
  if ((lo | hi) === 0 || npages > PAGE_CACHE_PAGES) return NO_PAGES;
  const i = findBitRange64(lo, hi, npages);
  if (i >= PAGE_CACHE_PAGES) return NO_PAGES;
  // The run as two masks: pages i … i + npages − 1 of the lower half and of the upper.
  const maskLo = i < 32 ? lowMask(npages) << i : 0;
  const inLo = Math.min(npages, Math.max(32 - i, 0));
  const maskHi = inLo < npages ? lowMask(npages - inLo) << Math.max(i - 32, 0) : 0;
  const scavLo = m[word + PC_SCAV_LO] & maskLo;
  const scavHi = m[word + PC_SCAV_HI] & maskHi;
  m[word + PC_FREE_LO] = lo & ~maskLo;
  m[word + PC_FREE_HI] = hi & ~maskHi;
  if ((scavLo | scavHi) !== 0) {
    m[word + PC_SCAV_LO] = m[word + PC_SCAV_LO] & ~maskLo;
    m[word + PC_SCAV_HI] = m[word + PC_SCAV_HI] & ~maskHi;
    m[word + PC_LAST_SCAV] = popcount32(scavLo) + popcount32(scavHi);
  }
  return (m[word + PC_BASE] + i) as PageNo;
}

/** Takes pages back that lie in the block of this cache, which is not empty. They are not scavenged. Owner, no lock. */
export function cacheFree(mem: Mem, word: number, page: number, npages: number): void {
  const { m } = mem;
  const first = page - m[word + PC_BASE];
  for (let i = first; i < first + npages; i++) m[word + (i < 32 ? PC_FREE_LO : PC_FREE_HI)] |= 1 << i;
}

/**
 * Whether there is a block of pages for each thread. If not, what one holds in advance another may need, and pages are taken
 * one span at a time. `>`: page 0 is nobody's. The counts may be old by a moment, and then a cache is filled once too often.
 */
export function mayFillCache({ m, plan }: Mem): boolean {
  const procs = Atomics.load(m, H_PROCS);
  return procs === 1 || plan.pages - Atomics.load(m, H_PAGES_IN_USE) > procs * PAGE_CACHE_PAGES;
}

/**
 * Fills the cache, which must be empty, with what is free in the block of the lowest free page. False, with the cache
 * empty, when no page is free. Owner only; lock: mheap (Go: `pageAlloc.allocToCache`).
 */
export function allocToCache(pa: PageAlloc, word: number): boolean {
  const { m } = pa;
  const page = lowestFreePage(pa);
  m[word + PC_FREE_LO] = 0;
  m[word + PC_FREE_HI] = 0;
  if (page === NO_PAGES) {
    m[H_SEARCH_PAGE] = pa.pages;
    setCache(m, word, 0, 0, 0, 0, 0);
    return false;
  }
  const base = page - (page % PAGE_CACHE_PAGES);
  const at = pa.chunkAt(base >>> LOG_CHUNK_PAGES) + ((base % CHUNK_PAGES) >>> 5);
  const alloc = at + CHUNK_ALLOC;
  const scav = at + CHUNK_SCAV;
  const freeLo = ~m[alloc];
  const freeHi = ~m[alloc + 1];
  const scavLo = m[scav] & freeLo;
  const scavHi = m[scav + 1] & freeHi;
  m[alloc] = -1;
  m[alloc + 1] = -1;
  m[scav] = m[scav] & ~scavLo;
  m[scav + 1] = m[scav + 1] & ~scavHi;
  m[H_RELEASED_PAGES] = m[H_RELEASED_PAGES] - popcount32(scavLo) - popcount32(scavHi);
  pa.update(base, PAGE_CACHE_PAGES, false, true);
  // The block has nothing free any more, and nothing below it was. The last block may be cut off by the heap's end.
  m[H_SEARCH_PAGE] = Math.min(base + PAGE_CACHE_PAGES - 1, pa.pages);
  setCache(m, word, base, freeLo, freeHi, scavLo, scavHi);
  return true;
}

function lowestFreePage(pa: PageAlloc): number {
  const { m } = pa;
  const search = m[H_SEARCH_PAGE];
  if (search >= pa.pages) return NO_PAGES;
  const c = search >>> LOG_CHUNK_PAGES;
  if (pa.summaries.chunkMax(c) === 0) return pa.find(1);
  const found = find(m, pa.chunkAt(c) + CHUNK_ALLOC, 1, search % CHUNK_PAGES);
  if (found === NOT_FOUND) fatal('bad summary data');
  return c * CHUNK_PAGES + foundIndex(found);
}

/** Free bits last: they are what makes a page the cache's. */
function setCache(
  m: Words,
  word: number,
  base: number,
  freeLo: number,
  freeHi: number,
  scavLo: number,
  scavHi: number,
): void {
  m[word + PC_BASE] = base;
  m[word + PC_SCAV_LO] = scavLo;
  m[word + PC_SCAV_HI] = scavHi;
  m[word + PC_FREE_LO] = freeLo;
  m[word + PC_FREE_HI] = freeHi;
}

/**
 * Gives the cache's pages back and empties it; a cache that is empty is left as it is. By the owner, or by another
 * thread while the owner is stopped or dead; lock: mheap (Go: `pageCache.flush`).
 */
export function flushCache(pa: PageAlloc, word: number): void {
  const { m, mem } = pa;
  if (isCacheEmpty(mem, word)) return;
  const base = m[word + PC_BASE];
  const at = pa.chunkAt(base >>> LOG_CHUNK_PAGES) + ((base % CHUNK_PAGES) >>> 5);
  let present = 0;
  for (let half = 0; half < 2; half++) {
    const free = m[word + PC_FREE_LO + half];
    const scav = m[word + PC_SCAV_LO + half] & free;
    const alloc = at + CHUNK_ALLOC + half;
    m[alloc] = m[alloc] & ~free;
    m[at + CHUNK_SCAV + half] = m[at + CHUNK_SCAV + half] | scav;
    m[H_RELEASED_PAGES] = m[H_RELEASED_PAGES] + popcount32(scav);
    // One past the highest page that has its memory still, counted from the base.
    if (free !== scav) present = half * 32 + 32 - Math.clz32(free & ~scav);
  }
  const first = base + lowestOf(m[word + PC_FREE_LO], m[word + PC_FREE_HI]);
  if (first < m[H_SEARCH_PAGE]) m[H_SEARCH_PAGE] = first;
  pa.update(base, PAGE_CACHE_PAGES, false, false);
  if (present > 0) scavengeIndexMark(mem, base, present);
  setCache(m, word, 0, 0, 0, 0, 0);
}

function lowestOf(lo: number, hi: number): number {
  return lo !== 0 ? ctz32(lo) : 32 + ctz32(hi);
}
