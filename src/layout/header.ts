/**
 * The heap's header: the first words of allocator memory. It says what this memory is, and holds the state of which
 * a heap has one: the locks, the page allocator's hints (Go: `pageAlloc`), the counters of `mheap`, the mark-bit
 * arenas. A lock has a cache line (16 words) of its own, or one with what it guards. The words that every slow path looks
 * at, H_STOP and H_WRITE_BARRIER, are in one that only stops of the world and ragged barriers write.
 */

/** First word of every heap: "SpHe" read as little-endian ASCII. */
export const MAGIC = 0x65487053;
/** Raised whenever the meaning of any shared word changes. */
export const LAYOUT_VERSION = 17;

/** Words of a cache line. */
export const LINE = 16;

export const H_MAGIC = 0;
/**
 * Words 1 … 13 are always 0. A page without span has record 0, so these are read where a span’s owner, class and state
 * would be: the fast path of `free` needs no test for "no span", the owner 0 is nobody.
 */
export const H_NO_SPAN = 1;
export const H_VERSION = 14;
/** Pages of the reservation (`maxBytes / PAGE_SIZE`). */
export const H_PAGES = 15;

/**
 * Not 0 while somebody wants all threads at a safepoint; polled by every slow path. Low half: the id of the coordinator
 * that stops the world. STOP_RAGGED: a ragged barrier is under way.
 */
export const H_STOP = 1 * LINE;
export const STOP_RAGGED = 0x10000;

/** Lock words, see `sync/ranks.ts`. Value 0: free; otherwise owner's proc id, plus LOCK_CONTENDED. */
export const H_WORLD_LOCK = 2 * LINE;
export const H_HEAP_LOCK = 3 * LINE;

/**
 * Id of the thread that is changing what all threads' caches hold, 0 if none does. Set by a coordinator while the world
 * is stopped. If it dies, nobody may be started before a reaper has made the caches whole; see threads/repair.ts.
 */
export const H_CACHES_CHANGER = 1 * LINE + 1;
/**
 * Id of the thread that is repairing the heap after others have died, 0 if none is. Set while the world is stopped. If it
 * dies too, nobody may be started before another has done it all again.
 */
export const H_REPAIRER = 1 * LINE + 3;

/**
 * 1 while the collector marks: pointer stores report what they overwrite and store (Go: `writeBarrier.enabled`), and new
 * objects are black. Changes only while the world is stopped.
 */
export const H_WRITE_BARRIER = 1 * LINE + 2;

/** Sweep generation of the heap; grows by 2 each cycle (Go: `mheap.sweepgen`). */
export const H_SWEEPGEN = 4 * LINE;
/** Attached threads: the records whose PROC_COUNTED is 1. Changes with the world lock. */
export const H_PROCS = 4 * LINE + 1;
export const H_MAX_PROCS = 4 * LINE + 2;
/** 1: small pointer-free objects are packed by the tiny allocator. */
export const H_TINY = 4 * LINE + 3;
/** Number of size classes, class 0 included. */
export const H_SIZE_CLASSES = 4 * LINE + 4;
/** A random number by which this heap is told from others. Only mistakes are noticed by it. */
export const H_IDENTITY = 4 * LINE + 5;
/**
 * Random words, LOCK_NAME_WORDS of them: what the names of this heap's Web Locks begin with, as all heaps of an origin share
 * these names. 0 where the thread that made the heap has no Web Locks.
 */
export const H_LOCK_NAME = 4 * LINE + 6;
export const LOCK_NAME_WORDS = 4;

// Counters of mheap, in pages. Guarded by the heap lock except the first two, which change atomically.
export const H_PAGES_IN_USE = 5 * LINE;
export const H_PEAK_PAGES = 5 * LINE + 1;
/** Pages below this number are mapped: known to the page allocator (Go: `curArena`). */
export const H_GROWN_PAGES = 5 * LINE + 2;
/** Pages whose memory is given back to, or was never asked from, the OS: the set scavenged bits of grown chunks. */
export const H_RELEASED_PAGES = 5 * LINE + 3;
/** Next free word of the persistent region (Go: `persistentalloc`). */
export const H_PERSISTENT_NEXT = 5 * LINE + 4;
/** Registered types; type numbers are 1 … this. */
export const H_TYPES = 5 * LINE + 5;
/** Id of the thread whose reuse stacks are in the reuse room; 0: nobody's. Taken by compare-and-exchange. */
export const H_ROOM_OWNER = 5 * LINE + 7;
/** Gates that were given out, one for each attachment: malloc/gate.ts. A few more than there are when all are. */
export const H_GATES = 5 * LINE + 8;

