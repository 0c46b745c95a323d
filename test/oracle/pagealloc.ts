import { CHUNK_PAGES, PAGE_SIZE } from '../../src/layout/constants.ts';
import { scavenge } from '../../src/pages/scavenge.ts';
import { BASES, type ChunkStates, fits, PageWorld } from './page-world.ts';
import { type Checker, type Doc, type Int, list, same, type Tally, TOO_FAR } from './tally.ts';

export interface PageCase {
  readonly id: string;
  readonly before?: ChunkStates;
  readonly scavBefore?: ChunkStates;
  readonly ops: readonly (readonly unknown[])[];
  readonly after: ChunkStates;
  readonly scavAfter: ChunkStates;
}

interface GrowCase {
  readonly id: string;
  readonly chunks: readonly number[];
  readonly inUse: readonly (readonly [number, number])[];
}

/** What an operation of one file does: null when as expected, else what happened. Undefined: no such operation. */
export type Apply = (world: PageWorld, op: readonly unknown[]) => string | null | undefined;

/** Runs one case at each base, with all invariants checked at the end. */
export function checkPageCase(c: PageCase, apply: Apply, minPages = 1): string | null {
  for (const base of BASES) {
    const world = new PageWorld(base);
    if (c.before !== undefined) world.load(c.before, c.scavBefore ?? {});
    for (const [i, op] of c.ops.entries()) {
      const wrong = apply(world, op);
      if (wrong === undefined) return `op ${i}: unknown operation ${JSON.stringify(op)}`;
      if (wrong !== null) return `base ${base}, op ${i} ${JSON.stringify(op)}: ${wrong}`;
    }
    const wrong =
      same('after', world.alloc(), c.after) ?? same('scavAfter', world.scav(), c.scavAfter) ?? world.pa.check(minPages);
    if (wrong !== null) return `base ${base}: ${wrong}`;
  }
  return null;
}

/** Whether the case stays inside 32 bits of addresses. */
export function caseFits(c: PageCase): boolean {
  const grown = c.ops.filter((op) => op[0] === 'g').map((op) => Number(op[1]) + Number(op[2]) - 1);
  return fits([...Object.keys(c.before ?? {}), ...Object.keys(c.after), ...grown]);
}

function applyTable(world: PageWorld, op: readonly unknown[]): string | null | undefined {
  const [code, x, y] = op as [string, number, number];
  if (code === 'alloc') return world.apply(['a', ...op.slice(1)]);
  if (code === 'free') return world.apply(['f', x, y]);
  if (code === 'scavenge') {
    const released = scavenge(world.pa, Number(op[1] as Int), () => {}, tableUnits);
    return released === op[2] ? null : `got ${released} bytes`;
  }
  return undefined;
}

let tableUnits = { physPageBytes: PAGE_SIZE, hugePageBytes: 0 };

function checkGrow(c: GrowCase): string | null {
  for (const base of BASES) {
    const world = new PageWorld(base);
    for (const chunk of c.chunks) world.grow(chunk, 1);
    const got = world.pa.knownRanges().map((r) => r.map((page) => world.relative(page)));
    const wrong = same('inUse', got, c.inUse) ?? world.pa.check();
    if (wrong !== null) return `base ${base}: ${wrong}`;
    if (world.pa.freePages() !== c.chunks.length * CHUNK_PAGES) return `base ${base}: not all pages are free`;
  }
  return null;
}

export const pagealloc: Checker = {
  name: 'pagealloc',
  sections: ['tables', 'traces'],
  source: /pageAlloc\.(grow|alloc)/,
  run(doc: Doc, tally: Tally): void {
    const constants = (doc['constants'] ?? {}) as Record<string, number>;
    tableUnits = {
      physPageBytes: constants['physPageSize'] ?? PAGE_SIZE,
      hugePageBytes: constants['hugePageBytes'] ?? 0,
    };
    for (const [name, cases] of Object.entries((doc['tables'] ?? {}) as Record<string, unknown[]>)) {
      if (name === 'Grow') {
        for (const c of cases as GrowCase[]) {
          if (fits(c.chunks)) tally.case(c.id, () => checkGrow(c));
          else tally.skip(TOO_FAR);
        }
        continue;
      }
      for (const c of cases as PageCase[]) {
        if (caseFits(c)) tally.case(c.id, () => checkPageCase(c, applyTable));
        else tally.skip(TOO_FAR);
      }
    }
    for (const c of list<PageCase>(doc, 'traces')) {
      tally.case(c.id, () => checkPageCase(c, (world, op) => world.apply(op)));
    }
  },
};
