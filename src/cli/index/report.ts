/** The report for people: what was built, what it took, and the answers, on one screen of a terminal. */
import Table from 'cli-table3';
import type { Colors } from 'picocolors/types.js';
import { printable } from '../errors.ts';
import { formatBytes, formatCount, formatSeconds } from '../sizes.ts';
import { PLAIN_TABLE } from '../table-style.ts';
import type { IndexOutcome } from './outcome.ts';
import type { QueryAnswer } from './query.ts';
import { countByReason, mostTellingFirst } from './skipped.ts';

const SKIPPED_SHOWN = 10;

export function indexReport(outcome: IndexOutcome, colors: Colors): string {
  return [
    heading(outcome, colors),
    summary(outcome, colors),
    topWords(outcome, colors),
    ...outcome.queries.map((query) => queryLines(query, colors)),
    skippedLines(outcome, colors),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .replace(/ +$/gm, '');
}

function heading({ paths, files, bytes, threads }: IndexOutcome, colors: Colors): string {
  const what = `${counted(files, 'file')}, ${formatBytes(bytes)} of text, ${counted(threads, 'thread')}, one heap`;
  return `${colors.bold(paths.map(printable).join(' '))}  ${colors.dim(what)}`;
}

function summary(outcome: IndexOutcome, colors: Colors): string {
  const { bytesPerPosting } = outcome;
  const rows: [string, string, string][] = [
    ['built in', formatSeconds(outcome.seconds), `${formatBytes(outcome.bytesPerSecond)}/s`],
    ['words', formatCount(outcome.words), wordsNote(outcome)],
    ['postings', formatCount(outcome.postings), 'lines that have a word, for each word'],
    ['heap', formatBytes(outcome.heapBytes), `in spans, and ${formatBytes(outcome.metadataBytes)} of metadata`],
    ['a posting', bytesPerPosting === null ? '–' : `${bytesPerPosting.toFixed(1)} B`, 'of heap and metadata'],
  ];
  if (outcome.check !== null) rows.push(['check', outcome.checked ? 'same' : 'different', checkNote(outcome)]);
  const table = new Table({ ...PLAIN_TABLE, colAligns: ['left', 'right', 'left'] });
  for (const [name, value, note] of rows) {
    const shown = name === 'check' ? (outcome.checked ? colors.green(value) : colors.red(value)) : colors.bold(value);
    table.push([name, shown, colors.dim(note)]);
  }
  return table.toString();
}

function wordsNote({ hits, longWords }: IndexOutcome): string {
  const passedOver = longWords === 0 ? '' : `; ${formatCount(longWords)} too long, passed over`;
  return `distinct, ${counted(hits, 'hit')}${passedOver}`;
}

function checkNote({ check, checked }: IndexOutcome): string {
  if (check === null) return '';
  if (!checked) return printable(check.difference ?? '');
  const plain = `plain JS: ${formatSeconds(check.seconds)} on 1 thread, ${formatBytes(check.heapBytes)} of V8's heap`;
  return `all ${counted(check.postings, 'posting')} compared; ${plain}`;
}

function topWords({ topWords: top }: IndexOutcome, colors: Colors): string {
  if (top.length === 0) return '';
  const table = new Table({
    ...PLAIN_TABLE,
    colAligns: ['left', 'right', 'right'],
    head: ['word', 'hits', 'files'].map((name) => colors.dim(name)),
  });
  for (const { word, hits, files } of top) table.push([colors.bold(word), formatCount(hits), formatCount(files)]);
  return `${colors.bold('Most frequent words')}\n${table.toString()}`;
}

function queryLines({ word, hits, files, microseconds, matches }: QueryAnswer, colors: Colors): string {
  const found = `${counted(hits, 'hit')} in ${counted(files, 'file')}`;
  const time = `${microseconds.toFixed(microseconds < 10 ? 1 : 0)} µs`;
  const lines = matches.map(({ path, line }) => `  ${printable(path)}${colors.dim(`:${line}`)}`);
  if (matches.length > 0 && matches.length < hits) lines.push(colors.dim('  …'));
  return [`${colors.bold(`"${printable(word)}"`)}  ${found}  ${colors.cyan(time)}`, ...lines].join('\n');
}

function skippedLines({ skipped }: IndexOutcome, colors: Colors): string {
  if (skipped.length === 0) return '';
  const counts = countByReason(skipped).map(([reason, files]) => `${formatCount(files)} ${printable(reason)}`);
  const lines = mostTellingFirst(skipped)
    .slice(0, SKIPPED_SHOWN)
    .map(({ path, reason }) => `  ${printable(path)}  ${colors.dim(printable(reason))}`);
  if (skipped.length > SKIPPED_SHOWN) {
    lines.push(colors.dim(`  … and ${formatCount(skipped.length - SKIPPED_SHOWN)} more (--json has them all)`));
  }
  return [`${colors.bold(`Skipped ${formatCount(skipped.length)}`)}  ${colors.dim(counts.join(', '))}`, ...lines].join(
    '\n',
  );
}

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
