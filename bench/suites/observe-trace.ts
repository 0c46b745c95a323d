// What the allocation trace costs: nothing while there is none; and what an event costs while there is one.
import type { TraceMode } from '../case-observe-trace.ts';
import { type Context, measuredOf, nodeCase, type Plan, type Row, type Suite, stat } from '../harness.ts';
import { spread, times } from '../report.ts';

interface Key {
  readonly size: number;
}

const MODES: readonly TraceMode[] = ['never', 'after', 'read', 'recording', 'chrome'];
const ROUNDS = 5;

const label = ({ size }: Key): string => `${size} B`;

/** Nanoseconds that a trace adds to one event: a pair is two. */
function perEvent(row: Row<Key>, mode: TraceMode): string {
  const traced = stat(row, mode, 'nsPerOp');
  const plain = stat(row, 'never', 'nsPerOp');
  return traced && plain ? `${Math.round((traced.median - plain.median) / 2)} ns` : '';
}

function ratio(row: Row<Key>): number | undefined {
  const after = stat(row, 'after', 'best');
  const never = stat(row, 'never', 'best');
  return after && never && after.min / never.min;
}

export const observeTrace: Suite<Key> = {
  name: 'observe trace',
  label,
  plan: (context: Context): Plan<Key>[] =>
    [16, 512].map((size) => {
      const budget = context.quick ? { warmMs: 200, ms: 300 } : { warmMs: 300, ms: 800 };
      const task = { size, temp: context.temp, budget };
      const variants = Object.fromEntries(
        MODES.map((mode) => [mode, nodeCase(context, 'case-observe-trace', { ...task, mode })]),
      );
      return { key: { size }, variants, maxRounds: ROUNDS };
    }),
  tables: (rows) => [
    {
      title: 'malloc and free of one object under an allocation trace (ns a pair, median and range)',
      head: [
        'size',
        'no trace',
        'after one',
        'ratio',
        'read',
        'an event',
        'recording',
        'an event',
        'Chrome',
        'an event',
      ],
      rows: rows.map((row) => [
        label(row.key),
        spread(stat(row, 'never', 'nsPerOp')),
        spread(stat(row, 'after', 'nsPerOp')),
        times(ratio(row)),
        ...(['read', 'recording', 'chrome'] as const).flatMap((mode) => [
          spread(stat(row, mode, 'nsPerOp')),
          perEvent(row, mode),
        ]),
      ]),
      note: 'One thread, in a scope, which also reads: its share is in the figures. after one: a trace was begun and stopped before; ratio: of the fastest batches. read: every event is decoded, and nothing is done with it. recording, Chrome: recordTrace to a file, not compressed. an event: half of what a pair costs more than without a trace.',
    },
  ],
  bars: (rows) => [
    {
      promise: 'malloc and free after a trace against before any',
      sense: 'at most',
      limit: 1.03,
      unit: '×',
      measured: measuredOf(rows, label, ratio),
    },
  ],
};
