// Snapshots of a heap with 1 GiB: how fast they are, and how long the others stand still for them.
import type { SnapshotTask } from '../case-observe-snapshot.ts';
import { measuredOf, nodeCase, type Row, type Suite, stat } from '../harness.ts';
import { fixed, spread } from '../report.ts';

type Key = Pick<SnapshotTask, 'program' | 'to'>;

/** 9 M nodes and 1 M objects that they link to: 10 M of 104 bytes in slots of 112, 1.04 GiB. */
const SIZE = { nodes: 9_000_000, slots: 1_000_000 };
const ROUNDS = 3;
const KEYS: readonly Key[] = [
  { program: 'sleeps', to: 'nowhere' },
  { program: 'works', to: 'nowhere' },
  { program: 'sleeps', to: 'a file' },
  { program: 'works', to: 'a file' },
];

const label = ({ program, to }: Key): string => `the program ${program}, to ${to}`;
const median = (row: Row<Key>, metric: string): number | undefined => stat(row, 'spanheap', metric)?.median;

export const observeSnapshot: Suite<Key> = {
  name: 'observe snapshot',
  label,
  plan: (context) =>
    KEYS.map((key) => ({
      key,
      variants: { spanheap: nodeCase(context, 'case-observe-snapshot', { ...SIZE, ...key }) },
      maxRounds: ROUNDS,
    })),
  tables: (rows) => [
    {
      title: 'A snapshot of 1.04 GiB in 10 M objects (median and range)',
      head: ['', 'MB/s', 'MB', 's', 'stops', 'in all, ms', 'longest operation, ms'],
      rows: rows.map((row) => [
        label(row.key),
        spread(stat(row, 'spanheap', 'mbPerSecond')),
        fixed(median(row, 'mb')),
        spread(stat(row, 'spanheap', 'seconds')),
        fixed(median(row, 'stops')),
        spread(stat(row, 'spanheap', 'stopsMs')),
        row.key.program === 'works' ? spread(stat(row, 'spanheap', 'gapMs')) : '',
      ]),
      note: 'By a second thread, streamed, of a heap that was collected before. stops: of the world, for the snapshot and the cycles that belong to it, waiting for the threads included; each counted as the middle of its bucket in the histogram. longest operation: as the thread sees it that works on, with what it does for the collector.',
    },
  ],
  bars: (rows) => [
    {
      promise: 'a snapshot of 1 GiB is streamed at',
      sense: 'at least',
      limit: 300,
      unit: ' MB/s',
      measured: measuredOf(rows, label, (row) => median(row, 'mbPerSecond')),
    },
    {
      promise: 'and stops the world, in all, for',
      sense: 'at most',
      limit: 5,
      unit: ' ms',
      measured: measuredOf(rows, label, (row) => median(row, 'stopsMs')),
    },
  ],
};
