// The protocol: one variant per process, the rounds of the variants interleaved (A B C A B C ...), so that whatever the
// machine does in the meantime falls on all of them alike. Medians over the rounds; minimum and maximum beside them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { GoPrograms } from './peers/go.ts';

const run = promisify(execFile);

/** A process that prints one JSON object; the numbers in it are the sample. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** For programs that write their report to a file instead: reads it after the program ended. */
  readonly read?: () => object;
}

/** What one process measured. */
export type Sample = Readonly<Record<string, number>>;

/** What one process saw over time, for a timeline: numbers of one moment at the same index. */
export type Series = Readonly<Record<string, readonly number[]>>;

/** One line of a table: what is measured, and the command of each variant that can do it. */
export interface Plan<Key> {
  readonly key: Key;
  readonly variants: Readonly<Record<string, Command>>;
  /** Rounds at most: for processes that measure one thing many times themselves. */
  readonly maxRounds?: number;
}

export interface Row<Key> {
  readonly key: Key;
  /** By variant, one sample per round. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
  /** By variant, of the last round: the field `series` of what the process printed. */
  readonly series: Readonly<Record<string, Series>>;
}

/** Every number of a row, by variant and metric, round by round. */
export function numbers<Key>(row: Row<Key>): Record<string, Record<string, number[]>> {
  const brief = (value: number | undefined) => Number((value ?? Number.NaN).toPrecision(5));
  return Object.fromEntries(
    Object.entries(row.samples).map(([variant, samples]) => {
      const metrics = Object.keys(samples[0] ?? {}).filter((metric) => metric !== 'sink');
      return [variant, Object.fromEntries(metrics.map((m) => [m, samples.map((s) => brief(s[m]))]))];
    }),
  );
}

export interface Stat {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What the suites are told: where things are, what is installed, how long to measure. */
export interface Context {
  readonly root: string;
  /** Folder of the built cases. */
  readonly dist: string;
  /** Folder for files that live as long as the run. */
  readonly temp: string;
  readonly quick: boolean;
  readonly go: GoPrograms | undefined;
  readonly mimalloc: string | undefined;
  readonly tlsf: string | undefined;
  /** Folder in whose node_modules lmdb is. */
  readonly lmdb: string | undefined;
  readonly traces: readonly string[];
}

/** A family of cases: its lines, and how the results are shown and judged. */
export interface Suite<Key = unknown> {
  readonly name: string;
  readonly plan: (context: Context) => Plan<Key>[];
  /** The name of a line, within the suite. */
  readonly label: (key: Key) => string;
  readonly tables: (rows: readonly Row<Key>[]) => Table[];
  readonly bars: (rows: readonly Row<Key>[]) => Bar[];
  readonly plots?: (rows: readonly Row<Key>[]) => Plot[];
  readonly timelines?: (rows: readonly Row<Key>[]) => Timeline[];
}

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string;
}

/** A promise about the numbers, and everything that was measured for it. */
export interface Bar {
  readonly promise: string;
  readonly sense: 'at most' | 'at least';
  readonly limit: number;
  readonly unit: string;
  readonly measured: readonly { readonly where: string; readonly value: number }[];
}

/** Bars side by side: one panel above the other, groups along the axis, a bar per series. */
export interface Plot {
  readonly name: string;
  readonly title: string;
  readonly log: boolean;
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly title: string;
  readonly groups: readonly string[];
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}

/** Lines over time: one panel above the other. */
export interface Timeline {
  readonly name: string;
  readonly title: string;
  readonly panels: readonly TimePanel[];
}

export interface TimePanel {
  readonly title: string;
  readonly seconds: readonly number[];
  /** At each moment; those of `steps` hold until the next. */
  readonly lines: Readonly<Record<string, readonly number[]>>;
  readonly steps: readonly string[];
  /** Not 0 where the background is to be darker. */
  readonly shaded: readonly number[];
}

export function nodeCase(context: Context, name: string, task: object, flags: readonly string[] = []): Command {
  const args = ['--no-warnings', ...flags, `${context.dist}/${name}.js`, JSON.stringify(task)];
  return { file: process.execPath, args };
}

/** Runs every variant of a plan once per round. A variant that fails is reported once, and left out. */
export async function measureRow<Key>(
  plan: Plan<Key>,
  rounds: number,
  tick: () => void,
  failed: (variant: string, reason: string) => void,
): Promise<Row<Key>> {
  const samples: Record<string, Sample[]> = {};
  const series: Record<string, Series> = {};
  const broken = new Set<string>();
  for (let round = 0; round < roundsOf(plan, rounds); round++) {
    for (const [variant, command] of Object.entries(plan.variants)) {
      tick();
      if (broken.has(variant)) continue;
      try {
        const result = await measured(command);
        samples[variant] = [...(samples[variant] ?? []), result.sample];
        if (result.series) series[variant] = result.series;
      } catch (error) {
        broken.add(variant);
        delete samples[variant];
        failed(variant, reasonOf(error as Error & { stderr?: string }));
      }
    }
  }
  return { key: plan.key, samples, series };
}

export function roundsOf(plan: Plan<unknown>, rounds: number): number {
  return Math.min(rounds, plan.maxRounds ?? rounds);
}

async function measured({ file, args, read }: Command): Promise<{ sample: Sample; series: Series | undefined }> {
  const { stdout } = await run(file, args, { maxBuffer: 64 << 20 });
  const report = (read ? read() : JSON.parse(stdout)) as Record<string, unknown>;
  const sample = Object.fromEntries(Object.entries(report).filter(([, value]) => typeof value === 'number'));
  return { sample: sample as Sample, series: report['series'] as Series | undefined };
}

function reasonOf(error: Error & { stderr?: string }): string {
  const lines = (error.stderr ?? '').split('\n').filter((line) => line.trim());
  return lines.find((line) => /^\w*Error/.test(line)) ?? lines.at(-1) ?? error.message;
}

export function stat<Key>(row: Row<Key>, variant: string, metric: string): Stat | undefined {
  const values = row.samples[variant]?.map((s) => s[metric]).filter((v) => v !== undefined);
  if (!values?.length) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** The median of one variant over that of another. */
export function ratio<Key>(row: Row<Key>, variant: string, peer: string, metric: string): number | undefined {
  const ours = stat(row, variant, metric);
  const theirs = stat(row, peer, metric);
  return ours && theirs && ours.median / theirs.median;
}

/** What was measured for a bar: a value for each line that has one. */
export function measuredOf<Key>(
  rows: readonly Row<Key>[],
  where: (key: Key) => string,
  value: (row: Row<Key>) => number | undefined,
): Bar['measured'] {
  return rows.flatMap((row) => {
    const found = value(row);
    return found === undefined ? [] : [{ where: where(row.key), value: found }];
  });
}

export function isMet(bar: Bar): boolean {
  return bar.measured.every(({ value }) => (bar.sense === 'at most' ? value <= bar.limit : value >= bar.limit));
}
