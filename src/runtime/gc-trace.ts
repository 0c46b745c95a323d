/** Where gctrace lines go. */
import type { CycleRecord } from '../gc/stats.ts';
import { traceLine } from '../gc/trace.ts';
import { printError } from './worker-threads.ts';

/** What is told of each cycle, for the option `gctrace`; undefined when it is off. */
export function traceTo(trace: boolean | ((line: string) => void)): ((record: CycleRecord) => void) | undefined {
  if (trace === false) return undefined;
  const print = trace === true ? printError : trace;
  return (record) => print(traceLine(record));
}
