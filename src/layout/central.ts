/**
 * Central free list of one span class (Go: `mcentral`): the spans that no thread owns, in four sets: partial (some
 * slot free) and full, each once for swept and once for unswept spans. The two change roles each cycle:
 * set `sweepgen/2 % 2` is the swept one.
 *
 * A set is a doubly linked list through the span records and not Go's append-only block list, because an explicit
 * `free` takes spans out of the middle, and because lists can be made again from the spans table after a thread died
 * inside the lock. Lock: this mcentral's.
 */

export const CENTRAL_LOCK = 0;
/** Sets 0, 1: partial; 2, 3: full. Each three words: first, last, count. */
export const CENTRAL_SETS = 16;
export const SET_FIRST = 0;
export const SET_LAST = 1;
export const SET_COUNT = 2;
export const SET_WORDS = 3;
export const CENTRAL_PARTIAL = 0;
export const CENTRAL_FULL = 2;
export const CENTRAL_WORDS = 32;
