/**
 * Plants one fault of each kind in the memory of a good heap: `verify` names it. Then the word is put back, and the
 * heap is good again.
 */
import { test } from 'vitest';
import { ctz32 } from '../../../src/base/bits.ts';
import type { ProcRef } from '../../../src/base/brand.ts';
import { centralSet } from '../../../src/central/mcentral.ts';
import { ARENA_NEXT, ARENA_USED } from '../../../src/layout/bits-arena.ts';
import { CENTRAL_WORDS, SET_COUNT } from '../../../src/layout/central.ts';
import { FIX_IN_USE, FIX_LIST, FIX_SPANS, FIX_WORDS } from '../../../src/layout/fixalloc.ts';
import {
  H_BITS_CURRENT,
  H_BITS_NEXT,
  H_CHUNK_END,
  H_GROWN_PAGES,
  H_MAGIC,
  H_PAGES_IN_USE,
  H_PEAK_PAGES,
  H_PROCS,
  H_RELEASED_PAGES,
  H_ROOM_OWNER,
  H_SCAV_PAGE,
  H_SEARCH_PAGE,
  H_VERSION,
} from '../../../src/layout/header.ts';
import { CHUNK_SCAV, RANGE_LIMIT } from '../../../src/layout/pages.ts';
import {
  MC_DIRECT,
  MC_FULL_COUNT,
  MC_PARTIAL_COUNT,
  MC_PARTIAL_FIRST,
  MC_PARTIAL_LAST,
  MC_SPAN,
  MC_TOP,
  MC_WIN,
  MC_WIN_ADDR,
  MC_WIN_WORD,
  MC_WORDS,
  PC_BASE,
  PC_FREE_HI,
  PC_FREE_LO,
  PROC_AREAS,
  PROC_EMPTY_PAGES,
  PROC_GROWN,
  PROC_PAGE_CACHE,
  PROC_REMOTE_HEAD,
  PROC_ROOM_NEXT,
  PROC_SPAN_CACHE,
  PROC_SPAN_CACHE_LEN,
  PROC_TINY,
  PROC_TINY_MASK,
  PROC_TINY_OFFSET,
  TM_IN_HEAP,
  TM_IN_STACKS,
  TM_LARGE_ALLOC,
  TM_LARGE_ALLOCS,
  TM_MAPPED,
  TM_RELEASED,
} from '../../../src/layout/proc.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_BASE,
  SPAN_CACHE,
  SPAN_CLASS,
  SPAN_DIV,
  SPAN_ELEMSIZE,
  SPAN_FREEINDEX,
  SPAN_GCMARK_BITS,
  SPAN_INVERSE,
  SPAN_LARGE_SIZE,
  SPAN_LIST,
  SPAN_NELEMS,
  SPAN_NEXT,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_PREV,
  SPAN_REMOTE_NEXT,
  SPAN_REMOTE_QUEUED,
  SPAN_STATE,
  SPAN_SWEEPGEN,
  SPAN_TYPES,
  SPAN_TYPES_LESS_BITS,
} from '../../../src/layout/span.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { threadMeter } from '../../../src/spans/heap-stats.ts';
import { expectNamed, type Plant } from '../../support/plant.ts';
import { RichHeap } from '../../support/rich-heap.ts';

type Fault = readonly [invariant: string, says: string, plant: (r: RichHeap) => readonly Plant[]];

const proc = (r: RichHeap): number => r.x.proc(r.heap.threadId);
/** The span class whose record is `r.c`. */
const spanClassOf = (r: RichHeap): number => (r.c - r.x.classOf(r.heap.threadId, 0)) / MC_WORDS;
const otherProc = (r: RichHeap): number => r.x.proc(r.other.threadId);
const spansWord = (r: RichHeap, s: number): number => r.x.mem.plan.spans + (r.m[s + SPAN_BASE]! >>> 13);
/** Turns one bit over. */
const flip = (r: RichHeap, word: number, bit: number): Plant => [word, r.m[word]! ^ (1 << bit)];
const allocBit = (r: RichHeap, s: number, i: number): Plant => {
  const bit = r.m[s + SPAN_ALLOC_BITS]! + i;
  return flip(r, bit >>> 5, bit & 31);
};
const set = (r: RichHeap, s: number, kind: number): number =>
  centralSet(r.x.mem, r.m[s + SPAN_CLASS]!, kind, true, r.m[s + SPAN_SWEEPGEN]!);
