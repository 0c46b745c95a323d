// What it costs a program at full speed that it is explored: the explorer at its default rate, one page open.
import type { ExplorerTask } from '../case-observe-explorer.ts';
import { type Context, measuredOf, nodeCase, type Plan, type Row, type Suite, stat } from '../harness.ts';
import { spread, times } from '../report.ts';

type Key = ExplorerTask['program'];

const NAMES: Readonly<Record<Key, string>> = {
  free: 'free and malloc, 1 M live objects of 16 to 512 bytes',
  collect: 'replace objects of a live graph of 224 MB, collected',
};
const NODES: Readonly<Record<Key, number>> = { free: 1_000_000, collect: 2_000_000 };
const ROUNDS = 3;

export const observeExplorer: Suite<Key> = {
  name: 'observe explorer',
  label: (key) => NAMES[key],
  plan: (context: Context): Plan<Key>[] =>
    (['free', 'collect'] as const).map((program) => {
      const time = context.quick ? { turns: 2, turnMs: 1500 } : { turns: 5, turnMs: 4000 };
      const task: ExplorerTask = { program, nodes: NODES[program], settleMs: 700, ...time };
      return {
        key: program,
        variants: { spanheap: nodeCase(context, 'case-observe-explorer', task) },
        maxRounds: ROUNDS,
      };
    }),
  tables: (rows) => [
    {
      title: 'A program that is explored (ns an operation, median and range of the rounds)',
      head: ['program', 'alone', 'explored', 'ratio', 'without waiting for a processor'],
      rows: rows.map((row) => [
        NAMES[row.key],
        spread(stat(row, 'spanheap', 'plainNs')),
        spread(stat(row, 'spanheap', 'exploredNs')),
        times(stat(row, 'spanheap', 'ratio')?.median),
        times(stat(row, 'spanheap', 'ownRatio')?.median),
      ]),
      note: 'In turns in one process. explored: a sample and the changed pages every 500 ms, and a page in another process that takes them; the walk through all objects goes on meanwhile. ratio: median of the turns. Two cores: the explorer and the page have the one that the program leaves free.',
    },
  ],
  bars: (rows) => [
    {
      promise: 'a program with the explorer at its default rate against one without',
      sense: 'at most',
      limit: 1.02,
      unit: '×',
      measured: measuredOf(
        rows,
        (key) => NAMES[key],
        (row: Row<Key>) => stat(row, 'spanheap', 'ratio')?.median,
      ),
    },
  ],
};
