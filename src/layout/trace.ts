/**
 * The allocation trace: a ring of events for each thread slot, in a region of its own (plan.rings). The
 * words that all threads share are in header.ts, H_TRACE. Who writes what, and why it is safe, is in sync/trace.ts.
 *
 *   ring     head    | tail    |  capacity events of EVENT_WORDS
 *            (writer)  (reader)
 *   event    kind, thread, flags | seq | time, a double | four words that the kind gives a meaning
 *            0                     1     2                4
 */
/** Events ever written, as a 32-bit number that wraps. */
export const RING_HEAD = 0;
/** Events that found no room in this trace. */
export const RING_LOST = 1;
/** Events ever read. In a line of its own: the reader writes it. */
export const RING_TAIL = 16;
/** 1: the writer waits for RING_TAIL to change, as far as is known. */
export const RING_WAITING = 17;
export const RING_EVENTS = 32;
/** Most events that a ring has room for. */
export const RING_CAPACITY = 16384;
export const EVENT_WORDS = 8;
export const RING_WORDS = RING_EVENTS + RING_CAPACITY * EVENT_WORDS;

/** Kind in bits 0 … 7, the thread's id in 8 … 15, flags from 16 on. */
export const EVENT_HEAD = 0;
export const EVENT_SEQ = 1;
/** Nanoseconds since the trace began, a double. */
export const EVENT_TIME = 2;
export const EVENT_A = 4;
export const EVENT_B = 5;
export const EVENT_C = 6;
export const EVENT_D = 7;

export const EVENT_THREAD_SHIFT = 8;
export const EVENT_FLAGS_SHIFT = 16;

// Kinds, with the meaning of a, b, c, d. Sizes "in units" are in units of 8 bytes.

/** The trace begins: pages in use, live units, goal in units. */
export const EV_START = 1;
/** Address, bytes asked for, type number. */
export const EV_ALLOC = 2;
/** Flag of EV_ALLOC: the memory had to be zero. */
export const FLAG_ZEROED = 1;
/** Address. By hand. */
export const EV_FREE = 3;
/** Address of a slot, its bytes, mask: the slots from there on, up to 32, whose bits are set. By a sweep. */
export const EV_SWEEP = 4;
/** Address of a tiny block, 0, mask: the bytes where the dead objects begin. By a sweep. */
export const EV_SWEEP_TINY = 5;
/** Old address, new bytes, type number, new address. */
export const EV_REALLOC = 6;
/** Address; pages, and span class from bit SPAN_CLASS_SHIFT on; live units of the heap; pages in use of the heap. */
export const EV_SPAN_ALLOC = 7;
export const EV_SPAN_FREE = 8;
export const SPAN_CLASS_SHIFT = 22;
/** Flag of both: pages that a thread manages by hand, such as a shadow stack. */
export const FLAG_MANUAL = 1;
/** First page, pages. */
export const EV_GROW = 9;
/** Cycle, live units, goal in units, 1 if it was asked for. The mark begins. */
export const EV_CYCLE_BEGIN = 10;
/** Cycle, live units, goal of the next cycle in units, units marked. The mark has ended. */
export const EV_MARK_TERMINATION = 11;
/** Cycle. */
export const EV_SWEEP_DONE = 12;
/** Why, one of the WHY_ values. A thread begins to stop the world. */
export const EV_STOP_BEGIN = 13;
/** Nanoseconds from its begin, of these until all threads stood: two doubles. The reason is in the flags. */
export const EV_STOP_END = 14;
/** Bytes that the thread is about to allocate. */
export const EV_ASSIST_BEGIN = 15;
/** Nanoseconds from its begin, bytes of scan work: two doubles. */
export const EV_ASSIST_END = 16;
/** A stretch of marking in the background: the same two doubles. */
export const EV_MARK = 17;
/** A thread of the heap: its JS thread's worker id + 1, 0 if unknown; its id. */
export const EV_ATTACH = 18;
export const EV_DETACH = 19;
/** Id of a thread that has died and was reaped, by the one who writes this. */
export const EV_REAPED = 20;
/** How many events before this one found no room in this ring. */
export const EV_LOST = 21;

export const WHY_OTHER = 0;
export const WHY_MARK_SETUP = 1;
export const WHY_MARK_TERMINATION = 2;
