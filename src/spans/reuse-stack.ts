/** How many freed slots a thread holds back for the next requests of their class. See mcache.ts. */
import { MC_SIZE, PROC_REUSE, REUSE_MAX } from '../layout/proc.ts';

/** Bytes of slots a reuse stack may hold back, and the least number of slots it has room for. */
const REUSE_BYTES = 8 << 10;
const REUSE_MIN = 2;

/** Words of the reuse stack of class `c` of thread `p` when it is full, two a slot; 0 while the stacks are off. */
export function stackWords(m: Int32Array<ArrayBufferLike>, p: number, c: number): number {
  if (m[p + PROC_REUSE] === 0) return 0;
  return 2 * Math.min(REUSE_MAX, Math.max(REUSE_MIN, Math.floor(REUSE_BYTES / m[c + MC_SIZE])));
}
