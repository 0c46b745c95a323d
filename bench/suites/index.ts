// The command line tool's main job: the words of this project's installed packages, on one and two threads.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, type Plan, type Row, type Suite, stat } from '../harness.ts';
import { fixed, spread, times } from '../report.ts';

interface Key {
  readonly threads: number;
}

const THREADS = [1, 2];
const MB = 1e6;

function plan(context: Context): Plan<Key>[] {
  const cli = join(context.dist, '../cli.js');
  const folder = join(context.root, 'node_modules');
  if (!existsSync(cli) || !existsSync(folder)) return [];
  return THREADS.map((threads) => {
    const report = join(context.temp, `index.${threads}.json`);
    const args = [cli, 'index', folder, '--threads', String(threads), '--max-bytes', '2GiB', '--json', report];
    const read = () => figures(JSON.parse(readFileSync(report, 'utf8')) as Report);
    return { key: { threads }, variants: { spanheap: { file: process.execPath, args, read } } };
  });
}

/** What the report of `spanheap index` has. */
interface Report {
  readonly files: number;
  readonly bytes: number;
  readonly words: number;
  readonly postings: number;
  readonly seconds: number;
  readonly heapBytes: number;
  readonly queries: readonly { readonly microseconds: number }[];
}

function figures({ queries, ...report }: Report): object {
  const times = queries.map((q) => q.microseconds).toSorted((a, b) => a - b);
  return { ...report, mbPerSecond: report.bytes / MB / report.seconds, queryUs: times[times.length >>> 1] };
}

const median = (row: Row<Key>, metric: string): number | undefined => stat(row, 'spanheap', metric)?.median;

export const index: Suite<Key> = {
  name: 'index',
  plan,
  label: ({ threads }) => `${threads} thread${threads > 1 ? 's' : ''}`,
  tables: (all) => {
    const rows = all.filter((row) => 'spanheap' in row.samples);
    const single = rows.find((r) => r.key.threads === 1);
    const over = (row: Row<Key>) => {
      const [ours, one] = [median(row, 'mbPerSecond'), single && median(single, 'mbPerSecond')];
      return ours === undefined || one === undefined ? undefined : ours / one;
    };
    return [
      {
        title: 'spanheap index of node_modules (median; MB/s also range)',
        head: ['threads', 'files', 'MB', 'words', 'postings', 'seconds', 'MB/s', 'ratio', 'heap MB', 'query, µs'],
        rows: rows.map((row) => [
          String(row.key.threads),
          String(median(row, 'files') ?? '–'),
          fixed((median(row, 'bytes') ?? Number.NaN) / MB),
          String(median(row, 'words') ?? '–'),
          String(median(row, 'postings') ?? '–'),
          fixed(median(row, 'seconds')),
          spread(stat(row, 'spanheap', 'mbPerSecond')),
          times(over(row)),
          fixed((median(row, 'heapBytes') ?? Number.NaN) / MB),
          fixed(median(row, 'queryUs')),
        ]),
        note: 'Reading the files is part of it; after the first round they come from the page cache. query: the median of the queries that it makes by itself.',
      },
    ];
  },
  bars: () => [],
};
