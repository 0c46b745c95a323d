/**
 * Block of mark and allocation bits (Go: `gcBitsArena`), 64 KiB and aligned to it, in the gcBits region. Blocks have
 * one of four roles, held as lists in the header: `next` (bits for the coming cycle are cut from it), `current`,
 * `previous`, `free`.
 */
import { GC_BITS_CHUNK } from './constants.ts';
import { defineStruct } from './define.ts';

export const ARENA_NEXT = 0;
/** Words handed out; atomic add (Go: `gcBitsArena.free`). */
export const ARENA_USED = 1;
/** Epoch in which the block became `next`: bits may be recycled only within it. */
export const ARENA_EPOCH = 2;
/** Bits start here. */
export const ARENA_BITS = 4;
export const ARENA_WORDS = GC_BITS_CHUNK >>> 2;

defineStruct('gcBitsArena', 'gcBitsArena', ARENA_WORDS, {
  next: [ARENA_NEXT, 'ref', 'locked'],
  used: [ARENA_USED, 'u32', 'atomic'],
  epoch: [ARENA_EPOCH, 'u32', 'locked'],
  bits: [ARENA_BITS, 'words', 'locked', ARENA_WORDS - ARENA_BITS],
});
