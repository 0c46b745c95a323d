/**
 * The gates of the fast paths of `malloc` and `free`: a line of words for each attachment there ever was, up to MAX_GATES,
 * in a region of their own. Who opens them and when, and why they are not part of the thread's record: malloc/gate.ts.
 */

/** Sizes from 1 to this are for the fast path of `malloc`; 0: none is. */
export const GATE_SIZES = 0;
/** What SPAN_CACHE is, but for the class, of the spans that the fast path of `free` may take slots back into. */
export const GATE_TAG = 1;
/** A cache line: its owner writes it whenever a scope begins or ends. */
export const GATE_WORDS = 16;

/** Attachments that have a gate in the heap. */
export const MAX_GATES = 1 << 16;
