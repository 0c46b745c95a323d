/**
 * Checks the invariants of the page allocator (see page-alloc.ts) without trusting any of its state: everything is
 * counted again from the bitmaps, page by page, in the simplest way. Reads only. Lock: mheap.
 *
 * A message begins with the name of the invariant, then says where and what, with page numbers and addresses.
 */
import { CHUNK_PAGES, LOG_CHUNK_PAGES, PAGE_SIZE } from '../layout/constants.ts';
import { H_CHUNK_END, H_CHUNK_START, H_RELEASED_PAGES, H_SCAV_PAGE, H_SEARCH_PAGE } from '../layout/header.ts';
import { CHUNK_ALLOC, CHUNK_SCAV, SUM_END, SUM_MAX, SUM_START } from '../layout/pages.ts';
import type { PageAlloc } from './page-alloc.ts';
import { pageBit } from './page-bits.ts';
import { isScavengeMarked } from './scavenge-index.ts';
import { CHUNK_LEVEL, levelLogPages } from './summary.ts';

export function checkPages(pa: PageAlloc, minPages: number): string | null {
  const ranges = checkRanges(pa);
  if (ranges !== null) return ranges;
  const known = knownChunks(pa);
  return (
    checkBitmaps(pa, known) ??
    checkSearchPage(pa, known) ??
    checkSummaries(pa, known) ??
    checkScavengeIndex(pa, known, minPages)
  );
}

/** A page with its address, for messages. */
function at(page: number): string {
  return `page ${page} (0x${(page * PAGE_SIZE).toString(16)})`;
}

function knownChunks(pa: PageAlloc): Set<number> {
  const known = new Set<number>();
  pa.eachChunk((c) => known.add(c));
  return known;
}

function checkRanges(pa: PageAlloc): string | null {
  const { m, pages } = pa;
  let before = -1;
  let first = 0;
  for (const [base, limit] of pa.knownRanges()) {
    const range = `[${at(base)}, ${at(limit)})`;
    if (base <= before)
      return `pages.ranges: ${range} touches, overlaps or precedes the range before, which ends at ${at(before)}`;
    if (limit <= base || limit > pages)
      return `pages.ranges: ${range} is empty, reversed or beyond the ${pages} pages of the heap`;
    if (base % CHUNK_PAGES !== 0 || (limit % CHUNK_PAGES !== 0 && limit !== pages)) {
      return `pages.ranges: ${range} does not consist of whole chunks`;
    }
    if (before < 0) first = base;
    before = limit;
  }
  const start = first >>> LOG_CHUNK_PAGES;
  const end = before < 0 ? 0 : Math.ceil(before / CHUNK_PAGES);
  if (m[H_CHUNK_START] !== start || m[H_CHUNK_END] !== end) {
    return `pages.chunks: header says chunks ${m[H_CHUNK_START]} to ${m[H_CHUNK_END]}, the ranges cover ${start} to ${end}`;
  }
  return null;
}

function checkBitmaps(pa: PageAlloc, known: Set<number>): string | null {
  const { m, pages } = pa;
  let released = 0;
  for (const c of known) {
    for (let i = 0; i < CHUNK_PAGES; i++) {
      const page = c * CHUNK_PAGES + i;
      const used = isUsed(pa, c, i);
      const scavenged = pageBit(m, pa.chunkAt(c) + CHUNK_SCAV, i) !== 0;
      if (page >= pages && !used) return `pages.tail: ${at(page)} is free but beyond the ${pages} pages of the heap`;
      if (used && scavenged) return `pages.scavenged: ${at(page)} is in use and scavenged`;
      if (scavenged) released++;
    }
  }
  if (m[H_RELEASED_PAGES] !== released) {
    return `pages.released: header counts ${m[H_RELEASED_PAGES]} released pages, the scavenged bits ${released}`;
  }
  return null;
}

