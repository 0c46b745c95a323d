/**
 * The page allocator (Go: `pageAlloc`): which pages of the reservation are free. Address-ordered first fit.
 *
 *   searchPage ──┐                    nothing free below it
 *   level 0      │ [ start, max, end ][ …                     summaries: where can a run of n pages be?
 *   level 1…2    ▼   └─ 8 entries each
 *   level 3          [ start, max, end ] a chunk
 *   chunks           alloc ■■■■□□■□□□□□…   scav ····▒▒·▒▒▒▒▒…   512 pages: which ones exactly?
 *
 * Invariants (`check` tests each):
 * - the summaries say what the bitmaps say; chunks that are not known have summary (0, 0, 0);
 * - no page below H_SEARCH_PAGE is free; `plan.pages` there means that nothing is;
 * - no page is in use and scavenged; H_RELEASED_PAGES counts the scavenged bits (those of pages in a page cache are
 *   kept in the cache and not counted). Nobody outside this folder writes that word;
 * - the pages of the last chunk that lie beyond the reservation are in use for ever;
 * - a chunk with something to scavenge is marked in the scavenger's index.
 *
 * Every method needs the heap lock, held by the caller. All state is in shared memory: each thread has an object of
 * its own with nothing in it but views, constants, and the second result of the last call. `alloc`, `free` and what they
 * use allocate no JS objects.
 *
 * A thread that dies inside may leave bitmaps and summaries half written. `rebuild` makes them again from the spans.
 */
import type { PageNo, Words } from '../base/brand.ts';
import { fatal } from '../base/fatal.ts';
import { CHUNK_PAGES, LOG_CHUNK_PAGES } from '../layout/constants.ts';
import { H_CHUNK_END, H_CHUNK_START, H_RANGES, H_RELEASED_PAGES, H_SEARCH_PAGE } from '../layout/header.ts';
import {
  CHUNK_ALLOC,
  CHUNK_SCAV,
  CHUNK_WORDS,
  RANGE_BASE,
  RANGE_LIMIT,
  RANGE_WORDS,
  SUM_END,
  SUM_MAX,
  SUM_START,
  SUM_WORDS,
  SUMMARY_LEVEL_BITS,
  SUMMARY_LEVELS,
} from '../layout/pages.ts';
import type { Mem } from '../sys/mem.ts';
import {
  allocAll,
  allocRange,
  find,
  foundFirstFree,
  foundIndex,
  freeAll,
  freeRange,
  NOT_FOUND,
  pageBit,
  popcntAll,
  popcntRange,
} from './page-bits.ts';
import { checkPages } from './page-check.ts';
import { addRange, rangesContain } from './ranges.ts';
import { rebuildPages } from './rebuild.ts';
import { scavengeIndexInit, scavengeIndexMark } from './scavenge-index.ts';
import { LEVEL_ENTRIES, levelLogPages } from './summary.ts';
import { SummaryTree } from './summary-tree.ts';

/** No run of that length is free. */
export const NO_PAGES = -1;

export class PageAlloc {
  readonly mem: Mem;
  readonly m: Words;
  /** Pages of the reservation. */
  readonly pages: number;
  /** Scavenged pages among those that the last `alloc` or `allocRange` took: the OS has to provide them anew. */
  scavengedPages = 0;
  /** Second result of `find`: no page below it is free. */
  foundFirstFree = 0;
  readonly summaries: SummaryTree;
  readonly #chunks: number;
  readonly #ranges: number;

  constructor(mem: Mem) {
    const { plan } = mem;
    this.mem = mem;
    this.m = mem.m;
    this.pages = plan.pages;
    this.summaries = new SummaryTree(mem);
    this.#chunks = plan.chunks;
    this.#ranges = plan.ranges;
  }

  /** Makes a heap that knows no pages, out of memory that is zero. */
  init(): void {
    const { m } = this;
    m[H_SEARCH_PAGE] = this.pages;
    m[H_CHUNK_START] = 0;
    m[H_CHUNK_END] = 0;
    m[H_RANGES] = 0;
    m[H_RELEASED_PAGES] = 0;
    scavengeIndexInit(this.mem);
  }

  /** Word of chunk `c`'s record. */
  chunkAt(c: number): number {
    return this.#chunks + c * CHUNK_WORDS;
  }