/** A page's scavenged bit turned over. */
const pageBit = (r: RichHeap, page: number): Plant =>
  flip(r, r.x.mem.plan.chunks + CHUNK_SCAV + (page >>> 5), page & 31);
const pageOf = (r: RichHeap, s: number): number => r.m[s + SPAN_BASE]! >>> 13;
/** A free page far above all spans, in the chunk of the first pages. */
const FREE_PAGE = 500;

const HEADER: Fault[] = [
  ['header.magic', 'is 0x7', () => [[H_MAGIC, 7]]],
  ['header.version', 'is 99', () => [[H_VERSION, 99]]],
  ['header.procs', '3 threads are counted, the header says 2', () => [[H_PROCS, 2]]],
  ['header.grownPages', 'of 2048 pages', () => [[H_GROWN_PAGES, 5000]]],
  ['header.peakPages', 'the peak says 1', () => [[H_PEAK_PAGES, 1]]],
  ['header.pagesInUse', 'the header says', (r) => [[H_PAGES_IN_USE, r.m[H_PAGES_IN_USE]! - 1]]],
];

const PAGES: Fault[] = [
  ['pages.ranges', 'whole chunks', (r) => [[r.x.mem.plan.ranges + RANGE_LIMIT, 511]]],
  ['pages.chunks', 'header says chunks 0 to 9', () => [[H_CHUNK_END, 9]]],
  ['pages.scavenged', 'in use and scavenged', (r) => [pageBit(r, 1)]],
  ['pages.released', 'header counts', (r) => [[H_RELEASED_PAGES, r.m[H_RELEASED_PAGES]! + 1]]],
  ['pages.searchPage', 'page', () => [[H_SEARCH_PAGE, 510]]],
  ['pages.summary', 'the bitmaps give', (r) => [[r.x.mem.plan.summaries[3]!, 77]]],
  ['pages.scavengeIndex', 'is not marked', (r) => [[r.x.mem.plan.scavIndex, 0]]],
  ['pages.scavengeIndex', 'nothing above page', () => [[H_SCAV_PAGE, -512]]],
];

const SPANS_TABLE: Fault[] = [
  ['spans.record', 'which is no span record', (r) => [[spansWord(r, r.current), 5]]],
  ['spans.range', 'which does not cover it', (r) => [[spansWord(r, r.current), r.full]]],
  ['span.state', 'in the spans table in state 3', (r) => [[r.current + SPAN_STATE, 3]]],
  ['spans.hole', 'names record 0x0', (r) => [[spansWord(r, r.x.span(r.large)) + 2, 0]]],
  [
    'arena.pageInUse',
    'is 0',
    (r) => [flip(r, r.x.mem.plan.pageInUse + (pageOf(r, r.current) >>> 5), pageOf(r, r.current) & 31)],
  ],
  ['arena.pageInUse', 'is 1', (r) => [flip(r, r.x.mem.plan.pageInUse + (FREE_PAGE >>> 5), FREE_PAGE & 31)]],
];

/** The page cache of the thread that has none, set to hold one page. */
const idleCache = (r: RichHeap, page: number): Plant[] => {
  const p = r.x.proc(r.idle.threadId) + PROC_PAGE_CACHE;
  const half = page % 64 < 32 ? PC_FREE_LO : PC_FREE_HI;
  return [
    [p + PC_BASE, page - (page % 64)],
    [p + half, 1 << (page % 32)],
  ];
};