function isUsed(pa: PageAlloc, c: number, i: number): boolean {
  return pageBit(pa.m, pa.chunkAt(c) + CHUNK_ALLOC, i) !== 0;
}

function checkSearchPage(pa: PageAlloc, known: Set<number>): string | null {
  const search = pa.m[H_SEARCH_PAGE];
  if (search < 0 || search > pa.pages) return `pages.searchPage: ${search} is no page of the heap`;
  for (const c of known) {
    for (let i = 0; i < CHUNK_PAGES; i++) {
      const page = c * CHUNK_PAGES + i;
      if (!isUsed(pa, c, i) && page < search)
        return `pages.searchPage: ${at(page)} is free but below the hint, ${at(search)}`;
    }
  }
  return null;
}

interface Summary {
  readonly start: number;
  readonly max: number;
  readonly end: number;
}

/** Summary of 2^log pages from `first` on, page by page; chunks that are not known count as in use. */
function summaryOf(pa: PageAlloc, known: Set<number>, first: number, log: number): Summary {
  const limit = first + (1 << log);
  let start = -1;
  let max = 0;
  let run = 0;
  for (let page = first; page < limit; page++) {
    const c = page >>> LOG_CHUNK_PAGES;
    if (known.has(c) && !isUsed(pa, c, page % CHUNK_PAGES)) {
      run++;
      if (run > max) max = run;
      continue;
    }
    if (start < 0) start = run;
    run = 0;
    if (!known.has(c)) page |= CHUNK_PAGES - 1;
  }
  return { start: start < 0 ? run : start, max, end: run };
}

function checkSummaries(pa: PageAlloc, known: Set<number>): string | null {
  const { m, mem } = pa;
  for (let level = CHUNK_LEVEL; level >= 0; level--) {
    const log = levelLogPages(level);
    for (let entry = 0; entry < mem.plan.summaryCounts[level]; entry++) {
      const word = pa.summaries.at(level, entry);
      const want = summaryOf(pa, known, entry << log, log);
      if (m[word + SUM_START] !== want.start || m[word + SUM_MAX] !== want.max || m[word + SUM_END] !== want.end) {
        const is = `(${m[word + SUM_START]}, ${m[word + SUM_MAX]}, ${m[word + SUM_END]})`;
        const should = `(${want.start}, ${want.max}, ${want.end})`;
        return `pages.summary: level ${level} entry ${entry}, from ${at(entry << log)}: is ${is}, the bitmaps give ${should}`;
      }
    }
  }
  return null;
}

/** Each aligned unit of `min` pages that can be scavenged lies in a marked chunk, and not above the hint's. */
function checkScavengeIndex(pa: PageAlloc, known: Set<number>, min: number): string | null {
  const { m } = pa;
  for (const c of known) {
    const page = highestUnit(pa, c, min);
    if (page < 0) continue;
    if (!isScavengeMarked(pa.mem, c)) {
      return `pages.scavengeIndex: ${at(page)} can be scavenged, its chunk ${c} is not marked`;
    }
    if (m[H_SCAV_PAGE] >> LOG_CHUNK_PAGES < c) {
      return `pages.scavengeIndex: ${at(page)} can be scavenged, nothing above page ${m[H_SCAV_PAGE]} is looked at`;
    }
  }
  return null;
}

/** First page of the highest unit of the chunk that can be scavenged, −1 if there is none. */
function highestUnit(pa: PageAlloc, c: number, min: number): number {
  const word = pa.chunkAt(c);
  for (let unit = CHUNK_PAGES - min; unit >= 0; unit -= min) {
    let eligible = 0;
    while (
      eligible < min &&
      (pageBit(pa.m, word + CHUNK_ALLOC, unit + eligible) | pageBit(pa.m, word + CHUNK_SCAV, unit + eligible)) === 0
    ) {
      eligible++;
    }
    if (eligible === min) return c * CHUNK_PAGES + unit;
  }
  return -1;
}
