// An empty heap of 1 GiB.
import { type Bar, nodeCase, type Row, type Suite, stat } from '../harness.ts';
import { spread } from '../report.ts';

type Key = { readonly maxBytes: number };

const GIB = 1 << 30;

export const create: Suite<Key> = {
  name: 'create',
  label: ({ maxBytes }) => `${maxBytes / GIB} GiB`,
  plan: (context) => [
    { key: { maxBytes: GIB }, variants: { spanheap: nodeCase(context, 'case-create', { maxBytes: GIB }) } },
  ],
  tables: (rows) => [
    {
      title: 'Creating a heap of 1 GiB (median and range)',
      head: ['heap', 'the first of its process, ms', 'the next one, ms', 'resident growth, MB'],
      rows: rows.map((row) => [
        '1 GiB',
        ...['ms', 'nextMs', 'residentMB'].map((m) => spread(stat(row, 'spanheap', m))),
      ]),
      note: 'The bars take the first heap, whose code is not compiled yet.',
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