/** Lowest page of a thread's cache. */
const cached = (r: RichHeap): number => {
  const p = proc(r) + PROC_PAGE_CACHE;
  const lo = r.m[p + PC_FREE_LO]!;
  return r.m[p + PC_BASE]! + (lo !== 0 ? ctz32(lo) : 32 + ctz32(r.m[p + PC_FREE_HI]!));
};

/** The span before a page takes the page in: as far as the spans table and the header know, all is well. */
const grownInto = (r: RichHeap, page: number): Plant[] => {
  const { spans } = r.x.mem.plan;
  const s = r.m[spans + page - 1]!;
  const used = r.m[H_PAGES_IN_USE]! + 1;
  return [
    [spans + page, s],
    [s + SPAN_NPAGES, r.m[s + SPAN_NPAGES]! + 1],
    [H_PAGES_IN_USE, used],
    [H_PEAK_PAGES, Math.max(r.m[H_PEAK_PAGES]!, used)],
  ];
};

/** The first page above a span for which this holds. */
const pageAbove = (r: RichHeap, holds: (page: number, s: number) => boolean): number => {
  const { spans } = r.x.mem.plan;
  for (let page = 1; page < r.m[H_GROWN_PAGES]!; page++) {
    const s = r.m[spans + page - 1]!;
    if (s !== 0 && r.m[spans + page] === 0 && holds(page, s)) return page;
  }
  throw new Error('the heap is poorer than thought');
};

/** The page above a span of small objects; it is taken from the page cache that it is in. */
const grownFromCache = (r: RichHeap): Plant[] => {
  const caches = [r.heap, r.other].map((heap) => r.x.proc(heap.threadId) + PROC_PAGE_CACHE);
  const wordOf = (page: number): number | undefined =>
    caches
      .filter((c) => r.m[c + PC_BASE] === page - (page % 64))
      .map((c) => c + (page % 64 < 32 ? PC_FREE_LO : PC_FREE_HI))
      .find((word) => (r.m[word]! & (1 << (page % 32))) !== 0);
  const page = pageAbove(r, (above, s) => r.m[s + SPAN_CLASS]! >= 2 && wordOf(above) !== undefined);
  return [...grownInto(r, page), flip(r, wordOf(page)!, page % 32)];
};

const PAGE_OWNERS: Fault[] = [
  [
    'pages.spanFree',
    "free in its chunk's bitmap and in a span",
    (r) =>
      grownInto(
        r,
        pageAbove(r, (page) => (r.heap.raw as unknown as Malloc).cache.heap.pages.isFree(page)),
      ),
  ],
  ['pageCache.shared', 'is in 2 page caches', (r) => idleCache(r, cached(r))],
  ['pageCache.inUse', 'in a page cache and in a span', (r) => idleCache(r, pageOf(r, r.current))],
  ['pages.cacheFree', "free in its chunk's bitmap and in a page cache", (r) => idleCache(r, FREE_PAGE)],
  [
    'pages.lost',
    'in no span and no page cache',
    (r) => [
      [proc(r) + PROC_PAGE_CACHE + PC_FREE_LO, 0],
      [proc(r) + PROC_PAGE_CACHE + PC_FREE_HI, 0],
    ],
  ],
];

/** Another side table for a scan span. */
function sideTable(r: RichHeap, s: number, types: number): Plant[] {
  return [
    [s + SPAN_TYPES, types],
    [s + SPAN_TYPES_LESS_BITS, types - r.m[s + SPAN_ALLOC_BITS]!],
  ];
}

