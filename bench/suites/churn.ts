// malloc and free in pairs, with 10 k and 100 k live objects, against the allocators that a JavaScript user has today.
import {
  type Bar,
  type Context,
  nodeCase,
  type Plan,
  type Plot,
  type Row,
  ratio,
  type Suite,
  stat,
} from '../harness.ts';
import type { PeerName } from '../peers/peer.ts';
import { spread, times } from '../report.ts';
import { type Churn, ORDERS, SIZES } from '../workload.ts';

type Key = Pick<Churn, 'live' | 'size' | 'order'>;

const LIVE = [10_000, 100_000];
/** The only live count at which @thi.ng/malloc, whose free() walks all live blocks, ends in reasonable time. */
const LIVE_SMALL = 1_000;
const THING_PAIRS = 200;
const NS = 'nsPerOp';
const OTHERS = ['floor', 'mimalloc', 'tlsf'] as const;
const COLUMNS = ['spanheap', ...OTHERS, 'loop'] as const;

function plan(context: Context): Plan<Key>[] {
  const plans: Plan<Key>[] = [];
  for (const live of LIVE) {
    for (const size of SIZES) {
      for (const order of ORDERS) plans.push(row(context, { live, size, order }, COLUMNS));
    }
  }
  for (const order of ORDERS) plans.push(row(context, { live: LIVE_SMALL, size: '64', order }, [...COLUMNS, 'thing']));
  return plans;
}

function row(context: Context, key: Key, peers: readonly PeerName[]): Plan<Key> {
  const budget = context.quick ? { warmMs: 250, ms: 100 } : { warmMs: 300, ms: 200 };
  const variants: Record<string, Plan<Key>['variants'][string]> = {};
  for (const peer of peers) {
    const wasm = peer === 'mimalloc' || peer === 'tlsf' ? context[peer] : undefined;
    if (!wasm && (peer === 'mimalloc' || peer === 'tlsf')) continue;
    const pairs = peer === 'thing' ? THING_PAIRS : undefined;
    variants[peer] = nodeCase(context, 'case-churn', { ...key, ...budget, peer, wasm, pairs });
  }
  return { key, variants };
}

const thousands = (n: number): string => `${n / 1000} k`;
const label = ({ live, size, order }: Key): string =>
  `${thousands(live)} live, ${size === 'mixed' ? '16…512 B' : `${size} B`}, ${order}`;
const isMain = ({ key }: Row<Key>): boolean => key.live !== LIVE_SMALL;

export const churn: Suite<Key> = {
  name: 'churn',
  plan,
  label,
  tables: (rows) => [
    {
      title: 'malloc + free, one pair (ns, median and range)',
      head: [
        'live objects, size, order',
        'spanheap',
        'free list',
        'mimalloc',
        'TLSF',
        'empty loop',
        '/free list',
        '/mimalloc',
        '/TLSF',
      ],
      rows: rows
        .filter(isMain)
        .map((r) => [
          label(r.key),
          ...COLUMNS.map((v) => spread(stat(r, v, NS))),
          ...OTHERS.map((peer) => times(ratio(r, 'spanheap', peer, NS))),
        ]),
      note: 'The last three columns: our time over theirs. free list, mimalloc and TLSF serve one thread; mimalloc and TLSF are WebAssembly called from JavaScript. The empty loop is what the benchmark itself costs.',
    },
    {
      title: `malloc + free with ${thousands(LIVE_SMALL)} live objects (ns, median and range)`,
      head: ['live objects, size, order', 'spanheap', 'free list', '@thi.ng/malloc', '/@thi.ng/malloc'],
      rows: rows
        .filter((r) => !isMain(r))
        .map((r) => [
          label(r.key),
          ...['spanheap', 'floor', 'thing'].map((v) => spread(stat(r, v, NS))),
          times(ratio(r, 'spanheap', 'thing', NS)),
        ]),
      note: 'Capped at few live objects: the time of free() in @thi.ng/malloc grows with their number.',
    },
  ],
  bars: (rows) => {
    const against = (peer: string): Bar['measured'] =>
      rows.filter(isMain).flatMap((r) => {
        const value = ratio(r, 'spanheap', peer, NS);
        return value === undefined ? [] : [{ where: label(r.key), value }];
      });
    const bar = (name: string, peer: string, limit: number): Bar => {
      return { promise: `malloc + free against ${name}`, sense: 'at most', limit, unit: '×', measured: against(peer) };
    };
    return [
      bar('mimalloc (Wasm)', 'mimalloc', 1.1),
      bar('a bare free list', 'floor', 2),
      bar("AssemblyScript's TLSF", 'tlsf', 0.5),
    ];
  },
  plots: (rows) => [plot(rows.filter(isMain))],
};

function plot(rows: readonly Row<Key>[]): Plot {
  const names = {
    spanheap: 'spanheap',
    floor: 'bare free list',
    mimalloc: 'mimalloc (Wasm)',
    tlsf: 'TLSF (AssemblyScript)',
  };
  return {
    name: 'bench-churn',
    title: 'malloc + free, ns a pair (lower is better)',
    log: false,
    panels: SIZES.map((size) => {
      const shown = rows.filter((r) => r.key.size === size);
      const values = (variant: string) => shown.map((r) => stat(r, variant, NS)?.median ?? null);
      return {
        title: size === 'mixed' ? '16…512 B, mixed' : `${size} B`,
        groups: shown.map((r) => `${r.key.order} ${thousands(r.key.live)}`),
        series: Object.fromEntries(Object.entries(names).map(([variant, name]) => [name, values(variant)])),
      };
    }),
  };
}
