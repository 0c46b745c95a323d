/**
 * The tree of summaries of one heap, and how it is kept right (Go: `pageAlloc.summary`, `pageAlloc.update`).
 *
 * A change of a few pages in one chunk mostly changes little above it. So `taken` and `freed` work from the run of free
 * pages around the change, and go up only as far as a summary changes; `update` counts the chunks again. Both leave
 * what summary.ts describes, and the bitmaps must be written before.
 *
 * Lock: mheap, held by the caller. Allocates nothing.
 */
import type { Words } from '../base/brand.ts';
import { CHUNK_PAGES, LOG_CHUNK_PAGES } from '../layout/constants.ts';
import {
  CHUNK_ALLOC,
  CHUNK_WORDS,
  SUM_END,
  SUM_MAX,
  SUM_START,
  SUM_WORDS,
  SUMMARY_LEVEL_BITS,
} from '../layout/pages.ts';
import type { Mem } from '../sys/mem.ts';
import { freeBefore, freeFrom, longestRun, packedEnd, packedMax, packedStart, summarize } from './page-bits.ts';
import { CHUNK_LEVEL, childChanged, LEVEL_ENTRIES, levelLogPages, mergeSummaries, setSummary } from './summary.ts';

export class SummaryTree {
  readonly m: Words;
  /** Entries of level 0. */
  readonly rootEntries: number;
  /** First word of each level. */
  readonly #levels: readonly number[];
  /** First word of the chunks' level. */
  readonly #chunks: number;
  /** First word of chunk 0's alloc bitmap. */
  readonly #bitmaps: number;

  constructor(mem: Mem) {
    const { plan } = mem;
    this.m = mem.m;
    this.rootEntries = plan.summaryCounts[1] / LEVEL_ENTRIES;
    this.#levels = plan.summaries;
    this.#chunks = plan.summaries[CHUNK_LEVEL];
    this.#bitmaps = plan.chunks + CHUNK_ALLOC;
  }

  /** Word of an entry. */
  at(level: number, entry: number): number {
    return this.#levels[level] + entry * SUM_WORDS;
  }

  /** Longest run of free pages of chunk `c`. */
  chunkMax(c: number): number {
    return this.m[this.#chunks + c * SUM_WORDS + SUM_MAX];
  }

  /** After pages that were free came into use. Within one chunk, from the run of free pages that they were part of. */
  taken(page: number, npages: number): void {
    if ((page % CHUNK_PAGES) + npages > CHUNK_PAGES) {
      this.update(page, npages, true, true);
      return;
    }
    const { m } = this;
    const c = page >>> LOG_CHUNK_PAGES;
    const i = page % CHUNK_PAGES;
    const at = this.#chunks + c * SUM_WORDS;
    const alloc = this.#bitmaps + c * CHUNK_WORDS;
    const start = m[at + SUM_START];
    const max = m[at + SUM_MAX];
    const end = m[at + SUM_END];
    const below = freeBefore(m, alloc, i);
    const above = freeFrom(m, alloc, i + npages);
    if (below === i) m[at + SUM_START] = below;
    if (i + npages + above === CHUNK_PAGES) m[at + SUM_END] = above;
    if (below + npages + above === max) {
      // Was it the only run of that length? The bitmap knows, unless the rest of the chunk is too short for another.
      const left = Math.max(below, above);
      m[at + SUM_MAX] = left >= CHUNK_PAGES - max ? left : longestRun(m, alloc, max);
    }
    this.#chunkChanged(c, start, max, end);
  }

  /** After pages that were in use became free. Within one chunk, from the run that they are part of now. */
  freed(page: number, npages: number): void {
    if ((page % CHUNK_PAGES) + npages > CHUNK_PAGES) {
      this.update(page, npages, true, false);
      return;
    }
    const { m } = this;
    const c = page >>> LOG_CHUNK_PAGES;
    const i = page % CHUNK_PAGES;
    const at = this.#chunks + c * SUM_WORDS;
    const alloc = this.#bitmaps + c * CHUNK_WORDS;
    const start = m[at + SUM_START];
    const max = m[at + SUM_MAX];
    const end = m[at + SUM_END];
    const below = freeBefore(m, alloc, i);
    const above = freeFrom(m, alloc, i + npages);
    const run = below + npages + above;
    if (below === i) m[at + SUM_START] = run;
    if (run > max) m[at + SUM_MAX] = run;
    if (i + npages + above === CHUNK_PAGES) m[at + SUM_END] = run;
    this.#chunkChanged(c, start, max, end);
  }

  /** Carries the change of a chunk's summary, which was (start, max, end), up the tree as far as it goes. */
  #chunkChanged(c: number, start: number, max: number, end: number): void {
    const { m } = this;
    let entry = c;
    for (let level = CHUNK_LEVEL - 1; level >= 0; level--) {
      const child = entry % LEVEL_ENTRIES;
      entry >>>= SUMMARY_LEVEL_BITS;
      const into = this.#levels[level] + entry * SUM_WORDS;
      const from = this.#levels[level + 1] + (entry << SUMMARY_LEVEL_BITS) * SUM_WORDS;
      const oldStart = m[into + SUM_START];
      const oldMax = m[into + SUM_MAX];
      const oldEnd = m[into + SUM_END];
      if (!childChanged(m, from, child, levelLogPages(level + 1), into, start, max, end)) return;
      start = oldStart;
      max = oldMax;
      end = oldEnd;
    }
  }

  /**
   * Makes the summaries right again after bits among these pages changed. `contig`: all of them became what `alloc`
   * says, so that chunks in the middle need not be counted.
   */
  update(page: number, npages: number, contig: boolean, alloc: boolean): void {
    const { m } = this;
    let first = page >>> LOG_CHUNK_PAGES;
    let last = (page + npages - 1) >>> LOG_CHUNK_PAGES;
    let changed = this.summarizeChunk(first);
    const middle = alloc ? 0 : CHUNK_PAGES;
    for (let c = first + 1; c < last; c++) {
      changed =
        (contig ? setSummary(m, this.at(CHUNK_LEVEL, c), middle, middle, middle) : this.summarizeChunk(c)) || changed;
    }
    if (last !== first) changed = this.summarizeChunk(last) || changed;
    for (let level = CHUNK_LEVEL - 1; changed && level >= 0; level--) {
      first >>>= SUMMARY_LEVEL_BITS;
      last >>>= SUMMARY_LEVEL_BITS;
      changed = false;
      for (let e = first; e <= last; e++) changed = this.mergeEntry(level, e) || changed;
    }
  }

  /** Makes the summary of chunk `c` from its bitmap; says whether it changed. */
  summarizeChunk(c: number): boolean {
    const { m } = this;
    const sum = summarize(m, this.#bitmaps + c * CHUNK_WORDS);
    const at = this.#chunks + c * SUM_WORDS;
    return setSummary(m, at, packedStart(sum), packedMax(sum), packedEnd(sum));
  }

  /** Makes an entry above the chunks from the 8 below it; says whether it changed. */
  mergeEntry(level: number, entry: number): boolean {
    const from = this.#levels[level + 1] + (entry << SUMMARY_LEVEL_BITS) * SUM_WORDS;
    const into = this.#levels[level] + entry * SUM_WORDS;
    return mergeSummaries(this.m, from, LEVEL_ENTRIES, levelLogPages(level + 1), into);
  }
}
