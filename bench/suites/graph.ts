// A graph of a million nodes: until another worker can read it, and random reads there, against structuredClone.

import { FORMS, type GraphTask } from '../graph/graph.ts';
import {
  type Bar,
  type Context,
  measuredOf,
  nodeCase,
  type Plan,
  type Plot,
  type Row,
  ratio,
  type Suite,
  stat,
} from '../harness.ts';
import { spread, times } from '../report.ts';

type Key = Pick<GraphTask, 'nodes' | 'reads'>;

const KEY: Key = { nodes: 1_000_000, reads: 100_000 };
const NS = 'nsPerOp';
const CLONES = ['clone', 'clone of ids'] as const;
const NAMES = {
  spanheap: 'spanheap',
  clone: 'structuredClone, objects that point to each other',
  'clone of ids': 'structuredClone, objects with ids',
} as const;

function plan(context: Context): Plan<Key>[] {
  const passes = context.quick ? { warmPasses: 10, passes: 20 } : { warmPasses: 20, passes: 40 };
  const variants = FORMS.map((form) => [form, nodeCase(context, 'case-graph', { ...KEY, ...passes, form })] as const);
  return [{ key: KEY, variants: Object.fromEntries(variants) }];
}

/** Against the clone that reads faster. */
function readRatio(row: Row<Key>): number | undefined {
  const ratios = CLONES.map((clone) => ratio(row, 'spanheap', clone, NS)).filter((r) => r !== undefined);
  return ratios.length ? Math.max(...ratios) : undefined;
}

const METRICS = ['buildMs', 'readableMs', 'attachMs', 'firstNs', NS, 'heapMB', 'v8MB'];

export const graph: Suite<Key> = {
  name: 'graph',
  plan,
  label: ({ nodes }) => `${nodes / 1e6} M nodes`,
  tables: (rows) =>
    rows.map((row) => ({
      title: `A graph of ${row.key.nodes / 1e6} M nodes, read by another worker (median and range)`,
      head: [
        'graph',
        'build, ms',
        'readable, ms',
        'attach, ms',
        '1st pass, ns',
        'read, ns',
        'heap MB',
        'reader’s V8 MB',
        'reads',
      ],
      rows: FORMS.map((form) => [
        NAMES[form],
        ...METRICS.map((metric) => spread(stat(row, form, metric))),
        form === 'spanheap' ? '' : times(ratio(row, 'spanheap', form, NS)),
      ]),
      note: 'readable: from before postMessage in the worker that built it to the first field read in the other, which attaches meanwhile (attach: that part). read: id to node, a field, a neighbour, its field; 100 k random ids a pass, other ids in each. reads: our time over theirs. heap MB: spans and metadata.',
    })),
  bars: (rows) => {
    const bar = (promise: string, limit: number, unit: string, value: (r: Row<Key>) => number | undefined): Bar => {
      const measured = measuredOf(rows, () => 'median', value);
      return { promise, sense: 'at most', limit, unit, measured };
    };
    return [
      bar(
        'a graph of 1 M nodes is readable in another worker in',
        10,
        ' ms',
        (r) => stat(r, 'spanheap', 'readableMs')?.median,
      ),
      bar('random reads there against the faster structuredClone', 1, '×', readRatio),
    ];
  },
  plots: (rows) => [plot(rows)],
};

function plot(rows: readonly Row<Key>[]): Plot {
  const panel = (title: string, metric: string) => ({
    title,
    groups: rows.map(() => '1 M nodes'),
    series: Object.fromEntries(
      FORMS.map((form) => [NAMES[form], rows.map((r) => stat(r, form, metric)?.median ?? null)]),
    ),
  });
  return {
    name: 'bench-graph',
    title: 'A graph in another worker (lower is better)',
    log: true,
    panels: [panel('until it is readable, ms', 'readableMs'), panel('a random read, ns', NS)],
  };
}
