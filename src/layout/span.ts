/**
 * Span record (Go: `mspan`): a run of pages that holds objects of one span class, or one large object.
 *
 * A record is in four parts of eight words, SPAN_PART words apart, so that what is read together is close together for all
 * spans. `free` reads the first part only. In a large heap it needs that of another span each time, and waits for it: what
 * matters is how many of them the processor's caches and its table of pages hold. Marking reads the first two. `s | SPAN_X`
 * is right for the words of the first part only.
 *
 * Records are never zeroed on reuse, so that `sweepgen` survives (Go does the same).
 *
 * Which slots are free, for a span of small objects:
 *
 *       slot      0 …                    freeindex …                  nelems
 *                 |  passed by the scan  |  not reached yet            |
 *       bit 1     |  live object         |  live object                |
 *       bit 0     |  free, and held by   |  free, in the span          |
 *                 |  the owner's mcache  |                             |
 *
 * A bit of `allocBits` is 1 exactly while its slot holds an object of the user. `allocCount` counts the slots that
 * the span itself cannot hand out: `nelems` less the 0 bits at or above `freeindex`.
 */

/** Parts of a record, and words of one. */
export const SPAN_PARTS = 4;
export const SPAN_PART_WORDS = 8;
/** Words from one part of a record to the next: a chunk of fixalloc has the first parts of its records, then the second, … */
export const SPAN_PART = 1024;
/** Words from a record's first to behind its last. */
export const SPAN_EXTENT = 3 * SPAN_PART + SPAN_PART_WORDS;

/** Addr of the first byte. */
export const SPAN_BASE = 0;
/**
 * What `free` goes by: the word index of the owner's class record, with two bits of the sweep generation on top, so that
 * no value of an earlier cycle passes for one of this; 0 for spans that its fast path leaves alone: without
 * owner, of large objects, of tiny blocks, those in which other threads have freed (SPAN_DEFER is not 0), and those with
 * specials.
 */
export const SPAN_CACHE = 1;
/** Object index without division, if the offset should be that of a slot: see SizeClassTable.inverse. Of small objects. */
export const SPAN_INVERSE = 2;
/** The factor in it; below is the distance to rotate by. */
export const INVERSE_MASK = -32;
/** The same word: type number of a large object; stored after its memory was zeroed (Go: `largeType`). */
export const SPAN_LARGE_TYPE = 2;
export const SPAN_FREEINDEX = 3;
/** Bit index (word × 32 + bit, counted from the start of allocator memory) of slot 0's bit. Set by `setAllocBits`. */
export const SPAN_ALLOC_BITS = 4;
export const SPAN_CLASS = 5;
/** One of the SPAN_STATE_ values below. Stored last on allocation: the publication point. */
export const SPAN_STATE = 6;
/** Id of the proc that alone may hand out and take back slots; 0: the mcentral lock guards them. */
export const SPAN_OWNER = 7;

/** Bit index of slot 0's mark bit (Go: `gcmarkBits`). */
export const SPAN_GCMARK_BITS = SPAN_PART;
/** Object index without division: see SizeClassTable.div. */
export const SPAN_DIV = SPAN_PART + 1;
/** Its bits below the factor. */
export const DIV_SHIFT = 8;
/** Bytes of a slot; for a large object npages × PAGE_SIZE. */
export const SPAN_ELEMSIZE = SPAN_PART + 2;
/**
 * Side table of the slots, 0 if none. Scan spans: index in 16-bit units of slot 0's type number. Spans of tiny
 * blocks: word index of slot 0's tiny mask (low half: first bytes, high half: last bytes of the objects in it).
 */
export const SPAN_TYPES = SPAN_PART + 3;
/**
 * Of a scan span: SPAN_TYPES less SPAN_ALLOC_BITS. Where the bit of a slot is known, as on the reuse stack, that much
 * further is its type number.
 */
