/** The report for people: what was built, what it took, and the answers, on one screen of a terminal. */
import Table from 'cli-table3';
import type { Colors } from 'picocolors/types.js';
import { printable } from '../errors.ts';
import { counted, formatBytes, formatCount, formatSeconds } from '../sizes.ts';
import { figuresTable, PLAIN_TABLE, type Row } from '../table-style.ts';
import { checkRow, collectorPart, dropParts } from './gc-report.ts';
import { type IndexOutcome, uncheckedFiles } from './outcome.ts';
import type { QueryAnswer } from './query.ts';
import { countByReason, mostTellingFirst, type Skipped } from './skipped.ts';

const FILES_SHOWN = 10;

export function indexReport(outcome: IndexOutcome, colors: Colors): string {
  return [
    heading(outcome, colors),
    summary(outcome, colors),
    ...(outcome.drop === null ? [] : dropParts(outcome.drop, colors)),
    collectorPart(outcome.gc, colors),
    topWords(outcome, colors),
    ...outcome.queries.map((query) => queryLines(query, colors)),
    fileLines('Skipped', outcome.skipped, colors),
    fileLines('Not checked', uncheckedFiles(outcome), colors),
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
  const rows: Row[] = [
    ['built in', formatSeconds(outcome.seconds), `${formatBytes(outcome.bytesPerSecond)}/s`],
    ['words', formatCount(outcome.words), wordsNote(outcome)],
    ['postings', formatCount(outcome.postings), 'lines that have a word, for each word'],
    ['heap', formatBytes(outcome.heapBytes), `in spans, and ${formatBytes(outcome.metadataBytes)} of metadata`],
    ['a posting', bytesPerPosting === null ? '–' : `${bytesPerPosting.toFixed(1)} B`, 'of heap and metadata'],
  ];
  if (outcome.check !== null) rows.push(checkRow(outcome.check));
  return figuresTable(rows, colors);
}

function wordsNote({ hits, longWords }: IndexOutcome): string {
  const passedOver = longWords === 0 ? '' : `; ${formatCount(longWords)} too long, passed over`;
  return `distinct, ${counted(hits, 'hit')}${passedOver}`;
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

/** Files and what is the matter with them; nothing if there are none. */
function fileLines(title: string, skipped: readonly Skipped[], colors: Colors): string {
  if (skipped.length === 0) return '';
  const counts = countByReason(skipped).map(([reason, files]) => `${formatCount(files)} ${printable(reason)}`);
  const lines = mostTellingFirst(skipped)
    .slice(0, FILES_SHOWN)
    .map(({ path, reason }) => `  ${printable(path)}  ${colors.dim(printable(reason))}`);
  if (skipped.length > FILES_SHOWN) {
    lines.push(colors.dim(`  … and ${formatCount(skipped.length - FILES_SHOWN)} more (--json has them all)`));
  }
  return [`${colors.bold(`${title} ${formatCount(skipped.length)}`)}  ${colors.dim(counts.join(', '))}`, ...lines].join(
    '\n',
  );
}
