// How well the heap keeps to its goal: a live set that stays as it is, and one that triples and shrinks again.
import type { PacingTask } from '../gc/pacing.ts';
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
  type Timeline,
} from '../harness.ts';
import { goCommand } from '../peers/go.ts';
import { fixed } from '../report.ts';

interface Key extends PacingTask {
  readonly name: string;
}

const STEADY = { live: [64], turns: 16 };
const STEP = { live: [64, 192, 64], turns: 6 };
const SCENARIOS: readonly Key[] = [
  { name: 'steady, gcPercent 100', ...STEADY, percent: 100, limit: 0 },
  { name: 'steady, gcPercent 200', ...STEADY, percent: 200, limit: 0 },
  { name: 'steady, memoryLimit 128 MiB', ...STEADY, percent: -1, limit: 128 },
  { name: 'step, gcPercent 100', ...STEP, percent: 100, limit: 0 },
  { name: 'step, gcPercent 200', ...STEP, percent: 200, limit: 0 },
];
const isSteady = (row: Row<Key>): boolean => row.key.live.length === 1;
const METRICS = ['cycles', 'lowest', 'peak', 'highest'] as const;

export const gcPacing: Suite<Key> = {
  name: 'gc pacing',
  label: ({ name }) => name,
  plan: (context: Context): Plan<Key>[] =>
    SCENARIOS.map((key) => {
      const variants: Record<string, Command> = { spanheap: nodeCase(context, 'case-gc-pacing', key) };
      const { live, turns, percent, limit } = key;
      const flags = { case: 'pacing', live: live.join(','), turns, percent, limit };
      if (context.go) variants['go'] = goCommand(context.go.gc, flags);
      return { key, variants, maxRounds: 1 };
    }),
  tables: (rows) => [
    {
      title: 'The heap when its marking ends, over its goal',
      head: ['live set 64 MiB', 'cycles', 'lowest', 'median', 'highest', 'Go: cycles', 'lowest', 'median', 'highest'],
      rows: rows.map((row) => [
        row.key.name,
        ...['spanheap', 'go'].flatMap((v) => METRICS.map((metric) => fixed(stat(row, v, metric)?.median))),
      ]),
      note: 'A thread that does nothing but replace the objects of the live set, oldest first. step: 64, 192 and 64 MiB. Go: from the lines of gctrace, whole MB.',
    },
  ],
  bars: (rows) => {
    const bar = (promise: string, sense: Bar['sense'], limit: number, shown: Row<Key>[], metric: string): Bar => {
      const measured = measuredOf(
        shown,
        ({ name }) => name,
        (row) => stat(row, 'spanheap', metric)?.median,
      );
      return { promise, sense, limit, unit: '×', measured };
    };
    return [
      bar('the heap over its goal, in every cycle', 'at most', 1.1, [...rows], 'highest'),
      bar(
        'the heap over its goal in the steady scenarios, median cycle',
        'at least',
        0.9,
        rows.filter(isSteady),
        'peak',
      ),
    ];
  },
  timelines: (rows) => [timeline(rows)],
};

function timeline(rows: readonly Row<Key>[]): Timeline {
  return {
    name: 'bench-gc-pacing',
    title: 'The heap and its goal, MiB (grey: marking)',
    panels: rows.flatMap((row) => {
      const { seconds, live, goal, marking } = row.series['spanheap'] ?? {};
      if (!seconds || !live || !goal || !marking) return [];
      return [{ title: row.key.name, seconds, lines: { heap: live, goal }, steps: ['goal'], shaded: marking }];
    }),
  };
}
