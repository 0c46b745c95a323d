// What an analysis of a heap snapshot takes once it is in memory: retained sizes of 10 M objects.
import { measuredOf, nodeCase, type Row, type Suite, stat } from '../harness.ts';
import { type AnalyzeTask, GRAPH_SHAPES } from '../observe/heap-graph.ts';
import { fixed, spread } from '../report.ts';

type Key = AnalyzeTask;

const OBJECTS = 10_000_000;
const ROUNDS = 3;
const MILLION = 1e6;

const label = ({ objects, shape }: Key): string => `${objects / MILLION} M objects, ${shape}`;
const median = (row: Row<Key>, metric: string): number | undefined => stat(row, 'spanheap', metric)?.median;

export const observeAnalyze: Suite<Key> = {
  name: 'observe analyze',
  label,
  plan: (context) =>
    GRAPH_SHAPES.map((shape) => {
      const key = { objects: OBJECTS, shape };
      return { key, variants: { spanheap: nodeCase(context, 'case-observe-analyze', key) }, maxRounds: ROUNDS };
    }),
  tables: (rows) => [
    {
      title: 'Dominators and retained sizes (s, median and range)',
      head: ['graph', 'M pointers', 'dominators, retained sizes', 'CPU', 'retained by 40 types', 'peak memory, MB'],
      rows: rows.map((row) => [
        label(row.key),
        fixed((median(row, 'edges') ?? Number.NaN) / MILLION),
        spread(stat(row, 'spanheap', 'seconds')),
        fixed(median(row, 'cpuSeconds')),
        spread(stat(row, 'spanheap', 'typesSeconds')),
        fixed(median(row, 'peakMB')),
      ]),
      note: 'CPU: of it, seconds of CPU time. Peak memory: resident, of the whole process, the graph included. In order: a tree whose nodes lie in memory as they were made, with pointers to their parents. Random: anywhere. List and index: a linked list of nodes with values, which an array holds as well.',
    },
  ],
  bars: (rows) => [
    {
      promise: 'retained sizes of 10 M objects take',
      sense: 'at most',
      limit: 30,
      unit: ' s',
      measured: measuredOf(rows, label, (row) => median(row, 'seconds')),
    },
    {
      promise: 'and memory, with the graph',
      sense: 'at most',
      limit: 2000,
      unit: ' MB',
      measured: measuredOf(rows, label, (row) => median(row, 'peakMB')),
    },
  ],
};
