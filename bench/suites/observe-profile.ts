// What the heap profile costs while it is on, at its usual rate: malloc alone, malloc and free, typed objects.
import { MEM_PROFILE_RATE } from '../../src/index.ts';
import type { ProfiledProgram } from '../case-observe-profile.ts';
import { type Context, measuredOf, nodeCase, type Plan, type Row, type Suite, stat } from '../harness.ts';
import { spread, times } from '../report.ts';
import type { Churn } from '../workload.ts';

type Key = Pick<Churn, 'size' | 'order' | 'live'> & { readonly program: ProfiledProgram };

const RATES = { off: 0, on: MEM_PROFILE_RATE };
const MIB = 1 << 20;
const KEYS: readonly Key[] = [
  { program: 'malloc', size: '16', order: 'bulk', live: 0 },
  { program: 'malloc', size: '64', order: 'bulk', live: 0 },
  { program: 'churn', size: '16', order: 'random', live: 10_000 },
  { program: 'churn', size: '64', order: 'fifo', live: 10_000 },
  { program: 'churn', size: 'mixed', order: 'random', live: 100_000 },
  { program: 'objects', size: '16', order: 'bulk', live: 0 },
];

function label({ program, size, order, live }: Key): string {
  if (program === 'malloc') return `malloc of ${size} B`;
  if (program === 'objects') return 'new struct of 16 B, collected';
  return `malloc + free, ${size === 'mixed' ? '16…512 B' : `${size} B`}, ${order}, ${live / 1000} k live`;
}

function ratio(row: Row<Key>): number | undefined {
  const [on, off] = [stat(row, 'on', 'best'), stat(row, 'off', 'best')];
  return on && off && on.min / off.min;
}

/** Microseconds that sampling added for each sample. */
function perSample(row: Row<Key>): string {
  const [on, off] = [stat(row, 'on', 'best'), stat(row, 'off', 'best')];
  const bytes = Number(row.key.size);
  if (!on || !off || Number.isNaN(bytes)) return '';
  return `${(((on.min - off.min) * (MEM_PROFILE_RATE / bytes)) / 1000).toFixed(0)} µs`;
}

/** Bytes that the program allocates in a second while nobody looks. */
function speed(row: Row<Key>): string {
  const off = stat(row, 'off', 'best');
  const bytes = Number(row.key.size);
  return off && !Number.isNaN(bytes) ? `${((bytes / off.min) * (1e9 / MIB)).toFixed(0)} MiB` : '';
}

export const observeProfile: Suite<Key> = {
  name: 'observe profile',
  label,
  plan: (context: Context): Plan<Key>[] =>
    KEYS.map((key) => {
      const budget = context.quick ? { warmMs: 250, ms: 150 } : { warmMs: 400, ms: 400 };
      const variant = (rate: number) => nodeCase(context, 'case-observe-profile', { ...key, ...budget, rate });
      return { key, variants: { off: variant(RATES.off), on: variant(RATES.on) } };
    }),
  tables: (rows) => [
    {
      title: 'A program with the heap profile off, and on at one sample in 512 KiB (ns, median and range)',
      head: ['program', 'off', 'on', 'ratio', 'a sample', 'allocates a second'],
      rows: rows.map((row) => [
        label(row.key),
        spread(stat(row, 'off', 'nsPerOp')),
        spread(stat(row, 'on', 'nsPerOp')),
        times(ratio(row)),
        perSample(row),
        speed(row),
      ]),
      note: 'ratio: of the fastest batches, of 4 MiB each. a sample: what the difference is for each; most of it is V8’s walk of the stack, here of some 12 frames. The cost goes with the bytes that are allocated in a second, whatever the size of the objects, until samples take 4 % of the time: then they become rarer.',
    },
  ],
  bars: (rows) => [
    {
      promise: 'a program with the heap profile on at its usual rate against off',
      sense: 'at most',
      limit: 1.05,
      unit: '×',
      measured: measuredOf(rows, label, ratio),
    },
  ],
};
