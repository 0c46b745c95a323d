// What a program calls now and then: objects, texts, scopes, locks, iteration, beside plain JavaScript.
import { CALLS, type Call, LONG, MANY_HELD } from '../calls/calls.ts';
import { type Context, nodeCase, type Plan, ratio, type Suite, stat } from '../harness.ts';
import { spread, times } from '../report.ts';

interface Key {
  readonly call: Call;
}

const NS = 'nsPerOp';
/** Plain JS has no counterpart of these. */
const OURS_ONLY: readonly Call[] = ['scope', 'hold', 'hold among many', 'withLock'];

const NAMES: Readonly<Record<Call, string>> = {
  new: 'heap.new(T, { a, b })',
  'string read': 'read a string field, 6 to 24 characters',
  'string write': 'write one',
  'long string read': `read a string field, ${LONG} characters`,
  'long string write': 'write one',
  scope: 'open and close a scope',
  hold: 'hold() and dispose()',
  'hold among many': `the same, with ${MANY_HELD / 1000} k others held`,
  lock: 'lock() and unlock() of a mutex',
  withLock: 'withLock() that adds to a field',
  'iterate numbers': 'iterate a map of 4 k numbers, an entry',
  'iterate texts': 'iterate a map of 4 k text keys, an entry',
  'string read outside': 'read a string field outside of all scopes',
  'map get outside': 'get of a map of 4 k text keys, outside',
  'map set outside': 'set of one, outside',
};

function plan(context: Context): Plan<Key>[] {
  const budget = context.quick ? { warmMs: 250, ms: 100 } : { warmMs: 300, ms: 250 };
  return CALLS.map((call) => {
    const variants = OURS_ONLY.includes(call) ? ['spanheap'] : ['spanheap', 'plain'];
    const command = (variant: string) => nodeCase(context, 'case-calls', { call, ...budget, variant });
    return { key: { call }, variants: Object.fromEntries(variants.map((v) => [v, command(v)])) };
  });
}

export const calls: Suite<Key> = {
  name: 'calls',
  plan,
  label: ({ call }) => call,
  tables: (rows) => [
    {
      title: 'Other calls (ns, median and range)',
      head: ['call', 'spanheap', 'plain JS', 'ratio'],
      rows: rows.map((row) => [
        NAMES[row.key.call],
        spread(stat(row, 'spanheap', NS)),
        spread(stat(row, 'plain', NS)),
        times(ratio(row, 'spanheap', 'plain', NS)),
      ]),
      note: 'Plain JS: new Pair(a, b); reading and storing the pointer to a string, which copies nothing; a lock by hand, over one word of shared memory; iterating a Map. Ours are in shared memory: text is decoded and encoded. outside: each call has to enter the heap and to leave it, which a scope does once for all that are in it.',
    },
  ],
  bars: () => [],
};
