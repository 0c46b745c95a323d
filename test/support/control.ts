/**
 * Words that a test shares with its workers: what they are to do, how far they are, and a table of the objects each
 * of them holds, so that the test can check, and free, what a dead worker has left.
 */
export const C_STOP = 0;
/** Rises when the test wants all workers of a step to go on. */
export const C_GO = 1;
/** Slots of objects that any worker may take and free: the post. */
export const C_POST = 16;
export const POST_SLOTS = 32;
/** A post slot: state, address, size. */
export const POST_WORDS = 3;
export const POST_EMPTY = 0;
export const POST_BUSY = 1;
export const POST_FULL = 2;

const C_WORKERS = C_POST + POST_SLOTS * POST_WORDS;
/** A worker's words. */
export const W_HEAP_ID = 0;
export const W_PROGRESS = 1;
export const W_ERRORS = 2;
export const W_OUT_OF_MEMORY = 3;
/** 1 while it is parked for good, at a delay place. */
export const W_PARKED = 4;
/** Objects it holds, as pairs (address, size); address 0: none. */
export const W_TABLE = 16;
export const TABLE_SLOTS = 512;
export const W_WORDS = W_TABLE + TABLE_SLOTS * 2;

function controlWords(workers: number): number {
  return C_WORKERS + workers * W_WORDS;
}

/** First word of worker `i`. */
export function workerWord(i: number): number {
  return C_WORKERS + i * W_WORDS;
}

export function newControl(workers: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(controlWords(workers) * 4));
}
