// npm run bench: prepares the peers, runs the suites, and reports tables, bars, JSON, Markdown and plots.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import progress from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import {
  type Bar,
  type Context,
  measureRow,
  numbers,
  type Plan,
  type Plot,
  type Row,
  roundsOf,
  type Suite,
  type Table,
  type Timeline,
} from './harness.ts';
import { buildGo } from './peers/go.ts';
import { buildTlsf } from './peers/tlsf.ts';
import { cpuTicks, judge, type Machine, machine, markdown, paint, terminal } from './report.ts';
import { calls } from './suites/calls.ts';
import { churn } from './suites/churn.ts';
import { create } from './suites/create.ts';
import { gcMalloc } from './suites/gc-malloc.ts';
import { gcMark } from './suites/gc-mark.ts';
import { gcPacing } from './suites/gc-pacing.ts';
import { gcPauses } from './suites/gc-pauses.ts';
import { gcTrees } from './suites/gc-trees.ts';
import { graph } from './suites/graph.ts';
import { index } from './suites/index.ts';
import { malloc } from './suites/malloc.ts';
import { map } from './suites/map.ts';
import { mapThreads } from './suites/map-threads.ts';
import { observeAnalyze } from './suites/observe-analyze.ts';
import { observeExplorer } from './suites/observe-explorer.ts';
import { observeProfile } from './suites/observe-profile.ts';
import { observeSnapshot } from './suites/observe-snapshot.ts';
import { observeTrace } from './suites/observe-trace.ts';
import { references } from './suites/references.ts';
import { replay } from './suites/replay.ts';
import { structs } from './suites/structs.ts';
import { threads } from './suites/threads.ts';

const TYPED = [references, calls, graph, map, mapThreads, structs, index];
const COLLECTOR = [gcMark, gcTrees, gcPauses, gcPacing, gcMalloc];
const OBSERVERS = [observeAnalyze, observeExplorer, observeProfile, observeSnapshot, observeTrace];
const SUITES = [
  malloc,
  churn,
  threads,
  replay,
  create,
  ...TYPED,
  ...COLLECTOR,
  ...OBSERVERS,
] as unknown as readonly Suite[];
const ROUNDS = 7;
const ROUNDS_QUICK = 3;
const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

interface Options {
  readonly rounds?: number;
  readonly quick?: boolean;
  readonly filter?: RegExp;
  readonly only?: string[];
  readonly json?: string;
  readonly markdown?: string;
  readonly plot?: string;
  readonly traces?: string;
  readonly mimalloc?: string;
  readonly lmdb?: string;
}

const options = new Command('bench')
  .description('Measures the heap side by side with its peers: one variant per process, rounds interleaved.')
  .option('--rounds <n>', `rounds of every variant (${ROUNDS}; quick: ${ROUNDS_QUICK})`, positive)
  .option('--quick', 'shorter measurements')
  .option('--filter <regexp>', 'only lines whose name matches, such as malloc or churn.*random', (s) => new RegExp(s))
  .option('--only <variants>', 'only these variants, such as spanheap,go', (s) => s.split(','))
  .option('--json <file>', 'write every number')
  .option('--markdown <file>', 'write the tables and the bars; into a page that has markers, between them')
  .option('--plot <dir>', 'write SVG plots')
  .option('--traces <dir>', 'recordings to replay (../shared/traces, else the sample)')
  .option('--mimalloc <file>', 'mimalloc as WebAssembly; also MIMALLOC_WASM', process.env['MIMALLOC_WASM'])
  .option('--lmdb <dir>', 'folder in whose node_modules lmdb is, if not in ours (npm install --prefix DIR lmdb)')
  .parse()
  .opts<Options>();

function positive(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('not a positive whole number');
  return n;
}

interface Outcome {
  readonly suite: Suite;
  readonly rows: readonly Row<unknown>[];
  readonly tables: readonly Table[];
  readonly bars: readonly Bar[];
  readonly plots: readonly Plot[];
  readonly timelines: readonly Timeline[];
}

