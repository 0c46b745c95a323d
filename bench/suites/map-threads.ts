// One and two threads on one shared map, beside what the machine gives to two threads that share nothing.
import { type Context, measuredOf, nodeCase, type Plan, type Row, type Stat, type Suite, stat } from '../harness.ts';
import type { MapWork } from '../maps/workload.ts';
import { fixed, spread, times } from '../report.ts';

type Key = MapWork;

const KEY: Key = { keys: 'user:12345', gets: 90 };
const MEMORY = ['one map', 'own JS maps'] as const;
const THREADS = [1, 2];
const RATE = 'mops';

function plan(context: Context): Plan<Key>[] {
  const budget = context.quick ? { warmMs: 300, ms: 250 } : { warmMs: 500, ms: 600 };
  const variants = MEMORY.flatMap((memory) =>
    THREADS.map(
      (threads) =>
        [
          `${memory} ${threads}`,
          nodeCase(context, 'case-map-threads', { memory, threads, ...KEY, ...budget }),
        ] as const,
    ),
  );
  return [{ key: KEY, variants: Object.fromEntries(variants) }];
}

function scaling(row: Row<Key>, memory: string, which: keyof Stat): number | undefined {
  const one = stat(row, `${memory} 1`, RATE);
  const two = stat(row, `${memory} 2`, RATE);
  return one && two && two[which] / one[which];
}

export const mapThreads: Suite<Key> = {
  name: 'map threads',
  plan,
  label: ({ gets }) => `${gets}/${100 - gets}`,
  tables: (rows) =>
    rows.map((row) => ({
      title: 'One map and two threads: 100 k keys, 90 % gets (million operations/s, median and range)',
      head: ['memory', '1 thread', '2 threads', 'ratio', 'ratio of the best'],
      rows: MEMORY.map((m) => [
        { 'one map': 'spanheap, one map', 'own JS maps': 'a JS Map each' }[m],
        spread(stat(row, `${m} 1`, RATE)),
        spread(stat(row, `${m} 2`, RATE)),
        times(scaling(row, m, 'median')),
        times(scaling(row, m, 'max')),
      ]),
      note: 'Two threads with a JS Map each share nothing: their ratio is what the machine gives.',
    })),
  bars: (rows) => [
    {
      promise: 'two threads on one map against one',
      sense: 'at least',
      limit: 1.7,
      unit: '×',
      measured: rows.flatMap((row) => {
        const machine = scaling(row, 'own JS maps', 'median');
        const where = `the machine gives ${machine === undefined ? 'an unknown part' : `${fixed(machine)}×`}`;
        return measuredOf(
          [row],
          () => where,
          (r) => scaling(r, 'one map', 'median'),
        );
      }),
    },
  ],
};
