/**
 * Where each region of allocator memory begins. A pure function of the reservation's size and the number of threads,
 * so that every thread that attaches computes the same plan.
 *
 *   header | mcentrals | fixallocs | stats | procs | gcBits | spans | page maps | chunks | summaries | scavIndex | ranges |
 *   rings | types | snapshotBits | bitsCopies | bitsCopied | reuseRoom | gates | persistent
 *
 * Memory that is not touched costs nothing, so each region is as large as the whole reservation could ever need. The
 * gcBits region comes early because a bit's index must fit in 32 bits.
 */
import { roundUp } from '../base/bits.ts';
import { ARENA_WORDS, PIECE_WORDS } from './bits-arena.ts';
import { CENTRAL_WORDS } from './central.ts';
import { ARENA_PAGES, CHUNK_PAGES, MAX_ALLOC, MAX_SPAN_CLASSES, MAX_TYPES, PAGE_SIZE } from './constants.ts';
import { FIX_WORDS, FIXALLOCS } from './fixalloc.ts';
import { GATE_WORDS, MAX_GATES } from './gate.ts';
import { HEADER_WORDS, LINE } from './header.ts';
import { CHUNK_WORDS, RANGE_WORDS, SUM_WORDS, SUMMARY_LEVEL_BITS, SUMMARY_LEVELS } from './pages.ts';
import { PROC_WORDS, ROOM_WORDS, STACK_WORDS } from './proc.ts';
import { SNAP_BITS_PER_PAGE } from './snapshot.ts';
import { STATS_WORDS } from './stats.ts';
import { RING_WORDS } from './trace.ts';

/** All in words, from the start of allocator memory. */
export interface MetaPlan {
  readonly pages: number;
  readonly maxProcs: number;
  readonly centrals: number;
  readonly fixallocs: number;
  readonly stats: number;
  readonly procs: number;
  readonly gcBits: number;
  readonly gcBitsEnd: number;
  /** Page number → span record (Go: `heapArena.spans`, all arenas in a row). */
  readonly spans: number;
  /** One bit a page, set for the first page of an in-use span (Go: `heapArena.pageInUse`). */
  readonly pageInUse: number;
  /** One bit a page, set for the first page of a span with a marked object (Go: `heapArena.pageMarks`). */
  readonly pageMarks: number;
  /** One bit a page, set for the first page of a span with specials (Go: `heapArena.pageSpecials`). */
  readonly pageSpecials: number;
  /** Per arena: pages from here on, relative to the arena, are still zero (Go: `heapArena.zeroedBase`). */
  readonly zeroedBase: number;
  readonly chunkCount: number;
  readonly chunks: number;
  /** First word of each level's summaries, root first. */
  readonly summaries: readonly number[];
  /** Entries of each level. */
  readonly summaryCounts: readonly number[];
  /** One bit a chunk: it may have pages to scavenge (Go: `scavengeIndex.chunks`). */
  readonly scavIndex: number;
  readonly ranges: number;
  /** The allocation trace's ring of each thread slot, RING_WORDS words each. */
  readonly rings: number;
  readonly types: number;
  /** One bit a 4-byte slot of object memory: the slot is in the log of a snapshot (layout/snapshot.ts). */
  readonly snapshotBits: number;
  /** Words of the gcBits region as a snapshot needs them, and one bit a word: it was copied (spans/held-bits.ts). */
  readonly bitsCopies: number;
  readonly bitsCopied: number;
  /** Reuse stacks of a thread that is alone (cache/reuse-stacks.ts). */
  readonly reuseRoom: number;
  /** Gates of the fast paths, GATE_WORDS each. */
  readonly gates: number;
  readonly persistent: number;
  /** First word after the last that is used. */
  readonly end: number;
  /** Words of allocator memory in all. */
  readonly words: number;
}

export function planMeta(pages: number, maxProcs: number): MetaPlan {
  let next = 0;
  const take = (words: number, align = 16): number => {
    const at = roundUp(next, align);
    next = at + words;
    return at;
  };
  take(HEADER_WORDS);
  const centrals = take(MAX_SPAN_CLASSES * CENTRAL_WORDS);
  const fixallocs = take(FIXALLOCS * FIX_WORDS);
  const stats = take(STATS_WORDS);
  const procs = take(maxProcs * PROC_WORDS, STACK_WORDS);
  // Two bitmaps for each 8-byte slot, in up to three roles at once; room for blocks that are not full, and for a piece of
  // each thread's in each role.
  const pieces = 3 * maxProcs * PIECE_WORDS;
  const bitsWords = roundUp((pages * PAGE_SIZE) / 64 + 16 * ARENA_WORDS + pieces, ARENA_WORDS);
  const gcBits = take(bitsWords, ARENA_WORDS);
  // For every page of a 32-bit address space: any address can be looked up without asking how large the heap is.
  const spans = take(MAX_ALLOC / PAGE_SIZE);
  const maps = [0, 0, 0].map(() => take((pages + 31) >>> 5));
  const zeroedBase = take(Math.ceil(pages / ARENA_PAGES));
  const chunkCount = Math.ceil(pages / CHUNK_PAGES);
  const chunks = take(chunkCount * CHUNK_WORDS);
  const summaryCounts: number[] = [];
  for (let level = 0; level < SUMMARY_LEVELS; level++) {
    const shift = (SUMMARY_LEVELS - 1 - level) * SUMMARY_LEVEL_BITS;
    // A whole number of 8-entry blocks, so that a parent always has its 8 children.
    summaryCounts.push(roundUp(Math.ceil(chunkCount / (1 << shift)), 1 << SUMMARY_LEVEL_BITS));
  }
  const summaries = summaryCounts.map((n) => take(n * SUM_WORDS));
  const scavIndex = take((chunkCount + 31) >>> 5);
  const ranges = take((chunkCount + 2) * RANGE_WORDS);
  const rings = take(maxProcs * RING_WORDS);
  const types = take(MAX_TYPES + 1);
  const snapshotBits = take(pages * SNAP_BITS_PER_PAGE);
  const bitsCopies = take(bitsWords);
  const bitsCopied = take(bitsWords >>> 5);
  const reuseRoom = take(ROOM_WORDS, STACK_WORDS);
  const gates = take(MAX_GATES * GATE_WORDS);
  // Span records, type tables and deferred-free records of a heap full of 8-byte objects: under 40 % of it.
  const persistent = take((1 << 20) + Math.ceil((pages * PAGE_SIZE) / 10));
  return {
    pages,
    maxProcs,
    centrals,
    fixallocs,
    stats,
    procs,
    gcBits,
    gcBitsEnd: gcBits + bitsWords,
    spans,
    pageInUse: maps[0],
    pageMarks: maps[1],
    pageSpecials: maps[2],
    zeroedBase,
    chunkCount,
    chunks,
    summaries,
    summaryCounts,
    scavIndex,
    ranges,
    rings,
    types,
    snapshotBits,
    bitsCopies,
    bitsCopied,
    reuseRoom,
    gates,
    persistent,
    end: roundUp(next, 16),
    // The views that begin at words 1 … 4 are as long as the first: sys/mem.ts.
    words: roundUp(next, 16) + LINE,
  };
}
