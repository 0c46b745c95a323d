/** Words that the map's stress test shares with its workers. */
export const M_STOP = 0;
/** 1: workers wait between two operations. */
export const M_PAUSE = 1;
/** 1: the maps shrink at present. */
export const M_SHRINKING = 2;
const M_WORKERS = 16;

/** A worker's words. */
export const MW_HEAP_ID = 0;
export const MW_PROGRESS = 1;
export const MW_ERRORS = 2;
/** 1 while it waits. */
export const MW_PAUSED = 3;
/** Increments of counters that it has begun, and that it has done. */
export const MW_STARTED = 4;
export const MW_FINISHED = 5;
/** 1 while it is parked for good, at a delay place. */
export const MW_PARKED = 6;
export const MW_WORDS = 16;

export function mapWorkerWord(i: number): number {
  return M_WORKERS + i * MW_WORDS;
}

export function newMapControl(workers: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(mapWorkerWord(workers) * 4));
}

/** Keys that are always there, only their values change. */
export const PERMANENT = 200;
/** Keys that come and go. */
export const VOLATILE = 6000;
export const COUNTERS = 20;

/** Key of entry `i`; some fit into a slot, some do not. */
export function mapKey(i: number): string {
  return i % 3 === 0 ? `entry number ${i}` : i % 3 === 1 ? `k${i}` : `schlüssel ${i}`;
}