  /**
   * Makes pages known: free, and scavenged, since nobody has touched them. Whole chunks, except that the last may be
   * cut short by the end of the reservation.
   */
  grow(page: number, npages: number): void {
    const { m, pages } = this;
    const limit = page + npages;
    if (page % CHUNK_PAGES !== 0 || npages <= 0 || limit > pages || (limit % CHUNK_PAGES !== 0 && limit !== pages)) {
      fatal('pageAlloc.grow: not whole chunks of the reservation');
    }
    const first = page >>> LOG_CHUNK_PAGES;
    const end = (limit + CHUNK_PAGES - 1) >>> LOG_CHUNK_PAGES;
    for (let c = first; c < end; c++) this.#initChunk(c);
    // Only now does anybody who finds this half done count the chunks as known.
    if (!addRange(m, this.#ranges, page, limit)) fatal('pageAlloc.grow: pages are known already');
    const empty = m[H_CHUNK_START] === m[H_CHUNK_END];
    if (empty || first < m[H_CHUNK_START]) m[H_CHUNK_START] = first;
    if (empty || end > m[H_CHUNK_END]) m[H_CHUNK_END] = end;
    m[H_RELEASED_PAGES] = m[H_RELEASED_PAGES] + npages;
    if (page < m[H_SEARCH_PAGE]) m[H_SEARCH_PAGE] = page;
    this.update(page, (end - first) * CHUNK_PAGES, true, false);
  }

  #initChunk(c: number): void {
    const { m } = this;
    const at = this.chunkAt(c);
    freeAll(m, at + CHUNK_ALLOC);
    allocAll(m, at + CHUNK_SCAV);
    const beyond = (c + 1) * CHUNK_PAGES - this.pages;
    if (beyond > 0) {
      allocRange(m, at + CHUNK_ALLOC, CHUNK_PAGES - beyond, beyond);
      freeRange(m, at + CHUNK_SCAV, CHUNK_PAGES - beyond, beyond);
    }
  }

  /** The lowest run of `npages` free pages, now in use; NO_PAGES if there is none. Sets `scavengedPages`. */
  alloc(npages: number): PageNo | typeof NO_PAGES {
    const { m } = this;
    const search = m[H_SEARCH_PAGE];
    this.scavengedPages = 0;
    if (search >= this.pages) return NO_PAGES;
    let page = NO_PAGES;
    const c = search >>> LOG_CHUNK_PAGES;
    const i = search % CHUNK_PAGES;
    if (CHUNK_PAGES - i >= npages && this.summaries.chunkMax(c) >= npages) {
      // The chunk of the lowest free page has such a run, so no other can have a lower one.
      page = this.#findInChunk(c, npages, i);
    } else {
      page = this.find(npages);
      if (page === NO_PAGES) {
        // Not one free page: later calls need not look.
        if (npages === 1) m[H_SEARCH_PAGE] = this.pages;
        return NO_PAGES;
      }
    }
    if (this.foundFirstFree > search) m[H_SEARCH_PAGE] = this.foundFirstFree;
    this.allocRange(page, npages);
    return page as PageNo;
  }

  #findInChunk(c: number, npages: number, searchIdx: number): number {
    const found = find(this.m, this.chunkAt(c) + CHUNK_ALLOC, npages, searchIdx);
    if (found === NOT_FOUND) fatal('bad summary data');
    this.foundFirstFree = c * CHUNK_PAGES + foundFirstFree(found);
    return c * CHUNK_PAGES + foundIndex(found);
  }

  /**
   * The lowest run of `npages` free pages, by the summaries; NO_PAGES if there is none. Sets `foundFirstFree`. Goes
   * down from the root: at each level the run either crosses the border of two entries, and is found here, or lies
   * within the first entry whose `max` is large enough, and is looked for in the 8 entries below.
   */
  find(npages: number): number {
    const { m, summaries } = this;
    const search = m[H_SEARCH_PAGE];
    let block = 0;
    // Whether all entries passed so far began with the first that has a free page.
    let narrowing = true;
    this.foundFirstFree = search;
    levels: for (let level = 0; level < SUMMARY_LEVELS; level++) {
      const log = levelLogPages(level);
      const full = 1 << log;
      const end = block + (level === 0 ? summaries.rootEntries : LEVEL_ENTRIES);
      const hint = search >>> log;
      let entry = hint > block && hint < end ? hint : block;
      let run = 0;
      let runPage = 0;
      let firstEntry = -1;
      for (let at = summaries.at(level, entry); entry < end; entry++, at += SUM_WORDS) {
        const max = m[at + SUM_MAX];
        if (max === 0) {
          run = 0;
          continue;
        }
        if (firstEntry < 0) {
          firstEntry = entry;
          if (narrowing && entry << log > search) this.foundFirstFree = entry << log;
        }
        const start = m[at + SUM_START];
        if (run + start >= npages) return run === 0 ? entry << log : runPage;
        if (max >= npages) {
          narrowing = narrowing && entry === firstEntry;
          block = entry << SUMMARY_LEVEL_BITS;
          continue levels;
        }
        if (run === 0 || start < full) {
          run = m[at + SUM_END];
          runPage = ((entry + 1) << log) - run;
        } else {
          run += full;
        }
      }
      if (level === 0) return NO_PAGES;
      fatal('bad summary data');
    }
    const { foundFirstFree: before } = this;
    const page = this.#findInChunk(block >>> SUMMARY_LEVEL_BITS, npages, 0);
    if (!narrowing) this.foundFirstFree = before;
    return page;
  }

