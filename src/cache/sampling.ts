/** When the next object is due for the profiler (Go: `nextSample`, `profilealloc`). See MCache.setSampleRate. */
import { PROC_NEXT_SAMPLE } from '../layout/proc.ts';
import type { MCache } from './mcache.ts';

/** Counts `bytes` of a large object; true when it is to be sampled. */
export function sampleLarge(cache: MCache, bytes: number): boolean {
  const { mf } = cache.heap.t.mem;
  const next = (cache.ref + PROC_NEXT_SAMPLE) >>> 1;
  mf[next] -= bytes;
  if (cache.sampleRate === 0 || mf[next] > 0) return false;
  drawSample(cache);
  return true;
}

/** Exponentially distributed gap, as Go's `nextSample`: samples are then independent of allocation patterns. */
export function drawSample(cache: MCache): void {
  const gap = -Math.log(1 - Math.random()) * cache.sampleRate;
  cache.heap.t.mem.mf[(cache.ref + PROC_NEXT_SAMPLE) >>> 1] = Math.max(1, gap);
}

/** The lowest of these slots that may be handed out before the next sample; or just the one to be sampled. */
export function untilSample(cache: MCache, free: number, size: number): number {
  const { mf } = cache.heap.t.mem;
  const next = (cache.ref + PROC_NEXT_SAMPLE) >>> 1;
  const count = Math.ceil(mf[next] / size) - 1;
  if (count <= 0) {
    cache.sampleDue = true;
    drawSample(cache);
    return free & -free;
  }
  let kept = 0;
  for (let i = 0, rest = free; i < count && rest !== 0; i++) {
    kept |= rest & -rest;
    rest &= rest - 1;
    mf[next] -= size;
  }
  return kept;
}
