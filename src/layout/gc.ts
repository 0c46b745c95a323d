/**
 * The collector's words of the header (Go: `work`, `sweep`, `mheap`'s sweep fields). What threads change at the same time
 * is in a cache line of its own. Doubles are at even words.
 */

/** H_GC and LINE, not imported: the bundler folds constants only from files without imports. */
const H_GC = 416;
const LINE = 16;

// State of the cycle. Written while the world is stopped, but for those that are atomic.
/** 1: the collector runs by itself; 0: only when asked to (`gc: 'off'`). */
export const GC_ENABLED = H_GC;
/** Cycles begun, and cycles whose marking is complete. Equal: no mark is under way. */
export const GC_STARTED = H_GC + 1;
export const GC_MARKED = H_GC + 2;
/** Cycles that somebody asked for (Go: `NumForcedGC`). */
export const GC_FORCED = H_GC + 3;
/** 1: grey objects were lost; marked objects are to be scanned once more. Atomic. */
export const GC_RESCAN = H_GC + 4;
/** Holders of `pauseGC` (Go has none: GOGC=off). Atomic. */
export const GC_PAUSED = H_GC + 5;
/** Bits of GC_DEBUG_ for checks of the collector itself. */
export const GC_DEBUG = H_GC + 6;
export const GC_DEBUG_CHECKMARK = 1;
export const GC_DEBUG_ZOMBIES = 2;
export const GC_DEBUG_CLOBBER = 4;
/** Counts the ragged barriers. Atomic; raised with the world lock. */
export const GC_RAGGED = H_GC + 7;

/** 1: the current cycle is one that somebody asked for. */
export const GC_WHY = H_GC + 8;
/** 1: every thread prints a line of gctrace for a cycle that it ends. */
export const GC_TRACE = H_GC + 10;

/** 1: slots were freed while the last cycle marked, by hand or because their thread died. Atomic. */
export const GC_FREED_MARKING = H_GC + 9;
/** The H_SWEEPGEN for which the mark-bit arenas' epoch has moved on: once for each, also if a cycle is given up. */
export const GC_EPOCH_SWEEPGEN = H_GC + 11;

/**
 * The last cycle that freed what was dead: GC_MARKED, unless that one was given up since its coordinator died, or keeps all
 * (SNAP_KEEP). Atomic.
 */
export const GC_COMPLETE = H_GC + 12;

/** Live bytes, in units of 8: Go's `heapLive`. Atomic. */
export const GC_HEAP_LIVE = H_GC + LINE;
/** The part of them that the marker will look into (Go: `heapScan`). Atomic. */
export const GC_HEAP_SCAN = H_GC + LINE + 1;
/** GC_HEAP_LIVE from which on a cycle is due; TRIGGER_NEVER when none is to begin by itself. */
export const GC_TRIGGER = H_GC + LINE + 2;
export const TRIGGER_NEVER = 0x7fffffff;

// Marking. Atomic.
/** Leaf lock of the list of full work buffers. */
export const GC_WORK_LOCK = H_GC + 2 * LINE;
export const GC_WORK_FULL = H_GC + 2 * LINE + 1;
export const GC_WORK_COUNT = H_GC + 2 * LINE + 2;
/** Threads that may hold grey objects (Go: nproc − nwait). */
export const GC_WORKING = H_GC + 3 * LINE;
/** Root jobs: the next one to do, and how many there are. Job 0: the named roots; from 1 on: specials, by chunks of pages. */
export const GC_ROOT_NEXT = H_GC + 3 * LINE + 1;
export const GC_ROOT_JOBS = H_GC + 3 * LINE + 2;
/** Jobs from this number on scan marked objects once more, by chunks of pages. */
export const GC_ROOT_RESCAN = H_GC + 3 * LINE + 3;

/** Bytes scanned in this cycle, in units of 8 (Go: `heapScanWork`), and what is credited to all (Go: `bgScanCredit`). */
export const GC_SCAN_WORK = H_GC + 4 * LINE;
export const GC_BG_CREDIT = H_GC + 4 * LINE + 1;
/** Bytes marked in this cycle, in units of 8 (Go: `bytesMarked`). */
export const GC_BYTES_MARKED = H_GC + 4 * LINE + 2;

/** Bytes of shadow stacks and handle tables that the current cycle began with. In units of 8. */
export const GC_STACK_SCAN = H_GC + 4 * LINE + 3;
/** Markers that wait for work. Atomic. */
export const GC_IDLE = H_GC + 4 * LINE + 4;

