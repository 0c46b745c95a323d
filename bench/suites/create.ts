// An empty heap of 1 GiB.
import { type Bar, nodeCase, type Row, type Suite, stat } from '../harness.ts';
import { spread } from '../report.ts';

type Key = { readonly maxBytes: number };

const GIB = 1 << 30;
/** Compiled code is for the options of V8 that the build had: with one of any kind there is none. */
const OTHER_OPTIONS = ['--no-flush-bytecode'];
const NAMES = { spanheap: 'with the code that the build compiled', 'spanheap, plain': 'without' } as const;
const VARIANTS = Object.keys(NAMES) as (keyof typeof NAMES)[];

export const create: Suite<Key> = {
  name: 'create',
  label: ({ maxBytes }) => `${maxBytes / GIB} GiB`,
  plan: (context) => [
    {
      key: { maxBytes: GIB },
      variants: {
        spanheap: nodeCase(context, 'case-create', { maxBytes: GIB }),
        'spanheap, plain': nodeCase(context, 'case-create', { maxBytes: GIB }, OTHER_OPTIONS),
      },
    },
  ],
  tables: (rows) => [
    {
      title: 'Creating a heap of 1 GiB (median and range)',
      head: ['library', 'the first of its process, ms', 'the next one, ms', 'resident growth, MB'],
      rows: rows.flatMap((row) =>
        VARIANTS.map((variant) => [
          NAMES[variant],
          ...['ms', 'nextMs', 'residentMB'].map((m) => spread(stat(row, variant, m))),
        ]),
      ),
      note: 'The bars take the first heap. Without: in a process with other options of V8 than the build had.',
    },
  ],
  bars: (rows) => {
    const bar = (promise: string, metric: string, limit: number, unit: string): Bar => {
      return { promise, sense: 'at most', limit, unit, measured: rows.flatMap((row) => measured(row, metric)) };
    };
    return [
      bar('creating a 1 GiB heap takes', 'ms', 5, ' ms'),
      bar('a 1 GiB heap costs in resident memory', 'residentMB', 2, ' MB'),
    ];
  },
};

function measured(row: Row<Key>, metric: string): Bar['measured'][number][] {
  const found = stat(row, 'spanheap', metric);
  return found ? [{ where: 'median', value: found.median }] : [];
}
