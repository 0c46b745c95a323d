// Maps with 100 k text keys, on one thread: ours, JavaScript's, and those that share memory.
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
import { MAPS, type MapName } from '../maps/peers.ts';
import { KEY_SETS, type MapWork } from '../maps/workload.ts';
import { spread, times } from '../report.ts';

type Key = MapWork;

const NS = 'nsPerOp';
const GETS = [90, 50];
const SHARED = ['shareable', 'sharedmap', 'lmdb'] as const;
const NAMES: Readonly<Record<MapName, string>> = {
  spanheap: 'spanheap',
  js: 'JS Map',
  shareable: 'ShareableMap',
  sharedmap: 'sharedmap',
  lmdb: 'lmdb',
};

function plan(context: Context): Plan<Key>[] {
  const budget = context.quick ? { warmMs: 300, ms: 150 } : { warmMs: 500, ms: 400 };
  const { lmdb } = context;
  const maps = MAPS.filter((map) => map !== 'lmdb' || lmdb !== undefined);
  return KEY_SETS.flatMap((keys) =>
    GETS.map((gets) => ({
      key: { keys, gets },
      variants: Object.fromEntries(
        maps.map((map) => [map, nodeCase(context, 'case-map', { keys, gets, ...budget, map, lmdb })]),
      ),
    })),
  );
}

const label = ({ keys, gets }: Key): string => `keys ${keys}, ${gets}/${100 - gets}`;

/** How many times as fast as the fastest of those that share memory. */
function speedup(row: Row<Key>): number | undefined {
  const found = SHARED.map((peer) => ratio(row, peer, 'spanheap', NS)).filter((r) => r !== undefined);
  return found.length ? Math.min(...found) : undefined;
}

export const map: Suite<Key> = {
  name: 'map',
  plan,
  label,
  tables: (rows) => [
    {
      title: 'Maps with 100 k text keys, one get or set (ns, median and range)',
      head: ['keys, gets/sets', ...MAPS.map((m) => NAMES[m]), '/JS Map', 'faster than the best'],
      rows: rows.map((r) => [
        label(r.key),
        ...MAPS.map((m) => spread(stat(r, m, NS))),
        times(ratio(r, 'spanheap', 'js', NS)),
        times(speedup(r)),
      ]),
      note: 'All keys are in the map; keys and operations come from arrays made before. Values are small integers; for sharedmap, which stores text, their digits. lmdb does not wait for the disk and gets a transaction for each 10 k operations. The last column compares with the fastest of the maps that share memory.',
    },
  ],
  bars: (rows) => {
    const bar = (
      promise: string,
      sense: Bar['sense'],
      limit: number,
      value: (r: Row<Key>) => number | undefined,
    ): Bar => {
      return { promise, sense, limit, unit: '×', measured: measuredOf(rows, label, value) };
    };
    return [
      bar('an operation on a map against one on a JS Map', 'at most', 2, (r) => ratio(r, 'spanheap', 'js', NS)),
      bar('operations on a map against those on the best of ShareableMap, sharedmap and lmdb', 'at least', 3, speedup),
    ];
  },
  plots: (rows) => [plot(rows)],
};

function plot(rows: readonly Row<Key>[]): Plot {
  const names = Object.entries(NAMES);
  return {
    name: 'bench-map',
    title: 'Maps with 100 k text keys, ns an operation (lower is better)',
    log: true,
    panels: [
      {
        title: 'gets/sets',
        groups: rows.map((r) => label(r.key)),
        series: Object.fromEntries(names.map(([m, name]) => [name, rows.map((r) => stat(r, m, NS)?.median ?? null)])),
      },
    ],
  };
}
