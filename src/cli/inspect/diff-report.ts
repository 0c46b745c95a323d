/** The part of the report that compares snapshots. */
import { printable } from '../errors.ts';
import { counted, formatBytes, formatCount } from '../sizes.ts';
import { figuresTable, type Row } from '../table-style.ts';
import { type Column, changeText, columns, type Page, section } from './layout.ts';
import type { DiffView } from './outcome.ts';

export function diffParts(diff: DiffView, page: Page): string[] {
  return [summary(diff, page), types(diff, page), held(diff, page)];
}

function summary(diff: DiffView, page: Page): string {
  const { older, middle, objectsChange, bytesChange, newObjects, newBytes, goneObjects, goneBytes } = diff;
  const since = middle === null ? 'not there before' : `not there before, but in ${printable(middle)} already`;
  const rows: Row[] = [
    ['change', changeText(bytesChange, formatBytes), `${changeText(objectsChange, formatCount)} objects`],
    ['new', formatBytes(newBytes), `${counted(newObjects, 'object')} ${since}`],
    ['gone', formatBytes(goneBytes), counted(goneObjects, 'object')],
  ];
  return section(page, 'Since', printable(older), figuresTable(rows, page.colors));
}

function types({ types: all }: DiffView, page: Page): string {
  const changed = all.filter((t) => t.countChange !== 0 || t.bytesChange !== 0 || t.newCount > 0 || t.goneCount > 0);
  const list: Column<DiffView['types'][number]>[] = [
    { head: 'type', align: 'left', of: (t) => printable(t.name), strong: true },
    { head: 'objects', align: 'right', of: (t) => formatCount(t.count) },
    { head: '±', align: 'right', of: (t) => changeText(t.countChange, formatCount) },
    { head: 'bytes', align: 'right', of: (t) => formatBytes(t.bytes) },
    { head: '±', align: 'right', of: (t) => changeText(t.bytesChange, formatBytes) },
    { head: 'new', align: 'right', of: (t) => formatCount(t.newCount), dim: true },
    { head: 'gone', align: 'right', of: (t) => formatCount(t.goneCount), dim: true },
  ];
  const table = columns(page, list, changed.slice(0, page.top), changed.length);
  return section(page, 'Types', 'those that grew most first', table);
}

function held({ held: lines }: DiffView, page: Page): string {
  const list: Column<DiffView['held'][number]>[] = [
    { head: 'type', align: 'left', of: (n) => printable(n.type), strong: true },
    { head: 'held by', align: 'left', of: (n) => printable(n.heldBy) },
    { head: 'objects', align: 'right', of: (n) => formatCount(n.objects) },
    { head: 'retained', align: 'right', of: (n) => formatBytes(n.retainedBytes) },
    { head: 'biggest', align: 'left', of: (n) => n.biggest },
  ];
  const table = columns(page, list, lines.slice(0, page.top), lines.length);
  return section(page, 'Who holds what is new', 'with all that hangs on it', table);
}
