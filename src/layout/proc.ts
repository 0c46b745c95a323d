/**
 * A thread's record (Go: an M with its P, and the P's `mcache`). All of it lives in shared memory, so that a thread
 * that dies takes nothing with it: whoever reaps it finds every slot and page it held.
 *
 * Most of it is written by the owning thread alone, plainly, and read by others while that is stopped. The exceptions are in
 * registry.ts: whatever is not 'owner' there.
 *
 * For each span class one line of 16 words: the window of free slots that `nextFreeFast` takes from, the reuse stack
 * of freed slots, the span they come from, and the thread's other spans of the class.
 *
 *   window:  a 32-bit piece of Go's `allocCache`. Bit i of `win` is 1: the i-th slot from the one at address `winAddr` is
 *            free and this thread's; its allocation bit is bit i of word `winWord`.
 *   stack:   pairs (address, bit index), up to word `top`.
 */

/** State, one of the PROC_ values below, and the epoch it belongs to: see sync/status.ts and sync/proc.ts. */
export const PROC_STATUS = 0;
/** 1 … maxProcs. */
export const PROC_ID = 1;
/** Identifies the JS thread to `heap.watch`: its worker thread id + 1, or 0 if not known. */
export const PROC_THREAD = 2;
/** Sweep generation at which this thread last flushed its mcache (Go: `flushGen`). */
export const PROC_FLUSH_GEN = 3;
/** Counts attachments to this record, so that a stale handle is noticed. */
export const PROC_EPOCH = 4;
/** The OS's id of the thread, by which others see whether it is still there; 0: not known. */
export const PROC_OS_THREAD = 5;
/** The epoch of the attachment that PROC_THREAD and PROC_OS_THREAD are of. Otherwise they are of an earlier one. */
export const PROC_NAMED = 6;
/** 1 while this thread is one of H_PROCS. World lock. */
export const PROC_COUNTED = 7;
/**
 * The epoch of the attachment that holds its Web Lock, in a browser; 0 as long as it does not, and when it has lost it. Who
 * waits for that lock takes the thread for gone when he gets it, so he may only if this is the record's epoch. Always 0 of
 * the background worker: runtime/web-locks.ts.
 */
export const PROC_LOCKED = 8;

/** Head of the stack of own spans in which other threads freed objects. Own cache line: others push here. */
export const PROC_REMOTE_HEAD = 16;

/** Page cache (Go: `pageCache`): first page of a block of 64, its free pages and which of them are scavenged. */
export const PROC_PAGE_CACHE = 32;
export const PC_BASE = 0;
export const PC_FREE_LO = 1;
export const PC_FREE_HI = 2;
export const PC_SCAV_LO = 3;
export const PC_SCAV_HI = 4;
/** How many pages of the last `cacheAlloc` were scavenged. */
export const PC_LAST_SCAV = 5;
export const PAGE_CACHE_WORDS = 6;

/** Current tiny block (Go: `tiny`, `tinyoffset`), and the word of its tiny mask. */
export const PROC_TINY = 38;
export const PROC_TINY_OFFSET = 39;
export const PROC_TINY_MASK = 40;
/** Pages of the empty spans that this thread keeps, at the ends of its partial lists. */
export const PROC_EMPTY_PAGES = 41;
/** Bytes of large objects until the next profile sample (Go: `nextSample`). A double. */
export const PROC_NEXT_SAMPLE = 42;

/** Span records this thread holds for coming spans (Go: `mspancache`): count, then the records. */
export const PROC_SPAN_CACHE_LEN = 44;
export const PROC_SPAN_CACHE = 45;
export const SPAN_CACHE_MAX = 16;

/**
 * Piece of a mark-bit arena that this thread cuts bitmaps from: next word, end, epoch. Spans of two threads then hardly ever
 * share a cache line of bits, which both would write at each malloc and free, nor a page, within which the processor's
 * prefetchers fetch lines that the other thread is about to write.
 */
export const PROC_BITS_NEXT = 61;
export const PROC_BITS_END = 62;
export const PROC_BITS_EPOCH = 63;

/**
 * Shadow stack: the local references of the thread's open scopes (Go: a goroutine's stack, as far as it holds
 * pointers). Word index in object memory of the next free slot; 0 while no scope is open, and until the first
 * reference. A segment is a page of a manual span: word 0 is the first word of the segment below it, the slots are
 * words 2 … 2047, and a full segment's `top` is its end.
 */
export const PROC_SHADOW_TOP = 74;
/** Handle table: the thread's persistent references. First word of the newest segment; made as those of the stack. */
export const PROC_HANDLES = 75;

