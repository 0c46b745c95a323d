/** How the parts of the report are laid out: a title with a note, and a table below. */
import Table from 'cli-table3';
import type { Colors } from 'picocolors/types.js';
import { formatBytes, formatCount } from '../sizes.ts';
import { PLAIN_TABLE } from '../table-style.ts';

export interface Page {
  readonly colors: Colors;
  /** Lines of each table. */
  readonly top: number;
  /** Bytes of all objects, of which shares are taken. */
  readonly whole: number;
}

export interface Column<Line> {
  readonly head: string;
  readonly align: 'left' | 'right';
  readonly of: (line: Line) => string;
  readonly strong?: boolean;
  readonly dim?: boolean;
}

/** Names of types may be very long: those of maps of slices of … */
const WIDEST = 64;

export function columns<Line>(
  { colors }: Page,
  list: readonly Column<Line>[],
  lines: readonly Line[],
  all: number,
): string {
  if (lines.length === 0) return colors.dim('  none');
  const table = new Table({
    ...PLAIN_TABLE,
    colAligns: list.map(({ align }) => align),
    head: list.map(({ head }) => colors.dim(head)),
  });
  for (const line of lines) {
    table.push(
      list.map(({ of, strong, dim }) => {
        const text = cut(of(line));
        return strong === true ? colors.bold(text) : dim === true ? colors.dim(text) : text;
      }),
    );
  }
  const more = all - lines.length;
  return more <= 0 ? table.toString() : `${table.toString()}\n${colors.dim(`  … and ${formatCount(more)} more`)}`;
}

function cut(text: string): string {
  return text.length <= WIDEST ? text : `${text.slice(0, WIDEST - 1)}…`;
}

export function section({ colors }: Page, title: string, note: string, body: string): string {
  const head = note === '' ? colors.bold(title) : `${colors.bold(title)}  ${colors.dim(note)}`;
  return body === '' ? head : `${head}\n${body}`;
}

/** The first and the last `each`, with one thing for all between them. */
export function shortened<T>(list: readonly T[], each: number, between: T): T[] {
  return list.length <= 2 * each + 1 ? [...list] : [...list.slice(0, each), between, ...list.slice(-each)];
}

export function retainedText(bytes: number | null): string {
  return bytes === null ? '–' : formatBytes(bytes);
}

/** `+1,234`, `−5`, `0`. */
export function changeText(n: number, format: (n: number) => string): string {
  return n === 0 ? '0' : n > 0 ? `+${format(n)}` : `-${format(-n)}`;
}
