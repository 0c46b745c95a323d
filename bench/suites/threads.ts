// One and two threads on one heap, beside what the machine gives to two threads that share nothing.
import { type Context, nodeCase, type Plan, type Row, type Stat, type Suite, stat } from '../harness.ts';
import { fixed, spread, times } from '../report.ts';
import type { Churn } from '../workload.ts';

type Key = Churn;

const KEY: Key = { live: 10_000, size: 'mixed', order: 'random' };
const MEMORY = ['one heap', 'own heaps', 'own free lists'] as const;
const RATE = 'mpairs';

function plan(context: Context): Plan<Key>[] {
  const budget = context.quick ? { warmMs: 250, ms: 200 } : { warmMs: 300, ms: 500 };
  const variants: Record<string, Plan<Key>['variants'][string]> = {};
  for (const memory of MEMORY) {
    for (const threads of [1, 2]) {
      variants[`${memory} ${threads}`] = nodeCase(context, 'case-threads', { memory, threads, churn: KEY, ...budget });
    }
  }
  return [{ key: KEY, variants }];
}

function scaling(row: Row<Key>, memory: string, which: keyof Stat): number | undefined {
  const one = stat(row, `${memory} 1`, RATE);
  const two = stat(row, `${memory} 2`, RATE);
  return one && two && two[which] / one[which];
}

export const threads: Suite<Key> = {
  name: 'threads',
  plan,
  label: ({ live, order }) => `${live / 1000} k live, ${order}`,
  tables: (rows) =>
    rows.map((row) => ({
      title: `malloc + free on two threads: ${row.key.live / 1000} k live objects each, 16…512 B, random (million pairs/s, median and range)`,
      head: ['memory', '1 thread', '2 threads', 'ratio', 'ratio of the best'],
      rows: MEMORY.map((m) => [
        {
          'one heap': 'spanheap, one heap',
          'own heaps': 'spanheap, a heap each',
          'own free lists': 'a free list each',
        }[m],
        spread(stat(row, `${m} 1`, RATE)),
        spread(stat(row, `${m} 2`, RATE)),
        times(scaling(row, m, 'median')),
        times(scaling(row, m, 'max')),
      ]),
      note: 'Two threads with a free list each share nothing: their ratio is what the machine gives. On a busy machine the rounds with the highest rates tell more than the median.',
    })),
  bars: (rows) => [
    {
      promise: 'two threads on one heap against one',
      sense: 'at least',
      limit: 1.8,
      unit: '×',
      measured: rows.flatMap((row) => {
        const value = scaling(row, 'one heap', 'median');
        const machine = scaling(row, 'own free lists', 'median');
        const where = `the machine gives ${machine === undefined ? 'an unknown part' : `${fixed(machine)}×`}`;
        return value === undefined ? [] : [{ where, value }];
      }),
    },
  ],
};
