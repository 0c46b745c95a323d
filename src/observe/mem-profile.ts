/** `heap.memProfile()`: the buckets of the heap profile as plain data (Go: `runtime.MemProfile`, `memProfileInternal`). */
import type { Ref } from '../base/brand.ts';
import { isAllSwept } from '../central/sweep.ts';
import { GC_ENABLED } from '../layout/gc.ts';
import { PROC_SWEEPING } from '../layout/proc.ts';
import { H_PROFILE_LOST, H_PROFILE_PERIOD, H_PROFILE_RATE } from '../layout/profile.ts';
import type { TypeList } from '../malloc/rtype.ts';
import { type Counts, readCounts } from '../spans/profile.ts';
import { eachBucket, readBucket, readFrame, readStack, type StackFrame } from '../spans/profile-records.ts';
import type { Mem } from '../sys/mem.ts';
import { attachedProcs } from '../threads/stop-the-world.ts';

/** Objects of one size that were sampled from one stack (Go: `runtime.MemProfileRecord`). Numbers are not scaled. */
export interface MemProfileRecord {
  /**
   * Where they were allocated, the innermost frame first: what of the library the program called, then the program. In a
   * program that is bundled with the library all of the library's frames come first, since their files do not tell them
   * apart: `encodeHeapProfile` does, by source maps.
   */
  readonly stack: readonly StackFrame[];
  /** Bytes of one of them: those of its slot, of its tiny block, of its pages. */
  readonly size: number;
  /** The type of objects with pointers, as it is registered in the heap; undefined for others. */
  readonly type: string | undefined;
  /** The `threadId` of the worker that allocated them, 0 the main thread; undefined where that is not known. */
  readonly thread: number | undefined;
  /** The rate that they were sampled at. */
  readonly rate: number;
  /** Samples: all that were taken, and those of them that are in use; objects and bytes. */
  readonly allocObjects: number;
  readonly allocBytes: number;
  readonly inuseObjects: number;
  readonly inuseBytes: number;
}

/** What was sampled of a heap. Structured-cloneable. */
export interface MemProfile {
  /** Mean bytes between two samples now; 0: sampling is off. */
  readonly rate: number;
  /** Collections whose end the profile shows; 0: it is of now. */
  readonly cycle: number;
  /** Samples for which there was no memory. */
  readonly lost: number;
  readonly records: readonly MemProfileRecord[];
}

/** How many of the newest stages are not complete. See spans/profile.ts. */
function openStages(mem: Mem): number {
  const { m } = mem;
  // No collection yet, or none that comes by itself: all of it, as Go does.
  if (m[H_PROFILE_PERIOD] === 0 || m[GC_ENABLED] === 0) return 0;
  const isSwept = isAllSwept(m) && attachedProcs(mem).every((p) => Atomics.load(m, p + PROC_SWEEPING) === 0);
  if (isSwept) return 1;
  return m[H_PROFILE_PERIOD] === 1 ? 0 : 2;
}

/** Times that the counts are read anew, since a collection has ended meanwhile. */
const TRIES = 10;

/** Buckets that have counts, of one moment as far as collections go; `cycle` as in MemProfile. */
function countBuckets(mem: Mem): { cycle: number; buckets: { bucket: Ref; counts: Counts }[] } {
  const { m } = mem;
  for (let tries = TRIES; ; tries--) {
    const period = Atomics.load(m, H_PROFILE_PERIOD);
    // All that was counted until now is in the counters whatever period it is.
    const open = tries === 0 ? 0 : openStages(mem);
    const buckets: { bucket: Ref; counts: Counts }[] = [];
    for (const bucket of eachBucket(m)) {
      const counts = readCounts(m, bucket, open);
      if (counts.allocs > 0) buckets.push({ bucket, counts });
    }
    // Else what was read is of two periods.
    const isOfOne = Atomics.load(m, H_PROFILE_PERIOD) === period;
    if (isOfOne || open === 0) return { cycle: open === 0 ? 0 : period - open + 1, buckets };
  }
}

/**
 * The profile of the end of the newest collection that is known in full. It is of now where there was none, where none comes
 * by itself, and where they end so fast, ten in a row, that each ends while the counts are read. While other threads
 * allocate, the records of such a profile are of slightly different moments.
 */
export function readMemProfile(mem: Mem, types: TypeList): MemProfile {
  const { m } = mem;
  const frames = new Map<Ref, StackFrame>();
  const frameOf = (r: Ref): StackFrame => {
    let frame = frames.get(r);
    if (frame === undefined) frames.set(r, (frame = Object.freeze(readFrame(mem, r))));
    return frame;
  };
  const { cycle, buckets } = countBuckets(mem);
  const records = buckets.map(({ bucket, counts: { allocs, frees } }): MemProfileRecord => {
    const { stack, size, type, thread, rate } = readBucket(m, bucket);
    const inuse = allocs - frees;
    return {
      stack: readStack(mem, stack, frameOf),
      size,
      type: type === 0 ? undefined : types.get(type)?.name,
      thread: thread === 0 ? undefined : thread - 1,
      rate,
      allocObjects: allocs,
      allocBytes: allocs * size,
      inuseObjects: inuse,
      inuseBytes: inuse * size,
    };
  });
  return { rate: m[H_PROFILE_RATE], cycle, lost: m[H_PROFILE_LOST] >>> 0, records };
}
