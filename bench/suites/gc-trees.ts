// binary-trees of the Computer Language Benchmarks Game, with collections as they come.
import { TREE_FORMS } from '../gc/trees.ts';
import {
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
import { fixed, spread, times } from '../report.ts';

interface Key {
  readonly depth: number;
}

const DEPTHS = [16, 18];
const ROUNDS = 3;
const MS = 'ms';
const OURS = ['raw', 'typed'] as const;
const NAMES: Readonly<Record<string, string>> = {
  raw: 'spanheap, raw',
  typed: 'spanheap, typed',
  go: 'Go',
  objects: 'plain JS objects',
};

const label = ({ depth }: Key): string => `depth ${depth}`;

export const gcTrees: Suite<Key> = {
  name: 'gc trees',
  label,
  plan: (context: Context): Plan<Key>[] =>
    DEPTHS.map((depth) => {
      const variants: Record<string, Command> = {};
      for (const form of TREE_FORMS) variants[form] = nodeCase(context, 'case-gc-trees', { form, depth });
      if (context.go) variants['go'] = goCommand(context.go.gc, { case: 'trees', depth, warm: 0 });
      return { key: { depth }, variants, maxRounds: ROUNDS };
    }),
  tables: (rows) =>
    rows.map((row) => ({
      title: `binary-trees, depth ${row.key.depth} (ms, median and range)`,
      head: ['trees', 'first run', 'second run', 'collections', 'peak heap, MB', '/Go', '/JS objects'],
      rows: Object.entries(NAMES).map(([variant, name]) => [
        name,
        spread(stat(row, variant, MS)),
        spread(stat(row, variant, 'againMs')),
        fixed(stat(row, variant, 'collections')?.median),
        fixed(stat(row, variant, 'peakMB')?.median),
        ...['go', 'objects'].map((peer) => (variant === peer ? '' : times(ratio(row, variant, peer, MS)))),
      ]),
      note: 'One thread that makes trees; collectors have a second processor. First run: of the process, code that is yet to be compiled included; ratios are of it. A node has two pointers: 16 bytes in Go, 8 in our heap. Collections: in both runs; not counted for JS objects.',
    })),
  bars: (rows) => [
    {
      promise: 'binary-trees against Go',
      sense: 'at most',
      limit: 1.2,
      unit: '×',
      measured: OURS.flatMap((variant) =>
        measuredOf(
          rows,
          (key) => `${variant}, ${label(key)}`,
          (row) => ratio(row, variant, 'go', MS),
        ),
      ),
    },
  ],
  plots: (rows) => [plot(rows)],
};

function plot(rows: readonly Row<Key>[]): Plot {
  return {
    name: 'bench-gc-trees',
    title: 'binary-trees, ms (lower is better)',
    log: true,
    panels: [
      {
        title: 'first run of the process',
        groups: rows.map((r) => label(r.key)),
        series: Object.fromEntries(
          Object.entries(NAMES).map(([variant, name]) => [name, rows.map((r) => stat(r, variant, MS)?.median ?? null)]),
        ),
      },
    ],
  };
}