/** Address of a large object that is being cleared, and not rooted otherwise; 0: none. */
export const PROC_ALLOCATING = 76;
/** The last ragged barrier that this thread took part in. */
export const PROC_RAGGED = 77;
/** 1 while this thread counts among GC_WORKING. */
export const PROC_MARKING = 78;
/** 1 while freed slots go on the reuse stacks; 0: back to their spans at once. */
export const PROC_REUSE = 79;
/** Words in the write-barrier buffer (Go: `wbBuf`). */
export const PROC_WB_COUNT = 80;
/** Bytes this thread may allocate before it must assist the marking (Go: `gcAssistBytes`); negative: debt. A double. */
export const PROC_ASSIST = 82;
/** 1 while this thread counts among GC_IDLE. */
export const PROC_AWAITING = 84;
/** 1 while this thread has a span in hand that it sweeps. */
export const PROC_SWEEPING = 85;
/** How often this thread holds the collector back (`pauseGC`). */
export const PROC_PAUSES = 86;
/** Address of the object that a call goes on to use after it has allocated, as `realloc` its old one; 0: none. A root. */
export const PROC_KEEP = 87;
/** Callbacks of cleanups and finalizers that this thread is to call: first special record of the queue. Specials lock. */
export const PROC_CALLBACKS = 88;
/** PROC_EPOCH while the thread takes callbacks, 0 otherwise. Set by the thread itself, cleared while the world is stopped. */
export const PROC_CALLBACKS_EPOCH = 89;
/** 1 while the thread may have a sequence number of the trace whose event is not published yet. */
export const PROC_TRACE_PENDING = 106;

/** First free word of the reuse room, as this thread uses it; 0: it does not. See cache/reuse-stacks.ts. */
export const PROC_ROOM_NEXT = 107;
/** Bytes of the slots that this thread's reuse stacks have room for beyond what they have at first. */
export const PROC_GROWN = 108;

export const PROC_CLASSES = 128;
/** Room for this many classes: MAX_SPAN_CLASSES. */
export const PROC_SPAN_CLASSES = 256;
/** PROC_SPAN_CLASSES × MC_WORDS − 1. */
export const CLASSES_MASK = 4095;
// Class records are aligned to 16 words: `c | MC_X` is `c + MC_X`, without overflow check. A proc record is aligned to
// STACK_WORDS, so that `p | PROC_X` is right for the fields before the classes.
/**
 * Next free word of the reuse stack, which lies where PROC_AREAS says. It ends at a multiple of STACK_WORDS, and a long one
 * has more of them inside: when `top & STACK_MASK` is 0, it may be full. Below its first pair is a pair of zeros: it is empty
 * when the address on top is 0. Words 0 … 4 are those that the fast paths read most: each through a
 * view of its own (sys/mem.ts).
 */
export const MC_TOP = 0;
/** Slots that the class still hands out before its next profile sample (Go: `nextSample`); see cache/sampling.ts. */
export const MC_LEFT = 1;
export const MC_SIZE = 2;
export const MC_WIN = 3;
export const MC_WIN_ADDR = 4;
/** Word index of the allocation bits that the window mirrors. */
export const MC_WIN_WORD = 5;
/**
 * 16-bit index of the type number of the window's slot 0; of tiny blocks, word index of their masks. It means nothing in other
 * noscan classes.
 */
export const MC_WIN_TYPES = 6;
/** Frees by the owner that went straight back into a span, since they were moved into MT_RETURNED. See METERS below. */
export const MC_DIRECT = 7;
/** The span of the window (Go: `alloc[spanClass]`); `emptymspan` when there is none. */
export const MC_SPAN = 8;
/** 1: the window's slots must be cleared before they are handed out as zero. */
export const MC_NEEDZERO = 9;
export const MC_PARTIAL_FIRST = 10;
export const MC_PARTIAL_LAST = 11;
export const MC_FULL_FIRST = 12;
export const MC_FULL_LAST = 13;
/** Spans on the two lists. */
export const MC_PARTIAL_COUNT = 14;
export const MC_FULL_COUNT = 15;
export const MC_WORDS = 16;
/** log2 of MC_WORDS. */
export const MC_SHIFT = 4;

/** Most slots a reuse stack holds in its thread's record. */
export const REUSE_MAX = 127;
/** After the classes, aligned to STACK_WORDS. */
export const PROC_STACKS = 4352;
/** Words of a class's reuse stack there, and log2 of it. */
export const STACK_WORDS = 256;
export const STACK_SHIFT = 8;
export const STACK_MASK = 255;
/** The write-barrier buffer: addresses of objects to shade (Go: 512 words as well). */
export const PROC_WB = PROC_STACKS + PROC_SPAN_CLASSES * STACK_WORDS;
export const WB_WORDS = 512;

/**
 * METERS: what the threads that had this record have counted, since the heap was made. Doubles, exact to 2^53. Written by
 * the owner of the record, or by who acts for it while it is stopped. Never cleared: the record's next thread counts on, so
 * that no sum ever loses a thread that is gone. Who reads them and how: spans/heap-stats.ts, observe/tally.ts.
 *
 * First one line of 16 words for each span class. In slots; a tiny block is one.
 */
