// The longest stop of a thread that works on while 1 GiB in 10 M objects is collected.
import {
  type Bar,
  type Command,
  type Context,
  measuredOf,
  nodeCase,
  type Plan,
  type Row,
  type Suite,
  stat,
} from '../harness.ts';
import { goCommand } from '../peers/go.ts';
import { fixed } from '../report.ts';

interface Key {
  readonly nodes: number;
  readonly slots: number;
  readonly percent: number;
  readonly cycles: number;
}

/** 9 M nodes and 1 M objects that they link to: 10 M of 104 bytes in slots of 112, 1.04 GiB. */
const KEY: Key = { nodes: 9_000_000, slots: 1_000_000, percent: 50, cycles: 20 };
const FLAGS = ['--expose-gc', '--max-old-space-size=4096'];
const METRICS = ['cycles', 'stopMs', 'worstStopMs', 'gapMs', 'worstGapMs', 'clockGapMs', 'quietGapMs', 'forcedMs'];
const NAMES: Readonly<Record<string, string>> = { spanheap: 'spanheap', go: 'Go', objects: 'V8, plain objects' };

export const gcPauses: Suite<Key> = {
  name: 'gc pauses',
  label: ({ nodes, slots }) => `${(nodes + slots) / 1e6} M objects`,
  plan: (context: Context): Plan<Key>[] => {
    const node = (form: string): Command => nodeCase(context, 'case-gc-pauses', { ...KEY, form }, FLAGS);
    const variants: Record<string, Command> = { spanheap: node('spanheap') };
    if (context.go) variants['go'] = goCommand(context.go.gc, { case: 'pauses', ...KEY });
    variants['objects'] = node('objects');
    return [{ key: KEY, variants, maxRounds: 1 }];
  },
  tables: (rows) =>
    rows.map((row) => ({
      title: `Stops of a working thread, 1.04 GiB live in ${(row.key.nodes + row.key.slots) / 1e6} M objects (ms)`,
      head: [
        'collector',
        'cycles',
        'stop',
        'worst',
        'longest operation',
        'worst',
        'by the clock',
        'without collector',
        'gc()',
      ],
      rows: Object.entries(NAMES).map(([variant, name]) => [
        name,
        ...METRICS.map((metric) => fixed(stat(row, variant, metric)?.median)),
      ]),
      note: `stop: what the collector itself counts, median and worst; V8: its full collections. longest operation: of each cycle, as the working thread sees it, with assists and its share of sweeping: scopes with ${8} new objects that replace others; median and worst of the cycles, without the time that the thread waited for a processor; by the clock: with it. without collector: the same in half a second without a cycle. gc(): a full collection of the plain objects that is asked for. GOGC and gcPercent 50.`,
    })),
  bars: (rows) => {
    const bar = (promise: string, limit: number, metrics: Readonly<Record<string, string>>): Bar => ({
      promise,
      sense: 'at most',
      limit,
      unit: ' ms',
      measured: Object.entries(metrics).flatMap(([metric, where]) =>
        measuredOf(
          rows,
          () => where,
          (row: Row<Key>) => stat(row, 'spanheap', metric)?.median,
        ),
      ),
    });
    const counted = 'counted by the collector';
    const seen = 'seen by the thread';
    return [
      bar('stop of a thread with 1 GiB live, median of the cycles', 1, { stopMs: counted, gapMs: seen }),
      bar('stop of a thread with 1 GiB live, worst of 20 cycles', 3, { worstStopMs: counted, worstGapMs: seen }),
    ];
  },
};
