/** A view of a heap that nobody changes: what it tells is what the heap itself tells, and what was put into it. */
import { beforeAll, expect, test } from 'vitest';
import {
  attachHeap,
  bool,
  createHeap,
  f64,
  type Heap,
  type HeapView,
  i32,
  i64,
  map,
  PAGE_CACHED,
  PAGE_FIRST,
  PAGE_IDLE,
  PAGE_LARGE,
  PAGE_MANUAL,
  PAGE_SCAVENGED,
  PAGE_SMALL,
  PAGE_STATE_MASK,
  PAGE_STATE_SHIFT,
  PAGE_TINY,
  PAGE_UNKNOWN,
  ref,
  SLOT_AHEAD,
  SLOT_LIVE,
  SLOT_MARKED,
  SLOT_NOTED,
  SLOT_SPECIAL,
  SLOT_STACK,
  SLOT_WINDOW,
  slice,
  string,
  struct,
  type ViewObject,
  type ViewValue,
  viewHeap,
} from '../../../src/index.ts';
import { MC_PARTIAL_COUNT } from '../../../src/layout/proc.ts';
import { SPAN_BASE } from '../../../src/layout/span.ts';
import { RichHeap } from '../../support/rich-heap.ts';

const PAGE = 8192;

let rich: RichHeap;
let view: HeapView;

beforeAll(() => {
  rich = new RichHeap();
  view = viewHeap(rich.heap.share());
});

const pageOf = (s: number): number => rich.m[s + SPAN_BASE]! >>> 13;

test('a view attaches nothing', () => {
  const before = rich.heap.stats().threads;
  viewHeap(rich.heap.share()).threads();
  expect(rich.heap.stats().threads).toBe(before);
  expect(view.threads().map((t) => t.id)).toEqual([rich.heap, rich.other, rich.idle].map((h) => h.threadId));
});

test('numbers of now are those of heap.stats()', () => {
  const stats = rich.heap.stats();
  expect(view.stats()).toMatchObject({
    phase: 'off',
    inUseBytes: stats.heapInUseBytes,
    sysBytes: stats.heapSysBytes,
    releasedBytes: stats.heapReleasedBytes,
    peakBytes: stats.peakHeapBytes,
    metadataBytes: stats.metadataBytes,
    liveBytes: stats.gc.heapLiveBytes,
    threads: 3,
    largeAllocs: stats.largeAllocs,
    refills: stats.refills,
    triggerBytes: null,
  });
});

test('classes add up to heap.stats()', () => {
  const stats = rich.heap.stats();
  const uses = view.classes();
  const sum = (pick: (use: (typeof uses)[number]) => number): number => uses.reduce((n, use) => n + pick(use), 0);
  expect(sum((u) => u.liveBytes)).toBe(stats.liveBytes);
  expect(sum((u) => u.objects)).toBe(stats.liveObjects);
  expect(sum((u) => u.freeBytes)).toBe(stats.freeSlotBytes);
  expect(sum((u) => u.tailBytes)).toBe(stats.tailBytes);
  expect(sum((u) => u.spanBytes)).toBe(stats.heapInUseBytes - stats.manualBytes);
  for (const u of uses) expect(u.liveBytes + u.freeBytes + u.tailBytes).toBe(u.spanBytes);
  const types = view.topTypes();
  expect([types.objects, types.bytes]).toEqual([stats.liveObjects, stats.liveBytes]);
  expect(types.types.find((t) => t.name === 'node')).toMatchObject({ objects: 301, bytes: 300 * 48 + 50_000 });
});

test('the page map has each page in the state that it is in', () => {
  const pages = view.pageMap();
  pages.refresh();
  const stats = rich.heap.stats();
  const state = (page: number): number => (pages.pages[page]! >>> PAGE_STATE_SHIFT) & PAGE_STATE_MASK;
  const count = (wanted: number): number => pages.pages.reduce((n, _, page) => n + (state(page) === wanted ? 1 : 0), 0);
  const inSpans = [PAGE_SMALL, PAGE_TINY, PAGE_LARGE, PAGE_MANUAL].reduce((n, s) => n + count(s), 0);
  expect(inSpans).toBe(stats.heapInUseBytes / PAGE);
  const cached = view.threads().reduce((n, t) => n + (t.pageCache?.free ?? 0), 0);
  expect(count(PAGE_CACHED)).toBe(cached);
  expect(cached).toBeGreaterThan(0);
  // All that are free, but for page 0.
  expect(count(PAGE_IDLE) + count(PAGE_SCAVENGED) + cached + 1).toBe(stats.freePageBytes / PAGE);
  expect(count(PAGE_UNKNOWN)).toBe(pages.pages.length - stats.heapSysBytes / PAGE);
  expect(state(rich.large >>> 13)).toBe(PAGE_LARGE);
  expect(state(rich.tiny >>> 13)).toBe(PAGE_TINY);
  expect(pages.pages[pageOf(rich.current)]! & (PAGE_FIRST | 0xff)).toBe(
    PAGE_FIRST | view.span(pageOf(rich.current))!.spanClass,
  );
  // The second page of a span of several is not its first.
  expect(pages.pages[(rich.large >>> 13) + 1]! & PAGE_FIRST).toBe(0);
});

