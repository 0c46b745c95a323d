/** What the page and the workers of this test share. */
import { atomic, map, string, struct, u32 } from '/spanheap/index.js';

export const Pair = struct('Pair', { a: u32, b: u32 });
export const State = struct('State', { counts: map(string, u32), progress: atomic(u32) });
