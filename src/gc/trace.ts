/** The line of Go's gctrace for a cycle. */
import type { CycleRecord } from './stats.ts';

const MS = 1e6;
const MB = 2 ** 20;

/** Milliseconds with three significant digits, as Go prints them. */
function ms(ns: number): string {
  const value = ns / MS;
  if (value >= 10) return value.toFixed(0);
  return value >= 1 ? value.toFixed(1) : String(Number(value.toPrecision(2)));
}

const mb = (bytes: number): string => Math.floor(bytes / MB).toString();

/**
 * Go's format: `gc # @#s #%: #+#+# ms clock, #+#/#/#+# ms cpu, #->#-# MB, # MB goal, # MB stacks, # MB globals, # P`.
 * Clock: the two stops and the mark between them. CPU: assists, the background, idle time (none is counted here).
 */
export function traceLine(c: CycleRecord): string {
  const clock = `${ms(c.sweepTermination)}+${ms(c.mark)}+${ms(c.markTermination)} ms clock`;
  const stopped = (ns: number): string => ms(ns * c.procs);
  const cpu = `${stopped(c.sweepTermination)}+${ms(c.assist)}/${ms(c.background)}/0+${stopped(c.markTermination)} ms cpu`;
  const heap = `${mb(c.heapBefore)}->${mb(c.heapAfter)}->${mb(c.heapMarked)} MB, ${mb(c.goal)} MB goal`;
  const percent = Math.floor(c.utilization * 100);
  return (
    `gc ${c.cycle} @${(c.at / 1e9).toFixed(3)}s ${percent}%: ${clock}, ${cpu}, ${heap}, ` +
    `${mb(c.stacks)} MB stacks, 0 MB globals, ${c.procs} P${c.forced ? ' (forced)' : ''}`
  );
}
