/**
 * Choosing free pages to give back to the OS (Go: the lower half of `mgcscavenge.go`). When and how many is policy,
 * and comes from above.
 *
 *   highest marked chunk ──▶ highest run of pages that are free and not scavenged ──▶ release ──▶ scavenged bits
 *
 * From the top down, since first fit uses memory from the bottom up. The unit of the OS may be larger than a page
 * (`minPages`): then only whole aligned units go back. A huge page of the OS that is free is not broken up.
 *
 * Lock: mheap. While `release` runs the pages are marked in use, so it may let go of the lock and take it again.
 */
import { roundDown, roundUp } from '../base/bits.ts';
import type { Words } from '../base/brand.ts';
import { CHUNK_PAGES, LOG_CHUNK_PAGES, PAGE_SIZE } from '../layout/constants.ts';
import { H_RELEASED_PAGES } from '../layout/header.ts';
import { CHUNK_ALLOC, CHUNK_SCAV } from '../layout/pages.ts';
import type { PageAlloc } from './page-alloc.ts';
import { allocRange } from './page-bits.ts';
import { NO_CHUNK, scavengeIndexClear, scavengeIndexFind } from './scavenge-index.ts';

/** What the OS beneath wants. Sizes are powers of two. */
export interface ScavengeUnits {
  /** Bytes of the OS's page: what it can take back is a multiple of that. */
  readonly physPageBytes: number;
  /** Bytes of its huge page; 0 if there are none or they do not matter. */
  readonly hugePageBytes: number;
}

/** Largest OS page the scavenger can work with (Go: `maxPagesPerPhysPage`). */
const MAX_PAGES_PER_PHYS_PAGE = 64;

/** No unit that matters: pages go back one by one. */
const PLAIN_UNITS: ScavengeUnits = { physPageBytes: PAGE_SIZE, hugePageBytes: 0 };

/** Lowest bit of every group of `m` bits, by log2 m. */
const GROUP_LOW_BITS = [-1, 0x55555555, 0x11111111, 0x01010101, 0x00010001, 1];

/**
 * One half of a 64-bit word with every aligned group of `m` bits that has any bit set filled with ones; m a power of
 * two up to 64. `other` is the other half (Go: `fillAligned`).
 */
export function fillAligned(half: number, other: number, m: number): number {
  if (m === 1) return half;
  if (m === 64) return (half | other) === 0 ? 0 : -1;
  // Gather each group's bits in its lowest one, then spread that over the group.
  let low = half;
  for (let step = 1; step < m; step <<= 1) low |= low >>> step;
  low &= GROUP_LOW_BITS[31 - Math.clz32(m)];
  return m === 32 ? -low : Math.imul(low, (1 << m) - 1);
}

/** Pages of chunk word `w` that cannot be scavenged, in units of `min` pages. */
function ineligible(m: Words, chunk: number, w: number, min: number): number {
  const half = m[chunk + CHUNK_ALLOC + w] | m[chunk + CHUNK_SCAV + w];
  if (min === 1) return half;
  const pair = w ^ 1;
  return fillAligned(half, m[chunk + CHUNK_ALLOC + pair] | m[chunk + CHUNK_SCAV + pair], min);
}

/** `findScavengeCandidate` found nothing. */
export const NO_CANDIDATE = -1;

/** First page of the candidate, within its chunk. */
export function candidateStart(candidate: number): number {
  return candidate % CHUNK_PAGES;
}

export function candidatePages(candidate: number): number {
  return candidate >>> LOG_CHUNK_PAGES;
}

/**
 * Up to `max` pages at the upper end of the highest run of free, unscavenged pages of a chunk, searched downwards from
 * the block of 64 that holds `searchIdx`: packed for `candidateStart` and `candidatePages`, or NO_CANDIDATE. Works in
 * aligned units of `min` pages, and takes more than `max` rather than break up a huge page.
 */
