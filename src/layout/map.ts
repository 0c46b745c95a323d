/**
 * The shared map's structures in object memory, in 32-bit words from the start of each object. How they work together
 * stands in types/map/ops.ts; the names are those of Go's internal/runtime/maps where it has the same thing.
 *
 *   header ──root──> table, while there is one
 *            └─────> directory of 2^d entries, by the top d bits of the hash ──> tables
 *   table ──groups──> groups of 8 slots, each behind its control word
 */

/** Go: `Map`. */
export const MAP_ROOT = 0;
/** Guards the directory. */
export const MAP_LOCK = 1;
/** Key of the hash function, so that nobody can choose keys that collide (Go: `seed`). */
export const MAP_SEED0 = 2;
export const MAP_SEED1 = 3;
export const MAP_WORDS = 4;

/** Go: `table`. One cache line. Its groups, mask, depth and prefix are those it was made with, until it is dead. */
export const TABLE_GROUPS = 0;
/** IS_TABLE; where a directory has its shift. */
export const TABLE_TAG = 1;
/** Number of groups, a power of two, less one (Go: `lengthMask`). */
export const TABLE_MASK = 2;
/** Changes when what a reader may have seen is no longer so. Odd: being written. SEQ_DEAD: replaced. */
export const TABLE_SEQ = 3;
/** 0, or the thread that writes to the table; see types/locks.ts. */
export const TABLE_LOCK = 4;
/** The table holds the keys whose hash begins with these bits (Go: `localDepth`), and how many bits that are. */
export const TABLE_DEPTH = 5;
export const TABLE_PREFIX = 6;
/** Full slots. */
export const TABLE_USED = 7;
/** Empty slots that may still be filled (Go: `growthLeft`). */
export const TABLE_LEFT = 8;
/** Of a dead table: the tables that hold the keys whose next bit is 0, and 1. Of a living one: being built, or 0. */
export const TABLE_LO = 9;
export const TABLE_HI = 10;
/** While two tables are merged, in the one that dies second: the one that dies first. Else 0. */
export const TABLE_PARTNER = 11;
/** A value that is to overwrite another is made here, or 0. */
export const TABLE_SPARE = 12;
/** While `seq` is odd: word index of the value that the spare one is being copied to. */
export const TABLE_PENDING = 13;
export const TABLE_WORDS = 16;

/** An entry of a directory. */
export const DIR_TABLE = 0;
/** 32 − d, in each of the 2^d entries; only the first one's is looked at. Same place as TABLE_TAG. */
export const DIR_SHIFT = 1;
export const DIR_ENTRY_WORDS = 2;

export const IS_TABLE = -1;
export const SEQ_DEAD = -1;

/** Go: `MapGroupSlots`. */
export const GROUP_SLOTS = 8;
/** Words before a group's first slot: one control byte for each slot, lowest byte first. */
export const GROUP_CTRL_WORDS = 2;
// Control bytes. Full is CTRL_FULL with the low 7 bits of the hash (Go: `H2`); zeroed memory is empty.
export const CTRL_EMPTY = 0;
export const CTRL_DELETED = 0x40;
export const CTRL_FULL = 0x80;

/** Largest table: 1024 slots (Go: `maxTableCapacity`). */
export const MAX_GROUPS = 128;
/** Values so large that this many bytes do not hold MAX_GROUPS groups have smaller tables. */
export const MAX_TABLE_BYTES = 64 << 10;
/** Most bits a directory is indexed by; beyond, tables grow instead. */
export const MAX_DEPTH = 20;
