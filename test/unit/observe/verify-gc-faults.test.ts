/**
 * Plants one fault of each kind in what the collector and snapshots keep, outside of a cycle, in one, and while a snapshot
 * holds one open: `verify` names it. Then the word is put back, and the heap is good again.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, map, ref, slice, string, struct, u32 } from '../../../src/index.ts';
import { FIX_LIST, FIX_WORDS, FIX_WORKBUFS } from '../../../src/layout/fixalloc.ts';
import {
  GC_IDLE,
  GC_PAUSED,
  GC_STARTED,
  GC_SWEEP_CLASS,
  GC_WORK_COUNT,
  GC_WORK_FULL,
  GC_WORKING,
  WORKBUF_COUNT,
  WORKBUF_ITEMS,
  WORKBUF_KIND,
  WORKBUF_NEXT,
} from '../../../src/layout/gc.ts';
import { H_WRITE_BARRIER } from '../../../src/layout/header.ts';
import {
  MAP_ROOT,
  SEQ_DEAD,
  TABLE_DEPTH,
  TABLE_LEFT,
  TABLE_MASK,
  TABLE_SEQ,
  TABLE_USED,
} from '../../../src/layout/map.ts';
import { MC_SPAN, MC_WIN, MC_WIN_WORD, PROC_ALLOCATING, PROC_WB_COUNT } from '../../../src/layout/proc.ts';
import {
  LOG_COUNT,
  LOG_ENTRIES,
  LOG_NEXT,
  PHASE_HELD,
  PHASE_SHIFT,
  PROC_SNAP_LOG,
  SNAP_LOGS,
  SNAP_STATE,
} from '../../../src/layout/snapshot.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_BASE,
  SPAN_CLASS,
  SPAN_GCMARK_BITS,
  SPAN_OWNER,
  SPAN_SWEEPGEN,
} from '../../../src/layout/span.ts';
import { beginCycle, finishCycle } from '../../support/gc-cycle.ts';
import { Internals } from '../../support/internals.ts';
import { expectNamed, type Plant } from '../../support/plant.ts';

const Leaf = struct('Leaf', { text: string });
const Tree = struct('Tree', { kids: slice(ref(Leaf)), words: map(string, u32), other: ref(Leaf) });

interface Scene {
  readonly heap: Heap;
  readonly x: Internals;
  readonly m: Int32Array<ArrayBufferLike>;
  readonly i32: Int32Array<ArrayBufferLike>;
  /** Address of the tree; record of its thread. */
  readonly tree: number;
  readonly p: number;
}

function scene(): Scene {
  const heap = createHeap({ maxBytes: 2 ** 26, maxThreads: 4, background: false });
  const tree = heap.new(Tree);
  heap.roots.set('tree', tree);
  heap.scope(() => {
    for (let i = 0; i < 60_000; i++) tree.kids.push(heap.new(Leaf, { text: `a leaf, number ${i}` }));
    for (let i = 0; i < 60; i++) tree.words.set(`word number ${i}`, i);
  });
  heap.gc();
  const x = new Internals(heap);
  return { heap, x, m: x.m, i32: heap.memory.i32, tree: heap.addressOf(tree), p: x.proc(heap.threadId) };
}

/** `data`: the word is one of object memory. */
type Word = readonly [word: number, value: number, data?: 'data'];
type Fault = readonly [invariant: string, says: string, plant: (s: Scene) => readonly Word[]];

function expectFault(s: Scene, [invariant, says, plant]: Fault): void {
  const plants = plant(s).map(([word, value, data]): Plant => [word, value, data === undefined ? s.m : s.i32]);
  expectNamed(s.heap, s.m, plants, invariant, says);
}

/** First word of the mark bits of a span. */
const marks = (s: Scene, span: number): number => s.m[span + SPAN_GCMARK_BITS]! >>> 5;
const spanOf = (s: Scene, addr: number): number => s.x.span(addr);
const table = (s: Scene): number => s.i32[(s.i32[(s.tree >>> 2) + 3]! >>> 2) + MAP_ROOT]! >>> 2;