const SPAN: Fault[] = [
  ['span.spanclass', 'no such class', (r) => [[r.current + SPAN_CLASS, 250]]],
  ['span.div', ': 0x', (r) => [[r.current + SPAN_DIV, r.m[r.current + SPAN_DIV]! + 1]]],
  ['span.inverse', ': 0x', (r) => [[r.current + SPAN_INVERSE, r.m[r.current + SPAN_INVERSE]! ^ 32]]],
  ['span.elemsize', ': 65', (r) => [[r.current + SPAN_ELEMSIZE, 65]]],
  ['span.npages', ': 2', grownFromCache],
  ['span.nelems', 'the class has', (r) => [[r.current + SPAN_NELEMS, 5]]],
  ['span.largeSize', 'bytes in', (r) => [[r.x.span(r.large) + SPAN_LARGE_SIZE, 2 ** 30]]],
  ['span.allocBits', 'outside the gcBits region', (r) => [[r.current + SPAN_ALLOC_BITS, 64]]],
  ['span.gcmarkBits', 'outside the gcBits region', (r) => [[r.current + SPAN_GCMARK_BITS, 64]]],
  ['span.allocBits', 'is set, the span has', (r) => [allocBit(r, r.x.span(r.large), 3)]],
  ['span.freeindex', '999 of', (r) => [[r.current + SPAN_FREEINDEX, 999]]],
  ['span.freeindex', '-1 of', (r) => [[r.current + SPAN_FREEINDEX, -1]]],
  ['span.allocCount', 'slots are free above freeindex', (r) => [[r.current + SPAN_ALLOC_COUNT, 1]]],
  ['span.owner', '77 is no thread', (r) => [[r.current + SPAN_OWNER, 77]]],
  ['span.owner', 'is FREE', (r) => [[r.current + SPAN_OWNER, 4]]],
  ['span.sweepgen', 'without owner', (r) => [[r.unownedFull + SPAN_SWEEPGEN, 9]]],
  ['span.sweepgen', 'owned by thread', (r) => [[r.current + SPAN_SWEEPGEN, 9]]],
  [
    'span.types',
    'has type number 0 of 1',
    (r) => [0, 1, 2, 3, 4].map((i): Plant => [(r.m[r.x.span(r.scan) + SPAN_TYPES]! >>> 1) + i, 0]),
  ],
  [
    'span.typesLessBits',
    'the type numbers begin at',
    (r) => [[r.x.span(r.scan) + SPAN_TYPES_LESS_BITS, r.m[r.x.span(r.scan) + SPAN_TYPES_LESS_BITS]! + 32]],
  ],
  ['span.tinyMask', 'has tiny mask', (r) => [[r.m[r.x.span(r.tiny) + SPAN_TYPES]! + 300, 0x10001]]],
  ['span.tinyMask', 'overlapping objects', (r) => [[r.m[r.x.span(r.tiny) + SPAN_TYPES]!, 0x80000003 | 0]]],
  ['span.tinyMask', 'ends objects that never began', (r) => [[r.m[r.x.span(r.tiny) + SPAN_TYPES]!, 0x80030001 | 0]]],
];

const LISTS: Fault[] = [
  ['span.list', 'is on no list', (r) => [0, 1, SET_COUNT].map((w): Plant => [set(r, r.x.span(r.large), 2) + w, 0])],
  ['span.lists', 'is on two lists, or twice', (r) => [[r.full + SPAN_NEXT, r.full]]],
  ['span.lists', 'is allocated from, and on a list', (r) => [[r.c + MC_SPAN, r.unownedFull]]],
  ['span.prev', 'points back to 0x5', (r) => [[r.partial + SPAN_PREV, 5]]],
  ['span.list', 'its record says none', (r) => [[r.partial + SPAN_LIST, 0]]],
  ['span.list', 'is allocated from, its record says mcache.full', (r) => [[r.current + SPAN_LIST, 3]]],
  ['list.last', 'its last word says', (r) => [[r.c + MC_PARTIAL_LAST, r.current]]],
  [
    'mcentral.set',
    'slots taken',
    (r) => [
      [set(r, r.unownedFull, 0), r.unownedFull],
      [set(r, r.unownedFull, 0) + 1, r.unownedFull],
      [set(r, r.unownedFull, 2), 0],
      [set(r, r.unownedFull, 2) + 1, 0],
      [r.unownedFull + SPAN_LIST, r.m[r.unownedFull + SPAN_LIST]! - 2],
      [set(r, r.unownedFull, 2) + SET_COUNT, 0],
    ],
  ],
  ['mcentral.count', 'its count says 9', (r) => [[set(r, r.unownedFull, 2) + SET_COUNT, 9]]],
  [
    'mcentral.owner',
    'is owned by thread',
    (r) => [
      [r.unownedFull + SPAN_OWNER, r.heap.threadId],
      [r.unownedFull + SPAN_SWEEPGEN, r.m[r.current + SPAN_SWEEPGEN]!],
    ],
  ],
];

