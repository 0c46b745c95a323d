import * as layout from '../../src/layout/constants.ts';
import { DIV_SHIFT } from '../../src/layout/span.ts';
import { makeSpanClass } from '../../src/layout/span-class.ts';
import { goSizeClasses, makeSizeClasses, type SizeClassTable } from '../../src/spans/size-classes.ts';
import { type Checker, type Doc, type Int, list, same, type Tally } from './tally.ts';

interface ClassRow {
  readonly class: number;
  readonly spanBytes: number;
}

/** The vectors' constants against ours. */
function checkConstants(want: Readonly<Record<string, number>>, table: SizeClassTable): string | null {
  const tinyClass = table.classOf(layout.TINY_SIZE);
  const got: Record<string, number> = {
    largeSizeDiv: layout.LARGE_SIZE_DIV,
    maxSmallSize: layout.MAX_SMALL_SIZE,
    maxTinySize: layout.TINY_SIZE,
    numSizeClasses: table.count,
    numSpanClasses: table.count * 2,
    pageShift: layout.PAGE_SHIFT,
    pageSize: layout.PAGE_SIZE,
    smallSizeDiv: layout.SMALL_SIZE_DIV,
    smallSizeMax: layout.SMALL_SIZE_MAX,
    tinySizeClass: tinyClass,
    tinySpanClass: makeSpanClass(tinyClass, true),
  };
  let wrong: string | null = null;
  for (const [name, value] of Object.entries(want)) wrong ??= same(name, got[name], value);
  return wrong;
}

function checkRow(row: ClassRow, table: SizeClassTable): string | null {
  const made = makeSizeClasses({ generation: 'go1.16' })[row.class - 1];
  if (made === undefined) return 'no such class';
  const full: Record<string, number> = { ...made, spanBytes: made.npages * layout.PAGE_SIZE };
  let wrong: string | null = null;
  for (const [column, value] of Object.entries(full))
    if (column in row) wrong ??= same(column, value, row[column as keyof ClassRow]);
  const c = row.class;
  return (
    wrong ?? same('table', [table.size[c], table.npages[c], table.nelems[c]], [made.size, made.npages, made.objects])
  );
}

function checkRun([from, to, c, rounded]: readonly number[], table: SizeClassTable): string | null {
  for (let size = from!; size <= to!; size++) {
    const wrong = same(`size ${size}`, [table.classOf(size), table.roundupsize(size)], [c, rounded]);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** Sizes up to 2⁵³ as they are; larger ones by their low part, to which whole pages make no difference. */
function checkLarge(size: Int, rounded: Int, table: SizeClassTable): string | null {
  if (typeof size === 'number') return same('rounded', String(table.roundupsize(size)), String(rounded));
  const big = BigInt(size);
  if (big + BigInt(layout.PAGE_SIZE) >= 1n << 64n) return same('rounded', String(big), String(rounded));
  const high = (big >> 32n) << 32n;
  const low = Number(big - high) + 2 ** 32;
  return same('rounded', String(high + BigInt(table.roundupsize(low) - 2 ** 32)), String(rounded));
}

export const sizeclasses: Checker = {
  name: 'sizeclasses',
  sections: ['classes', 'sizeRuns', 'roundLarge', 'objIndex', 'spanClass'],
  source: /class_to_size/,
  run(doc: Doc, tally: Tally): void {
    const table = goSizeClasses('go1.16');
    for (const row of list<ClassRow>(doc, 'classes')) tally.case(`class ${row.class}`, () => checkRow(row, table));
    for (const run of list<number[]>(doc, 'sizeRuns'))
      tally.case(`sizes ${run[0]}…${run[1]}`, () => checkRun(run, table));
    for (const [size, rounded] of list<[Int, Int]>(doc, 'roundLarge')) {
      tally.case(`roundLarge ${size}`, () => checkLarge(size, rounded, table));
    }
    for (const [c, off, index] of list<[number, number, number]>(doc, 'objIndex')) {
      const div = table.div[c]!;
      const ours = Math.imul(off >>> 3, div >>> DIV_SHIFT) >>> div;
      tally.case(`objIndex ${c} ${off}`, () => same('index', ours, index));
    }
    for (const [c, noscan, spanClass] of list<[number, boolean, number]>(doc, 'spanClass')) {
      tally.case(`spanClass ${c} ${noscan}`, () => same('spanClass', makeSpanClass(c, noscan), spanClass));
    }
    const constants = doc['constants'] as Record<string, number> | undefined;
    if (constants !== undefined && tally.passed > 0) tally.case('constants', () => checkConstants(constants, table));
  },
};
