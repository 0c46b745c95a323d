/** Runs vector files of the real Go runtime against this code: what `npm run oracle` and the test do. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { growslice } from './growslice.ts';
import { heapbits } from './heapbits.ts';
import { memlimits } from './memlimits.ts';
import { pacer } from './pacer.ts';
import { pagealloc } from './pagealloc.ts';
import { pagecache } from './pagecache.ts';
import { pallocbits } from './pallocbits.ts';
import { scavengeChecker } from './scavenge.ts';
import { sizeclasses } from './sizeclasses.ts';
import { sizeof } from './sizeof.ts';
import { type Checker, type Doc, type Failure, Tally } from './tally.ts';
import { tinyChecker } from './tiny.ts';
import { tinyDriver } from './tiny-driver.ts';

const CHECKERS: readonly Checker[] = [
  sizeclasses,
  pallocbits,
  pagealloc,
  pagecache,
  scavengeChecker,
  growslice,
  tinyChecker(tinyDriver),
  memlimits,
  pacer,
  heapbits,
  sizeof,
];

/** Whether a key of a vector file names a section of cases, maybe one of another format, and not a remark about the file. */
function isSection([key, value]: [string, unknown]): boolean {
  if (key === 'constants') return false;
  return CHECKERS.some((c) => c.sections.includes(key)) || (typeof value === 'object' && value !== null);
}

export interface FileReport {
  readonly name: string;
  readonly passed: number;
  /** Cases that were skipped, by the reason. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

export function runFile(path: string): FileReport {
  const name = basename(path).replace(/\.json$/, '');
  const tally = new Tally();
  try {
    const doc = parse(path);
    recognize(name, doc).run(doc, tally);
    if (tally.passed + tally.skipped.size + tally.failures.length === 0) throw new Error('no cases');
  } catch (error) {
    tally.failures.push({ id: 'file', detail: error instanceof Error ? error.message : String(error) });
  }
  return { name, passed: tally.passed, skipped: tally.skipped, failures: tally.failures };
}

function parse(path: string): Doc {
  const doc: unknown = JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, ''));
  if (typeof doc !== 'object' || doc === null || Array.isArray(doc)) throw new Error('not an object');
  return doc as Doc;
}

/** By its sections; where several formats have those, by its name or by the Go functions that it comes from. */
function recognize(name: string, doc: Doc): Checker {
  const sections = Object.entries(doc)
    .filter(isSection)
    .map(([key]) => key);
  if (sections.length === 0) throw new Error('no cases');
  const fitting = CHECKERS.filter((c) => sections.every((s) => c.sections.includes(s)));
  const source = String(doc['source'] ?? '');
  const found =
    fitting.length < 2
      ? fitting[0]
      : (fitting.find((c) => c.source?.test(source) === true) ?? fitting.find((c) => name.startsWith(c.name)));
  if (found === undefined) throw new Error(`unknown format: sections ${sections.join(', ')}`);
  return found;
}

/** All vector files of a directory, or the one file named. */
export function runPath(path: string): FileReport[] {
  if (!existsSync(path)) return [broken(path, 'does not exist')];
  if (!statSync(path).isDirectory()) return [runFile(path)];
  const isFile = (file: string): boolean => !(existsSync(file) && statSync(file).isDirectory());
  const files = readdirSync(path)
    .filter((f) => f.endsWith('.json'))
    .map((f) => join(path, f))
    .filter(isFile);
  if (files.length === 0) return [broken(path, 'no vector files (*.json) in it')];
  return files.sort().map(runFile);
}

function broken(path: string, detail: string): FileReport {
  return { name: path, passed: 0, skipped: new Map(), failures: [{ id: 'directory', detail }] };
}

const SHOWN_FAILURES = 5;

/** A file's lines of the report. */
export function formatFile(r: FileReport): string[] {
  const skipped = [...r.skipped].map(([reason, cases]) => ` (${cases} cases skipped: ${reason})`).join('');
  const lines = [`${r.name}: ${r.passed} passed, ${r.failures.length} failed${skipped}`];
  for (const { id, detail } of r.failures.slice(0, SHOWN_FAILURES)) lines.push(`  ${id}: ${detail}`);
  if (r.failures.length > SHOWN_FAILURES) lines.push(`  … and ${r.failures.length - SHOWN_FAILURES} more`);
  return lines;
}

/** The last line. */
export function formatTotal(reports: readonly FileReport[]): string {
  const sum = (count: (r: FileReport) => number): number => reports.reduce((n, r) => n + count(r), 0);
  return `${sum((r) => r.passed)} passed, ${sum((r) => r.failures.length)} failed`;
}