const CACHES: Fault[] = [
  ['span.cache', ', without owner', (r) => [[r.unownedFull + SPAN_CACHE, 4096]]],
  ['span.cache', ', not ', (r) => [[r.current + SPAN_CACHE, 4096]]],
  ['mcache.spanCache', ': 99 records', (r) => [[proc(r) + PROC_SPAN_CACHE_LEN, 99]]],
  [
    'mcache.spanCache',
    'is in state 1',
    (r) => [
      [proc(r) + PROC_SPAN_CACHE_LEN, 1],
      [proc(r) + PROC_SPAN_CACHE, r.current],
    ],
  ],
  ['mcache.owner', 'is owned by thread', (r) => [[r.partial + SPAN_OWNER, r.other.threadId]]],
  ['mcache.emptyPages', ': 7, its empty spans have', (r) => [[proc(r) + PROC_EMPTY_PAGES, 7]]],
  ['span.cache', ', not ', (r) => [[r.noted + SPAN_CACHE, r.x.classOf(r.other.threadId, r.m[r.noted + SPAN_CLASS]!)]]],
  ['mcache.stack', 'no zeros below', (r) => [[(r.heap.raw as unknown as Malloc).cache.stackOf(r.c) - 1, 7]]],
  ['mcache.area', 'its reuse stack is from', (r) => [[proc(r) + PROC_AREAS + 2 * spanClassOf(r), 64]]],
  [
    'mcache.area',
    'overlap',
    (r) => {
      const { plan } = r.x.mem;
      const area = proc(r) + PROC_AREAS + 2 * spanClassOf(r);
      const words = [plan.reuseRoom + 2, plan.reuseRoom + 512, plan.reuseRoom + 258, plan.reuseRoom + 1024];
      const used: [number, number][] = [
        [H_ROOM_OWNER, r.heap.threadId],
        [proc(r) + PROC_ROOM_NEXT, plan.reuseRoom + 1024],
      ];
      return [...used, ...words.map((word, i): [number, number] => [area + i, word])];
    },
  ],
  ['mcache.grown', ': 8, its reuse stacks have grown by 0 bytes', (r) => [[proc(r) + PROC_GROWN, 8]]],
  ['header.roomOwner', 'which does not use it', (r) => [[H_ROOM_OWNER, r.heap.threadId]]],
  [
    'mcache.area',
    'has no stack in the reuse room',
    (r) => [
      [H_ROOM_OWNER, r.heap.threadId],
      [proc(r) + PROC_ROOM_NEXT, r.x.mem.plan.reuseRoom],
    ],
  ],
  ['mcache.area', "which is thread 0's", (r) => [[proc(r) + PROC_ROOM_NEXT, r.x.mem.plan.reuseRoom]]],
  ['mcache.partialCount', 'the list has', (r) => [[r.c + MC_PARTIAL_COUNT, 9]]],
  ['mcache.fullCount', 'the list has', (r) => [[r.c + MC_FULL_COUNT, 9]]],
  ['mcache.slots', 'on the reuse stack', (r) => [[r.c + MC_TOP, r.m[r.c + MC_TOP]! - 2]]],
  ['mcache.window', 'is not that of slot', (r) => [[r.c + MC_WIN_ADDR, r.m[r.c + MC_WIN_ADDR]! + 64]]],
  ['mcache.window', 'hold live objects', (r) => [[r.c + MC_WIN, -1]]],
  ['mcache.stack', 'words of', (r) => [[r.c + MC_TOP, r.m[r.c + MC_TOP]! + 1]]],
  ['mcache.stack', 'not in an own span of the class', (r) => [[r.m[r.c + MC_TOP]! - 2, r.scan]]],
  ['mcache.stack', "which is another slot's", (r) => [[r.m[r.c + MC_TOP]! - 1, 12345]]],
  [
    'mcache.stack',
    ' twice',
    (r) => [
      [r.m[r.c + MC_TOP]! - 2, r.m[r.m[r.c + MC_TOP]! - 4]!],
      [r.m[r.c + MC_TOP]! - 1, r.m[r.m[r.c + MC_TOP]! - 3]!],
    ],
  ],
  ['mcache.tiny', 'not in an own span of the tiny class', (r) => [[proc(r) + PROC_TINY, r.scan]]],
  ['mcache.tiny', 'is not a live slot', (r) => [[proc(r) + PROC_TINY, r.m[r.x.span(r.tiny) + SPAN_BASE]! + 8000]]],
  ['mcache.tiny', 'mask word', (r) => [[proc(r) + PROC_TINY_MASK, 5]]],
  ['mcache.tiny', 'objects end at', (r) => [[proc(r) + PROC_TINY_OFFSET, 0]]],
  ['defer.queue', 'is twice', (r) => [[r.noted + SPAN_REMOTE_NEXT, r.noted]]],
  ['defer.queue', 'not marked so', (r) => [[r.noted + SPAN_REMOTE_QUEUED, 0]]],
  ['defer.lost', 'has deferred frees', (r) => [[otherProc(r) + PROC_REMOTE_HEAD, 0]]],
];

