import { beforeEach, describe, expect, it } from 'vitest';
import { CHUNK_PAGES, LOG_CHUNK_PAGES } from '../../../src/layout/constants.ts';
import {
  H_CHUNK_END,
  H_CHUNK_START,
  H_RANGES,
  H_RELEASED_PAGES,
  H_SCAV_PAGE,
  H_SEARCH_PAGE,
} from '../../../src/layout/header.ts';
import {
  CHUNK_ALLOC,
  CHUNK_SCAV,
  RANGE_BASE,
  RANGE_LIMIT,
  SUM_END,
  SUM_MAX,
  SUM_START,
} from '../../../src/layout/pages.ts';
import { planMeta } from '../../../src/layout/plan.ts';
import { PageAlloc } from '../../../src/pages/page-alloc.ts';
import { scavenge } from '../../../src/pages/scavenge.ts';
import { scavengeIndexClear } from '../../../src/pages/scavenge-index.ts';
import { Mem, REACH } from '../../../src/sys/mem.ts';

const PAGES = 40 * CHUNK_PAGES - 12;

let pa: PageAlloc;
let m: Int32Array<ArrayBufferLike>;

/** Chunks 0 … 3 and 38, 39: with used, free, present and scavenged pages, and an end that is cut short. */
beforeEach(() => {
  const plan = planMeta(PAGES, 1);
  pa = new PageAlloc(new Mem(new ArrayBuffer(REACH), new ArrayBuffer(plan.words * 4), plan));
  pa.init();
  pa.grow(0, 4 * CHUNK_PAGES);
  pa.grow(38 * CHUNK_PAGES, PAGES - 38 * CHUNK_PAGES);
  pa.alloc(3 * CHUNK_PAGES + 100);
  pa.free(700, 60);
  pa.free(1000, 30);
  m = pa.m;
  expect(pa.check()).toBeNull();
});

function flip(page: number, bitmap: number): void {
  const w = pa.chunkAt(page >>> LOG_CHUNK_PAGES) + bitmap + ((page % CHUNK_PAGES) >>> 5);
  m[w] ^= 1 << page;
}

const ranges = (): number => pa.mem.plan.ranges;

/** What is broken, and how `check` must begin to name it. */
const FAULTS: [name: string, plant: () => void, message: RegExp][] = [
  [
    'a used page marked free',
    () => flip(699, CHUNK_ALLOC),
    /^pages\.summary: level 3 entry 1, from page 512 \(0x400000\): is \(0, 60, 24\), the bitmaps give \(0, 61, 24\)/,
  ],
  [
    'a free page marked used',
    () => flip(720, CHUNK_ALLOC),
    /^pages\.summary: level 3 entry 1, .* is \(0, 60, 24\), the bitmaps give \(0, 39, 24\)/,
  ],
  [
    'a used page marked scavenged',
    () => flip(10, CHUNK_SCAV),
    /^pages\.scavenged: page 10 \(0x14000\) is in use and scavenged/,
  ],
  [
    'a scavenged bit lost',
    () => flip(2000, CHUNK_SCAV),
    /^pages\.released: header counts \d+ released pages, the scavenged bits \d+/,
  ],
  ['the released count wrong', () => m[H_RELEASED_PAGES]++, /^pages\.released/],
  [
    'a page beyond the reservation free',
    () => flip(PAGES, CHUNK_ALLOC),
    /^pages\.tail: page 20468 .* beyond the 20468 pages/,
  ],
  [
    'the search hint above a free page',
    () => (m[H_SEARCH_PAGE] = 701),
    /^pages\.searchPage: page 700 \(0x578000\) is free but below the hint, page 701/,
  ],
  ['the search hint outside', () => (m[H_SEARCH_PAGE] = PAGES + 1), /^pages\.searchPage: 20469 is no page/],
  ['a chunk summary: start', () => m[pa.summaries.at(3, 2) + SUM_START]++, /^pages\.summary: level 3 entry 2/],
  ['a chunk summary: max', () => m[pa.summaries.at(3, 2) + SUM_MAX]--, /^pages\.summary: level 3 entry 2/],
  ['a chunk summary: end', () => m[pa.summaries.at(3, 3) + SUM_END]--, /^pages\.summary: level 3 entry 3/],
  ['the summary of an unknown chunk', () => m[pa.summaries.at(3, 20) + SUM_MAX]++, /^pages\.summary: level 3 entry 20/],
  ['a summary of level 2', () => m[pa.summaries.at(2, 0) + SUM_MAX]++, /^pages\.summary: level 2 entry 0/],
  ['a summary of level 1', () => m[pa.summaries.at(1, 0) + SUM_MAX]++, /^pages\.summary: level 1 entry 0/],
  ['the root', () => m[pa.summaries.at(0, 0) + SUM_START]++, /^pages\.summary: level 0 entry 0/],
  [
    'a range beyond the end',
    () => (m[ranges() + 2 + RANGE_LIMIT] = PAGES + 500),
    /^pages\.ranges: .* beyond the 20468 pages/,
  ],
  [
    'a range of half a chunk',
    () => (m[ranges() + RANGE_LIMIT] -= 256),
    /^pages\.ranges: .* does not consist of whole chunks/,
  ],
  ['a range reversed', () => (m[ranges() + RANGE_BASE] = 5 * CHUNK_PAGES), /^pages\.ranges: .* reversed/],
  ['ranges that touch', () => (m[ranges() + 2 + RANGE_BASE] = 4 * CHUNK_PAGES), /^pages\.ranges: .* touches/],
  ['a range forgotten', () => m[H_RANGES]--, /^pages\.chunks: header says chunks 0 to 40, the ranges cover 0 to 4/],
  ['the first chunk wrong', () => m[H_CHUNK_START]++, /^pages\.chunks: header says chunks 1 to 40/],
  ['the last chunk wrong', () => m[H_CHUNK_END]--, /^pages\.chunks: header says chunks 0 to 39/],
  [
    'a chunk not marked',
    () => scavengeIndexClear(pa.mem, 2),
    /^pages\.scavengeIndex: page 1029 \(0x80a000\) can be scavenged, its chunk 2 is not marked/,
  ],
  [
    'the scavenge hint too low',
    () => (m[H_SCAV_PAGE] = 1000),
    /^pages\.scavengeIndex: page 1029 .* nothing above page 1000 is looked at/,
  ],
];

describe('check', () => {
  it.each(FAULTS)('names %s, and rebuild repairs it', (_, plant, message) => {
    const used = new Set<number>();
    for (let p = 0; p < PAGES; p++) if (pa.isKnown(p) && !pa.isFree(p)) used.add(p);
    plant();
    expect(pa.check()).toMatch(message);
    if (message.source.includes('ranges') || message.source.includes('chunks 0 to 40')) return;
    pa.rebuild((page) => used.has(page));
    expect(pa.check()).toBeNull();
    expect(pa.alloc(60)).toBe(700);
  });

  it('takes the unit of the OS into account', () => {
    scavenge(pa, 2 ** 40, () => {}, { physPageBytes: 64 << 10, hugePageBytes: 0 });
    expect(pa.check()).toMatch(/^pages\.scavengeIndex/);
    expect(pa.check(8)).toBeNull();
  });
});
