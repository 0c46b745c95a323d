/** The report for people: what is in a snapshot, and who keeps it there. */
import type { Colors } from 'picocolors/types.js';
import { printable } from '../errors.ts';
import { counted, formatBytes, formatCount, formatPercent } from '../sizes.ts';
import { figuresTable, type Row } from '../table-style.ts';
import { diffParts } from './diff-report.ts';
import { type Column, columns, type Page, retainedText, section, shortened } from './layout.ts';
import type {
  InspectOutcome,
  ObjectLine,
  ObjectView,
  Overview,
  PathView,
  RetainersView,
  RootLine,
  RootsView,
  StringsView,
  TypeLine,
  TypeView,
} from './outcome.ts';
import { textInQuotes } from './values.ts';

/** Steps of a path that are shown at each end of it. */
const STEPS_SHOWN = 12;

export function inspectReport(outcome: InspectOutcome, top: number, colors: Colors): string {
  const { overview, roots, sizes, type, object, path, retainers, strings, diff } = outcome;
  const page: Page = { colors, top, whole: outcome.summary.bytes };
  return [
    heading(outcome, page),
    ...(overview === undefined ? [] : overviewParts(outcome, overview, page)),
    ...(diff === undefined ? [] : diffParts(diff, page)),
    ...(roots === undefined ? [] : [rootsPart(roots, page)]),
    ...(sizes === undefined ? [] : [sizesPart(sizes, page)]),
    ...(type === undefined ? [] : typeParts(type, page)),
    ...(object === undefined ? [] : objectParts(object, page)),
    ...(path === undefined ? [] : pathParts(path, page)),
    ...(retainers === undefined ? [] : [retainersPart(retainers, page)]),
    ...(strings === undefined ? [] : [stringsPart(strings, page)]),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .replace(/ +$/gm, '');
}

function heading({ file, summary }: InspectOutcome, { colors }: Page): string {
  const what = `${counted(summary.objects, 'object')}, ${formatBytes(summary.bytes)}, taken ${timeText(summary.time)}`;
  return `${colors.bold(printable(file))}  ${colors.dim(what)}`;
}

/** `2026-03-01 12:00:00 UTC`. */
function timeText(iso: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(iso) ? `${iso.slice(0, 19).replace('T', ' ')} UTC` : printable(iso);
}

function overviewParts({ summary }: InspectOutcome, overview: Overview, page: Page): string[] {
  const { types, biggestByRetained, biggestByOwn, roots } = overview;
  return [
    summaryPart(summary, roots, page),
    typesPart(types, page),
    section(
      page,
      'Biggest by retained size',
      'what would be garbage without the object',
      objectTable(biggestByRetained, page),
    ),
    section(page, 'Biggest by own size', '', objectTable(biggestByOwn, page)),
    rootsPart(roots, page),
  ];
}

function summaryPart(summary: InspectOutcome['summary'], { roots }: RootsView, { colors }: Page): string {
  const { objects, bytes, pointers, unreachableObjects, unreachableBytes } = summary;
  const alive = bytes - unreachableBytes;
  const unreachable = unreachableText(summary);
  const rows: Row[] = [
    ['reachable', formatBytes(alive), counted(objects - unreachableObjects, 'object')],
    ['unreachable', formatBytes(unreachableBytes), `${counted(unreachableObjects, 'object')}: ${unreachable}`],
    [
      'pointers',
      formatCount(pointers),
      `and ${counted(
        roots.reduce((n, r) => n + r.pointers, 0),
        'root',
      )}`,
    ],
  ];
  return figuresTable(rows, colors);
}

function unreachableText({ gc, namedRoots }: InspectOutcome['summary']): string {
  const lost = gc === 'on' ? 'garbage not collected yet' : 'in use all the same, the collector is off';
  return namedRoots ? `held by references of threads only, or ${lost}` : lost;
}

function typesPart(types: readonly TypeLine[], page: Page): string {
  const table = columns(
    page,
    [
      { head: 'type', align: 'left', of: (t: TypeLine) => printable(t.type), strong: true },
      { head: 'objects', align: 'right', of: (t) => formatCount(t.objects) },
      { head: 'bytes', align: 'right', of: (t) => formatBytes(t.bytes) },
      { head: 'share', align: 'right', of: (t) => formatPercent(t.bytes, page.whole), dim: true },
      { head: 'retained', align: 'right', of: (t) => retainedText(t.retainedBytes) },
    ],
    types.slice(0, page.top),
    types.length,
  );
  return section(page, 'Types', 'by bytes; retained: what would be garbage without all of them', table);
}

const OBJECT_COLUMNS: readonly Column<ObjectLine>[] = [
  { head: 'type', align: 'left', of: (o) => printable(o.type), strong: true },
  { head: 'address', align: 'left', of: (o) => o.address },
  { head: 'bytes', align: 'right', of: (o) => formatBytes(o.bytes) },
  { head: 'retained', align: 'right', of: (o) => retainedText(o.retainedBytes) },
];

function objectTable(objects: readonly ObjectLine[], page: Page, all = objects.length): string {
  const share: Column<ObjectLine> = {
    head: 'share',
    align: 'right',
    of: (o) => formatPercent(o.retainedBytes ?? 0, page.whole),
    dim: true,
  };
  return columns(page, [...OBJECT_COLUMNS, share], objects, all);
}

function rootsPart({ roots, sharedBytes }: RootsView, page: Page): string {
  const table = columns(
    page,
    [
      { head: 'root', align: 'left', of: (r: RootLine) => printable(r.root), strong: true },
      { head: 'pointers', align: 'right', of: (r) => formatCount(r.pointers) },
      { head: 'retained', align: 'right', of: (r) => formatBytes(r.retainedBytes) },
      { head: 'share', align: 'right', of: (r) => formatPercent(r.retainedBytes, page.whole), dim: true },
    ],
    roots.slice(0, page.top),
    roots.length,
  );
  const shared = sharedBytes > 0 ? `; ${formatBytes(sharedBytes)} more hang on several of them` : '';
  return section(page, 'Roots', `what would be garbage without each${shared}`, table);
}

function sizesPart(sizes: NonNullable<InspectOutcome['sizes']>, page: Page): string {
  const table = columns(
    page,
    [
      {
        head: 'slot bytes',
        align: 'right',
        of: (s: (typeof sizes)[number]) => (s.isLarge ? 'large' : formatCount(s.size)),
        strong: true,
      },
      { head: 'objects', align: 'right', of: (s) => formatCount(s.count) },
      { head: 'bytes', align: 'right', of: (s) => formatBytes(s.bytes) },
      { head: 'share', align: 'right', of: (s) => formatPercent(s.bytes, page.whole), dim: true },
    ],
    sizes,
    sizes.length,
  );
  return section(page, 'Sizes', 'objects by the slots that they are in; parts of tiny blocks by their own size', table);
}

function typeParts({ total, biggest, heldBy }: TypeView, page: Page): string[] {
  const rows: Row[] = [
    ['objects', formatCount(total.objects), unreachableNote(total)],
    ['bytes', formatBytes(total.bytes), ''],
    ['retained', retainedText(total.retainedBytes), 'what would be garbage without all of them'],
  ];
  const holders = columns(
    page,
    [
      { head: 'place', align: 'left', of: (h: TypeView['heldBy'][number]) => printable(h.place), strong: true },
      { head: 'pointers', align: 'right', of: (h) => formatCount(h.pointers) },
    ],
    heldBy,
    heldBy.length,
  );
  return [
    section(page, printable(total.type), '', figuresTable(rows, page.colors)),
    section(page, 'Held by', 'where pointers to them are', holders),
    section(page, 'Biggest', 'by retained size', objectTable(biggest, page, total.objects)),
  ];
}

function unreachableNote({ unreachableObjects, unreachableBytes }: TypeLine): string {
  if (unreachableObjects === 0) return '';
  return `of which ${formatCount(unreachableObjects)} unreachable (${formatBytes(unreachableBytes)})`;
}

function titleOf({ type, address }: ObjectLine): string {
  return `${printable(type)} ${address}`;
}

function noteOf({ bytes, retainedBytes }: ObjectLine): string {
  const retained =
    retainedBytes === null ? 'unreachable: no root leads to it' : `retains ${formatBytes(retainedBytes)}`;
  return `${formatBytes(bytes)}, ${retained}`;
}

function objectParts(view: ObjectView, page: Page): string[] {
  const { object, offset, value, pointers, morePointers, dominators, moreDominators, dominates, moreDominated } = view;
  const place: Column<ObjectView['pointers'][number]> = {
    head: 'place',
    align: 'left',
    of: (p) => printable(p.place),
    strong: true,
  };
  const to = OBJECT_COLUMNS.map((column): Column<ObjectView['pointers'][number]> => {
    return { ...column, strong: false, of: (p) => column.of(p.object) };
  });
  const within = offset === 0 ? '' : `; the address is ${counted(offset, 'byte')} into it`;
  return [
    section(page, titleOf(object), noteOf(object) + within, value === null ? '' : valueTable(value, page)),
    section(page, 'Points to', '', columns(page, [place, ...to], pointers, pointers.length + morePointers)),
    section(
      page,
      'Kept alive by',
      'all ways from the roots go through these, the nearest first',
      dominators.length > 0
        ? columns(page, DOMINATOR_COLUMNS, dominators, dominators.length + moreDominators)
        : noDominator(object, page),
    ),
    section(
      page,
      'Keeps alive',
      'what hangs on it alone',
      objectTable(dominates, page, dominates.length + moreDominated),
    ),
  ];
}

function noDominator({ retainedBytes }: ObjectLine, { colors }: Page): string {
  return colors.dim(retainedBytes === null ? '  nothing: it is garbage' : '  nothing alone: several roots lead to it');
}

const DOMINATOR_COLUMNS: readonly Column<ObjectLine | RootLine>[] = [
  { head: 'type', align: 'left', of: (d) => printable('root' in d ? d.root : d.type), strong: true },
  { head: 'address', align: 'left', of: (d) => ('root' in d ? '' : d.address) },
  { head: 'retained', align: 'right', of: (d) => retainedText(d.retainedBytes) },
];

function valueTable(value: NonNullable<ObjectView['value']>, page: Page): string {
  return columns(
    page,
    [
      { head: 'field', align: 'left', of: (v: (typeof value)[number]) => printable(v.place), strong: true },
      { head: 'type', align: 'left', of: (v) => printable(v.type), dim: true },
      { head: 'value', align: 'left', of: (v) => printable(v.value) },
    ],
    value,
    value.length,
  );
}

function pathParts({ object, paths, more, meeting }: PathView, page: Page): string[] {
  const title = `Paths to ${titleOf(object)}`;
  if (paths.length === 0) return [section(page, title, noteOf(object), '  none: it is garbage')];
  const all = meeting === null ? '' : `; all go through ${titleOf(meeting)}`;
  const tables = paths.map((path, i) => {
    const note = `${counted(path.length, 'step')}${i === 0 ? ', the shortest' : ''}`;
    return section(page, `Path ${i + 1}`, note, stepTable(path, page));
  });
  const rest = more ? [page.colors.dim('  … and others (--top shows more)')] : [];
  return [section(page, title, noteOf(object) + all, ''), ...tables, ...rest];
}

function stepTable(path: PathView['paths'][number], page: Page): string {
  type Step = PathView['paths'][number][number] | null;
  const steps: Step[] = shortened<Step>(path, STEPS_SHOWN, null);
  const left = path.length - 2 * STEPS_SHOWN;
  return columns<Step>(
    page,
    [
      { head: 'through', align: 'left', of: (s) => (s === null ? `… ${left} more` : printable(s.place)), strong: true },
      { head: 'to', align: 'left', of: (s) => (s === null ? '' : printable(s.object.type)) },
      { head: 'address', align: 'left', of: (s) => s?.object.address ?? '' },
      { head: 'bytes', align: 'right', of: (s) => (s === null ? '' : formatBytes(s.object.bytes)) },
      { head: 'retained', align: 'right', of: (s) => (s === null ? '' : retainedText(s.object.retainedBytes)) },
    ],
    steps,
    steps.length,
  );
}

function retainersPart({ object, count, retainers }: RetainersView, page: Page): string {
  const table = columns(
    page,
    [
      {
        head: 'pointed to by',
        align: 'left',
        of: (r: (typeof retainers)[number]) => printable(r.object?.type ?? r.place),
        strong: true,
      },
      { head: 'place', align: 'left', of: (r) => (r.object === null ? '' : printable(r.place)) },
      { head: 'address', align: 'left', of: (r) => r.object?.address ?? '' },
      { head: 'bytes', align: 'right', of: (r) => (r.object === null ? '' : formatBytes(r.object.bytes)) },
      { head: 'retained', align: 'right', of: (r) => (r.object === null ? '' : retainedText(r.object.retainedBytes)) },
    ],
    retainers,
    count,
  );
  return section(page, `Retainers of ${titleOf(object)}`, `${counted(count, 'pointer')}; ${noteOf(object)}`, table);
}

function stringsPart({ strings, bytes, distinct, wastedBytes, duplicates }: StringsView, page: Page): string {
  const note =
    `${counted(strings, 'text')} in ${formatBytes(bytes)}, ${formatCount(distinct)} different; ` +
    `${formatBytes(wastedBytes)} would be saved by keeping each once`;
  const table = columns(
    page,
    [
      {
        head: 'text',
        align: 'left',
        of: (d: (typeof duplicates)[number]) => printable(textInQuotes(d.text)),
        strong: true,
      },
      { head: 'copies', align: 'right', of: (d) => formatCount(d.copies) },
      { head: 'length', align: 'right', of: (d) => formatBytes(d.length) },
      { head: 'wasted', align: 'right', of: (d) => formatBytes(d.wastedBytes) },
      { head: 'one of them', align: 'left', of: (d) => d.addresses[0] ?? '' },
    ],
    duplicates.slice(0, page.top),
    duplicates.length,
  );
  return section(page, 'Duplicate strings', note, table);
}
