/**
 * All structures of allocator memory, field by field: who may write each, and how. The offsets stand in the files
 * beside this one, which import nothing: only then does the bundler fold their constants into the code that uses them
 * (an `export const` read through a module costs twice a literal in Node 20).
 *
 * Loading this file checks that no two fields overlap and that constants which belong together agree.
 */

import { ARENA_BITS, ARENA_EPOCH, ARENA_NEXT, ARENA_USED, ARENA_WORDS } from './bits-arena.ts';
import { CENTRAL_LOCK, CENTRAL_SETS, CENTRAL_WORDS, SET_WORDS } from './central.ts';
import { GC_BITS_CHUNK, MAX_SIZE_CLASSES, MAX_SPAN_CLASSES } from './constants.ts';
import { defineStruct } from './define.ts';
import {
  FIX_CHUNK,
  FIX_CHUNK_WORDS,
  FIX_IN_USE,
  FIX_LIST,
  FIX_NCHUNK,
  FIX_SIZE,
  FIX_TABLES,
  FIX_TINY_TABLES,
  FIX_WORDS,
} from './fixalloc.ts';
import {
  H_BITS_CURRENT,
  H_BITS_EPOCH,
  H_BITS_FREE,
  H_BITS_NEXT,
  H_BITS_PREVIOUS,
  H_BITS_REGION_NEXT,
  H_CHUNK_END,
  H_CHUNK_START,
  H_CLASS_TABLE,
  H_EMPTY_SPAN,
  H_GROWN_PAGES,
  H_HEAP_LOCK,
  H_MAGIC,
  H_MAX_PROCS,
  H_NO_SPAN,
  H_PAGES,
  H_PAGES_IN_USE,
  H_PEAK_PAGES,
  H_PERSISTENT_NEXT,
  H_PROCS,
  H_RANGES,
  H_RECLAIMER,
  H_RELEASED_PAGES,
  H_RETIRED,
  H_SCAV_MARKED,
  H_SCAV_PAGE,
  H_SEARCH_PAGE,
  H_SIZE_CLASSES,
  H_STOP,
  H_SWEEPGEN,
  H_TINY,
  H_TYPES,
  H_VERSION,
  H_WORLD_LOCK,
  H_ZEROBASE,
  HEADER_WORDS,
} from './header.ts';
import {
  CHUNK_ALLOC,
  CHUNK_SCAV,
  CHUNK_WORDS,
  RANGE_BASE,
  RANGE_LIMIT,
  RANGE_WORDS,
  SUM_END,
  SUM_MAX,
  SUM_START,
  SUM_WORDS,
} from './pages.ts';
import {
  MC_SHIFT,
  MC_WORDS,
  PAGE_CACHE_WORDS,
  PROC_BAD_DEFERRED,
  PROC_CLASSES,
  PROC_EPOCH,
  PROC_FLUSH_GEN,
  PROC_ID,
  PROC_LARGE_ALLOCS,
  PROC_LARGE_FREES,
  PROC_NEXT_SAMPLE,
  PROC_PAGE_CACHE,
  PROC_REFILLS,
  PROC_REMOTE_FREES,
  PROC_REMOTE_HEAD,
  PROC_SPAN_CACHE,
  PROC_SPAN_CACHE_LEN,
  PROC_SPAN_CLASSES,
  PROC_STACKS,
  PROC_STATUS,
  PROC_THREAD,
  PROC_TINY,
  PROC_TINY_MASK,
  PROC_TINY_OFFSET,
  PROC_WORDS,
  REUSE_MAX,
  SPAN_CACHE_MAX,
  STACK_SHIFT,
  STACK_WORDS,
} from './proc.ts';
import { RTYPE_ALIGN, RTYPE_MASK, RTYPE_NAME_BYTES, RTYPE_PTR_BYTES, RTYPE_SIZE } from './rtype.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_BASE,
  SPAN_BITS_EPOCH,
  SPAN_BITS_WORDS,
  SPAN_CACHE,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_DIV,
  SPAN_ELEMSIZE,
  SPAN_FREEINDEX,
  SPAN_GCMARK_BITS,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_LIST,
  SPAN_NEEDZERO,
  SPAN_NELEMS,
  SPAN_NEXT,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_PREV,
  SPAN_REMOTE_NEXT,
  SPAN_REMOTE_QUEUED,
  SPAN_SPECIAL_LOCK,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_SWEEPGEN,
  SPAN_TABLE,
  SPAN_TABLE_CLASS,
  SPAN_TYPES,
  SPAN_WORDS,
} from './span.ts';

