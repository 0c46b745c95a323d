/**
 * What the page allocator keeps (Go: `pageAlloc`, `pallocData`, `pallocSum`, `scavengeIndex`). Heap lock, all of it.
 *
 * One record a chunk: two bitmaps of 512 bits. `alloc`: 1 = in use. `scav`: 1 = memory given back to, or never asked
 * from, the OS; never 1 on a page in use.
 *
 * Summaries: (start, max, end) = free pages at the beginning, longest free run, free pages at the end. Go packs the
 * three into 64 bits; here each has a word. Level 3 has an entry a chunk, each level above one for 8 of the level
 * below it, level 0 as many as the reservation needs.
 */

export const CHUNK_ALLOC = 0;
export const CHUNK_SCAV = 16;
export const CHUNK_WORDS = 32;

export const SUM_START = 0;
export const SUM_MAX = 1;
export const SUM_END = 2;
export const SUM_WORDS = 3;

/** Levels of the summary tree, as on Go's 32-bit ports and wasm. */
export const SUMMARY_LEVELS = 4;
/** log2 of the entries of one level that an entry of the level above covers. */
export const SUMMARY_LEVEL_BITS = 3;

/** A known address range: first page, page after the last (Go: `addrRange`). */
export const RANGE_BASE = 0;
export const RANGE_LIMIT = 1;
export const RANGE_WORDS = 2;
