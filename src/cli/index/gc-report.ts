/** The parts of the report that are about the collector: documents dropped and indexed again, and all its cycles. */
import Table from 'cli-table3';
import type { Colors } from 'picocolors/types.js';
import { printable } from '../errors.ts';
import { counted, formatBytes, formatCount, formatDuration, formatPercent, formatSeconds } from '../sizes.ts';
import { figuresTable, PLAIN_TABLE, type Row } from '../table-style.ts';
import type { CheckResult } from './check.ts';
import type { GcFigures } from './gc-figures.ts';
import type { Again, Collection, Recycled } from './recycle.ts';

export function dropParts(drop: Recycled, colors: Colors): string[] {
  const { collection, again } = drop;
  return [
    `${colors.bold(`Dropped ${drop.percent} % of the documents`)}  ${colors.dim('nothing is freed by hand')}\n${droppedTable(drop, colors)}`,
    `${colors.bold('Collected')}  ${colors.dim(collectedNote(collection))}\n${freedTable(collection, colors)}${checkLine(drop.check, colors)}`,
    `${colors.bold('Indexed them again')}  ${colors.dim('in the same heap')}\n${againTable(drop, again, colors)}`,
  ];
}

function droppedTable({ files, bytes, words, postings, seconds }: Recycled, colors: Colors): string {
  const rows: Row[] = [
    ['files', formatCount(files), `${formatBytes(bytes)} of text, taken out in ${formatSeconds(seconds)}`],
    ['postings', formatCount(postings), `and ${counted(words, 'word')} that no other file has`],
  ];
  return figuresTable(rows, colors);
}

function collectedNote({ seconds, markedBytes, markSeconds, sweepSeconds, stops }: Collection): string {
  const marked = `marked ${formatBytes(markedBytes)} in ${formatDuration(markSeconds)}`;
  const stopped = `stops of ${stops.map(formatDuration).join(' and ')}`;
  return `in ${formatDuration(seconds)}: ${marked}, swept in ${formatDuration(sweepSeconds)}; ${stopped}`;
}

function freedTable({ before, after, freedBytes, freedObjects }: Collection, colors: Colors): string {
  const table = new Table({
    ...PLAIN_TABLE,
    colAligns: ['left', 'right', 'right', 'right'],
    head: ['', 'before', 'after', 'freed'].map((name) => colors.dim(name)),
  });
  const add = (name: string, format: (n: number) => string, from: number, to: number, freed: number): void => {
    table.push([name, format(from), format(to), colors.bold(format(freed))]);
  };
  add('live bytes', formatBytes, before.liveBytes, after.liveBytes, freedBytes);
  add('objects', formatCount, before.objects, after.objects, freedObjects);
  add('spans in use', formatBytes, before.heapBytes, after.heapBytes, before.heapBytes - after.heapBytes);
  return table.toString();
}

function againTable(drop: Recycled, again: Again, colors: Colors): string {
  const { seconds, bytesPerSecond, files, postings, heapBefore, heapPeak, heapAfter } = again;
  const rows: Row[] = [
    ['built in', formatSeconds(seconds), `${formatBytes(bytesPerSecond)}/s, ${counted(files, 'file')}`],
    ['postings', formatCount(postings), postings === drop.postings ? 'as many as before' : 'files have changed'],
    goalRow(again),
    ['heap', formatBytes(heapAfter), `in spans; ${formatBytes(heapBefore)} before, ${formatBytes(heapPeak)} at most`],
  ];
  if (drop.againCheck !== null) rows.push(checkRow(drop.againCheck));
  return figuresTable(rows, colors);
}

function goalRow({ peakLiveBytes, goalBytes, cycles, isMarking }: Again): Row {
  const ended = `${counted(cycles.length, 'cycle')}${isMarking ? ', another under way' : ''}`;
  if (goalBytes === null) return ['live bytes', formatBytes(peakLiveBytes), `no goal, ${ended}`];
  const share = `${formatPercent(peakLiveBytes, goalBytes)} of the goal, ${formatBytes(goalBytes)}; ${ended}`;
  return ['live bytes', formatBytes(peakLiveBytes), share, peakLiveBytes <= goalBytes ? 'good' : undefined];
}

export function collectorPart(gc: GcFigures, colors: Colors): string {
  const { cycles, forcedCycles, stops, longestStop, medianStop, stopSeconds } = gc;
  const goal = gc.percent < 0 ? 'gcPercent off' : `gcPercent ${gc.percent}`;
  const limit = gc.memoryLimit === null ? '' : `, memory limit ${formatBytes(gc.memoryLimit)}`;
  const settings = gc.enabled ? `${goal}${limit}` : 'off, but for what is asked for';
  const title = `${colors.bold('Collector')}  ${colors.dim(settings)}`;
  if (cycles === 0) return `${title}\n${figuresTable([['cycles', '0', '']], colors)}`;
  const stopped = `longest ${formatDuration(longestStop)}, median ${formatDuration(medianStop)}`;
  const rows: Row[] = [
    ['cycles', formatCount(cycles), forcedCycles === 0 ? '' : `of which ${formatCount(forcedCycles)} asked for`],
    ['stops', formatCount(stops), `${stopped}, ${formatDuration(stopSeconds)} in all`],
    [
      'marking',
      formatDuration(gc.markSeconds),
      `on the side, and ${formatDuration(gc.assistSeconds)} by threads that allocated`,
    ],
    ['sweeping', formatDuration(gc.sweepSeconds), 'by all threads together'],
    ['freed', formatBytes(gc.freedBytes), counted(gc.freedObjects, 'object')],
  ];
  return `${title}\n${figuresTable(rows, colors)}`;
}

function checkLine(check: CheckResult | null, colors: Colors): string {
  return check === null ? '' : `\n${figuresTable([checkRow(check)], colors)}`;
}

/** How the comparison with a plain index came out. */
export function checkRow({ postings, seconds, heapBytes, difference, unchecked }: CheckResult): Row {
  if (difference !== null) return ['check', 'different', printable(difference), 'bad'];
  const plain = `plain JS: ${formatSeconds(seconds)} on 1 thread, ${formatBytes(heapBytes)} of V8's heap`;
  const compared = `${counted(postings, 'posting')} compared`;
  const told = unchecked.length === 0 ? `all ${compared}` : `${compared}, ${counted(unchecked.length, 'file')} not`;
  return ['check', 'same', `${told}; ${plain}`, 'good'];
}