const OUTSIDE: readonly Fault[] = [
  ['gc.phase', 'cycles begun', (s) => [[GC_STARTED, s.m[GC_STARTED]! + 1]]],
  ['gc.phase', 'the write barrier is 5', () => [[H_WRITE_BARRIER, 5]]],
  ['barrier.buffer', 'at most 0 can be there now', (s) => [[s.p + PROC_WB_COUNT, 2]]],
  ['proc.allocating', 'which is no large object', (s) => [[s.p + PROC_ALLOCATING, s.tree]]],
  ['gc.working', '3 threads mark, 0 say', () => [[GC_WORKING, 3]]],
  ['gc.idle', '1 threads wait', () => [[GC_IDLE, 1]]],
  ['gc.paused', '2 times paused', () => [[GC_PAUSED, 2]]],
  ['workbuf.count', '0 full work buffers, the count is 1', () => [[GC_WORK_COUNT, 1]]],
  ['workbuf.list', 'is none', () => [[GC_WORK_FULL, 64]]],
  [
    'workbuf.idle',
    '1 are left, and nobody marks',
    (s) => {
      // A buffer that the last cycle has given back, empty.
      const buffer = s.m[s.x.mem.plan.fixallocs + FIX_WORKBUFS * FIX_WORDS + FIX_LIST]!;
      const words = [WORKBUF_NEXT, WORKBUF_COUNT, WORKBUF_KIND].map((word): Word => [buffer + word, 0]);
      return [[GC_WORK_FULL, buffer], [GC_WORK_COUNT, 1], ...words];
    },
  ],
  ['span.marks', 'has marks, and no cycle is under way', (s) => [[marks(s, spanOf(s, s.tree)), 1]]],
  [
    'span.sweepgen',
    '-2 from the heap',
    (s) => [
      [GC_SWEEP_CLASS, 10_000],
      [spanOf(s, s.tree) + SPAN_SWEEPGEN, s.m[spanOf(s, s.tree) + SPAN_SWEEPGEN]! - 2],
    ],
  ],
  ['map.table.used', 'slots are full, the count is', (s) => [[table(s) + TABLE_USED, 3, 'data']]],
  ['map.table.left', 'slots are left', (s) => [[table(s) + TABLE_LEFT, 3, 'data']]],
  ['map.table.dead', 'leads to 0x0', (s) => [[table(s) + TABLE_SEQ, SEQ_DEAD, 'data']]],
  ['map.table.depth', 'has depth 77', (s) => [[table(s) + TABLE_DEPTH, 77, 'data']]],
  ['map.table.seq', 'is unlocked and being written', (s) => [[table(s) + TABLE_SEQ, 3, 'data']]],
  ['map.table.mask', 'groups', (s) => [[table(s) + TABLE_MASK, 5, 'data']]],
  ['map.table.groups', 'are not at', (s) => [[table(s) + TABLE_MASK, 127, 'data']]],
  ['snapshot.state', 'phase 9', (s) => [[SNAP_STATE, (9 << PHASE_SHIFT) | s.heap.threadId]]],
  ['snapshot.state', 'of thread 3', () => [[SNAP_STATE, (PHASE_HELD << PHASE_SHIFT) | 3]]],
  ['snapshot.held', 'that is none', (s) => [[SNAP_STATE, (PHASE_HELD << PHASE_SHIFT) | s.heap.threadId]]],
  ['snapshot.segment', 'which is not in the log', (s) => [[s.p + PROC_SNAP_LOG, s.tree >>> 2]]],
  ['snapshot.log', 'is no manual span', (s) => [[SNAP_LOGS, s.tree >>> 2]]],
  ['snapshot.bits', 'is logged, and there is no log', (s) => [[s.x.mem.plan.snapshotBits + (s.tree >>> 7), 1]]],
];

describe('outside of a cycle', () => {
  const s = scene();
  test.each(OUTSIDE)('%s: "%s"', (...fault) => expectFault(s, fault));
});

/** A class record with a window. */
function window(s: Scene): number {
  for (let spanClass = 2; ; spanClass++) {
    const c = s.x.classOf(s.heap.threadId, spanClass);
    if (s.m[c + MC_WIN] !== 0) return c;
  }
}

