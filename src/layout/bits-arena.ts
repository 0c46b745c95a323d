/**
 * Block of mark and allocation bits (Go: `gcBitsArena`), 64 KiB and aligned to it, in the gcBits region. Blocks have
 * one of four roles, held as lists in the header: `next` (bits for the coming cycle are cut from it), `current`,
 * `previous`, `free`.
 */

export const ARENA_NEXT = 0;
/** Words handed out; atomic add (Go: `gcBitsArena.free`). */
export const ARENA_USED = 1;
/** Epoch in which the block became `next`: bits may be recycled only within it. */
export const ARENA_EPOCH = 2;
/** Bits start here. */
export const ARENA_BITS = 16;
/** GC_BITS_CHUNK, in words. */
export const ARENA_WORDS = 16384;
/** Words that a thread takes from a block at a time, a page of the processor's: see PROC_BITS_NEXT. */
export const PIECE_WORDS = 1024;
