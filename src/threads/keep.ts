/**
 * An address that a thread has in hand while it allocates, and that nothing else may keep alive: PROC_KEEP, a root.
 *
 * Only its thread writes the word, plainly, inside a region; the collector reads it while that thread stands at a safepoint.
 */
import { PROC_KEEP } from '../layout/proc.ts';
import type { Proc } from '../sync/proc.ts';

/**
 * Runs `fn` while the object at `addr` is alive. There is one word, and who is further out has it first: `fn` is told
 * whether it has it.
 */
export function keeping<T>(t: Proc, addr: number, fn: (isKept: boolean) => T): T {
  const { m } = t.mem;
  const keep = t.ref + PROC_KEEP;
  if (m[keep] !== 0) return fn(false);
  m[keep] = addr;
  try {
    return fn(true);
  } finally {
    m[keep] = 0;
  }
}
