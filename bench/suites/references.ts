// What it costs to get at objects: new references and cursors, beside plain JavaScript.
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
import type { Access, Shape } from '../references/access.ts';
import { spread, times } from '../report.ts';

type Key = Shape;

const FEW = 4096;
const MANY = 1_000_000;
const NS = 'nsPerOp';

const REFERENCES: readonly Key[] = (['at', 'next'] as const).flatMap((access) =>
  [false, true].map((kept) => ({ access, kept, elements: FEW })),
);
const SCANS: readonly Key[] = (['scan of structs', 'scan of references'] as const).flatMap((access) =>
  [FEW, MANY].map((elements) => ({ access, kept: false, elements })),
);

const isReference = ({ key }: Row<Key>): boolean => key.access === 'at' || key.access === 'next';
const isScan = ({ key }: Row<Key>): boolean => key.access.startsWith('scan');

function plan(context: Context): Plan<Key>[] {
  const budget = context.quick ? { warmMs: 250, ms: 100 } : { warmMs: 300, ms: 250 };
  return [...REFERENCES, ...SCANS].map((key) => {
    const variants: Record<string, Plan<Key>['variants'][string]> = {};
    for (const variant of variantsOf(key.access)) {
      variants[variant] = nodeCase(context, 'case-references', { ...key, ...budget, variant });
    }
    return { key, variants };
  });
}

function variantsOf(access: Access): readonly string[] {
  if (access === 'at' || access === 'next' || access === 'scan of structs') return ['spanheap', 'instances', 'views'];
  return ['spanheap', 'instances'];
}

const NAMES: Readonly<Record<Access, string>> = {
  at: 'xs.at(i), two fields',
  next: 'r = r.next, two fields',
  'scan of structs': 'slice(struct)',
  'scan of references': 'slice(ref(struct))',
};

function label({ access, kept, elements }: Key): string {
  if (access === 'at' || access === 'next') return `${NAMES[access]}, ${kept ? 'kept' : 'not kept'}`;
  return `scan of ${NAMES[access]}, ${elements === FEW ? '4 k' : '1 M'} elements`;
}

const cells = (row: Row<Key>, variants: readonly string[], peers: readonly string[]): string[] => [
  label(row.key),
  ...variants.map((v) => spread(stat(row, v, NS))),
  ...peers.map((peer) => times(ratio(row, 'spanheap', peer, NS))),
];

export const references: Suite<Key> = {
  name: 'references',
  plan,
  label,
  tables: (rows) => [
    {
      title: 'A new local reference and two field reads (ns, median and range)',
      head: ['how', 'spanheap', 'new View(i)', 'instance that is there', '/new View(i)', '/instance'],
      rows: rows.filter(isReference).map((r) => cells(r, ['spanheap', 'views', 'instances'], ['views', 'instances'])),
      note: 'new View(i): a small object with getters over a typed array, written by hand, without checks: as with ours, an object is made for each access. Instance that is there: xs[i] and r.next of plain class instances; nothing is made. kept: each reference is stored in a ring of 256. The bar compares what makes objects on both sides.',
    },
    {
      title: 'A cursor over a slice, two fields of each element (ns an element, median and range)',
      head: ['scan', 'spanheap', 'array of instances', 'one view that moves', '/instances'],
      rows: rows.filter(isScan).map((r) => cells(r, ['spanheap', 'instances', 'views'], ['instances'])),
      note: '4 k elements stay in the cache, 1 M do not.',
    },
  ],
  bars: (rows) => {
    const bar = (promise: string, limit: number, shown: Row<Key>[], peer: string): Bar => {
      const measured = measuredOf(shown, label, (r) => ratio(r, 'spanheap', peer, NS));
      return { promise, sense: 'at most', limit, unit: '×', measured };
    };
    return [
      bar('a new reference and two field reads against a new plain object', 1.6, rows.filter(isReference), 'views'),
      bar('a cursor scan against a loop over plain instances', 1.2, rows.filter(isScan), 'instances'),
    ];
  },
  plots: (rows) => [plot(rows)],
};

function plot(rows: readonly Row<Key>[]): Plot {
  const panel = (title: string, shown: Row<Key>[]) => ({
    title,
    groups: shown.map((r) => label(r.key).replace(/^scan of /, '')),
    series: Object.fromEntries(
      Object.entries({ spanheap: 'spanheap', views: 'hand-written view', instances: 'plain instance' }).map(
        ([variant, name]) => [name, shown.map((r) => stat(r, variant, NS)?.median ?? null)],
      ),
    ),
  });
  return {
    name: 'bench-references',
    title: 'Two fields of an object, ns (lower is better)',
    log: false,
    panels: [panel('a reference each', rows.filter(isReference)), panel('a cursor', rows.filter(isScan))],
  };
}
