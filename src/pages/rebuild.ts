/**
 * Repair of the page allocator after a thread died inside the heap lock, when anything may be half written: bitmaps,
 * summaries, the search hint, the ranges. What is true then stands elsewhere: the spans say which pages are used.
 *
 * What a half-done operation can leave, and why making everything again is right:
 * - pages taken in the bitmap, but no span made of them: `isUsed` says no, they are free again;
 * - scavenged bits cleared for pages that stay free: such a page counts as present, which costs nothing but a count;
 * - a chunk half made known: with `knownPages`, the ranges themselves are written again, and every chunk above is
 *   unknown, so that growing comes by it a second time.
 *
 * Lock: mheap, taken over from the dead thread.
 */
import { ctz32 } from '../base/bits.ts';
import { LOG_CHUNK_PAGES } from '../layout/constants.ts';
import { H_CHUNK_END, H_CHUNK_START, H_RANGES, H_RELEASED_PAGES, H_SEARCH_PAGE } from '../layout/header.ts';
import { CHUNK_ALLOC, CHUNK_SCAV, SUM_WORDS } from '../layout/pages.ts';
import type { PageAlloc } from './page-alloc.ts';
import { BITMAP_WORDS } from './page-bits.ts';
import { addRange } from './ranges.ts';
import { scavengeIndexInit, scavengeIndexMark } from './scavenge-index.ts';
import { CHUNK_LEVEL, LEVEL_ENTRIES } from './summary.ts';

export function rebuildPages(pa: PageAlloc, isUsed: (page: number) => boolean, knownPages?: number): void {
  const { m, mem } = pa;
  const { plan } = mem;
  if (knownPages !== undefined) {
    m[H_RANGES] = 0;
    if (knownPages > 0) addRange(m, plan.ranges, 0, knownPages);
  }
  plan.summaries.forEach((at, level) => {
    m.fill(0, at, at + plan.summaryCounts[level] * SUM_WORDS);
  });
  scavengeIndexInit(mem);
  m[H_SEARCH_PAGE] = plan.pages;
  m[H_CHUNK_START] = 0;
  m[H_CHUNK_END] = 0;
  pa.eachChunk((c) => {
    if (m[H_CHUNK_END] === 0) m[H_CHUNK_START] = c;
    m[H_CHUNK_END] = c + 1;
    rebuildChunk(pa, c, isUsed);
    pa.summaries.summarizeChunk(c);
  });
  for (let level = CHUNK_LEVEL - 1; level >= 0; level--) {
    for (let e = 0; e < plan.summaryCounts[level + 1] / LEVEL_ENTRIES; e++) pa.summaries.mergeEntry(level, e);
  }
  m[H_RELEASED_PAGES] = pa.countReleased();
}

function rebuildChunk(pa: PageAlloc, c: number, isUsed: (page: number) => boolean): void {
  const { m, pages } = pa;
  const alloc = pa.chunkAt(c) + CHUNK_ALLOC;
  const scav = pa.chunkAt(c) + CHUNK_SCAV;
  for (let w = 0; w < BITMAP_WORDS; w++) {
    const first = (c << LOG_CHUNK_PAGES) + w * 32;
    let used = 0;
    for (let i = 0; i < 32; i++) {
      if (first + i >= pages || isUsed(first + i)) used |= 1 << i;
    }
    m[alloc + w] = used;
    m[scav + w] = m[scav + w] & ~used;
    const present = ~(used | m[scav + w]);
    if (present !== 0) scavengeIndexMark(pa.mem, first + 31 - Math.clz32(present), 1);
    if (used !== -1 && m[H_SEARCH_PAGE] >= pages) m[H_SEARCH_PAGE] = first + ctz32(~used);
  }
}
