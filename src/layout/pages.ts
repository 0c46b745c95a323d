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
import { defineStruct } from './define.ts';

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

defineStruct('chunk', 'pallocData', CHUNK_WORDS, {
  alloc: [CHUNK_ALLOC, 'words', 'locked', 16],
  scavenged: [CHUNK_SCAV, 'words', 'locked', 16],
});
defineStruct('summary', 'pallocSum', SUM_WORDS, {
  start: [SUM_START, 'u32', 'locked'],
  max: [SUM_MAX, 'u32', 'locked'],
  end: [SUM_END, 'u32', 'locked'],
});
defineStruct('range', 'addrRange', RANGE_WORDS, {
  base: [RANGE_BASE, 'page', 'locked'],
  limit: [RANGE_LIMIT, 'page', 'locked'],
});
