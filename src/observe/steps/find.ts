/**
 * How the page allocator looks for a run of free pages, told level by level: the same walk as `PageAlloc.alloc` and
 * `find` (Go: `pageAlloc.find`), which keep no record of it. It only reads; a test compares the outcomes.
 */
import type { Words } from '../../base/brand.ts';
import { CHUNK_PAGES, LOG_CHUNK_PAGES } from '../../layout/constants.ts';
import { H_SEARCH_PAGE } from '../../layout/header.ts';
import {
  CHUNK_ALLOC,
  CHUNK_WORDS,
  SUM_END,
  SUM_MAX,
  SUM_START,
  SUM_WORDS,
  SUMMARY_LEVEL_BITS,
} from '../../layout/pages.ts';
import type { MetaPlan } from '../../layout/plan.ts';
import { find, foundIndex, NOT_FOUND } from '../../pages/page-bits.ts';
import { CHUNK_LEVEL, LEVEL_ENTRIES, levelLogPages } from '../../pages/summary.ts';

/** One look. `looks`: the words that were read. */
export type FindStep = { readonly looks: readonly number[] } & (
  | /** Nothing is free: the hint says so. */ { readonly kind: 'hint-none' }
  | /** The chunk that the hint names has such a run. */ { readonly kind: 'hint'; readonly chunk: number }
  | /** A level was gone through, and one entry has a run that long. */ {
      readonly kind: 'descend';
      readonly level: number;
      readonly entry: number;
      readonly max: number;
      readonly pages: number;
    }
  | /** The run lies across a border of entries, or at the beginning of one. */ {
      readonly kind: 'border';
      readonly level: number;
      readonly entry: number;
      readonly page: number;
    }
  | /** No entry of the root has one. */ { readonly kind: 'none'; readonly level: number }
  | /** The bitmap says exactly where. */ { readonly kind: 'bitmap'; readonly chunk: number; readonly page: number }
);

/** The looks that lead to the lowest run of `npages` free pages, and its page; −1 if there is none. */
export function explainFind(m: Words, plan: MetaPlan, npages: number): { steps: FindStep[]; page: number } {
  const steps: FindStep[] = [];
  const search = m[H_SEARCH_PAGE];
  if (search >= plan.pages) {
    steps.push({ kind: 'hint-none', looks: [H_SEARCH_PAGE] });
    return { steps, page: -1 };
  }
  const chunk = search >>> LOG_CHUNK_PAGES;
  const max = plan.summaries[CHUNK_LEVEL] + chunk * SUM_WORDS + SUM_MAX;
  if (CHUNK_PAGES - (search % CHUNK_PAGES) >= npages && m[max] >= npages) {
    steps.push({ kind: 'hint', chunk, looks: [H_SEARCH_PAGE, max] });
    return { steps, page: inChunk(m, plan, chunk, npages, search % CHUNK_PAGES, steps) };
  }
  let block = 0;
  for (let level = 0; level <= CHUNK_LEVEL; level++) {
    const found = lookAtLevel(m, plan, npages, level, block, search);
    steps.push(found);
    if (found.kind === 'border') return { steps, page: found.page };
    if (found.kind !== 'descend') return { steps, page: -1 };
    block = found.entry << SUMMARY_LEVEL_BITS;
  }
  return { steps, page: inChunk(m, plan, block >>> SUMMARY_LEVEL_BITS, npages, 0, steps) };
}

/** Goes through the entries of one level from `block` on, adding up free pages that lie next to each other. */
function lookAtLevel(m: Words, plan: MetaPlan, npages: number, level: number, block: number, search: number): FindStep {
  const log = levelLogPages(level);
  const end = block + (level === 0 ? plan.summaryCounts[1]! / LEVEL_ENTRIES : LEVEL_ENTRIES);
  const hint = search >>> log;
  const looks: number[] = [];
  let run = 0;
  let runPage = 0;
  for (let entry = hint > block && hint < end ? hint : block; entry < end; entry++) {
    const at = plan.summaries[level]! + entry * SUM_WORDS;
    looks.push(at + SUM_START, at + SUM_MAX, at + SUM_END);
    const start = m[at + SUM_START];
    const max = m[at + SUM_MAX];
    if (max === 0) {
      run = 0;
    } else if (run + start >= npages) {
      return { kind: 'border', level, entry, page: run === 0 ? entry << log : runPage, looks };
    } else if (max >= npages) {
      return { kind: 'descend', level, entry, max, pages: 1 << log, looks };
    } else if (run === 0 || start < 1 << log) {
      run = m[at + SUM_END];
      runPage = ((entry + 1) << log) - run;
    } else {
      run += 1 << log;
    }
  }
  return { kind: 'none', level, looks };
}

function inChunk(m: Words, plan: MetaPlan, chunk: number, npages: number, from: number, steps: FindStep[]): number {
  const bits = plan.chunks + chunk * CHUNK_WORDS + CHUNK_ALLOC;
  const found = find(m, bits, npages, from);
  if (found === NOT_FOUND) return -1;
  const page = chunk * CHUNK_PAGES + foundIndex(found);
  const looks = Array.from({ length: CHUNK_PAGES / 32 }, (_, i) => bits + i);
  steps.push({ kind: 'bitmap', chunk, page, looks });
  return page;
}
