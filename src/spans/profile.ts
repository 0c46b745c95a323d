/**
 * What the heap profile counts (Go: `memRecord`, `memRecordCycle`, `mProf_NextCycle`, `mProf_Flush`, `mProf_PostSweep`).
 *
 * "In use" must mean: at the end of the last mark whose sweep is over. Allocations are counted as they happen, but who has
 * died is found out a cycle later; a plain difference would count every young object as in use. So each event belongs to a
 * stage, and a profile shows only stages that are complete. Period P begins with the Pth mark termination:
 *
 *   allocated, or freed by hand, in period P    stage P
 *   found dead by the sweep in period P         stage P − 1: it was dead when the mark ended
 *
 * so stages up to P − 1 are complete when the sweep in period P is, and up to P − 2 before. The sum of the complete stages is
 * the heap as it was when that mark ended. (Go has the same three stages: it adds an allocation to cycle C + 2, a sweep's free
 * to C + 1, and publishes a cycle by moving its counts.)
 *
 * Nothing is moved here, so that a thread may die anywhere: counters only grow, one for each stage modulo 3. What a stage
 * has added is its counter less what that was when the stage began, its base. Before period P + 1 begins, the counters of
 * stage P + 1 are copied to their bases: these are the counters of stage P − 2, to which nobody adds in period P. Whoever dies
 * while copying leaves a copy that the next one makes again. The period itself changes while the world is stopped, and
 * nobody reaches a safepoint between reading it and counting.
 *
 * Who writes. Counters: anybody, by `Atomics.add`, in a region. A sampled object is counted before its special record is
 * linked, and the record is unlinked before the death is counted: a thread that dies in between leaves one object too many
 * in use, never one too few.
 */
import { NIL, type Ref, type Words } from '../base/brand.ts';
import {
  BUCKET_ALL_NEXT,
  BUCKET_ALLOCS,
  BUCKET_COUNTERS,
  BUCKET_FREES,
  H_PROFILE_BUCKETS,
  H_PROFILE_PERIOD,
  STAGES,
} from '../layout/profile.ts';

/** Stages from −2 on. */
function counterOf(first: number, stage: number): number {
  return first + 2 * (((stage % STAGES) + STAGES) % STAGES);
}

/** Adds 1 to the 64-bit counter at `word`. */
function increment(m: Words, word: number): void {
  if (Atomics.add(m, word, 1) === -1) Atomics.add(m, word + 1, 1);
}

/** An object was sampled into this bucket. In a region. */
export function countSampled(m: Words, bucket: Ref): void {
  increment(m, counterOf(bucket + BUCKET_ALLOCS, m[H_PROFILE_PERIOD]));
}

/** A sampled object was freed by hand. In a region. */
export function countFreed(m: Words, bucket: Ref): void {
  increment(m, counterOf(bucket + BUCKET_FREES, m[H_PROFILE_PERIOD]));
}

/** A sweep has found a sampled object dead. In a region. */
export function countSwept(m: Words, bucket: Ref): void {
  increment(m, counterOf(bucket + BUCKET_FREES, m[H_PROFILE_PERIOD] - 1));
}

/** Makes the bases of the coming stage. While the current period lasts, under the world lock; any number of times. */
export function prepareStage(m: Words): void {
  const stage = m[H_PROFILE_PERIOD] + 1;
  for (let b = Atomics.load(m, H_PROFILE_BUCKETS); b !== NIL; b = m[b + BUCKET_ALL_NEXT]) {
    for (const first of [b + BUCKET_ALLOCS, b + BUCKET_FREES]) {
      const word = counterOf(first, stage);
      m[word + BUCKET_COUNTERS] = m[word];
      m[word + BUCKET_COUNTERS + 1] = m[word + 1];
    }
  }
}

/** A mark has ended: the next stage begins. World stopped; nothing of this mark is swept yet. */
export function beginPeriod(m: Words): void {
  Atomics.store(m, H_PROFILE_PERIOD, m[H_PROFILE_PERIOD] + 1);
}

/** What a bucket says: of all that happened, or of the complete stages. */
export interface Counts {
  readonly allocs: number;
  readonly frees: number;
}

/** The counts of a bucket without those of the newest `open` stages, 0 … 2. */
export function readCounts(m: Words, bucket: Ref, open: number): Counts {
  const period = m[H_PROFILE_PERIOD];
  const sum = (first: number): number => {
    let total = 0;
    for (let i = 0; i < STAGES; i++) {
      const word = counterOf(first, period - i);
      // Of an open stage, what there was when it began.
      total += readCounter(m, i < open ? word + BUCKET_COUNTERS : word);
    }
    return total;
  };
  // Deaths first: what has died since was allocated before.
  const frees = sum(bucket + BUCKET_FREES);
  return { allocs: sum(bucket + BUCKET_ALLOCS), frees };
}

function readCounter(m: Words, word: number): number {
  for (;;) {
    const high = Atomics.load(m, word + 1);
    const low = Atomics.load(m, word) >>> 0;
    if (Atomics.load(m, word + 1) === high) return high * 2 ** 32 + low;
  }
}
