/**
 * Free-list allocator of metadata records of one size (Go: `fixalloc`). Heap lock.
 *
 * There is one for span records; and per size class one for side tables (type numbers, tiny masks), one for
 * deferred-free records.
 */
import { MAX_SIZE_CLASSES } from './constants.ts';
import { defineStruct } from './define.ts';

/** Words of a record. */
export const FIX_SIZE = 0;
/** First freed record; each holds the next in its first word. */
export const FIX_LIST = 1;
/** Unused rest of the newest chunk: next word, words left. */
export const FIX_CHUNK = 2;
export const FIX_NCHUNK = 3;
/** Words that a new chunk takes. */
export const FIX_CHUNK_WORDS = 4;
/** Records handed out. */
export const FIX_IN_USE = 5;
export const FIX_WORDS = 8;

export const FIX_SPANS = 0;
export const FIX_TABLES = 1;
export const FIX_TINY_TABLES = FIX_TABLES + MAX_SIZE_CLASSES;
export const FIX_DEFERS = FIX_TINY_TABLES + 1;
export const FIXALLOCS = FIX_DEFERS + MAX_SIZE_CLASSES;

defineStruct('fixalloc', 'fixalloc', FIX_WORDS, {
  size: [FIX_SIZE, 'u32', 'immutable'],
  list: [FIX_LIST, 'ref', 'locked'],
  chunk: [FIX_CHUNK, 'ref', 'locked'],
  nchunk: [FIX_NCHUNK, 'u32', 'locked'],
  chunkWords: [FIX_CHUNK_WORDS, 'u32', 'immutable'],
  inUse: [FIX_IN_USE, 'u32', 'locked'],
});
