/** The report for people: what came of a replay, on one screen of a terminal. */
import Table from 'cli-table3';
import type { Colors } from 'picocolors/types.js';
import { printable } from '../errors.ts';
import type { ClassOutcome, ReplayOutcome } from '../replay/outcome.ts';
import { formatBytes, formatCount, formatPercent, formatSeconds } from '../sizes.ts';
import { PLAIN_TABLE } from '../table-style.ts';
import { bySlot, errorsInWords, fragmentationInWords, partsOf, recordingInWords, threadsInWords } from './wording.ts';

const BUSIEST = 8;
const BAR_WIDTH = 20;

export function terminalReport(outcome: ReplayOutcome, colors: Colors): string {
  return [
    heading(outcome, colors),
    summary(outcome, colors),
    errorList(outcome, colors),
    breakdownTable(outcome, colors),
    classTable(outcome, colors),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .replace(/ +$/gm, '');
}

function heading(outcome: ReplayOutcome, colors: Colors): string {
  return `${colors.bold(printable(outcome.file))}  ${colors.dim(recordingInWords(outcome))}`;
}

function summary(outcome: ReplayOutcome, colors: Colors): string {
  const good = outcome.errors === 0 ? colors.green : colors.red;
  const rows: [string, string, string][] = [
    ['events/s', formatCount(outcome.eventsPerSecond), `${formatSeconds(outcome.seconds)} ${threadsInWords(outcome)}`],
    ['peak live', formatBytes(outcome.peakLiveBytes), 'most that the program had at once'],
    ['peak heap', formatBytes(outcome.peakHeapBytes), 'most that spans took'],
    ['fragmentation', fragmentationInWords(outcome), 'peak heap ÷ peak live'],
    ['errors', outcome.verified ? good(String(outcome.errors)) : '–', errorsInWords(outcome)],
  ];
  const table = new Table({ ...PLAIN_TABLE, colAligns: ['left', 'right', 'left'] });
  for (const [name, value, note] of rows) table.push([name, colors.bold(value), colors.dim(note)]);
  return table.toString();
}

function errorList(outcome: ReplayOutcome, colors: Colors): string {
  if (outcome.mistakes.length === 0) return '';
  const more = outcome.errors - outcome.mistakes.length;
  const lines = outcome.mistakes.map((mistake) => `  ${colors.red('✗')} ${printable(mistake)}`);
  if (more > 0) lines.push(colors.dim(`  … and ${formatCount(more)} more`));
  return lines.join('\n');
}

function breakdownTable(outcome: ReplayOutcome, colors: Colors): string {
  const { breakdown } = outcome;
  const table = new Table({ ...PLAIN_TABLE, colAligns: ['left', 'left', 'right', 'right', 'left', 'left'] });
  for (const { sign, name, bytes, meaning } of partsOf(breakdown)) {
    const strong = sign === '=' ? colors.bold : (text: string) => text;
    const bar = sign === '=' ? '' : barOf(bytes, breakdown.totalBytes);
    table.push([
      sign === '' ? '' : colors.dim(sign),
      strong(name),
      strong(formatBytes(bytes)),
      colors.dim(formatPercent(bytes, breakdown.totalBytes)),
      bar === '' ? '' : colors.cyan(bar),
      meaning === '' ? '' : colors.dim(meaning),
    ]);
  }
  const when = `at the sample with the highest heap, after event ${formatCount(breakdown.event)}`;
  return `${colors.bold('Where the memory was')} ${colors.dim(when)}\n${table.toString()}`;
}

function classTable(outcome: ReplayOutcome, colors: Colors): string {
  const total = outcome.classes.reduce((sum, c) => sum + c.allocations, 0);
  const table = new Table({
    ...PLAIN_TABLE,
    colAligns: ['right', 'right', 'right', 'right', 'right', 'right', 'right'],
    head: ['slot bytes', 'allocations', 'share', 'asked for', 'live', 'in spans', 'waste'].map((name) =>
      colors.dim(name),
    ),
  });
  for (const c of busiestClasses(outcome.classes)) {
    table.push([
      colors.bold(c.sizeClass === 0 ? 'large' : formatCount(c.size)),
      formatCount(c.allocations),
      formatPercent(c.allocations, total),
      formatBytes(c.allocatedBytes),
      formatBytes(c.liveBytes),
      formatBytes(c.spanBytes),
      colors.dim(formatPercent(c.spanBytes - c.liveBytes, c.spanBytes)),
    ]);
  }
  const note = 'by allocations and bytes; live, in spans and waste at the same moment as above';
  return `${colors.bold('Busiest size classes')} ${colors.dim(note)}\n${table.toString()}`;
}

/** The classes with most allocations and those with most bytes asked for, by slot size; large objects last. */
export function busiestClasses(classes: readonly ClassOutcome[]): ClassOutcome[] {
  const most = (figure: (c: ClassOutcome) => number): ClassOutcome[] =>
    [...classes].sort((a, b) => figure(b) - figure(a) || a.sizeClass - b.sizeClass);
  const chosen = new Set<ClassOutcome>();
  const byAllocations = most((c) => c.allocations);
  const byBytes = most((c) => c.allocatedBytes);
  for (let i = 0; i < classes.length && chosen.size < BUSIEST; i++) {
    chosen.add(byAllocations[i]);
    if (chosen.size < BUSIEST) chosen.add(byBytes[i]);
  }
  return bySlot([...chosen]);
}

/** Eighths of a block: one cell shows 2.5 % in eight steps. */
function barOf(part: number, whole: number): string {
  const eighths = whole === 0 ? 0 : Math.max(0, Math.round((part / whole) * BAR_WIDTH * 8));
  const rest = eighths % 8;
  return '█'.repeat(Math.floor(eighths / 8)) + (rest === 0 ? '' : String.fromCodePoint(0x2590 - rest));
}
