// Ten million small structs: how long they take to make, and what they take up.
import { type Bar, type Context, measuredOf, nodeCase, type Plan, type Row, type Suite, stat } from '../harness.ts';
import { fixed, spread, times } from '../report.ts';
import { WAYS } from '../structs/way.ts';

interface Key {
  readonly count: number;
}

const KEY: Key = { count: 10_000_000 };
const OURS = WAYS.filter((way) => way !== 'plain objects');
/** For the plain objects. */
const FLAGS = ['--max-old-space-size=8192'];
/** What V8's heap grows by when code is compiled and caches are filled, whatever the number of objects. */
const V8_SLACK_MB = 2;

const median = (row: Row<Key>, way: string, metric: string): number | undefined => stat(row, way, metric)?.median;

export const structs: Suite<Key> = {
  name: 'structs',
  label: ({ count }) => `${count / 1e6} M`,
  plan: (context: Context): Plan<Key>[] => {
    const command = (way: string) => nodeCase(context, 'case-structs', { ...KEY, way }, FLAGS);
    return [{ key: KEY, variants: Object.fromEntries(WAYS.map((way) => [way, command(way)])) }];
  },
  tables: (rows) =>
    rows.map((row) => ({
      title: `${row.key.count / 1e6} M objects of two u32 and one f64 (median and range; memory: median)`,
      head: ['how', 'ns each', 'bytes each', 'of that metadata', 'over 16 bytes', 'V8 old space, MB'],
      rows: WAYS.map((way) => {
        const all = median(row, way, 'bytesEach');
        const spans = median(row, way, 'spanBytesEach');
        const isOurs = all !== undefined && way !== 'plain objects';
        return [
          way,
          spread(stat(row, way, 'nsPerOp')),
          fixed(all),
          isOurs && spans !== undefined ? fixed(all - spans) : '–',
          isOurs ? times(all / 16) : '–',
          fixed(median(row, way, 'oldMB')),
        ];
      }),
      note: 'Made in scopes of 10 k, in a heap without a collector; the plain objects are kept in an array of full length, which counts. V8 old space: what it grew by, after a collection.',
    })),
  bars: (rows) => {
    const each = (value: (r: Row<Key>, way: string) => number | undefined): Bar['measured'] =>
      OURS.flatMap((way) =>
        measuredOf(
          rows,
          () => way,
          (row) => value(row, way),
        ),
      );
    return [
      {
        promise: '10 M small structs against their size class',
        sense: 'at most',
        limit: 1.1,
        unit: '×',
        measured: each((row, way) => {
          const bytes = median(row, way, 'bytesEach');
          return bytes === undefined ? undefined : bytes / 16;
        }),
      },
      {
        promise: '10 M small structs make the old space of V8 grow by',
        sense: 'at most',
        limit: V8_SLACK_MB,
        unit: ' MB',
        measured: each((row, way) => median(row, way, 'oldMB')),
      },
    ];
  },
};