defineStruct('header', 'mheap', HEADER_WORDS, {
  magic: [H_MAGIC, 'u32', 'immutable'],
  version: [H_VERSION, 'u32', 'immutable'],
  pages: [H_PAGES, 'u32', 'immutable'],
  maxProcs: [H_MAX_PROCS, 'u32', 'immutable'],
  tiny: [H_TINY, 'u32', 'immutable'],
  sizeClasses: [H_SIZE_CLASSES, 'u32', 'immutable'],
  noSpan: [H_NO_SPAN, 'words', 'immutable', 13],
  stop: [H_STOP, 'u32', 'atomic'],
  reclaimer: [H_RECLAIMER, 'u32', 'atomic'],
  worldLock: [H_WORLD_LOCK, 'u32', 'atomic'],
  heapLock: [H_HEAP_LOCK, 'u32', 'atomic'],
  sweepgen: [H_SWEEPGEN, 'u32', 'atomic'],
  procs: [H_PROCS, 'u32', 'atomic'],
  pagesInUse: [H_PAGES_IN_USE, 'u32', 'atomic'],
  peakPages: [H_PEAK_PAGES, 'u32', 'atomic'],
  grownPages: [H_GROWN_PAGES, 'page', 'racy'],
  releasedPages: [H_RELEASED_PAGES, 'u32', 'locked'],
  persistentNext: [H_PERSISTENT_NEXT, 'ref', 'atomic'],
  types: [H_TYPES, 'u32', 'racy'],
  searchPage: [H_SEARCH_PAGE, 'page', 'locked'],
  chunkStart: [H_CHUNK_START, 'u32', 'locked'],
  chunkEnd: [H_CHUNK_END, 'u32', 'locked'],
  ranges: [H_RANGES, 'u32', 'locked'],
  scavPage: [H_SCAV_PAGE, 'page', 'locked'],
  scavMarked: [H_SCAV_MARKED, 'u32', 'locked'],
  bitsFree: [H_BITS_FREE, 'ref', 'locked'],
  bitsNext: [H_BITS_NEXT, 'ref', 'atomic'],
  bitsCurrent: [H_BITS_CURRENT, 'ref', 'locked'],
  bitsPrevious: [H_BITS_PREVIOUS, 'ref', 'locked'],
  bitsEpoch: [H_BITS_EPOCH, 'u32', 'locked'],
  bitsRegionNext: [H_BITS_REGION_NEXT, 'ref', 'locked'],
  zerobase: [H_ZEROBASE, 'addr', 'immutable'],
  emptySpan: [H_EMPTY_SPAN, 'ref', 'immutable'],
  retired: [H_RETIRED, 'words', 'locked', 10],
  classTable: [H_CLASS_TABLE, 'words', 'immutable', 256],
});

defineStruct('mspan', 'mspan', SPAN_WORDS, {
  base: [SPAN_BASE, 'addr', 'immutable'],
  owner: [SPAN_OWNER, 'u32', 'racy'],
  spanclass: [SPAN_CLASS, 'u32', 'immutable'],
  allocBits: [SPAN_ALLOC_BITS, 'bits', 'immutable'],
  freeindex: [SPAN_FREEINDEX, 'u32', 'owner'],
  allocCount: [SPAN_ALLOC_COUNT, 'u32', 'owner'],
  nelems: [SPAN_NELEMS, 'u32', 'immutable'],
  elemsize: [SPAN_ELEMSIZE, 'u32', 'immutable'],
  state: [SPAN_STATE, 'u32', 'atomic'],
  sweepgen: [SPAN_SWEEPGEN, 'u32', 'atomic'],
  needzero: [SPAN_NEEDZERO, 'u32', 'owner'],
  types: [SPAN_TYPES, 'u32', 'immutable'],
  cache: [SPAN_CACHE, 'u32', 'owner'],
  next: [SPAN_NEXT, 'ref', 'owner'],
  div: [SPAN_DIV, 'u32', 'immutable'],
  prev: [SPAN_PREV, 'ref', 'owner'],
  list: [SPAN_LIST, 'u32', 'owner'],
  npages: [SPAN_NPAGES, 'u32', 'immutable'],
  gcmarkBits: [SPAN_GCMARK_BITS, 'bits', 'immutable'],
  defer: [SPAN_DEFER, 'ref', 'atomic'],
  remoteNext: [SPAN_REMOTE_NEXT, 'ref', 'atomic'],
  remoteQueued: [SPAN_REMOTE_QUEUED, 'u32', 'atomic'],
  specials: [SPAN_SPECIALS, 'ref', 'locked'],
  speciallock: [SPAN_SPECIAL_LOCK, 'u32', 'atomic'],
  largeType: [SPAN_LARGE_TYPE, 'u32', 'atomic'],
  largeSize: [SPAN_LARGE_SIZE, 'u32', 'immutable'],
  bitsWords: [SPAN_BITS_WORDS, 'u32', 'owner'],
  bitsEpoch: [SPAN_BITS_EPOCH, 'u32', 'owner'],
  table: [SPAN_TABLE, 'ref', 'owner'],
  tableClass: [SPAN_TABLE_CLASS, 'u32', 'owner'],
});

defineStruct('mcentral', 'mcentral', CENTRAL_WORDS, {
  lock: [CENTRAL_LOCK, 'u32', 'atomic'],
  sets: [CENTRAL_SETS, 'words', 'locked', 4 * SET_WORDS],
});