export const PROC_METERS = PROC_WB + WB_WORDS;
/** Slots put into windows, less those that were taken out of them again unused. */
export const MT_TAKEN = 0;
/** Slots freed: flushed from the reuse stack, put straight back (MC_DIRECT, from time to time), swept, freed for nobody. */
export const MT_RETURNED = 2;
/** Slots handed out, and slots freed, as they were at the first checkpoint of epoch TM_TAG: see spans/heap-stats.ts. */
export const MT_CUT_ALLOCS = 4;
export const MT_CUT_FREES = 6;
/** All that MC_LEFT was ever raised by: see spans/heap-stats.ts. */
export const MT_DRAWN = 8;
/** From a class record to its line of meters. */
export const MC_METERS = PROC_METERS - 128;
/** log2 of the words of a line; a class record has as many. */
export const MT_SHIFT = 4;

// Then those of the thread as a whole, here as words from PROC_METERS on. First the ones that are cut as well.
/** Bytes that the page allocator knows, and those of them whose memory is not there. Sums of what this thread changed. */
export const TM_MAPPED = PROC_SPAN_CLASSES * 16;
export const TM_RELEASED = TM_MAPPED + 2;
/** Bytes of spans of objects, and of spans managed by hand. May be negative: others free what this thread made. */
export const TM_IN_HEAP = TM_MAPPED + 4;
export const TM_IN_STACKS = TM_MAPPED + 6;
/** Bytes and number of large objects made, and freed. */
export const TM_LARGE_ALLOC = TM_MAPPED + 8;
export const TM_LARGE_ALLOCS = TM_MAPPED + 10;
export const TM_LARGE_FREE = TM_MAPPED + 12;
export const TM_LARGE_FREES = TM_MAPPED + 14;
/** Objects put into tiny blocks, as far as they were counted. */
export const TM_TINY_ALLOCS = TM_MAPPED + 16;
/** How many that are, and their copies. */
export const CUT_METERS = 9;
export const TM_CUT = TM_MAPPED + 2 * CUT_METERS;

// Events, each for itself.
export const TM_REFILLS = TM_CUT + 2 * CUT_METERS;
/** Frees noted for other threads, and notes that turned out to be second frees. */
export const TM_REMOTE_FREES = TM_REFILLS + 2;
export const TM_BAD_DEFERRED = TM_REFILLS + 4;
/** CPU nanoseconds: marking in the background or on request, assists, sweeping. */
export const TM_MARK_NS = TM_REFILLS + 6;
export const TM_ASSIST_NS = TM_REFILLS + 8;
export const TM_SWEEP_NS = TM_REFILLS + 10;
/** Bytes and objects freed by this thread's sweeping. */
export const TM_SWEPT_BYTES = TM_REFILLS + 12;
export const TM_SWEPT_OBJECTS = TM_REFILLS + 14;
/** Callbacks that came into their thread's queue, and those that were called. */
export const TM_CLEANUPS_QUEUED = TM_REFILLS + 16;
export const TM_CLEANUPS_CALLED = TM_REFILLS + 18;
export const TM_FINALIZERS_QUEUED = TM_REFILLS + 20;
export const TM_FINALIZERS_CALLED = TM_REFILLS + 22;

/** Odd while meters are changed that belong together. Only the owner writes it. */
export const TM_SEQ = TM_REFILLS + 32;
/** Epoch of the copies; lowest bit 1: they are being made. And the epoch that the thread was in before. */
export const TM_TAG = TM_SEQ + 1;
export const TM_PREV = TM_SEQ + 2;
export const METER_WORDS = 4352;
/** By span class two words: the first of its reuse stack, and the one behind its last. */
export const PROC_AREAS = PROC_METERS + METER_WORDS;
export const PROC_WORDS = PROC_AREAS + 2 * PROC_SPAN_CLASSES;

/** Words of the heap's reuse room: what the stacks of a thread that is alone grow into. A multiple of STACK_WORDS. */
export const ROOM_WORDS = 1 << 22;

/** Words of a segment of a shadow stack or handle table, one page, and the first that is a slot. */
export const SEGMENT_WORDS = 2048;
export const SEGMENT_SLOTS = 2;
export const SEGMENT_MASK = 2047;

/** No thread uses this record. */
export const PROC_FREE = 0;
/** Attached, outside any region: its roots and caches may be looked at by whoever stops it. */
export const PROC_IDLE = 1;
/** Inside a region. */
export const PROC_RUNNING = 2;
/** Was IDLE, and may not enter a region until the world is started again. */
export const PROC_STOPPED = 3;
/** Its thread is gone, or is taken to be gone; the record awaits or undergoes `reap`. */
export const PROC_DEAD = 4;
/** Inside a region, and waiting for a lock of a thread that is DEAD, or BLOCKED itself. Only the reaper may stop it there. */
export const PROC_BLOCKED = 5;
/** Was BLOCKED, and may not go on until the reaper has started the world again, whatever becomes of the lock. */
export const PROC_HALTED = 6;

export const PROC_STATUS_NAMES = ['FREE', 'IDLE', 'RUNNING', 'STOPPED', 'DEAD', 'BLOCKED', 'HALTED'];