test('only chunks that change have a new version', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 << 20 });
  const pages = heap.view().pageMap();
  heap.raw.mallocgc(64, null, true);
  expect(pages.refresh()).toBe(1);
  expect(pages.refresh()).toBe(0);
  const version = pages.version;
  expect(pages.changedSince(0)).toEqual([0]);
  const large = heap.raw.mallocgc(9 << 20, null, true);
  expect(pages.refresh()).toBeGreaterThan(2);
  expect(pages.changedSince(version)).toEqual(pages.changedSince(0));
  const then = pages.version;
  heap.raw.free(large);
  heap.raw.mallocgc(64, null, true);
  pages.refresh();
  const chunk = large >>> 22;
  expect(pages.changedSince(then)).toContain(chunk + 1);
  expect(pages.changedSince(pages.version)).toEqual([]);
});

test('a span has its slots: in the window, on the stack, live, not reached yet', () => {
  const span = view.span(pageOf(rich.current))!;
  const count = (bit: number): number => span.slots.filter((slot) => (slot & bit) !== 0).length;
  expect(span).toMatchObject({
    state: 'in use',
    sweep: 'cached',
    elemsize: 64,
    owner: rich.heap.threadId,
    list: 'mcache.alloc',
  });
  expect(count(SLOT_LIVE)).toBe(span.live);
  expect(span.slots.length).toBe(span.nelems);
  expect(span.freeBytes).toBe((span.nelems - span.live) * 64);
  expect(count(SLOT_AHEAD)).toBe(span.nelems - span.freeindex);
  const [own] = view.threads();
  const held = own!.classes.find((c) => c.spanClass === span.spanClass)!;
  expect(count(SLOT_WINDOW)).toBe(held.window);
  expect(held.window).toBeGreaterThan(0);
  expect(held.stack).toBeGreaterThanOrEqual(20);
  expect(held.partial).toBe(rich.m[rich.c + MC_PARTIAL_COUNT]);
  const stacked = held.stackAddresses.map((addr) => {
    const of = view.span(addr >>> 13)!;
    return of.slots[(addr - of.address) / 64]! & (SLOT_STACK | SLOT_LIVE);
  });
  expect(stacked).toEqual(stacked.map(() => SLOT_STACK));
  // The slot freed last is the one that malloc takes next.
  expect(rich.heap.raw.mallocgc(64, null, true)).toBe(held.stackAddresses.at(-1));
  rich.heap.raw.free(held.stackAddresses.at(-1)!);
});

test('spans of all kinds', () => {
  expect(view.span(pageOf(rich.unownedFull))).toMatchObject({
    owner: 0,
    list: 'mcentral.full',
    sweep: 'swept',
    live: 128,
  });
  expect(view.span(pageOf(rich.unownedPartial))).toMatchObject({ owner: 0, list: 'mcentral.partial' });
  expect(view.span(pageOf(rich.full))).toMatchObject({ list: 'mcache.full', freeindex: 128 });
  expect(view.span((rich.large >>> 13) + 1)).toMatchObject({
    large: true,
    noscan: true,
    elemsize: 100_000,
    live: 1,
    nelems: 1,
  });
  const scan = view.span(rich.scan >>> 13)!;
  expect(scan.typeNames).toEqual({ '0': undefined, ...scan.typeNames, [scan.types[0]!]: 'node' });
  const tiny = view.span(rich.tiny >>> 13)!;
  expect(tiny.tiny).toBe(true);
  expect(tiny.tinyObjects.reduce((a, b) => a + b)).toBe(4);
  expect(view.span(pageOf(rich.noted))!.slots[0]! & SLOT_NOTED).toBe(SLOT_NOTED);
  expect([view.span(0), view.span(1e9), view.span(-1), view.span(1.5)]).toEqual([null, null, null, null]);
});

