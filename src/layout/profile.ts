/**
 * The heap profile (Go: mprof.go): the heap's words of it, and the records of stacks and buckets, which are metadata that is
 * never given back.
 *
 *   text    a name or a file                           \
 *   frame   function, file, line, column                > immutable once they are linked into the chain of their hash
 *   stack   frames, the innermost first                /
 *   bucket  what was sampled from one stack with one size, type, thread and rate (Go: `bucket`, `memRecord`)
 *
 * New records are made under the heap lock and published by one store to the head of their chain; whoever looks for one
 * reads without a lock. All records begin with the same two words.
 *
 * The counters of a bucket only grow. Each is there three times, one for each stage modulo 3: see spans/profile.ts.
 */

/** Header line 212; not imported: the bundler folds constants only from files without imports. */
const H_PROFILE = 3392;

/** Mean bytes between two samples (Go: `MemProfileRate`); 0: off. Any thread sets it; atomic. */
export const H_PROFILE_RATE = H_PROFILE;
export const MAX_PROFILE_RATE = 2 ** 31 - 1;
/** Most frames that a stack is noted with. Written when the heap is made. */
export const H_PROFILE_DEPTH = H_PROFILE + 1;
/** Word of the heads of all chains; 0 until the first sample. Heap lock. */
export const H_PROFILE_HEADS = H_PROFILE + 2;
/** First bucket of the list of all, the newest first. Heap lock. */
export const H_PROFILE_BUCKETS = H_PROFILE + 3;
/** Mark terminations seen by the profile (Go: `mProfCycle`). Written while the world is stopped. */
export const H_PROFILE_PERIOD = H_PROFILE + 4;
/** Samples that found no memory to be noted in. Atomic. */
export const H_PROFILE_LOST = H_PROFILE + 5;

/** What is in the chains, and how many chains there are for each. */
export const CHAIN_TEXTS = 0;
export const CHAIN_FRAMES = 1;
export const CHAIN_STACKS = 2;
export const CHAIN_BUCKETS = 3;
export const CHAIN_KINDS = 4;
export const CHAINS = 4096;

/** Next record of the chain, and the hash that it is in it by. */
export const NODE_NEXT = 0;
export const NODE_HASH = 1;

/** Bytes of UTF-8, which follow. */
export const TEXT_BYTES = 2;
export const TEXT_WORDS = 3;

export const FRAME_FUNCTION = 2;
export const FRAME_FILE = 3;
/** From 1 on; 0: not known. */
export const FRAME_LINE = 4;
export const FRAME_COLUMN = 5;
export const FRAME_WORDS = 6;

/** How many frames follow. */
export const STACK_LENGTH = 2;
export const STACK_FRAMES = 3;

/** The key: stack record, bytes of an object, type number (0: not known), PROC_THREAD of the thread, rate. */
export const BUCKET_STACK = 2;
export const BUCKET_SIZE = 3;
export const BUCKET_TYPE = 4;
export const BUCKET_THREAD = 5;
export const BUCKET_RATE = 6;
/** Next in the list of all buckets. */
export const BUCKET_ALL_NEXT = 7;
/** Objects sampled, and those of them that died: for each stage modulo 3 a low and a high word. Atomic. */
export const BUCKET_ALLOCS = 8;
export const BUCKET_FREES = 14;
/** What those counters were when their stage began. */
export const BUCKET_ALLOCS_BASE = 20;
export const BUCKET_FREES_BASE = 26;
export const BUCKET_WORDS = 32;
/** Words of the counters, and from a counter to its base. */
export const BUCKET_COUNTERS = 12;
export const STAGES = 3;
