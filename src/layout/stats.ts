/**
 * What is kept for statistics beside the threads' meters (layout/proc.ts): a region of its own of allocator memory. All of
 * it is doubles; offsets count words from the start of the region. World lock: it is written by who stops the world.
 */

/**
 * Rings of the last 256 cycles (Go: `PauseNs`, `PauseEnd`): both stops together, and their end. Cycle n is at (n − 1) %
 * 256.
 */
export const STATS_PAUSE_NS = 0;
export const STATS_PAUSE_END = 512;
export const STATS_RING = 256;

/**
 * Histograms of stops of the world (Go: `timeHistogram`), each TIME_HISTOGRAM doubles: below the first bucket, the buckets,
 * beyond the last. TH_GC and TH_OTHER are which of a pair it is.
 */
export const STATS_TOTAL = 1024;
export const TIME_BUCKETS = 160;
export const TIME_HISTOGRAM = TIME_BUCKETS + 2;
export const STATS_STOPPING = STATS_TOTAL + 4 * TIME_HISTOGRAM;
export const TH_GC = 0;
export const TH_OTHER = 1;
/** Nanoseconds of all threads that the collector's stops took: their length times the threads attached. */
export const STATS_PAUSE_CPU = STATS_STOPPING + 4 * TIME_HISTOGRAM;
export const STATS_WORDS = STATS_PAUSE_CPU + 16;