// Sweeping.
/** Span class from which on unswept spans may be left. Atomic. */
export const GC_SWEEP_CLASS = H_GC + 5 * LINE;
/** Pages swept in this cycle (Go: `pagesSwept`). Atomic. */
export const GC_PAGES_SWEPT = H_GC + 5 * LINE + 1;
/** Where the page reclaimer looks next, in units of 512 pages (Go: `reclaimIndex`), and pages it has to spare. Atomic. */
export const GC_RECLAIM_INDEX = H_GC + 5 * LINE + 2;
export const GC_RECLAIM_CREDIT = H_GC + 5 * LINE + 3;

/** The proc id that is set aside for the background worker; 0: the heap has none. */
export const GC_RESERVED = H_GC + 6 * LINE + 1;
/** Proc id of the background worker, 0: none, or one of WORKER_. Atomic. */
export const GC_WORKER = H_GC + 6 * LINE;
export const WORKER_STARTING = -1;
export const WORKER_ATTACHING = -2;
export const WORKER_RETIRING = -3;
/** Proc id of the thread that started it, with which it ends; 0: none. Atomic. */
export const GC_STARTER = H_GC + 6 * LINE + 2;
/** What the background worker and idle markers sleep on: raised when there is something to do. Atomic. */
export const GC_WAKE = H_GC + 7 * LINE;

// Statistics, doubles. Sums of all threads that are gone or of the heap as a whole. World lock, or while stopped.
/** `nanotime` of the heap's beginning, of the current cycle's, of the end of its mark. */
export const GC_T_CREATED = H_GC + 8 * LINE;
export const GC_T_START = H_GC + 8 * LINE + 2;
export const GC_T_MARK = H_GC + 8 * LINE + 4;
export const GC_T_END = H_GC + 8 * LINE + 6;
/** What is added to a `nanotime` for nanoseconds since 1970 (Go: `walltime`): one for all threads. Set once. */
export const GC_T_EPOCH = H_GC + 8 * LINE + 8;
/** CPU nanoseconds of all threads at the beginning of the cycle: marking, assists, sweeping. */
export const GC_CPU_BASE = H_GC + 9 * LINE;
/** Bytes marked in the last cycle; heapLive at its beginning and at the end of its mark; its goal. For gctrace. */
export const GC_LAST_MARKED = H_GC + 10 * LINE;
export const GC_HEAP0 = H_GC + 10 * LINE + 2;
export const GC_HEAP1 = H_GC + 10 * LINE + 4;
export const GC_GOAL = H_GC + 10 * LINE + 6;
/** Length of the current cycle's first pause; total of all pauses. */
export const GC_PAUSE1 = H_GC + 10 * LINE + 8;
export const GC_PAUSE_TOTAL = H_GC + 10 * LINE + 10;
/** Pauses so far. */
export const GC_PAUSES = H_GC + 10 * LINE + 12;

/** The pacer's doubles: layout/pacer.ts. */
export const GC_PACER = H_GC + 11 * LINE;
export const GC_PACER_LINES = 12;

/** Ring of the last 256 pauses in nanoseconds (Go: `PauseNs`), doubles. GC_PAUSES counts them. */
export const GC_PAUSE_RING = H_GC + 24 * LINE;
export const PAUSE_RING = 256;
/** Ring of what gctrace says of the last 64 cycles, CYCLE_DOUBLES each; cycle n is at n modulo 64. Written while stopped. */
export const GC_CYCLE_RING = H_GC + 56 * LINE;
export const CYCLE_RING = 64;
export const CYCLE_DOUBLES = 16;
/** All of the collector's words. */
export const GC_WORDS = 184 * LINE;

/** Words of a work buffer (Go: 2 KiB); its first are link, count and kind. */
export const WORKBUF_WORDS = 512;
export const WORKBUF_NEXT = 0;
export const WORKBUF_COUNT = 1;
/** GREY: pairs of address and descriptor; ROOTS: addresses to be shaded; SEGMENTS: first words of pieces of handle tables. */
export const WORKBUF_KIND = 2;
export const WORKBUF_GREY = 0;
export const WORKBUF_ROOTS = 1;
export const WORKBUF_SEGMENTS = 2;
export const WORKBUF_ITEMS = 4;
