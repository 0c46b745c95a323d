// Recorded programs put through the heap by the command line tool, on 1, 2 and 4 threads.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Bar, type Context, type Plan, type Plot, type Row, type Suite, stat } from '../harness.ts';
import { fixed, spread } from '../report.ts';

interface Key {
  readonly trace: string;
  readonly threads: number;
}

const THREADS = [1, 2, 4];
const MIB = 2 ** 20;
const FRAGMENTATION = 1.2;
/** The compiler's objects are few and small: its peak is 4.5 MB, in which every open span shows. */
const FRAGMENTATION_CC1PLUS = 1.35;
const THREAD_MIB = 2;

function plan(context: Context): Plan<Key>[] {
  return context.traces.flatMap((file) =>
    THREADS.map((threads) => {
      const report = join(context.temp, `${basename(file)}.${threads}.json`);
      const args = [join(context.dist, '../cli.js'), 'replay', file, '--threads', String(threads), '--json', report];
      const command = { file: process.execPath, args, read: () => JSON.parse(readFileSync(report, 'utf8')) as object };
      return { key: { trace: basename(file).replace(/\.trace\.gz$/, ''), threads }, variants: { spanheap: command } };
    }),
  );
}

const isMeasured = (row: Row<Key>): boolean => 'spanheap' in row.samples;
const median = (row: Row<Key>, metric: string): number => stat(row, 'spanheap', metric)?.median ?? Number.NaN;
const label = ({ trace, threads }: Key): string => `${trace}, ${threads} thread${threads > 1 ? 's' : ''}`;

/** What each thread after the first adds to the peak of the heap, in MiB. */
function perThread(row: Row<Key>, rows: readonly Row<Key>[]): number | undefined {
  const single = rows.find((r) => r.key.trace === row.key.trace && r.key.threads === 1);
  if (!single || row.key.threads === 1) return undefined;
  return (median(row, 'peakHeapBytes') - median(single, 'peakHeapBytes')) / MIB / (row.key.threads - 1);
}

/** Metadata in use, in parts of what is allowed: 1 MiB and 5 % of the heap at its peak. */
const metadataShare = (row: Row<Key>): number =>
  median(row, 'metadataBytes') / (MIB + 0.05 * median(row, 'peakHeapBytes'));

export const replay: Suite<Key> = {
  name: 'replay',
  plan,
  label,
  tables: (rows) => [
    {
      title: 'Recorded programs (seconds: median and range; the rest: median)',
      head: [
        'recording',
        'events',
        'seconds',
        'M events/s',
        'peak live MiB',
        'peak heap MiB',
        'fragmentation',
        'MiB per thread',
        'metadata MiB',
        'errors',
      ],
      rows: rows
        .filter(isMeasured)
        .map((row) => [
          label(row.key),
          String(median(row, 'events')),
          spread(stat(row, 'spanheap', 'seconds')),
          fixed(median(row, 'eventsPerSecond') / 1e6),
          fixed(median(row, 'peakLiveBytes') / MIB),
          fixed(median(row, 'peakHeapBytes') / MIB),
          median(row, 'fragmentation').toFixed(3),
          fixed(perThread(row, rows)),
          fixed(median(row, 'metadataBytes') / MIB),
          String(median(row, 'errors')),
        ]),
      note: 'fragmentation: peak bytes in spans over peak live bytes. MiB per thread: what each thread after the first adds to the peak heap.',
    },
  ],
  bars: (all) => {
    const rows = all.filter(isMeasured);
    const single = rows.filter((r) => r.key.threads === 1);
    const isCompiler = (r: Row<Key>) => r.key.trace === 'cc1plus';
    const bar = (
      promise: string,
      limit: number,
      unit: string,
      shown: Row<Key>[],
      measure: (r: Row<Key>) => number | undefined,
    ): Bar => {
      const measured = shown.flatMap((row) => {
        const value = measure(row);
        return value === undefined ? [] : [{ where: label(row.key), value }];
      });
      return { promise, sense: 'at most', limit, unit, measured };
    };
    const fragmentation = (r: Row<Key>) => median(r, 'fragmentation');
    return [
      bar(
        'fragmentation of cc1plus on one thread',
        FRAGMENTATION_CC1PLUS,
        '',
        single.filter(isCompiler),
        fragmentation,
      ),
      bar(
        'fragmentation of the others on one thread',
        FRAGMENTATION,
        '',
        single.filter((r) => !isCompiler(r)),
        fragmentation,
      ),
      bar('each further thread adds to the peak heap', THREAD_MIB, ' MiB', rows, (r) => perThread(r, rows)),
      bar('metadata against 1 MiB + 5 % of the peak heap', 1, '×', rows, metadataShare),
    ];
  },
  plots: (rows) => (rows.length ? [plot(rows)] : []),
};

function plot(rows: readonly Row<Key>[]): Plot {
  const traces = [...new Set(rows.map((r) => r.key.trace))];
  const value = (trace: string, threads: number, metric: string): number | null => {
    const row = rows.find((r) => r.key.trace === trace && r.key.threads === threads);
    return row ? median(row, metric) : null;
  };
  const series = (metric: string, scale = 1) =>
    Object.fromEntries(
      THREADS.map((n) => [
        `${n} thread${n > 1 ? 's' : ''}`,
        traces.map((t) => {
          const found = value(t, n, metric);
          return found === null ? null : found / scale;
        }),
      ]),
    );
  return {
    name: 'bench-replay',
    title: 'Recorded programs on one shared heap',
    log: false,
    panels: [
      {
        title: 'fragmentation: peak heap over peak live bytes (lower is better)',
        groups: traces,
        series: series('fragmentation'),
      },
      { title: 'million events a second (higher is better)', groups: traces, series: series('eventsPerSecond', 1e6) },
    ],
  };
}
