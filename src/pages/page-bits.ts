/**
 * Bitmaps of one chunk: 512 pages in 16 words (Go: `pageBits`, `pallocBits`, 8 words of 64 bits there).
 *
 *   word     at            at + 1                at + 15
 *            31 … 1 0      63 … 33 32            511 … 480      page of the chunk
 *   alloc    1 = in use                          scav  1 = memory given back to the OS
 *
 * Free functions over `(m, at)`: `m` is allocator memory, `at` the word where the bitmap begins. None of them
 * allocates: two results come packed into one number. Lock: mheap, held by the caller.
 *
 * Page counts: 1 ≤ n, i + n ≤ 512.
 */
import { ctz32, popcount32 } from '../base/bits.ts';
import type { Words } from '../base/brand.ts';
import { CHUNK_PAGES } from '../layout/constants.ts';

/** Words of a bitmap. */
export const BITMAP_WORDS = 16;
const WORD_PAGES = 32;

/** `find` found no run. */
export const NOT_FOUND = -1;
const FOUND_BITS = 9;

/** First page of the run that `find` found. */
export function foundIndex(found: number): number {
  return found & ((1 << FOUND_BITS) - 1);
}

/** Lowest free page that `find` saw: no page below it is free, if none was below the hint. */
export function foundFirstFree(found: number): number {
  return found >>> FOUND_BITS;
}

/**
 * Lowest run of `npages` free pages at or after the block of 64 that holds `searchIdx`, below which no page is free.
 * Packed for `foundIndex` and `foundFirstFree`, or NOT_FOUND (Go: `pallocBits.find`).
 */
export function find(m: Words, at: number, npages: number, searchIdx: number): number {
  if (npages === 1) return find1(m, at, searchIdx);
  return npages <= WORD_PAGES ? findSmallN(m, at, npages, searchIdx) : findLargeN(m, at, npages, searchIdx);
}

/** First word of the search: that of the aligned block of 64 pages. */
function searchWord(searchIdx: number): number {
  return (searchIdx >>> 6) << 1;
}

function find1(m: Words, at: number, searchIdx: number): number {
  for (let w = searchWord(searchIdx); w < BITMAP_WORDS; w++) {
    const free = ~m[at + w];
    if (free !== 0) {
      const index = w * WORD_PAGES + ctz32(free);
      return index | (index << FOUND_BITS);
    }
  }
  return NOT_FOUND;
}

/** For 2 … 32 pages: such a run lies within a word, or is the end of one and the beginning of the next. */
function findSmallN(m: Words, at: number, npages: number, searchIdx: number): number {
  let end = 0;
  let firstFree = -1;
  for (let w = searchWord(searchIdx); w < BITMAP_WORDS; w++) {
    const used = m[at + w];
    if (used === -1) {
      end = 0;
      continue;
    }
    if (firstFree < 0) firstFree = w * WORD_PAGES + ctz32(~used);
    if (end + ctz32(used) >= npages) return (w * WORD_PAGES - end) | (firstFree << FOUND_BITS);
    const i = findBitRange32(~used, npages);
    if (i < WORD_PAGES) return (w * WORD_PAGES + i) | (firstFree << FOUND_BITS);
    end = Math.clz32(used);
  }
  return NOT_FOUND;
}

/** For more than 32 pages: such a run touches two words or more, so only their ends matter. */
function findLargeN(m: Words, at: number, npages: number, searchIdx: number): number {
  let start = 0;
  let size = 0;
  let firstFree = -1;
  for (let w = searchWord(searchIdx); w < BITMAP_WORDS; w++) {
    const used = m[at + w];
    if (used === -1) {
      size = 0;
      continue;
    }
    if (firstFree < 0) firstFree = w * WORD_PAGES + ctz32(~used);
    const low = ctz32(used);
    if (size + low >= npages) {
      if (size === 0) start = w * WORD_PAGES;
      return start | (firstFree << FOUND_BITS);
    }
    if (low === WORD_PAGES) {
      if (size === 0) start = w * WORD_PAGES;
      size += WORD_PAGES;
    } else {
      size = Math.clz32(used);
      start = (w + 1) * WORD_PAGES - size;
    }
  }
  return NOT_FOUND;
}

/** Lowest position of `n` consecutive 1 bits, 1 ≤ n ≤ 32; 32 if there are none. */
export function findBitRange32(x: number, n: number): number {
  // Bit i of `runs` says that `have` bits from i on are 1: the run known doubles until it is n long.
  let runs = x;
  let have = 1;
  while (have < n && runs !== 0) {
    const step = Math.min(have, n - have);
    runs &= runs >>> step;
    have += step;
  }
  return ctz32(runs);
}

/** The same in 64 bits, given as two halves: 1 ≤ n ≤ 64; 64 if there are none. */
export function findBitRange64(lo: number, hi: number, n: number): number {
  let runsLo = lo;
  let runsHi = hi;
  let have = 1;
  while (have < n && (runsLo | runsHi) !== 0) {
    const step = Math.min(have, n - have);
    if (step === 32) {
      runsLo &= runsHi;
      runsHi = 0;
    } else {
      runsLo &= (runsLo >>> step) | (runsHi << (32 - step));
      runsHi &= runsHi >>> step;
    }
    have += step;
  }
  return runsLo !== 0 ? ctz32(runsLo) : 32 + ctz32(runsHi);
}

const SUM_BITS = 10;
const SUM_MASK = (1 << SUM_BITS) - 1;

