// One full collection of 2 M nodes of 16 bytes that stay alive, against native Go and V8's own collector.
import { SHAPES, type Shape } from '../gc/graph.ts';
import type { Form, MarkTask } from '../gc/mark.ts';
import {
  type Bar,
  type Command,
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
import { goCommand } from '../peers/go.ts';
import { spread, times } from '../report.ts';

interface Key {
  readonly nodes: number;
  readonly shape: Shape;
}

const NODES = 2_000_000;
const MS = 'ms';
/** Ours; the bars are for those with a background worker, which is the default, as Go has two processors. */
const OURS: Readonly<Record<string, Pick<MarkTask, 'form' | 'background'>>> = {
  raw: { form: 'raw', background: true },
  typed: { form: 'typed', background: true },
  'raw alone': { form: 'raw', background: false },
  'typed alone': { form: 'typed', background: false },
};
const JUDGED = ['raw', 'typed'] as const;
const NAMES: Readonly<Record<string, string>> = {
  raw: 'spanheap, raw',
  typed: 'spanheap, typed',
  'raw alone': 'spanheap, raw, no background worker',
  'typed alone': 'spanheap, typed, no background worker',
  go: 'Go, runtime.GC()',
  objects: 'V8, gc()',
};

function plan(context: Context): Plan<Key>[] {
  const runs = context.quick ? { warm: 3, cycles: 6 } : { warm: 4, cycles: 10 };
  return SHAPES.map((shape) => {
    const key = { nodes: NODES, shape };
    const node = (form: Form, background: boolean): Command =>
      nodeCase(context, 'case-gc-mark', { ...key, ...runs, form, background }, ['--expose-gc']);
    const variants: Record<string, Command> = {};
    for (const [variant, { form, background }] of Object.entries(OURS)) variants[variant] = node(form, background);
    if (context.go) variants['go'] = goCommand(context.go.gc, { case: 'mark', ...key, ...runs });
    variants['objects'] = node('objects', false);
    return { key, variants };
  });
}

const label = ({ nodes, shape }: Key): string => `${nodes / 1e6} M nodes, ${shape}`;

export const gcMark: Suite<Key> = {
  name: 'gc mark',
  plan,
  label,
  tables: (rows) =>
    rows.map((row) => ({
      title: `One full collection of ${row.key.nodes / 1e6} M live nodes of 16 bytes, neighbours ${row.key.shape} (ms, median and range)`,
      head: ['collector', 'collection', 'fastest', 'CPU time', 'first', '/Go', '/V8'],
      rows: Object.entries(NAMES).map(([variant, name]) => [
        name,
        ...[MS, 'best', 'cpuMs', 'firstMs'].map((metric) => spread(stat(row, variant, metric))),
        ...['go', 'objects'].map((peer) => (variant === peer ? '' : times(ratio(row, variant, peer, MS)))),
      ]),
      note: 'CPU time: of all threads of the process, for one collection. first: the first of the process, whose code is yet to be compiled. Go has two processors, V8 its helper threads.',
    })),
  bars: (rows) => {
    const bar = (peer: string, name: string, limit: number): Bar => ({
      promise: `a full collection of 2 M objects of 16 bytes against ${name}`,
      sense: 'at most',
      limit,
      unit: '×',
      measured: JUDGED.flatMap((variant) =>
        measuredOf(
          rows,
          (key) => `${variant}, ${key.shape}`,
          (row) => ratio(row, variant, peer, MS),
        ),
      ),
    });
    return [bar('go', "Go's", 1), bar('objects', "V8's", 0.6)];
  },
  plots: (rows) => [plot(rows)],
};

function plot(rows: readonly Row<Key>[]): Plot {
  const shown = { raw: 'spanheap', 'raw alone': 'spanheap, no background worker', go: 'Go', objects: 'V8' };
  return {
    name: 'bench-gc-mark',
    title: 'A full collection of 2 M live objects of 16 bytes, ms (lower is better)',
    log: false,
    panels: [
      {
        title: 'by where an object’s neighbours are',
        groups: rows.map((r) => r.key.shape),
        series: Object.fromEntries(
          Object.entries(shown).map(([variant, name]) => [name, rows.map((r) => stat(r, variant, MS)?.median ?? null)]),
        ),
      },
    ],
  };
}
