/**
 * The address ranges that the page allocator knows (Go: `addrRanges`): sorted, disjoint, never touching. A heap that
 * grows upwards has one; more appear only when memory is made known with gaps.
 *
 *   ranges   [base, limit) [base, limit) …      H_RANGES of them, in page numbers
 *
 * Lock: mheap, held by the caller. A heap that grows upwards changes one word, the last range's limit, so a thread
 * that dies here leaves the list right; a list with gaps is not safe against that.
 */
import type { Words } from '../base/brand.ts';
import { H_RANGES } from '../layout/header.ts';
import { RANGE_BASE, RANGE_LIMIT, RANGE_WORDS } from '../layout/pages.ts';

/** Number of the first range that ends above `page`; as many as there are when none does (Go: `findSucc`). */
function findRange(m: Words, ranges: number, page: number): number {
  let lo = 0;
  let hi = m[H_RANGES];
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (m[ranges + mid * RANGE_WORDS + RANGE_LIMIT] > page) hi = mid;
    else lo = mid + 1;
  }
  return lo;
}

export function rangesContain(m: Words, ranges: number, page: number): boolean {
  const i = findRange(m, ranges, page);
  return i < m[H_RANGES] && m[ranges + i * RANGE_WORDS + RANGE_BASE] <= page;
}

/** Adds [base, limit), which must touch no page that is known; joins it with its neighbours. False if it overlaps. */
export function addRange(m: Words, ranges: number, base: number, limit: number): boolean {
  const count = m[H_RANGES];
  const i = findRange(m, ranges, base);
  const at = ranges + i * RANGE_WORDS;
  if (i < count && m[at + RANGE_BASE] < limit) return false;
  const before = at - RANGE_WORDS;
  const joinsBefore = i > 0 && m[before + RANGE_LIMIT] === base;
  const joinsAfter = i < count && m[at + RANGE_BASE] === limit;
  if (joinsBefore && joinsAfter) {
    m[before + RANGE_LIMIT] = m[at + RANGE_LIMIT];
    m.copyWithin(at, at + RANGE_WORDS, ranges + count * RANGE_WORDS);
    m[H_RANGES] = count - 1;
  } else if (joinsBefore) {
    m[before + RANGE_LIMIT] = limit;
  } else if (joinsAfter) {
    m[at + RANGE_BASE] = base;
  } else {
    m.copyWithin(at + RANGE_WORDS, at, ranges + count * RANGE_WORDS);
    m[at + RANGE_BASE] = base;
    m[at + RANGE_LIMIT] = limit;
    m[H_RANGES] = count + 1;
  }
  return true;
}