/** (start, max, end) of a chunk in one number; `packedStart`, `packedMax` and `packedEnd` take it apart. */
function packSum(start: number, max: number, end: number): number {
  return start | (max << SUM_BITS) | (end << (2 * SUM_BITS));
}

export function packedStart(sum: number): number {
  return sum & SUM_MASK;
}

export function packedMax(sum: number): number {
  return (sum >>> SUM_BITS) & SUM_MASK;
}

export function packedEnd(sum: number): number {
  return sum >>> (2 * SUM_BITS);
}

/** Free pages at the beginning, longest free run, free pages at the end: packed (Go: `pallocBits.summarize`). */
export function summarize(m: Words, at: number): number {
  return packSum(freeFrom(m, at, 0), longestRun(m, at, CHUNK_PAGES), freeBefore(m, at, CHUNK_PAGES));
}

/** Length of the longest run of free pages, or `bound` if there is one of that length. */
export function longestRun(m: Words, at: number, bound: number): number {
  let max = 0;
  // Free pages that end with the last word.
  let run = 0;
  // Shifts that take `max` pages off every run: together they make `max`, none more than was taken off before, plus 1.
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let e = 0;
  for (let w = at, end = at + BITMAP_WORDS; w < end; w++) {
    const used = m[w];
    if (used === 0) {
      run += WORD_PAGES;
      if (run >= bound) return bound;
      continue;
    }
    if (used === -1 && run <= max) {
      run = 0;
      continue;
    }
    run += ctz32(used);
    let free = ~used;
    free &= free >>> a;
    free &= free >>> b;
    free &= free >>> c;
    free &= free >>> d;
    free &= free >>> e;
    if (run > max || free !== 0) {
      // Something of a longer run is left: it is longer than `max` by as many pages as it takes to make it vanish.
      for (; free !== 0; free &= free >>> 1) max++;
      if (run > max) max = run;
      if (max >= bound) return bound;
      let left = max;
      left -= a = Math.min(left, 1);
      left -= b = Math.min(left, 2);
      left -= c = Math.min(left, 4);
      left -= d = Math.min(left, 8);
      e = Math.min(left, 16);
    }
    run = Math.clz32(used);
  }
  return Math.max(run, max);
}

export function allocRange(m: Words, at: number, i: number, n: number): void {
  const last = i + n - 1;
  const first = at + (i >>> 5);
  const end = at + (last >>> 5);
  const head = -1 << i;
  const tail = -1 >>> ~last;
  if (first === end) {
    m[first] = m[first] | (head & tail);
    return;
  }
  m[first] = m[first] | head;
  for (let w = first + 1; w < end; w++) m[w] = -1;
  m[end] = m[end] | tail;
}

export function freeRange(m: Words, at: number, i: number, n: number): void {
  const last = i + n - 1;
  const first = at + (i >>> 5);
  const end = at + (last >>> 5);
  const head = -1 << i;
  const tail = -1 >>> ~last;
  if (first === end) {
    m[first] = m[first] & ~(head & tail);
    return;
  }
  m[first] = m[first] & ~head;
  for (let w = first + 1; w < end; w++) m[w] = 0;
  m[end] = m[end] & ~tail;
}

/** Number of 1 bits among i … i+n−1. */
export function popcntRange(m: Words, at: number, i: number, n: number): number {
  const last = i + n - 1;
  const first = at + (i >>> 5);
  const end = at + (last >>> 5);
  const head = -1 << i;
  const tail = -1 >>> ~last;
  if (first === end) return popcount32(m[first] & head & tail);
  let count = popcount32(m[first] & head);
  for (let w = first + 1; w < end; w++) count += popcount32(m[w]);
  return count + popcount32(m[end] & tail);
}

/** Free pages directly below page `i`. */
export function freeBefore(m: Words, at: number, i: number): number {
  let w = at + (i >>> 5);
  let count = i % WORD_PAGES;
  if (count !== 0) {
    const below = m[w] << (WORD_PAGES - count);
    if (below !== 0) return Math.clz32(below);
  }
  for (w--; w >= at; w--) {
    const used = m[w];
    if (used !== 0) return count + Math.clz32(used);
    count += WORD_PAGES;
  }
  return count;
}

/** Free pages from page `i` on, 0 ≤ i ≤ 512. */
export function freeFrom(m: Words, at: number, i: number): number {
  let w = at + (i >>> 5);
  let count = 0;
  if (i % WORD_PAGES !== 0) {
    const above = m[w] >>> i;
    if (above !== 0) return ctz32(above);
    count = WORD_PAGES - (i % WORD_PAGES);
    w++;
  }
  for (const end = at + BITMAP_WORDS; w < end; w++) {
    const used = m[w];
    if (used !== 0) return count + ctz32(used);
    count += WORD_PAGES;
  }
  return count;
}

export function allocAll(m: Words, at: number): void {
  for (let w = at; w < at + BITMAP_WORDS; w++) m[w] = -1;
}

export function freeAll(m: Words, at: number): void {
  for (let w = at; w < at + BITMAP_WORDS; w++) m[w] = 0;
}

/** Number of 1 bits of the whole bitmap. */
export function popcntAll(m: Words, at: number): number {
  let count = 0;
  for (let w = at; w < at + BITMAP_WORDS; w++) count += popcount32(m[w]);
  return count;
}

/** 1 if page `i` has its bit set. */
export function pageBit(m: Words, at: number, i: number): number {
  return (m[at + (i >>> 5)] >>> i) & 1;
}
