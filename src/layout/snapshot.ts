/**
 * The words of heap snapshots: a cycle that is held open, and the log of stores into objects meanwhile. What they are for
 * stands in gc/snapshot-log.ts and threads/hold.ts.
 */
import type { Words } from '../base/brand.ts';

/** 214 * LINE of layout/header.ts, not imported: the bundler folds constants only from files without imports. */
const H_SNAPSHOT = 214 * 16;

/**
 * One of the phases below, in the upper half, and the id of the thread that takes the snapshot in the lower; 0: none.
 * Atomic.
 */
export const SNAP_STATE = H_SNAPSHOT;
/** Counts the snapshots, so that one that was given up is not taken for the next. Written by the state's owner. */
export const SNAP_SERIAL = H_SNAPSHOT + 1;
/** Why the last one was given up: one of the WHY_ values. Atomic. */
export const SNAP_WHY = H_SNAPSHOT + 2;
/**
 * H_BITS_EPOCH of the spans that are younger than the snapshot: their stores are not logged. NO_EPOCH: it is that of older
 * spans as well, so they cannot be told. World stopped.
 */
export const SNAP_EPOCH = H_SNAPSHOT + 3;
export const NO_EPOCH = -1;
/** Log: first word in object memory of the newest segment, 0 if there is none; segments so far, and most of them. Atomic. */
export const SNAP_LOGS = H_SNAPSHOT + 4;
export const SNAP_LOG_COUNT = H_SNAPSHOT + 5;
export const SNAP_LOG_LIMIT = H_SNAPSHOT + 6;
/** Milliseconds (base/clock.ts, modulo 2³²) when the last piece was written: whoever waits can see whether it goes on. */
export const SNAP_PROGRESS = H_SNAPSHOT + 7;
/** 1: bits of logged slots may be set that no log names. */
export const SNAP_DIRTY = H_SNAPSHOT + 8;
/** GC_STARTED of the cycle that was held last: where it ended says nothing to the pacer. World stopped. */
export const SNAP_CYCLE = H_SNAPSHOT + 9;
/**
 * Whether the current cycle frees nothing, as that of a snapshot of a heap without collector does: KEEP_LATER, all objects
 * are to be marked before it ends; KEEP_DONE, they are. Written when a cycle begins, world stopped.
 */
export const SNAP_KEEP = H_SNAPSHOT + 10;
export const KEEP_LATER = 1;
export const KEEP_DONE = 2;
/** 1: the heap was above its memory limit when the snapshot began, which then is no reason to give it up. World stopped. */
export const SNAP_OVER_LIMIT = H_SNAPSHOT + 11;
/** Words in use of the line. */
export const SNAP_WORDS = 12;

export const PHASE_SHIFT = 16;
export const SNAP_OWNER_MASK = 0xffff;
/** Its thread prepares it: nothing is held yet. */
export const PHASE_PREPARING = 1;
/** The cycle is held open, and stores are logged. */
export const PHASE_HELD = 2;
/** Nothing is held any more; its thread reads the log. */
export const PHASE_DRAINING = 3;
/** Given up by another; its thread does not know yet. The log is to be freed. */
export const PHASE_ABORTED = 4;

export const WHY_NONE = 0;
export const WHY_MEMORY = 1;
export const WHY_LOG = 2;
export const WHY_STUCK = 3;
export const WHY_DEATH = 4;
export const WHY_DETACHED = 5;
export const WHY_LIMIT = 6;
export const WHY_GC = 7;

/** Segment of the log that a thread writes: first word in object memory; 0: none yet. */
export const PROC_SNAP_LOG = 116;

/** A segment: a manual span of this many pages, that belongs to the thread that takes the snapshot. */
export const LOG_PAGES = 4;
/** Words of a segment, in object memory. Its entries are pairs: address of the slot, what it held. */
export const LOG_NEXT = 0;
/** Words of its entries that count. The pair behind them is 0, or one that its thread is not sure of. */
export const LOG_COUNT = 1;
export const LOG_ENTRIES = 4;
/** Words that entries may take: one pair less than there is room for. */
export const LOG_ROOM = LOG_PAGES * 2048 - LOG_ENTRIES - 2;

/** Words of the region of allocator memory with one bit a 4-byte slot, for a page of object memory. */
export const SNAP_BITS_PER_PAGE = 64;

/**
 * Whether a cycle is held open for a snapshot. Begins only while the world is stopped, so a plain load does; that it has ended
 * may be seen late.
 */
export function isHeld(m: Words): boolean {
  return m[SNAP_STATE] >>> PHASE_SHIFT === PHASE_HELD;
}
