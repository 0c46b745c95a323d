// How long this thread has waited for a processor so far, which Linux counts (the second number of schedstat): what other
// programs have taken from it. Elsewhere 0.
import { openSync, readSync } from 'node:fs';

const FILE = '/proc/thread-self/schedstat';
const NS_PER_MS = 1e6;

/** Returns what tells the milliseconds waited since it was asked last. */
export function watchRunQueue(): () => number {
  const text = Buffer.alloc(128);
  let file: number;
  try {
    file = openSync(FILE, 'r');
  } catch {
    return () => 0;
  }
  const read = (): number => Number(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)).split(' ')[1]);
  let before = read();
  return () => {
    const now = read();
    const waited = (now - before) / NS_PER_MS;
    before = now;
    return waited;
  };
}