export function findScavengeCandidate(
  m: Words,
  chunk: number,
  searchIdx: number,
  min: number,
  max: number,
  units: ScavengeUnits = PLAIN_UNITS,
): number {
  let w = ((searchIdx >>> 6) << 1) + 1;
  let x = -1;
  for (; w >= 0; w--) {
    x = ineligible(m, chunk, w, min);
    if (x !== -1) break;
  }
  if (w < 0) return NO_CANDIDATE;
  const above = Math.clz32(~x);
  const end = w * 32 + 32 - above;
  // `above` is below 32 here, and the bits shifted in count as the end of the run unless the word is free down to 0.
  let run = x << above === 0 ? 32 - above : Math.clz32(x << above);
  if (run === 32 - above) {
    for (w--; w >= 0; w--) {
      x = ineligible(m, chunk, w, min);
      run += Math.clz32(x);
      if (x !== 0) break;
    }
  }
  const size = Math.min(run, Math.max(roundUp(max, min), min));
  return pack(extendToHugePage(end, run, size, units), end);
}

function pack(start: number, end: number): number {
  return start | ((end - start) << LOG_CHUNK_PAGES);
}

/** Start of the candidate that ends at `end`, moved down to the border of a huge page that it would break up. */
function extendToHugePage(end: number, run: number, size: number, units: ScavengeUnits): number {
  const start = end - size;
  const { hugePageBytes, physPageBytes } = units;
  if (hugePageBytes <= PAGE_SIZE || hugePageBytes <= physPageBytes) return start;
  const huge = hugePageBytes / PAGE_SIZE;
  const border = roundDown(start, huge);
  return roundUp(start, huge) <= end && border >= end - run ? border : start;
}

/**
 * Gives back at least `wantBytes` if there is that much; returns the bytes given back. `release` gets each run, and
 * may throw: then its pages are free as before.
 */
export function scavenge(
  pa: PageAlloc,
  wantBytes: number,
  release: (page: number, npages: number) => void,
  units: ScavengeUnits = PLAIN_UNITS,
): number {
  let released = 0;
  while (released < wantBytes) {
    const bytes = scavengeOne(pa, wantBytes - released, release, units);
    if (bytes === 0) break;
    released += bytes;
  }
  return released;
}

/** One run of at most about `maxBytes`; 0 when nothing is left to give back (Go: `pageAlloc.scavengeOne`). */
function scavengeOne(
  pa: PageAlloc,
  maxBytes: number,
  release: (page: number, npages: number) => void,
  units: ScavengeUnits = PLAIN_UNITS,
): number {
  const { m, mem } = pa;
  const minPages = Math.max(1, units.physPageBytes / PAGE_SIZE);
  const maxPages = Math.min(Math.ceil(maxBytes / PAGE_SIZE), CHUNK_PAGES);
  if (minPages > MAX_PAGES_PER_PHYS_PAGE) return 0;
  for (let hint = scavengeIndexFind(mem); hint !== NO_CHUNK; hint = scavengeIndexFind(mem)) {
    const c = hint >>> LOG_CHUNK_PAGES;
    const found =
      pa.summaries.chunkMax(c) < minPages
        ? NO_CANDIDATE
        : findScavengeCandidate(m, pa.chunkAt(c), hint % CHUNK_PAGES, minPages, maxPages, units);
    if (found !== NO_CANDIDATE) {
      const npages = candidatePages(found);
      releaseRun(pa, c * CHUNK_PAGES + candidateStart(found), npages, release);
      return npages * PAGE_SIZE;
    }
    scavengeIndexClear(mem, c);
  }
  return 0;
}

function releaseRun(
  pa: PageAlloc,
  page: number,
  npages: number,
  release: (page: number, npages: number) => void,
): void {
  const { m } = pa;
  pa.allocRange(page, npages);
  let done = false;
  try {
    release(page, npages);
    done = true;
  } finally {
    pa.free(page, npages);
    if (done) {
      allocRange(m, pa.chunkAt(page >>> LOG_CHUNK_PAGES) + CHUNK_SCAV, page % CHUNK_PAGES, npages);
      m[H_RELEASED_PAGES] = m[H_RELEASED_PAGES] + npages;
    }
  }
}
