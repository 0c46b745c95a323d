/**
 * The words of the collector's pacing: a block of doubles in shared memory, one a heap, seen by all threads. Offsets
 * count doubles from the start of the block. Units are bytes and nanoseconds where no other is named.
 *
 * They change only with the world stopped or under the heap lock, except the assist ratios and PACER_HEAP_GOAL, which
 * `revise` stores from any thread while the collector marks. Who reads without the lock: see gc/pacer.ts.
 */

// A PI controller (piController, mgcscavenge.go): offsets within its state.
export const PI_ERR_INTEGRAL = 0;
/** 1 once the integral, or the input, has overflowed. */
export const PI_ERR_OVERFLOW = 1;
export const PI_INPUT_OVERFLOW = 2;
export const PI_WORDS = 3;

// gcControllerState (mgcpacer.go).
/** Which of Go's rules are in force: RULES_NEWEST or RULES_GO_1_19 of gc/pacing/rules.ts. */
export const PACER_RULES = 0;
/** GOGC; −1: off. */
export const PACER_GC_PERCENT = 1;
/** GOMEMLIMIT; 2⁶³: none. */
export const PACER_MEMORY_LIMIT = 2;
export const PACER_HEAP_MINIMUM = 3;
/** What the program should be able to allocate between trigger and goal. */
export const PACER_RUNWAY = 4;
/** Bytes allocated per byte scanned, for the same CPU time; smoothed. */
export const PACER_CONS_MARK = 5;
/** Readings of the last cycles, oldest first (Go: `lastConsMark`). */
export const PACER_LAST_CONS_MARK = 6;
export const CONS_MARK_READINGS = 4;
/** State of the PI controller that smooths consMark under the rules of Go 1.19. */
export const PACER_CONS_MARK_PI = PACER_LAST_CONS_MARK + CONS_MARK_READINGS;
/** Goal by gcPercent alone; 2⁶⁴: none. */
export const PACER_GC_PERCENT_HEAP_GOAL = PACER_CONS_MARK_PI + PI_WORDS;
/** No cycle before the heap is as large as this, so that the sweeper can finish; 0 when it has. */
export const PACER_SWEEP_DIST_MIN_TRIGGER = PACER_GC_PERCENT_HEAP_GOAL + 1;
/** Live heap when the running cycle started; 2⁶⁴ while none runs. */
export const PACER_TRIGGERED = PACER_GC_PERCENT_HEAP_GOAL + 2;
/** Marked by the last cycle. */
export const PACER_HEAP_MARKED = PACER_GC_PERCENT_HEAP_GOAL + 3;
export const PACER_LAST_HEAP_SCAN = PACER_GC_PERCENT_HEAP_GOAL + 4;
export const PACER_LAST_STACK_SCAN = PACER_GC_PERCENT_HEAP_GOAL + 5;
/** Time at which the running cycle started to mark. */
export const PACER_MARK_START_TIME = PACER_GC_PERCENT_HEAP_GOAL + 6;
/** Goal at the end of the last cycle; the scavenger's basis. */
export const PACER_LAST_HEAP_GOAL = PACER_GC_PERCENT_HEAP_GOAL + 7;
/** Workers that the cycle should have on CPUs of their own. */
export const PACER_DEDICATED_WORKERS = PACER_GC_PERCENT_HEAP_GOAL + 8;
/** Share of each other CPU's time, 0 … 1, that a worker should take besides. */
export const PACER_FRACTIONAL_GOAL = PACER_GC_PERCENT_HEAP_GOAL + 9;
/** Most workers that may mark with time nobody else wants. */
export const PACER_IDLE_WORKERS_MAX = PACER_GC_PERCENT_HEAP_GOAL + 10;
/** Bytes to scan per byte allocated while the collector marks, and its inverse. */
export const PACER_ASSIST_WORK_PER_BYTE = PACER_GC_PERCENT_HEAP_GOAL + 11;
export const PACER_ASSIST_BYTES_PER_WORK = PACER_GC_PERCENT_HEAP_GOAL + 12;
/** Outcome of the last `commit` or `revise`. */
export const PACER_HEAP_GOAL = PACER_GC_PERCENT_HEAP_GOAL + 13;
/** Outcome of the last `commit`: the live heap at which the next cycle starts. */
export const PACER_TRIGGER = PACER_GC_PERCENT_HEAP_GOAL + 14;

// gcCPULimiterState (mgclimit.go).
/** CPU time in the leaky bucket, what it holds at most, and what did not fit in, ever. */
export const LIMITER_FILL = PACER_TRIGGER + 1;
export const LIMITER_CAPACITY = LIMITER_FILL + 1;
export const LIMITER_OVERFLOW = LIMITER_FILL + 2;
export const LIMITER_LAST_UPDATE = LIMITER_FILL + 3;
/** 1 while the bucket is full. */
export const LIMITER_ENABLED = LIMITER_FILL + 4;
/** Number of the last cycle in which it became full; 0: never (Go's metric /gc/limiter/last-enabled). */
export const LIMITER_LAST_ENABLED_CYCLE = LIMITER_FILL + 5;
/** CPUs, or threads, that time is counted of. */
export const LIMITER_PROCS = LIMITER_FILL + 6;
/** Share of CPU time that background workers take; 0 while the collector does not mark (Go: `gcEnabled`). */
export const LIMITER_BACKGROUND = LIMITER_FILL + 7;
/** 1 between startGCTransition and finishGCTransition. */
export const LIMITER_TRANSITIONING = LIMITER_FILL + 8;

// Proportional sweep (mgcsweep.go, fields of mheap).
/** Pages to sweep per byte of heap growth; 0: none are owed. */
export const SWEEP_PAGES_PER_BYTE = LIMITER_TRANSITIONING + 1;
export const SWEEP_HEAP_LIVE_BASIS = SWEEP_PAGES_PER_BYTE + 1;
/** Pages swept when the ratio was set. Written last: a change tells sweepers to compute anew. */
export const SWEEP_PAGES_SWEPT_BASIS = SWEEP_PAGES_PER_BYTE + 2;

/** Doubles of the block. */
export const PACER_WORDS = SWEEP_PAGES_SWEPT_BASIS + 1;