const MARKING: readonly Fault[] = [
  ['gc.phase', 'cycles begun', (s) => [[GC_STARTED, s.m[GC_STARTED]! + 1]]],
  ['barrier.buffer', 'at most 512', (s) => [[s.p + PROC_WB_COUNT, 600]]],
  ['gc.working', 'say that they do', () => [[GC_WORKING, 1]]],
  [
    'arena.pageMarks',
    'has marks',
    (s) => {
      const page = s.m[spanOf(s, s.tree) + SPAN_BASE]! >>> 13;
      const word = s.x.mem.plan.pageMarks + (page >>> 5);
      return [
        [marks(s, spanOf(s, s.tree)), -1],
        [word, s.m[word]! & ~(1 << page)],
      ];
    },
  ],
  [
    'mcache.black',
    'are not marked',
    (s) => {
      const c = window(s);
      const span = s.m[c + MC_SPAN]!;
      const word = marks(s, span) + s.m[c + MC_WIN_WORD]! - (s.m[span + SPAN_ALLOC_BITS]! >>> 5);
      return [[word, s.m[word]! & ~s.m[c + MC_WIN]!]];
    },
  ],
  ['workbuf.count', 'of kind 7', (s) => [[s.m[GC_WORK_FULL]! + WORKBUF_KIND, 7]]],
  ['workbuf.count', 'has 999 words', (s) => [[s.m[GC_WORK_FULL]! + WORKBUF_COUNT, 999]]],
  ['workbuf.count', 'the count is 50', () => [[GC_WORK_COUNT, 50]]],
  ['workbuf.list', 'twice on the list', (s) => [[s.m[GC_WORK_FULL]! + WORKBUF_NEXT, s.m[GC_WORK_FULL]!]]],
  [
    'workbuf.grey',
    'which can have no pointers',
    (s) => [
      [s.m[GC_WORK_FULL]! + WORKBUF_KIND, 0],
      [s.m[GC_WORK_FULL]! + WORKBUF_COUNT, 2],
      [s.m[GC_WORK_FULL]! + WORKBUF_ITEMS, 0x100],
    ],
  ],
];

describe('while a cycle marks', () => {
  const s = scene();
  s.heap.raw.mallocgc(64, null, true);
  beginCycle(s.heap);
  test.each(MARKING)('%s: "%s"', (...fault) => expectFault(s, fault));
  afterAll(() => {
    finishCycle(s.heap);
    s.heap.verify();
  });
});

const HELD: readonly Fault[] = [
  ['snapshot.state', 'of thread 4', () => [[SNAP_STATE, (PHASE_HELD << PHASE_SHIFT) | 4]]],
  ['snapshot.count', 'words', (s) => [[s.m[SNAP_LOGS]! + LOG_COUNT, 3, 'data']]],
  ['snapshot.bits', 'whose bit is 0', (s) => [[s.m[SNAP_LOGS]! + LOG_ENTRIES, s.tree, 'data']]],
  ['snapshot.log', 'is twice in the log', (s) => [[s.m[SNAP_LOGS]! + LOG_NEXT, s.m[SNAP_LOGS]!, 'data']]],
  ['snapshot.log', 'belongs to thread 2', (s) => [[spanOf(s, s.m[SNAP_LOGS]! * 4) + SPAN_OWNER, 2]]],
  ['snapshot.segment', 'which is not in the log', (s) => [[s.p + PROC_SNAP_LOG, s.tree >>> 2]]],
  [
    'span.shared',
    'share bits at',
    (s) => {
      const large = spanOf(s, s.i32[s.tree >>> 2]! >>> 0);
      expect(s.m[large + SPAN_CLASS]).toBe(0);
      return [[large + SPAN_GCMARK_BITS, s.m[large + SPAN_ALLOC_BITS]!]];
    },
  ],
];

describe('while a snapshot is taken', async () => {
  const s = scene();
  const other = attachHeap(s.heap.share());
  const stream = s.heap.snapshot();
  await stream.next();
  s.heap.roots.get('tree', Tree)!.other = s.heap.new(Leaf);
  expect(s.m[SNAP_LOGS]).not.toBe(0);
  test.each(HELD)('%s: "%s"', (...fault) => expectFault(s, fault));
  afterAll(async () => {
    for await (const _ of stream);
    s.heap.verify();
    other.detach();
  });
});
