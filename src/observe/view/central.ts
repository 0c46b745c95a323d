/** mcentral's sets and the page allocator, as a view tells them. */
import { centralRef, centralSet } from '../../central/mcentral.ts';
import { CENTRAL_FULL, CENTRAL_LOCK, CENTRAL_PARTIAL, SET_COUNT, SET_FIRST } from '../../layout/central.ts';
import {
  H_CHUNK_END,
  H_HEAP_LOCK,
  H_PAGES_IN_USE,
  H_PEAK_PAGES,
  H_RANGES,
  H_RELEASED_PAGES,
  H_SCAV_PAGE,
  H_SEARCH_PAGE,
  H_SWEEPGEN,
} from '../../layout/header.ts';
import {
  RANGE_BASE,
  RANGE_LIMIT,
  RANGE_WORDS,
  SUM_END,
  SUM_MAX,
  SUM_START,
  SUM_WORDS,
  SUMMARY_LEVELS,
} from '../../layout/pages.ts';
import { SPAN_NEXT } from '../../layout/span.ts';
import { sizeClassOf } from '../../layout/span-class.ts';
import { levelLogPages } from '../../pages/summary.ts';
import type { HeapReader } from '../../spans/heap-reader.ts';
import { LOCK_OWNER } from '../../sync/proc.ts';
import type { Mem } from '../../sys/mem.ts';
import type { ViewCentral, ViewPageAlloc, ViewSummary } from '../view-types.ts';
import { eachLinked, firstPage, knownPages } from './records.ts';

/** Spans named of each set. */
const NAMED = 16;
/** Entries told of a level, and ranges. */
const MOST = 1024;

/** Span classes of which mcentral has spans. */
export function viewCentral({ t: { mem }, classes, spanClasses }: HeapReader): ViewCentral[] {
  const { m } = mem;
  const gen = m[H_SWEEPGEN];
  const found: ViewCentral[] = [];
  for (let spanClass = 0; spanClass < spanClasses; spanClass++) {
    const sets = [CENTRAL_PARTIAL, CENTRAL_FULL].flatMap((kind) =>
      [true, false].map((swept) => centralSet(mem, spanClass, kind, swept, gen)),
    );
    const counts = sets.map((set) => m[set + SET_COUNT]);
    if (counts.every((n) => n === 0)) continue;
    found.push({
      spanClass,
      size: classes.size[sizeClassOf(spanClass)] ?? 0,
      partialSwept: counts[0]!,
      partialUnswept: counts[1]!,
      fullSwept: counts[2]!,
      fullUnswept: counts[3]!,
      lockedBy: m[centralRef(mem, spanClass) + CENTRAL_LOCK] & LOCK_OWNER,
      partial: [...namedOf(mem, sets[0]!), ...namedOf(mem, sets[1]!)],
      full: [...namedOf(mem, sets[2]!), ...namedOf(mem, sets[3]!)],
    });
  }
  return found;
}

function namedOf(mem: Mem, set: number): number[] {
  const pages: number[] = [];
  eachLinked(mem, mem.m[set + SET_FIRST], SPAN_NEXT, NAMED, (s) => pages.push(firstPage(mem.m, s)));
  return pages;
}

export function viewPageAlloc({ t: { mem } }: HeapReader): ViewPageAlloc {
  const { m, plan } = mem;
  const search = m[H_SEARCH_PAGE];
  const ranges: [number, number][] = [];
  for (let i = 0; i < Math.min(m[H_RANGES], plan.chunkCount, MOST); i++) {
    const at = plan.ranges + i * RANGE_WORDS;
    ranges.push([m[at + RANGE_BASE], m[at + RANGE_LIMIT]]);
  }
  return {
    grownPages: knownPages(mem),
    inUsePages: m[H_PAGES_IN_USE],
    peakPages: m[H_PEAK_PAGES],
    releasedPages: m[H_RELEASED_PAGES],
    searchPage: search >= 0 && search < plan.pages ? search : null,
    scavPage: m[H_SCAV_PAGE],
    ranges,
    levels: Array.from({ length: SUMMARY_LEVELS }, (_, level) => viewLevel(mem, level)),
    heapLock: m[H_HEAP_LOCK] & LOCK_OWNER,
  };
}

function viewLevel({ m, plan }: Mem, level: number): ViewPageAlloc['levels'][number] {
  const log = levelLogPages(level);
  const known = Math.ceil((m[H_CHUNK_END] * 2 ** levelLogPages(SUMMARY_LEVELS - 1)) / 2 ** log);
  const entries: ViewSummary[] = [];
  for (let i = 0; i < Math.min(known, plan.summaryCounts[level]!, MOST); i++) {
    const at = plan.summaries[level]! + i * SUM_WORDS;
    entries.push([m[at + SUM_START], m[at + SUM_MAX], m[at + SUM_END]]);
  }
  return { pages: 2 ** log, entries };
}
