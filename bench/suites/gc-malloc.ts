// malloc while the collector marks 2.4 M objects, against malloc while it does not.
import { type Command, type Context, measuredOf, nodeCase, type Plan, type Row, type Suite, stat } from '../harness.ts';
import { goCommand } from '../peers/go.ts';
import { spread, times } from '../report.ts';

interface Key {
  readonly size: number;
  readonly scan: boolean;
}

const NODES = 2_400_000;
const ROUNDS = 3;

const label = ({ size, scan }: Key): string => `${size} B ${scan ? 'scan' : 'noscan'}`;

/** Marking over not marking. */
function cost(row: Row<Key>, variant: string, marking: string, off: string): number | undefined {
  const during = stat(row, variant, marking);
  const otherwise = stat(row, variant, off);
  return during && otherwise && during.median / otherwise.median;
}

const typical = (row: Row<Key>, variant: string): number | undefined => cost(row, variant, 'marking', 'off');

export const gcMalloc: Suite<Key> = {
  name: 'gc malloc',
  label,
  plan: (context: Context): Plan<Key>[] =>
    [16, 64].flatMap((size) =>
      [false, true].map((scan) => {
        const key = { size, scan };
        const task = { ...key, nodes: NODES, ms: context.quick ? 1000 : 1500 };
        const variants: Record<string, Command> = { spanheap: nodeCase(context, 'case-gc-malloc', task) };
        if (context.go) variants['go'] = goCommand(context.go.gc, { case: 'malloc', ...task });
        return { key, variants, maxRounds: ROUNDS };
      }),
    ),
  tables: (rows) => [
    {
      title: 'malloc while the collector marks and while it does not (ns, median and range)',
      head: ['size', 'off', 'marking', 'ratio', 'with assists', 'Go off', 'Go marking', 'ratio', 'with assists'],
      rows: rows.map((row) => [
        label(row.key),
        ...['spanheap', 'go'].flatMap((v) => [
          spread(stat(row, v, 'off')),
          spread(stat(row, v, 'marking')),
          times(typical(row, v)),
          times(cost(row, v, 'pacedMarking', 'pacedOff')),
        ]),
      ]),
      note: 'A thread that does nothing but allocate, 256 MiB live in 2.4 M objects. off, marking: the median batch of 1000 calls, while another thread asks for collections and marks. with assists: the same ratio, of means, when the allocating thread itself makes the cycles due (GOGC 100) and has to help with them.',
    },
  ],
  bars: (rows) => [
    {
      promise: 'malloc while marking against malloc while not',
      sense: 'at most',
      limit: 2,
      unit: '×',
      measured: measuredOf(rows, label, (row) => typical(row, 'spanheap')),
    },
  ],
};