// The page allocator (Go: `pageAlloc`). Heap lock.
/** No page below this one is free (Go: `searchAddr`); the number past the last page when none is. */
export const H_SEARCH_PAGE = 6 * LINE;
/** First known chunk, and the chunk after the last known one. */
export const H_CHUNK_START = 6 * LINE + 1;
export const H_CHUNK_END = 6 * LINE + 2;
/** Known address ranges in `Mem.ranges` (Go: `inUse`). */
export const H_RANGES = 6 * LINE + 3;
/** Scavenger's search hint: nothing to scavenge above this page (Go: `scavengeIndex.searchAddr`). */
export const H_SCAV_PAGE = 6 * LINE + 4;
/** Not 0 when a free since the last search set H_SCAV_PAGE (Go: the mark bit of `scavengeIndex.searchAddr`). */
export const H_SCAV_MARKED = 6 * LINE + 5;

// Mark-bit arenas (Go: `gcBitsArenas`). Heap lock, except that the bump inside `next` is atomic.
export const H_BITS_FREE = 7 * LINE;
export const H_BITS_NEXT = 7 * LINE + 1;
export const H_BITS_CURRENT = 7 * LINE + 2;
export const H_BITS_PREVIOUS = 7 * LINE + 3;
/** Counts `nextMarkBitArenaEpoch` calls. */
export const H_BITS_EPOCH = 7 * LINE + 4;
/** First word of the gcBits region never handed out as an arena. */
export const H_BITS_REGION_NEXT = 7 * LINE + 5;

/** Address of the page of zero-size objects' shared address (Go: `zerobase`). */
export const H_ZEROBASE = 8 * LINE;
/** The empty span that unused mcache slots point to (Go: `emptymspan`). */
export const H_EMPTY_SPAN = 8 * LINE + 1;

// Special records: layout/special.ts. All of it under the lock in the first word.
export const H_SPECIALS_LOCK = 9 * LINE;
/** The record that is on its way from a span's list to a queue; 0 if none is. */
export const H_SPECIAL_IN_HAND = 9 * LINE + 1;
/** Serial number last given to a weak pointer: low word, high word. */
export const H_WEAK_SERIAL = 9 * LINE + 2;
export const H_WEAK_SERIAL_HIGH = 9 * LINE + 3;
/** Interned text: first word of the buckets, their number (a power of 2, at first 0), and how many texts there are. */
export const H_INTERN_BUCKETS = 9 * LINE + 4;
export const H_INTERN_SIZE = 9 * LINE + 5;
export const H_INTERN_COUNT = 9 * LINE + 6;
/**
 * Seeds of the texts' hashes: two random words, none of them 0; 0 until a text is hashed. By compare-and-exchange, the
 * second first.
 */
export const H_INTERN_SEED = 9 * LINE + 7;

/** Size table: word `2c` is the object size of class c in bytes, word `2c+1` the pages of its spans. */
export const H_CLASS_TABLE = 10 * LINE;

/** The collector's words, GC_WORDS of them: layout/gc.ts. */
export const H_GC = 26 * LINE;
/** The heap profile's words: layout/profile.ts. */
export const H_PROFILE = 212 * LINE;

/**
 * Number of the allocation trace that is under way, 0: none is. Changes only while the world is stopped. See sync/trace.ts
 * for this line.
 */
export const H_TRACE = 213 * LINE;
/** How many traces there have been. World lock. */
export const H_TRACE_COUNT = 213 * LINE + 1;
/** Sequence number of the next event: heap-wide, from 0, as a 32-bit number that wraps. */
export const H_TRACE_SEQ = 213 * LINE + 2;
/** Id of the thread that reads the rings. */
export const H_TRACE_READER = 213 * LINE + 3;
/** Events that a ring has room for in this trace, a power of 2. */
export const H_TRACE_CAPACITY = 213 * LINE + 4;
/** When the trace began: nanotime, a double. */
export const H_TRACE_START = 213 * LINE + 6;
/** The cycle of the collector whose end of sweeping was traced last. */
export const H_TRACE_SWEPT = 213 * LINE + 8;

/** Raised by 2 by whoever begins to read all threads' meters: layout/proc.ts, spans/heap-stats.ts. Atomic. */
export const H_STATS_EPOCH = 215 * LINE;
/** Not 0 while somebody does. Only politeness: nothing depends on it. Atomic. */
export const H_STATS_READER = 215 * LINE + 1;
/** Words of allocator memory that the heap profile's buckets take (Go: `BuckHashSys`). Heap lock. */
export const H_BUCKET_WORDS = 215 * LINE + 2;

// Named roots: layout/root.ts, spans/root-records.ts. Heap lock.
/** Newest record of those that have names. */
export const H_ROOTS = 216 * LINE;
/** New names until the list may be looked through for records that can have another name. */
export const H_ROOT_CREDIT = 216 * LINE + 1;
/** ROOT_SERIAL of the record that was named last, a double. */
export const H_ROOT_SERIAL = 216 * LINE + 2;
/** First of the records without name that have room for 2^i words, for each i. */
export const H_ROOT_FREE = 216 * LINE + 4;
export const ROOT_LISTS = 12;
export const HEADER_WORDS = 217 * LINE;