/** Columns that are missing because something is not installed. */
const notes: string[] = [];
const failures: string[] = [];
const temp = mkdtempSync(join(os.tmpdir(), 'spanheap-bench-'));
try {
  const context = prepare();
  const started = cpuTicks();
  const load = Math.round((os.loadavg()[0] ?? 0) * 10) / 10;
  const outcomes = await runAll(context);
  const here = { ...machine(), load, stolenPercent: stolenSince(started) };
  print(outcomes, here);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(record(outcomes, here))}\n`);
  if (options.markdown) writeFileSync(options.markdown, insert(options.markdown, page(outcomes, here)));
  if (options.plot) await plotAll(outcomes, options.plot);
  if (failures.length) process.exitCode = 1;
} finally {
  rmSync(temp, { recursive: true, force: true });
}

/** Peers that are compiled here; the others must be given. */
function prepare(): Context {
  const root = process.cwd();
  const go = buildGo(root, temp);
  if (!go) notes.push('Go is not installed: its columns are left out.');
  const tlsf = buildTlsf(root, temp);
  if (!tlsf) notes.push('assemblyscript is not installed: the TLSF column is left out.');
  if (!options.mimalloc) notes.push('no --mimalloc FILE.wasm given: its column is left out.');
  const lmdb = findLmdb(root);
  if (!lmdb) notes.push('lmdb is not installed, and no --lmdb DIR given: its column is left out.');
  return {
    root,
    temp,
    lmdb,
    dist: fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, ''),
    quick: options.quick ?? false,
    go,
    tlsf,
    mimalloc: options.mimalloc && resolve(options.mimalloc),
    traces: recordings(root),
  };
}

/** The folder that lmdb can be loaded from. */
function findLmdb(root: string): string | undefined {
  const folders = options.lmdb === undefined ? [root] : [resolve(options.lmdb)];
  return folders.find((dir) => existsSync(join(dir, 'node_modules/lmdb/package.json')));
}

function recordings(root: string): string[] {
  const folders = [options.traces, join(root, '../shared/traces'), join(root, 'samples')];
  const dir = folders.find((d) => d !== undefined && existsSync(d));
  if (dir === undefined) return [];
  const files = readdirSync(dir).filter((f) => f.endsWith('.trace.gz'));
  return files.toSorted().map((f) => join(dir, f));
}

async function runAll(context: Context): Promise<Outcome[]> {
  const rounds = options.rounds ?? (options.quick ? ROUNDS_QUICK : ROUNDS);
  const plans = SUITES.map((suite) => ({ suite, plans: suite.plan(context).flatMap((plan) => chosen(suite, plan)) }));
  const total = plans
    .flatMap((p) => p.plans)
    .reduce((n, plan) => n + Object.keys(plan.variants).length * roundsOf(plan, rounds), 0);
  const bar = new progress.SingleBar({ format: '{bar} {value}/{total} {line}', etaBuffer: 50 }, progress.Presets.rect);
  bar.start(total, 0, { line: '' });
  const outcomes: Outcome[] = [];
  for (const { suite, plans: lines } of plans) {
    const rows: Row<unknown>[] = [];
    for (const plan of lines) {
      const line = nameOf(suite, plan);
      const failed = (variant: string, reason: string) => failures.push(`FAILED: ${line}, ${variant}: ${reason}`);
      rows.push(await measureRow(plan, rounds, () => bar.increment({ line }), failed));
    }
    if (rows.length) outcomes.push(outcome(suite, rows));
  }
  bar.stop();
  return outcomes;
}

/** What is left of the suite's tables and plots when some lines were filtered out. */
function outcome(suite: Suite, rows: readonly Row<unknown>[]): Outcome {
  const tables = suite.tables(rows).filter((t) => t.rows.length);
  const plots = suite.plots?.(rows).filter((p) => p.panels.some((panel) => panel.groups.length)) ?? [];
  const timelines = suite.timelines?.(rows).filter((t) => t.panels.length) ?? [];
  return { suite, rows, tables, bars: suite.bars(rows), plots, timelines };
}

function nameOf(suite: Suite, plan: Plan<unknown>): string {
  return `${suite.name} ${suite.label(plan.key)}`;
}

function chosen(suite: Suite, plan: Plan<unknown>): Plan<unknown>[] {
  if (options.filter && !options.filter.test(nameOf(suite, plan))) return [];
  if (!options.only) return [plan];
  const wanted = (variant: string) => options.only?.some((o) => variant === o || variant.startsWith(`${o} `));
  const variants = Object.fromEntries(Object.entries(plan.variants).filter(([variant]) => wanted(variant)));
  return Object.keys(variants).length ? [{ ...plan, variants }] : [];
}

/** The machine, and how much of it others had: the load average at the start, what the host took meanwhile. */
type Here = Machine & { readonly load: number; readonly stolenPercent: number };

/** How much of the machine's time the host of a virtual machine took away meanwhile, in percent. */
function stolenSince(start: { all: number; stolen: number }): number {
  const now = cpuTicks();
  return Math.round(((now.stolen - start.stolen) / Math.max(1, now.all - start.all)) * 1000) / 10;
}

function machineLine({ cpu, cpus, memoryGiB, os: system, node, v8, go, load, stolenPercent }: Here): string {
  const versions = `Node ${node} (V8 ${v8}), ${go ?? 'no Go'}`;
  const others = `load ${load} at the start, ${stolenPercent} % of the CPU time taken away by the host meanwhile`;
  return `${cpu}, ${cpus} CPUs, ${memoryGiB} GiB, ${system}; ${versions}; ${others}`;
}

function print(outcomes: readonly Outcome[], here: Here): void {
  console.log(`\n${machineLine(here)}`);
  for (const note of notes) console.log(pc.yellow(note));
  for (const failure of failures) console.log(pc.red(failure));
  for (const { tables } of outcomes) for (const table of tables) console.log(terminal(table));
  for (const { bars } of outcomes) for (const bar of bars) console.log(paint(judge(bar)));
}

function page(outcomes: readonly Outcome[], here: Here): string {
  const remarks = [...notes, ...failures].map((n) => `- ${n}`);
  const bars = outcomes.flatMap((o) => o.bars).map((bar) => `- ${judge(bar).text}`);
  const parts = [[machineLine(here)], remarks, bars, ...outcomes.flatMap((o) => o.tables).map((t) => [markdown(t)])];
  return parts.flatMap((lines) => (lines.length ? [...lines, ''] : [])).join('\n');
}

/** The text, or the page at `file` with the text between its markers. */
function insert(file: string, text: string): string {
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const begin = old.indexOf(BEGIN);
  const end = old.indexOf(END);
  return begin < 0 || end < begin ? text : `${old.slice(0, begin + BEGIN.length)}\n\n${text}\n${old.slice(end)}`;
}

function record(outcomes: readonly Outcome[], here: Here): object {
  return {
    date: new Date().toISOString(),
    machine: here,
    notes,
    failures,
    suites: outcomes.map(({ suite, rows, bars }) => ({
      name: suite.name,
      rows: rows.map((row) => ({ name: suite.label(row.key), rounds: numbers(row) })),
      bars: bars.map((bar) => ({ ...bar, met: judge(bar).met ?? null })),
    })),
  };
}

async function plotAll(outcomes: readonly Outcome[], dir: string): Promise<void> {
  const { svg, timelineSvg } = await import('./plot.ts');
  mkdirSync(dir, { recursive: true });
  const save = (name: string, text: string): void => writeFileSync(join(dir, `${name}.svg`), text);
  for (const plot of outcomes.flatMap((o) => o.plots)) save(plot.name, svg(plot));
  for (const timeline of outcomes.flatMap((o) => o.timelines)) save(timeline.name, timelineSvg(timeline));
}