  /** Marks the pages in use and counts those that were scavenged. They must be free. Returns `scavengedPages`. */
  allocRange(page: number, npages: number): number {
    const { m } = this;
    let scavenged = 0;
    for (let left = npages, p = page; left > 0; ) {
      const at = this.chunkAt(p >>> LOG_CHUNK_PAGES);
      const i = p % CHUNK_PAGES;
      const n = Math.min(left, CHUNK_PAGES - i);
      allocRange(m, at + CHUNK_ALLOC, i, n);
      const count = popcntRange(m, at + CHUNK_SCAV, i, n);
      if (count !== 0) {
        freeRange(m, at + CHUNK_SCAV, i, n);
        scavenged += count;
      }
      p += n;
      left -= n;
    }
    if (scavenged !== 0) m[H_RELEASED_PAGES] = m[H_RELEASED_PAGES] - scavenged;
    this.scavengedPages = scavenged;
    this.summaries.taken(page, npages);
    return scavenged;
  }

  /** Makes pages free that are in use. Their memory is still there: they are not scavenged. */
  free(page: number, npages: number): void {
    const { m } = this;
    if (page < m[H_SEARCH_PAGE]) m[H_SEARCH_PAGE] = page;
    for (let left = npages, p = page; left > 0; ) {
      const i = p % CHUNK_PAGES;
      const n = Math.min(left, CHUNK_PAGES - i);
      freeRange(m, this.chunkAt(p >>> LOG_CHUNK_PAGES) + CHUNK_ALLOC, i, n);
      p += n;
      left -= n;
    }
    this.summaries.freed(page, npages);
    scavengeIndexMark(this.mem, page, npages);
  }

  /**
   * Makes the summaries right again after bits among these pages changed. `contig`: all of them became what `alloc`
   * says, so that chunks in the middle need not be counted.
   */
  update(page: number, npages: number, contig: boolean, alloc: boolean): void {
    this.summaries.update(page, npages, contig, alloc);
  }

  /** Whether the page allocator knows the page and it is free. Pages in a thread's page cache are not. */
  isFree(page: number): boolean {
    return (
      this.isKnown(page) &&
      pageBit(this.m, this.chunkAt(page >>> LOG_CHUNK_PAGES) + CHUNK_ALLOC, page % CHUNK_PAGES) === 0
    );
  }

  isKnown(page: number): boolean {
    return rangesContain(this.m, this.#ranges, page);
  }

  /** Number of free pages, counted. */
  freePages(): number {
    let free = 0;
    this.eachChunk((c) => {
      free += CHUNK_PAGES - popcntAll(this.m, this.chunkAt(c) + CHUNK_ALLOC);
    });
    return free;
  }

  /** Number of scavenged pages, counted: what H_RELEASED_PAGES holds. */
  countReleased(): number {
    let released = 0;
    this.eachChunk((c) => {
      released += popcntAll(this.m, this.chunkAt(c) + CHUNK_SCAV);
    });
    return released;
  }

  /** The known ranges as [first page, page after the last], upwards. */
  knownRanges(): [number, number][] {
    const { m } = this;
    const ranges: [number, number][] = [];
    for (let i = 0, at = this.#ranges; i < m[H_RANGES]; i++, at += RANGE_WORDS) {
      ranges.push([m[at + RANGE_BASE], m[at + RANGE_LIMIT]]);
    }
    return ranges;
  }

  /** Calls `visit` with each known chunk, upwards. For slow paths. */
  eachChunk(visit: (c: number) => void): void {
    for (const [base, limit] of this.knownRanges()) {
      const end = (limit + CHUNK_PAGES - 1) >>> LOG_CHUNK_PAGES;
      for (let c = base >>> LOG_CHUNK_PAGES; c < end; c++) visit(c);
    }
  }

  /**
   * Makes everything but the scavenged bits of free pages again, out of `isUsed`. With `knownPages` the pages below
   * that number are the known ones, otherwise those that the ranges name. See rebuild.ts.
   */
  rebuild(isUsed: (page: number) => boolean, knownPages?: number): void {
    rebuildPages(this, isUsed, knownPages);
  }

  /**
   * Null, or the first broken invariant in words. `minPages`: pages of the OS's page, without which there are chunks
   * with free pages that the scavenger rightly passes over. See page-check.ts.
   */
  check(minPages = 1): string | null {
    return checkPages(this, minPages);
  }
}