test('mcentral has the spans of the thread that is gone; the page allocator its summaries', () => {
  const central = view.central();
  const of64 = central.find((c) => c.size === 64)!;
  expect(of64.partial).toContain(pageOf(rich.unownedPartial));
  expect(of64.full).toContain(pageOf(rich.unownedFull));
  expect(of64).toMatchObject({ partialSwept: 1, fullSwept: 1, partialUnswept: 0, fullUnswept: 0 });
  const alloc = view.pageAlloc();
  expect(alloc.levels.map((l) => l.pages)).toEqual([2 ** 18, 2 ** 15, 2 ** 12, 2 ** 9]);
  expect(alloc.levels[0]!.entries.length).toBe(1);
  expect(alloc.grownPages * PAGE).toBe(rich.heap.stats().heapSysBytes);
  const chunk = view.chunk(0)!;
  expect(chunk.runs.reduce((n, run) => n + run.pages, 0)).toBe(chunk.pages);
  expect(chunk.runs.find((run) => run.span?.page === pageOf(rich.current))?.span?.nelems).toBe(128);
  expect(view.chunk(99)).toBeNull();
});

test('after a cycle: marks, unswept spans that nobody owns, the cycle itself', () => {
  const heap = createHeap({ maxBytes: 1 << 24, background: false });
  const Item = struct('Item', {
    n: i32,
    get next() {
      return ref(Item);
    },
  }); // prettier-ignore
  heap.scope(() => {
    let first = heap.new(Item, { n: 0 });
    for (let i = 1; i < 500; i++) first = heap.new(Item, { n: i, next: first });
    heap.roots.set('first', first);
    for (let i = 0; i < 500; i++) heap.new(Item, { n: i });
  });
  heap.gc();
  const seen = heap.view();
  expect(seen.stats()).toMatchObject({ cycles: 1, phase: 'off' });
  expect(seen.gc().cycles).toEqual(heap.stats().gc.lastCycles);
  expect(seen.topTypes().types.find((t) => t.name === 'Item')).toMatchObject({ objects: 500 });
  const page = seen.roots()[0]!.address >>> 13;
  expect(seen.span(page)!.slots.some((slot) => (slot & SLOT_MARKED) !== 0)).toBe(false);
  expect(seen.stats().allocatedBytes).toBeGreaterThanOrEqual(seen.stats().liveBytes);
});

test('what was allocated and freed is what memStats says, slots that go around on the reuse stack included', () => {
  const heap = createHeap({ background: false, maxBytes: 2 ** 26 });
  const seen = heap.view();
  const grown = (): unknown => {
    const { TotalAlloc, HeapAlloc } = heap.memStats();
    const { allocatedBytes, freedBytes } = seen.stats();
    expect({ allocatedBytes, freedBytes }).toEqual({ allocatedBytes: TotalAlloc, freedBytes: TotalAlloc - HeapAlloc });
    return allocatedBytes;
  };
  grown();
  heap.scope(() => {
    for (let i = 0; i < 100_000; i++) heap.raw.free(heap.raw.mallocgc(64, null, false));
  });
  for (let i = 0; i < 50; i++) heap.raw.mallocgc(64 * i + 1, null, false);
  heap.raw.free(heap.raw.mallocgc(100_000, null, false));
  expect(grown()).toBeGreaterThan(6_400_000);
  heap.gc();
  grown();
});

const Leaf = struct('Leaf', { text: string, ok: bool });
const Tree = struct('Tree', {
  id: i64,
  weight: f64,
  name: string,
  leaf: ref(Leaf),
  numbers: slice(i32),
  leaves: slice(ref(Leaf)),
  counts: map(string, i32),
  invalid: string,
  inside: struct('Inside', { a: i32, b: ref(Leaf) }),
});

function treeHeap(): { heap: Heap; seen: HeapView; tree: ViewObject } {
  const heap = createHeap({ gc: 'off', maxBytes: 1 << 24 });
  heap.scope(() => {
    const leaf = heap.new(Leaf, { text: 'a leaf with a name', ok: true });
    const tree = heap.new(Tree, {
      id: -5n,
      weight: Number.NaN,
      name: '<b>"名"',
      leaf,
      numbers: [1, -2],
      leaves: [leaf, null],
    });
    tree.counts.set('one', 1);
    tree.invalid = 'a field of this name';
    tree.inside.b = leaf;
    heap.roots.set('tree', tree);
  });
  const seen = viewHeap(heap.share());
  const [root] = seen.roots();
  return { heap, seen, tree: seen.object(root!.address) as ViewObject };
}

