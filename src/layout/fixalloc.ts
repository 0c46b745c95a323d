/**
 * Free-list allocator of metadata records of one size (Go: `fixalloc`). Heap lock.
 *
 * There is one for span records; and per size class one for side tables (type numbers, tiny masks), one for
 * deferred-free records; one for the collector's work buffers, one for special records.
 */

/** Words of a record, or of a part of it. */
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
/** Words taken from the persistent region, in all. */
export const FIX_TAKEN = 6;
/** Parts of a record, a chunk's words divided by that from each other; 1 for all but spans (layout/span.ts). */
export const FIX_PARTS = 7;
export const FIX_WORDS = 8;

/** Room for this many size classes: MAX_SIZE_CLASSES. */
const FIX_CLASSES = 128;
export const FIX_SPANS = 0;
export const FIX_TABLES = 1;
export const FIX_TINY_TABLES = FIX_TABLES + FIX_CLASSES;
export const FIX_DEFERS = FIX_TINY_TABLES + 1;
/** The collector's work buffers. */
export const FIX_WORKBUFS = FIX_DEFERS + FIX_CLASSES;
/** Special records. */
export const FIX_SPECIALS = FIX_WORKBUFS + 1;
export const FIXALLOCS = FIX_SPECIALS + 1;
