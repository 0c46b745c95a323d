/**
 * Clocks that all threads of the process count alike.
 *
 * Node's `hrtime` is the system's monotonic clock. It takes half the time of `performance`, which Node loads when it is first
 * asked for: 2 ms, which would be those of the first heap or of the first stop of the world.
 */
import { node } from './platform.ts';

/** Monotonic nanoseconds since some time before the process began (Go: `nanotime`). */
export const nanotime: () => number = node === undefined ? timeOfPage : timeOfNode(node.hrtime);

function timeOfNode(hrtime: () => [number, number]): () => number {
  return () => {
    const time = hrtime();
    return time[0] * 1e9 + time[1];
  };
}

function timeOfPage(): number {
  return (performance.timeOrigin + performance.now()) * 1e6;
}

/** The same in milliseconds. */
export function millitime(): number {
  return nanotime() / 1e6;
}

/** What makes a time on that clock one since 1970, in nanoseconds; to a millisecond, by the system's clock of now. */
export function epochOfClock(): number {
  return Date.now() * 1e6 - nanotime();
}