defineStruct('proc', 'p, mcache', PROC_WORDS, {
  status: [PROC_STATUS, 'u32', 'atomic'],
  id: [PROC_ID, 'u32', 'immutable'],
  thread: [PROC_THREAD, 'u32', 'immutable'],
  flushGen: [PROC_FLUSH_GEN, 'u32', 'owner'],
  epoch: [PROC_EPOCH, 'u32', 'atomic'],
  remoteHead: [PROC_REMOTE_HEAD, 'ref', 'atomic'],
  pageCache: [PROC_PAGE_CACHE, 'words', 'owner', PAGE_CACHE_WORDS],
  tiny: [PROC_TINY, 'addr', 'owner'],
  tinyoffset: [PROC_TINY_OFFSET, 'u32', 'owner'],
  tinyMask: [PROC_TINY_MASK, 'ref', 'owner'],
  nextSample: [PROC_NEXT_SAMPLE, 'f64', 'owner'],
  spanCacheLen: [PROC_SPAN_CACHE_LEN, 'u32', 'owner'],
  spanCache: [PROC_SPAN_CACHE, 'words', 'owner', SPAN_CACHE_MAX],
  largeAllocs: [PROC_LARGE_ALLOCS, 'f64', 'owner'],
  largeFrees: [PROC_LARGE_FREES, 'f64', 'owner'],
  refills: [PROC_REFILLS, 'f64', 'owner'],
  remoteFrees: [PROC_REMOTE_FREES, 'f64', 'owner'],
  badDeferred: [PROC_BAD_DEFERRED, 'f64', 'owner'],
  classes: [PROC_CLASSES, 'words', 'owner', PROC_SPAN_CLASSES * MC_WORDS],
  stacks: [PROC_STACKS, 'words', 'owner', PROC_SPAN_CLASSES * STACK_WORDS],
});

defineStruct('chunk', 'pallocData', CHUNK_WORDS, {
  alloc: [CHUNK_ALLOC, 'words', 'locked', 16],
  scavenged: [CHUNK_SCAV, 'words', 'locked', 16],
});

defineStruct('range', 'addrRange', RANGE_WORDS, {
  base: [RANGE_BASE, 'page', 'locked'],
  limit: [RANGE_LIMIT, 'page', 'locked'],
});

defineStruct('fixalloc', 'fixalloc', FIX_WORDS, {
  size: [FIX_SIZE, 'u32', 'immutable'],
  list: [FIX_LIST, 'ref', 'locked'],
  chunk: [FIX_CHUNK, 'ref', 'locked'],
  nchunk: [FIX_NCHUNK, 'u32', 'locked'],
  chunkWords: [FIX_CHUNK_WORDS, 'u32', 'immutable'],
  inUse: [FIX_IN_USE, 'u32', 'locked'],
});

defineStruct('gcBitsArena', 'gcBitsArena', ARENA_WORDS, {
  next: [ARENA_NEXT, 'ref', 'locked'],
  used: [ARENA_USED, 'u32', 'atomic'],
  epoch: [ARENA_EPOCH, 'u32', 'locked'],
  bits: [ARENA_BITS, 'words', 'locked', ARENA_WORDS - ARENA_BITS],
});

defineStruct('rtype', 'abi.Type', RTYPE_MASK, {
  size: [RTYPE_SIZE, 'u32', 'immutable'],
  ptrBytes: [RTYPE_PTR_BYTES, 'u32', 'immutable'],
  align: [RTYPE_ALIGN, 'u32', 'immutable'],
  nameBytes: [RTYPE_NAME_BYTES, 'u32', 'immutable'],
});

defineStruct('summary', 'pallocSum', SUM_WORDS, {
  start: [SUM_START, 'u32', 'locked'],
  max: [SUM_MAX, 'u32', 'locked'],
  end: [SUM_END, 'u32', 'locked'],
});

const agree: Record<string, boolean> = {
  'PROC_SPAN_CLASSES is MAX_SPAN_CLASSES': PROC_SPAN_CLASSES === MAX_SPAN_CLASSES,
  'STACK_SHIFT is log2 of STACK_WORDS, two words a slot':
    1 << STACK_SHIFT === STACK_WORDS && 2 * REUSE_MAX < STACK_WORDS,
  'proc and class records are aligned': PROC_CLASSES % MC_WORDS === 0 && PROC_WORDS % STACK_WORDS === 0,
  'reuse stacks are aligned to their size': PROC_STACKS % STACK_WORDS === 0,
  'record 0 reads as a span of nobody': H_NO_SPAN <= SPAN_ALLOC_BITS && SPAN_DIV < H_VERSION && SPAN_CACHE < H_VERSION,
  'MC_SHIFT is log2 of MC_WORDS': 1 << MC_SHIFT === MC_WORDS,
  'fixalloc has room for all size classes': FIX_TINY_TABLES - FIX_TABLES === MAX_SIZE_CLASSES,
  'ARENA_WORDS is GC_BITS_CHUNK': ARENA_WORDS * 4 === GC_BITS_CHUNK,
};
for (const [what, holds] of Object.entries(agree)) if (!holds) throw new Error(`layout: ${what} no longer holds`);