export const SPAN_TYPES_LESS_BITS = SPAN_PART + 4;
/** The same word, of a span of tiny blocks: objects in it that TM_TINY_ALLOCS counts, and that nobody has freed since. */
export const SPAN_TINY_COUNTED = SPAN_PART + 4;
/**
 * With G the heap's: G−2 to be swept, G−1 being swept, G swept and nobody's, G+3 swept and a thread's. G+1: it was a
 * thread's when the last cycle ended, to be swept, and nobody's: owner and cache mean nothing.
 */
export const SPAN_SWEEPGEN = SPAN_PART + 5;
export const SPAN_ALLOC_COUNT = SPAN_PART + 6;
/** Word index of the deferred-free bits: slots that other threads freed and the owner has yet to take; 0 if none. */
export const SPAN_DEFER = SPAN_PART + 7;

export const SPAN_NELEMS = 2 * SPAN_PART;
export const SPAN_NPAGES = 2 * SPAN_PART + 1;
/** Next span on the owner's stack of spans with deferred frees. */
export const SPAN_REMOTE_NEXT = 2 * SPAN_PART + 2;
/** 1 while the span is on that stack. */
export const SPAN_REMOTE_QUEUED = 2 * SPAN_PART + 3;
/** First special record, sorted by (offset, kind). */
export const SPAN_SPECIALS = 2 * SPAN_PART + 4;
/** Sweep generation of the sweep that handled them last, as it was while that went on (one below the heap's). */
export const SPAN_SPECIALS_GEN = 2 * SPAN_PART + 5;
/** Which list that is: one of the LIST_ values below. */
export const SPAN_LIST = 2 * SPAN_PART + 6;
/** Bytes the user asked for, of a large object. */
export const SPAN_LARGE_SIZE = 2 * SPAN_PART + 7;
/**
 * The same word, of a span of small objects: which slots may have specials. Bit i is for slots with i in the low 5 bits of
 * their index; 0 while the span has none. Specials lock; the owner looks at it without.
 */
export const SPAN_SPECIAL_SLOTS = 2 * SPAN_PART + 7;

/**
 * What the record keeps when it is freed, so that its next use rarely needs the heap lock: the words of each of its
 * two bitmaps and the epoch they were cut in; its side table and the size class that one is for.
 */
export const SPAN_BITS_WORDS = 3 * SPAN_PART;
export const SPAN_BITS_EPOCH = 3 * SPAN_PART + 1;
export const SPAN_TABLE = 3 * SPAN_PART + 2;
export const SPAN_TABLE_CLASS = 3 * SPAN_PART + 3;
/** Neighbours in the list the span is on. */
export const SPAN_PREV = 3 * SPAN_PART + 4;
export const SPAN_NEXT = 3 * SPAN_PART + 5;
/** Slots that GC_HEAP_LIVE counts: those alive after the last sweep; all, once a thread has allocated from the span. */
export const SPAN_COUNTED = 3 * SPAN_PART + 6;
/** 1: free slots may hold old data. */
export const SPAN_NEEDZERO = 3 * SPAN_PART + 7;

/** The record is free (Go: `mSpanDead`). */
export const SPAN_STATE_DEAD = 0;
/** Holds objects (Go: `mSpanInUse`). */
export const SPAN_STATE_IN_USE = 1;
/** Memory managed by hand: shadow stacks, handle tables, work buffers (Go: `mSpanManual`). */
export const SPAN_STATE_MANUAL = 2;
/** Empty and on its way back to mheap, by the thread in SPAN_OWNER. Objects are gone; pages are not free yet. */
export const SPAN_STATE_FREEING = 3;

export const LIST_NONE = 0;
/** `mcache.alloc[spanClass]` of the owner. */
export const LIST_CACHED = 1;
/** The owner's spans that have free slots, and those that have none. */
export const LIST_PROC_PARTIAL = 2;
export const LIST_PROC_FULL = 3;
/** Sets of mcentral; + set number 0 … 3. */
export const LIST_CENTRAL = 4;

export const LIST_NAMES = [
  'none',
  'mcache.alloc',
  'mcache.partial',
  'mcache.full',
  'mcentral.partial[0]',
  'mcentral.partial[1]',
  'mcentral.full[0]',
  'mcentral.full[1]',
];
