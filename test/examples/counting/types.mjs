/** What the page and the workers of this test share. */
import { atomic, map, string, struct, u32 } from '/spanheap/index.js';

export const State = struct('State', { counts: map(string, u32), progress: atomic(u32) });
export const KEYS = Array.from({ length: 10 }, (_, i) => `key ${i}`);

/** Every key once more. */
export function countOnce(counts, suffix = '') {
  for (const key of KEYS) counts.update(key + suffix, (n = 0) => n + 1);
}