/** The reuse stack's last entry, made to name slot `i` of a span. */
const onStack = (r: RichHeap, s: number, i: number): Plant[] => [
  [r.m[r.c + MC_TOP]! - 2, r.m[s + SPAN_BASE]! + i * r.m[s + SPAN_ELEMSIZE]!],
  [r.m[r.c + MC_TOP]! - 1, r.m[s + SPAN_ALLOC_BITS]! + i],
];
/** First slot of a span whose bit is as asked, and that is not below `from`. */
const slot = (r: RichHeap, s: number, live: boolean, from = 0): number => {
  for (let i = from; ; i++) {
    const bit = r.m[s + SPAN_ALLOC_BITS]! + i;
    if (((r.m[bit >>> 5]! >>> (bit & 31)) & 1) === (live ? 1 : 0)) return i;
  }
};
/** A list that is moved to the class with pointers of the same size. */
const moved = (r: RichHeap, list: number, other: number, words: readonly number[]): Plant[] =>
  words.flatMap((w): Plant[] => [
    [other + w, r.m[list + w]!],
    [list + w, 0],
  ]);

const SWAPPED: Fault[] = [
  [
    'mcentral.class',
    'of class 12',
    (r) => {
      const list = set(r, r.unownedFull, 2);
      return moved(r, list, list - CENTRAL_WORDS, [0, 1, SET_COUNT]);
    },
  ],
  [
    'mcache.class',
    'class 12: span',
    (r) => moved(r, r.c, r.c - MC_WORDS, [MC_PARTIAL_FIRST, MC_PARTIAL_LAST, MC_PARTIAL_COUNT]),
  ],
  [
    'mcache.partial',
    'slots taken',
    (r) => [SPAN_FREEINDEX, SPAN_ALLOC_COUNT].map((w): Plant => [r.partial + w, r.m[r.partial + SPAN_NELEMS]!]),
  ],
  ['mcache.full', 'has freeindex', (r) => [[r.full + SPAN_FREEINDEX, r.m[r.full + SPAN_NELEMS]! - 1]]],
  ['span.freeindex', '1, without owner', (r) => [[r.unownedFull + SPAN_FREEINDEX, 1]]],
  ['mcache.window', 'with freeindex', (r) => [[r.c + MC_WIN_WORD, r.m[r.c + MC_WIN_WORD]! + 1]]],
  ['mcache.stack', 'a live object', (r) => onStack(r, r.full, slot(r, r.full, true))],
  ['mcache.stack', 'which its span hands out too', (r) => onStack(r, r.partial, slot(r, r.partial, false))],
  [
    'mcache.stack',
    'which is in the window too',
    (r) =>
      onStack(
        r,
        r.current,
        (r.m[r.c + MC_WIN_WORD]! << 5) + ctz32(r.m[r.c + MC_WIN]!) - r.m[r.current + SPAN_ALLOC_BITS]!,
      ),
  ],
  ['span.shared', 'share a side table', (r) => sideTable(r, r.x.span(r.lastScan), r.m[r.x.span(r.scan) + SPAN_TYPES]!)],
];