test('an object by its fields, whatever they are called; numbers that JSON does not have', () => {
  const { tree, seen } = treeHeap();
  expect(tree).toMatchObject({ type: 'Tree', typeFrom: 'allocated', count: null });
  expect(tree.fields.map((f) => [f.name, f.type]).slice(0, 4)).toEqual([
    ['id', 'i64'],
    ['weight', 'f64'],
    ['name', 'string'],
    ['leaf', 'ref(Leaf)'],
  ]);
  const { value } = tree as { value: ViewValue & { is: 'struct' } };
  const field = (name: string): ViewValue => value.fields.find((f) => f.name === name)!.value;
  expect(field('id')).toEqual({ is: 'number', text: '-5' });
  expect(field('weight')).toEqual({ is: 'number', text: 'NaN' });
  expect(field('name')).toEqual({ is: 'string', text: '<b>"名"' });
  expect(field('leaf')).toMatchObject({ is: 'ref', type: 'Leaf' });
  expect(field('numbers')).toMatchObject({ is: 'slice', length: 2, elements: [{ text: '1' }, { text: '-2' }] });
  expect(field('leaves')).toMatchObject({ is: 'slice', elements: [{ is: 'ref' }, { is: 'nil' }] });
  expect(field('counts')).toMatchObject({ is: 'map', size: 1, entries: [[{ text: 'one' }, { text: '1' }]] });
  expect(field('invalid')).toEqual({ is: 'string', text: 'a field of this name' });
  expect(field('inside')).toMatchObject({ is: 'struct', fields: [{ name: 'a' }, { name: 'b', value: { is: 'ref' } }] });
  expect(JSON.parse(JSON.stringify(tree))).toEqual(tree);
  expect(JSON.parse(JSON.stringify(seen.types()))).toEqual(seen.types());
});

test('links: where pointers lead, and what is there, known from the pointer that was followed', () => {
  const { tree, seen } = treeHeap();
  const through = (offset: number): ViewObject => {
    const { to } = tree.pointers.find((p) => p.offset === offset)!;
    return seen.object(to, { via: tree.start + offset, searchMs: 0 }) as ViewObject;
  };
  const offsetOf = (name: string): number => tree.fields.find((f) => f.name === name)!.offset;
  expect(tree.pointers.every((p) => p.target !== null)).toBe(true);
  expect(tree.pointerCount).toBe(tree.pointers.length);
  expect(through(offsetOf('leaf'))).toMatchObject({ type: 'Leaf', value: { is: 'struct' } });
  const name = { type: 'string', typeFrom: 'pointer', value: { is: 'string', text: '<b>"名"' } };
  expect(through(offsetOf('name'))).toMatchObject(name);
  expect(through(offsetOf('numbers'))).toMatchObject({ type: 'i32', count: 2, value: { is: 'array', length: 2 } });
  expect(through(offsetOf('counts'))).toMatchObject({ type: 'map(string, i32)', value: { is: 'map', size: 1 } });
  // Without the pointer all objects are searched.
  const { to } = tree.pointers.find((p) => p.offset === offsetOf('name'))!;
  expect(seen.object(to, { searchMs: 10_000 })).toMatchObject(name);
  expect(seen.object(to, { searchMs: 0 })).toMatchObject({ type: null, typeFrom: null, value: { is: 'bytes' } });
  expect(seen.object(tree.start, { type: 'i64' })).toMatchObject({ typeFrom: 'given' });
  expect(() => seen.object(tree.start, { type: 'Nothing' })).toThrow('is no type of this heap');
  expect(() => seen.object(-1)).toThrow('is not an address');
});

test('a place: its slot, its neighbours, what is attached to it', () => {
  const { heap, seen, tree } = treeHeap();
  expect(seen.span(tree.page)!.slots[tree.slot]).toBe(tree.bits);
  expect(tree.bits & (SLOT_LIVE | SLOT_SPECIAL)).toBe(SLOT_LIVE);
  heap.scope(() => heap.cleanup(heap.roots.get('tree', Tree)!, () => {}));
  expect((seen.object(tree.start + 5) as ViewObject).bits & SLOT_SPECIAL).toBe(SLOT_SPECIAL);
  const leaves = tree.pointers.map((p) => seen.object(p.to) as ViewObject).filter((o) => o.type === 'Leaf');
  expect(leaves[0]!.previous).toBeNull();
  expect(seen.object(0x10)).toMatchObject({ start: 16, size: 0 });
  expect(seen.object(0x20)).toEqual({ address: 0x20, nothing: expect.stringContaining('nil'), page: null });
  expect(seen.object(2 ** 32 - 1)).toMatchObject({ nothing: expect.stringContaining('outside') });
});

test('an unshared heap is viewed by its own thread; a view outlives the attachment', () => {
  const heap = createHeap({ shared: false, gc: 'off', maxBytes: 1 << 22 });
  heap.raw.mallocgc(100, null, true);
  const seen = heap.view();
  expect(seen.info()).toMatchObject({ shared: false, maxBytes: 1 << 22 });
  heap.detach();
  expect(seen.threads()).toEqual([]);
  expect(seen.topTypes().objects).toBe(1);
  expect(() => viewHeap({} as never)).toThrow('not a heap');
});

test('a view made by a thread that is attached, too', () => {
  const other = attachHeap(rich.heap.share());
  expect(other.view().threads().length).toBe(4);
  other.detach();
  expect(view.threads().length).toBe(3);
});
