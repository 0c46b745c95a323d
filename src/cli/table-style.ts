/** Tables of the terminal reports: no lines, no colours of their own; alignment does the work. */
import Table from 'cli-table3';
import type { Colors } from 'picocolors/types.js';

export const PLAIN_TABLE = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '  ',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
};

/** A figure: what it is, its value, and what else is to be said. `bad`: in red. */
export type Row = readonly [name: string, value: string, note: string, verdict?: 'good' | 'bad' | undefined];

/** Figures below each other: names, values, notes. */
export function figuresTable(rows: readonly Row[], colors: Colors): string {
  const table = new Table({ ...PLAIN_TABLE, colAligns: ['left', 'right', 'left'] });
  for (const [name, value, note, verdict] of rows) {
    const color = verdict === 'good' ? colors.green : verdict === 'bad' ? colors.red : colors.bold;
    table.push([name, color(value), colors.dim(note)]);
  }
  return table.toString();
}
