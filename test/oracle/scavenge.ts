import { CHUNK_PAGES, LOG_CHUNK_PAGES, PAGE_SIZE } from '../../src/layout/constants.ts';
import { CHUNK_ALLOC, CHUNK_SCAV, CHUNK_WORDS } from '../../src/layout/pages.ts';
import { allocRange } from '../../src/pages/page-bits.ts';
import {
  candidatePages,
  candidateStart,
  fillAligned,
  findScavengeCandidate,
  NO_CANDIDATE,
  type ScavengeUnits,
  scavenge,
} from '../../src/pages/scavenge.ts';
import { NO_CHUNK, scavengeIndexClear, scavengeIndexFind, scavengeIndexMark } from '../../src/pages/scavenge-index.ts';
import { BASES, PageWorld, type Ranges } from './page-world.ts';
import { type Apply, caseFits, checkPageCase, type PageCase } from './pagealloc.ts';
import { type Checker, type Doc, halves, hex64, type Int, list, same, type Tally, TOO_FAR } from './tally.ts';

interface CandidateCase {
  readonly id: string;
  readonly alloc: Ranges;
  readonly scav: Ranges;
  readonly searchIdx: number;
  readonly min: number;
  readonly max: number;
  readonly hugePageBytes: number;
  readonly want: readonly [number, number] | null;
}

interface IndexCase {
  readonly id: string;
  readonly ops: readonly (readonly [string, number | null, (number | null)?])[];
}

interface TraceCase extends PageCase {
  readonly hugePageBytes: number;
  readonly physPageBytes: number;
}

function checkFill([x, m, y]: [string, number, string]): string | null {
  const [lo, hi] = halves(x);
  return same('filled', hex64(fillAligned(lo, hi, m), fillAligned(hi, lo, m)), y);
}

function checkCandidate(c: CandidateCase, physPageBytes: number): string | null {
  const m = new Int32Array(CHUNK_WORDS);
  for (const [start, n] of c.alloc) allocRange(m, CHUNK_ALLOC, start, n);
  for (const [start, n] of c.scav) allocRange(m, CHUNK_SCAV, start, n);
  const units = { physPageBytes, hugePageBytes: c.hugePageBytes };
  const found = findScavengeCandidate(m, 0, c.searchIdx, c.min, c.max, units);
  return same('candidate', found === NO_CANDIDATE ? null : [candidateStart(found), candidatePages(found)], c.want);
}

function checkIndex(c: IndexCase): string | null {
  for (const base of BASES) {
    const { mem, ...world } = { mem: new PageWorld(base).mem, first: base * CHUNK_PAGES };
    for (const [i, [op, x, y]] of c.ops.entries()) {
      if (op === 'mark') scavengeIndexMark(mem, world.first + x!, y! - x!);
      else if (op === 'clear') scavengeIndexClear(mem, base + x!);
      else if (op === 'find') {
        const page = scavengeIndexFind(mem);
        const none = page === NO_CHUNK;
        const got = [none ? null : (page >>> LOG_CHUNK_PAGES) - base, none ? null : page % CHUNK_PAGES];
        const wrong = same(`base ${base}, op ${i}`, got, [x, y ?? (none ? null : got[1])]);
        if (wrong !== null) return wrong;
      } else return `op ${i}: unknown operation ${op}`;
    }
  }
  return null;
}

function checkTrace(c: TraceCase): string | null {
  const units: ScavengeUnits = { physPageBytes: c.physPageBytes, hugePageBytes: c.hugePageBytes };
  const apply: Apply = (world, op) => {
    if (op[0] !== 's') return world.apply(op);
    const released = scavenge(world.pa, Number(op[1] as Int), () => {}, units);
    return released === op[2] ? null : `got ${released} bytes`;
  };
  return checkPageCase(c, apply, Math.max(1, c.physPageBytes / PAGE_SIZE));
}

export const scavengeChecker: Checker = {
  name: 'scavenge',
  sections: ['fillAligned', 'findCandidate', 'scavengeIndex', 'traces'],
  source: /findScavengeCandidate|fillAligned/,
  run(doc: Doc, tally: Tally): void {
    const constants = (doc['constants'] ?? {}) as Record<string, number>;
    const physPageSize = constants['physPageSize'] ?? 4096;
    for (const row of list<[string, number, string]>(doc, 'fillAligned')) {
      tally.case(`fillAligned ${row[0]} ${row[1]}`, () => checkFill(row));
    }
    for (const c of list<CandidateCase>(doc, 'findCandidate')) tally.case(c.id, () => checkCandidate(c, physPageSize));
    for (const c of list<IndexCase>(doc, 'scavengeIndex')) tally.case(c.id, () => checkIndex(c));
    for (const c of list<TraceCase>(doc, 'traces')) {
      if (caseFits(c)) tally.case(c.id, () => checkTrace(c));
      else tally.skip(TOO_FAR);
    }
  },
};