const fix = (r: RichHeap, i: number): number => r.x.mem.plan.fixallocs + i * FIX_WORDS;

const METADATA: Fault[] = [
  ['fixalloc.inUse', 'records in use', (r) => [[fix(r, 3) + FIX_IN_USE, -1]]],
  ['fixalloc.list', 'outside of persistent memory', (r) => [[fix(r, FIX_SPANS) + FIX_LIST, 5]]],
  [
    'fixalloc.list',
    'twice on its free list',
    (r) => [
      [fix(r, FIX_SPANS) + FIX_LIST, r.x.mem.plan.persistent],
      [r.x.mem.plan.persistent, r.x.mem.plan.persistent],
    ],
  ],
  ['gcBitsArena.list', 'is none', (r) => [[H_BITS_CURRENT, r.x.mem.plan.gcBits + 8]]],
  ['gcBitsArena.list', 'has two roles', (r) => [[H_BITS_CURRENT, r.m[H_BITS_NEXT]!]]],
  ['gcBitsArena.list', 'has two roles', (r) => [[r.m[H_BITS_NEXT]! + ARENA_NEXT, r.m[H_BITS_NEXT]!]]],
  ['gcBitsArena.used', ': -4 words', (r) => [[r.m[H_BITS_NEXT]! + ARENA_USED, -4]]],
  ['span.shared', 'share bits', (r) => [[r.current + SPAN_GCMARK_BITS, r.m[r.current + SPAN_ALLOC_BITS]!]]],
];

/** A count of a thread as the double that it is: its two words. `delta`: how far it is off. */
const meter = (r: RichHeap, which: number, delta: number): Plant[] => {
  const at = threadMeter(proc(r) as ProcRef, which);
  const words = new Int32Array(Float64Array.of(r.x.mem.mf[at]! + delta).buffer);
  return [0, 1].map((i): Plant => [2 * at + i, words[i]!]);
};

const STATS: Fault[] = [
  ['stats.class13', 'threads have counted', (r) => [[r.c + MC_DIRECT, r.m[r.c + MC_DIRECT]! + 1]]],
  ['stats.largeObjects', 'threads have counted 4, there are 3', (r) => meter(r, TM_LARGE_ALLOCS, 1)],
  ['stats.largeBytes', 'threads have counted', (r) => meter(r, TM_LARGE_ALLOC, 8192)],
  ['stats.inHeap', 'threads have counted', (r) => meter(r, TM_IN_HEAP, 8192)],
  ['stats.inStacks', 'threads have counted 8192, there are 0', (r) => meter(r, TM_IN_STACKS, 8192)],
  ['stats.mapped', 'threads have counted', (r) => meter(r, TM_MAPPED, 8192)],
  ['stats.released', 'threads have counted', (r) => meter(r, TM_RELEASED, -8192)],
];

const r = new RichHeap();
// Two that are too large for a page cache, one of them freed: the page above the other is free in its bitmap.
const [, above] = [600_000, 600_000].map((size) => r.heap.raw.mallocgc(size, null, true));
r.heap.raw.free(above!);

const FAULTS = [HEADER, PAGES, SPANS_TABLE, PAGE_OWNERS, SPAN, LISTS, CACHES, SWAPPED, METADATA, STATS].flat();

test.each(FAULTS)('%s: "%s"', (invariant, says, plant) => {
  expectNamed(r.heap, r.m, plant(r), invariant, says);
});
