/**
 * The radix tree of summaries over the chunks (Go: `pallocSum`, `mergeSummaries`). A summary is three words: free
 * pages at the beginning of its piece of memory, its longest free run, free pages at its end.
 *
 *   level 0   one entry for 512 chunks    2¹⁸ pages          root: as many entries as the reservation needs
 *   level 1   one for 64                  2¹⁵
 *   level 2   one for 8                   2¹²
 *   level 3   one a chunk                 2⁹ pages           made from the chunk's bitmap
 *
 * Invariants: an entry is what `mergeSummaries` makes of the 8 below it; a chunk that is not known has (0, 0, 0).
 * Lock: mheap, held by the caller. See page-alloc.ts for how the tree is searched.
 */
import type { Words } from '../base/brand.ts';
import { LOG_CHUNK_PAGES } from '../layout/constants.ts';
import { SUM_END, SUM_MAX, SUM_START, SUM_WORDS, SUMMARY_LEVEL_BITS, SUMMARY_LEVELS } from '../layout/pages.ts';

/** Entries of a level that one of the level above covers. */
export const LEVEL_ENTRIES = 1 << SUMMARY_LEVEL_BITS;
export const CHUNK_LEVEL = SUMMARY_LEVELS - 1;

/** log2 of the pages that an entry of `level` covers (Go: `levelLogPages`). */
export function levelLogPages(level: number): number {
  return LOG_CHUNK_PAGES + (CHUNK_LEVEL - level) * SUMMARY_LEVEL_BITS;
}

/** Stores a summary; says whether that changed anything. */
export function setSummary(m: Words, at: number, start: number, max: number, end: number): boolean {
  if (m[at + SUM_START] === start && m[at + SUM_MAX] === max && m[at + SUM_END] === end) return false;
  m[at + SUM_START] = start;
  m[at + SUM_MAX] = max;
  m[at + SUM_END] = end;
  return true;
}

/**
 * Stores at word `into` the summary of `count` neighbours, the first at word `from`, each of 2^logMaxPages pages; says
 * whether that changed anything.
 */
export function mergeSummaries(m: Words, from: number, count: number, logMaxPages: number, into: number): boolean {
  const full = 1 << logMaxPages;
  const limit = from + count * SUM_WORDS;
  let at = from;
  let start = 0;
  for (; at < limit; at += SUM_WORDS) {
    start += m[at + SUM_START];
    if (m[at + SUM_START] !== full) break;
  }
  if (at === limit) return setSummary(m, into, start, start, start);
  let max = Math.max(start, m[at + SUM_MAX]);
  let end = m[at + SUM_END];
  for (at += SUM_WORDS; at < limit; at += SUM_WORDS) {
    const next = m[at + SUM_START];
    max = Math.max(max, end + next, m[at + SUM_MAX]);
    end = m[at + SUM_END] + (next === full ? end : 0);
  }
  return setSummary(m, into, start, max, end);
}

/**
 * The same for one level after a single child changed, mostly without looking at all 8: `child` is its number, whose
 * summary was (oldStart, oldMax, oldEnd) and has been stored anew; `from` and `into` as above.
 *
 *        │   child − 1   │    child    │   child + 1   │
 *        ■■■■····left····│start■■■■■end│····right····■■■      a run through the child is left + start or end + right
 *
 * The longest run of the parent can only be in doubt when the child had a part in it and has lost that.
 */
export function childChanged(
  m: Words,
  from: number,
  child: number,
  logMaxPages: number,
  into: number,
  oldStart: number,
  oldMax: number,
  oldEnd: number,
): boolean {
  const full = 1 << logMaxPages;
  const at = from + child * SUM_WORDS;
  let left = 0;
  for (let k = at - SUM_WORDS; k >= from; k -= SUM_WORDS) {
    left += m[k + SUM_END];
    if (m[k + SUM_END] !== full) break;
  }
  let right = 0;
  for (let k = at + SUM_WORDS, end = from + LEVEL_ENTRIES * SUM_WORDS; k < end; k += SUM_WORDS) {
    right += m[k + SUM_START];
    if (m[k + SUM_START] !== full) break;
  }
  const oldRun = longestThrough(left, right, full, oldStart, oldMax, oldEnd);
  const start = m[at + SUM_START];
  const end = m[at + SUM_END];
  const run = longestThrough(left, right, full, start, m[at + SUM_MAX], end);
  let max = m[into + SUM_MAX];
  if (run >= max) max = run;
  else if (oldRun === max) {
    if (run < LEVEL_ENTRIES * full - oldRun) return mergeSummaries(m, from, LEVEL_ENTRIES, logMaxPages, into);
    // What lies outside the old run is too short for a longer one.
    max = run;
  }
  const whole = start === full;
  return setSummary(
    m,
    into,
    left === child << logMaxPages ? left + start + (whole ? right : 0) : m[into + SUM_START],
    max,
    right === (LEVEL_ENTRIES - 1 - child) << logMaxPages ? right + end + (whole ? left : 0) : m[into + SUM_END],
  );
}

function longestThrough(left: number, right: number, full: number, start: number, max: number, end: number): number {
  if (start === full) return left + full + right;
  return Math.max(left + start, end + right, max);
}
