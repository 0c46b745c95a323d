/**
 * `heap.verify()`: walks every structure with the world stopped and names the first broken invariant. Reads only, but
 * for the sweeping that the last cycle left to be done.
 *
 * Written to know as little as possible of how the structures are changed: each check states what must hold between
 * two of them. Order: pages, spans table against page maps, each span, lists, caches, notes, metadata, the collector,
 * specials, snapshots, types, roots, references, pointers, maps.
 */
import { NIL, type SpanRef, type Words } from '../base/brand.ts';
import { VerifyError } from '../base/errors.ts';
import { sweepOne } from '../central/sweep.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../layout/constants.ts';
import {
  H_GROWN_PAGES,
  H_MAGIC,
  H_PAGES_IN_USE,
  H_PEAK_PAGES,
  H_PERSISTENT_NEXT,
  H_PROCS,
  H_SWEEPGEN,
  H_TYPES,
  H_VERSION,
  H_WRITE_BARRIER,
  LAYOUT_VERSION,
  MAGIC,
} from '../layout/header.ts';
import { PROC_FREE, PROC_PAGE_CACHE, PROC_STATUS_NAMES } from '../layout/proc.ts';
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
  SPAN_NELEMS,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
  SPAN_SWEEPGEN,
  SPAN_TYPES,
  SPAN_TYPES_LESS_BITS,
} from '../layout/span.ts';
import { isLargeClass, isNoscan, sizeClassOf } from '../layout/span-class.ts';
import { cacheHas } from '../pages/page-cache.ts';
import { checkPages } from '../pages/page-check.ts';
import { bitsWords } from '../spans/bits-arena.ts';
import type { MHeap } from '../spans/mheap.ts';
import { eachSpan, spanBase } from '../spans/mspan.ts';
import { tinyMaskWord, tinySize } from '../spans/tiny-mask.ts';
import { procRef } from '../sync/proc-ref.ts';
import { stateOf } from '../sync/status.ts';
import { sumOfProcs } from '../threads/attach.ts';
import { attachedProcs, type StopOptions, withWorldStopped } from '../threads/stop-the-world.ts';
import { verifyCaches } from './verify-caches.ts';
import { verifyGc } from './verify-gc.ts';
import { verifyMetadata } from './verify-metadata.ts';
import { verifySnapshotLog } from './verify-snapshot.ts';
import { verifySpecials } from './verify-specials.ts';
import { verifyStats } from './verify-stats.ts';
import { type VerifyOptions, verifyTypes } from './verify-types.ts';

export function fail(invariant: string, detail: string): never {
  throw new VerifyError(invariant, detail);
}

export function hex(n: number): string {
  return `0x${(n >>> 0).toString(16)}`;
}

/** "span at 0x… (record …)" for messages. */
export function describeSpan(m: Words, s: SpanRef): string {
  return `span at ${hex(m[s + SPAN_BASE])} (record ${hex(s)}, class ${m[s + SPAN_CLASS]})`;
}

/** What a walk found; for reports. */
export interface VerifyReport {
  /** How many of each were checked: spans, live objects, attached threads. */
  readonly spans: number;
  readonly objects: number;
  readonly threads: number;
}

/**
 * Throws VerifyError at the first broken invariant. Blocks until the world has stopped. A thread that is found dead
 * meanwhile was at a safepoint when it was stopped, and is checked like the others; with one that died before no stop
 * succeeds.
 */
export function verifyHeap(heap: MHeap, options: StopOptions & VerifyOptions): VerifyReport {
  return withWorldStopped(
    heap.t,
    () => {
      // What the last cycle left to sweep is swept first: before that, nobody owns the spans it is in.
      while (sweepOne(heap) >= 0);
      verifyHeader(heap);
      const broken = checkPages(heap.pages, 1);
      if (broken !== null) {
        const colon = broken.indexOf(': ');
        fail(broken.slice(0, colon), broken.slice(colon + 2));
      }
      verifySpansTable(heap);
      verifyPageOwners(heap);
      const spans: SpanRef[] = [];
      let objects = 0;
      eachSpan(heap.t.mem, heap.t.mem.m[H_GROWN_PAGES], (s) => {
        spans.push(s);
        objects += verifySpan(heap, s);
      });
      verifyCaches(heap, spans);
      verifyMetadata(heap, spans);
      verifyGc(heap, spans);
      verifySpecials(heap, spans);
      verifyTypes(heap, spans, verifySnapshotLog(heap), options);
      verifyStats(heap.t.mem);
      return { spans: spans.length, objects, threads: attachedProcs(heap.t.mem).length };
    },
    options,
  );
}

function verifyHeader(heap: MHeap): void {
  const { mem } = heap.t;
  const { m, plan } = mem;
  if (m[H_MAGIC] !== MAGIC) fail('header.magic', `is ${hex(m[H_MAGIC])}, not ${hex(MAGIC)}`);
  if (m[H_VERSION] !== LAYOUT_VERSION) fail('header.version', `is ${m[H_VERSION]}, not ${LAYOUT_VERSION}`);
  const procs = sumOfProcs(mem);
  if (m[H_PROCS] !== procs) fail('header.procs', `${procs} threads are counted, the header says ${m[H_PROCS]}`);
  if (m[H_GROWN_PAGES] > plan.pages) fail('header.grownPages', `${m[H_GROWN_PAGES]} of ${plan.pages} pages`);
  if (m[H_PAGES_IN_USE] > m[H_PEAK_PAGES]) {
    fail('header.peakPages', `${m[H_PAGES_IN_USE]} pages in use, the peak says ${m[H_PEAK_PAGES]}`);
  }
}

function verifySpansTable(heap: MHeap): void {
  const {
    mem,
    mem: { m, plan },
  } = heap.t;
  const grown = m[H_GROWN_PAGES];
  let inUse = 0;
  for (let page = 0; page < grown; page++) {
    const s = m[plan.spans + page] as SpanRef;
    if (s === NIL) continue;
    if (s < plan.persistent || s >= m[H_PERSISTENT_NEXT]) {
      fail('spans.record', `page ${page} (${hex(page << PAGE_SHIFT)}) names record ${hex(s)}, which is no span record`);
    }
    const first = spanBase(m, s) >>> PAGE_SHIFT;
    const npages = m[s + SPAN_NPAGES];
    if (page < first || page >= first + npages || npages < 1) {
      fail(
        'spans.range',
        `page ${page} (${hex(page << PAGE_SHIFT)}) names the ${describeSpan(m, s)} of ${npages} pages, which does not cover it`,
      );
    }
    const state = m[s + SPAN_STATE];
    if (state !== SPAN_STATE_IN_USE && state !== SPAN_STATE_MANUAL) {
      fail('span.state', `${describeSpan(m, s)} is in the spans table in state ${state}`);
    }
    if (page !== first) continue;
    inUse += npages;
    for (let p = first; p < first + npages; p++) {
      if (m[plan.spans + p] !== s)
        fail('spans.hole', `page ${p} of the ${describeSpan(m, s)} names record ${hex(m[plan.spans + p])}`);
    }
  }
  verifyPageInUse(mem.m, plan.pageInUse, plan.spans, grown);
  if (inUse !== m[H_PAGES_IN_USE])
    fail('header.pagesInUse', `spans have ${inUse} pages, the header says ${m[H_PAGES_IN_USE]}`);
}

function verifyPageInUse(m: Words, map: number, spans: number, grown: number): void {
  for (let page = 0; page < grown; page++) {
    const s = m[spans + page] as SpanRef;
    const want = s !== NIL && m[s + SPAN_STATE] === SPAN_STATE_IN_USE && spanBase(m, s) >>> PAGE_SHIFT === page;
    const bit = (m[map + (page >>> 5)] & (1 << page)) !== 0;
    if (want !== bit) fail('arena.pageInUse', `bit of page ${page} (${hex(page << PAGE_SHIFT)}) is ${bit ? 1 : 0}`);
  }
}

/** Every known page is free, or in one span, or in one thread's page cache. */
function verifyPageOwners(heap: MHeap): void {
  const { mem } = heap.t;
  const { m, plan } = mem;
  const caches = attachedProcs(mem).map((p) => p + PROC_PAGE_CACHE);
  for (let page = 1; page < m[H_GROWN_PAGES]; page++) {
    const at = `page ${page} (${hex(page << PAGE_SHIFT)})`;
    const inSpan = m[plan.spans + page] !== NIL;
    const cached = caches.filter((cache) => cacheHas(mem, cache, page)).length;
    if (cached > 1) fail('pageCache.shared', `${at} is in ${cached} page caches`);
    if (cached === 1 && inSpan) fail('pageCache.inUse', `${at} is in a page cache and in a span`);
    const free = heap.pages.isFree(page);
    if (free && inSpan) fail('pages.spanFree', `${at} is free in its chunk's bitmap and in a span`);
    if (free && cached === 1) fail('pages.cacheFree', `${at} is free in its chunk's bitmap and in a page cache`);
    if (!free && !inSpan && cached === 0) fail('pages.lost', `${at} is in use, but in no span and no page cache`);
  }
}

/** One span's own fields. Returns its live objects. */
function verifySpan(heap: MHeap, s: SpanRef): number {
  const { m, plan } = heap.t.mem;
  if (m[s + SPAN_STATE] === SPAN_STATE_MANUAL) return 0;
  const spanClass = m[s + SPAN_CLASS];
  const at = describeSpan(m, s);
  const nelems = m[s + SPAN_NELEMS];
  if (!isLargeClass(spanClass)) {
    const c = sizeClassOf(spanClass);
    if (spanClass >= heap.spanClasses) fail('span.spanclass', `${at}: no such class`);
    if (m[s + SPAN_ELEMSIZE] !== heap.classes.size[c]) fail('span.elemsize', `${at}: ${m[s + SPAN_ELEMSIZE]}`);
    if (nelems !== heap.classes.nelems[c])
      fail('span.nelems', `${at}: ${nelems}, the class has ${heap.classes.nelems[c]}`);
    if (m[s + SPAN_DIV] !== heap.classes.div[c]) fail('span.div', `${at}: ${hex(m[s + SPAN_DIV])}`);
    if (m[s + SPAN_INVERSE] !== heap.classes.inverse[c]) fail('span.inverse', `${at}: ${hex(m[s + SPAN_INVERSE])}`);
    if (m[s + SPAN_NPAGES] !== heap.classes.npages[c]) fail('span.npages', `${at}: ${m[s + SPAN_NPAGES]}`);
  } else if (m[s + SPAN_LARGE_SIZE] >>> 0 > m[s + SPAN_NPAGES] * PAGE_SIZE) {
    fail('span.largeSize', `${at}: ${m[s + SPAN_LARGE_SIZE] >>> 0} bytes in ${m[s + SPAN_NPAGES]} pages`);
  }
  for (const [name, field] of [
    ['allocBits', SPAN_ALLOC_BITS],
    ['gcmarkBits', SPAN_GCMARK_BITS],
  ] as const) {
    const word = m[s + field] >>> 5;
    if (word < plan.gcBits || word + bitsWords(nelems) > plan.gcBitsEnd)
      fail(`span.${name}`, `${at}: outside the gcBits region`);
  }
  const live = verifyCounts(m, s, at);
  verifyOwner(heap, s, at);
  verifySideTable(heap, s, at);
  return live;
}

function verifyCounts(m: Words, s: SpanRef, at: string): number {
  const nelems = m[s + SPAN_NELEMS];
  const freeindex = m[s + SPAN_FREEINDEX];
  if (freeindex < 0 || freeindex > nelems) fail('span.freeindex', `${at}: ${freeindex} of ${nelems} slots`);
  const bits = m[s + SPAN_ALLOC_BITS];
  const marks = m[s + SPAN_GCMARK_BITS];
  let live = 0;
  let available = 0;
  // While the collector marks, what is freed is passed over: not allocated, and not to be had before the cycle is over.
  let passed = 0;
  for (let i = 0; i < bitsWords(nelems) * 32; i++) {
    const set = (m[(bits + i) >>> 5] & (1 << i)) !== 0;
    if (set && i >= nelems) fail('span.allocBits', `${at}: bit ${i} is set, the span has ${nelems} slots`);
    if (set) live++;
    else if (i >= freeindex && i < nelems) available++;
    else if (m[H_WRITE_BARRIER] !== 0 && (m[(marks + i) >>> 5] & (1 << i)) !== 0) passed++;
  }
  const count = m[s + SPAN_ALLOC_COUNT];
  if (count > nelems - available || count < nelems - available - passed) {
    fail(
      'span.allocCount',
      `${at}: ${count}, but ${available} of ${nelems} slots are free above freeindex ${freeindex}`,
    );
  }
  return live;
}

function verifyOwner(heap: MHeap, s: SpanRef, at: string): void {
  const { mem } = heap.t;
  const { m, plan } = mem;
  const owner = m[s + SPAN_OWNER];
  const ahead = (m[s + SPAN_SWEEPGEN] - m[H_SWEEPGEN]) | 0;
  if (owner < 0 || owner > plan.maxProcs) fail('span.owner', `${at}: ${owner} is no thread`);
  if (owner === 0) {
    // All that was to be swept has been by now.
    if (ahead !== 0) fail('span.sweepgen', `${at}: ${ahead} from the heap's, without owner`);
    if (m[s + SPAN_CACHE] !== 0) fail('span.cache', `${at} has ${hex(m[s + SPAN_CACHE])}, without owner`);
    return;
  }
  const state = stateOf(m, procRef(mem, owner));
  if (state === PROC_FREE) fail('span.owner', `${at}: thread ${owner} is ${PROC_STATUS_NAMES[state]}`);
  if (ahead !== 3) fail('span.sweepgen', `${at}: ${ahead} from the heap's, owned by thread ${owner}`);
}

function verifySideTable(heap: MHeap, s: SpanRef, at: string): void {
  const { m, m16 } = heap.t.mem;
  const spanClass = m[s + SPAN_CLASS];
  if (isLargeClass(spanClass)) return;
  const bits = m[s + SPAN_ALLOC_BITS];
  const ahead = m[s + SPAN_TYPES_LESS_BITS];
  if (!isNoscan(spanClass) && ahead !== ((m[s + SPAN_TYPES] - bits) | 0))
    fail('span.typesLessBits', `${at}: ${ahead}, the type numbers begin at ${m[s + SPAN_TYPES]}, the bits at ${bits}`);
  for (let i = 0; i < m[s + SPAN_NELEMS]; i++) {
    const live = (m[(bits + i) >>> 5] & (1 << (bits + i))) !== 0;
    if (!isNoscan(spanClass)) {
      const type = m16[m[s + SPAN_TYPES] + i]!;
      if (live && (type === 0 || type > m[H_TYPES]))
        fail('span.types', `${at}: object ${i} has type number ${type} of ${m[H_TYPES]}`);
    } else if (spanClass === heap.tinySpanClass) {
      const mask = m[tinyMaskWord(m, s, i)];
      if (mask !== 0 && !live) fail('span.tinyMask', `${at}: free slot ${i} has tiny mask ${hex(mask)}`);
      verifyTinyMask(mask, `${at}: slot ${i}`);
    }
  }
}

function verifyTinyMask(mask: number, at: string): void {
  let ends = mask >>> 16;
  let from = 0;
  for (let start = 0; start < 16; start++) {
    if ((mask & (1 << start)) === 0) continue;
    const size = tinySize(mask, start);
    if (start < from || start + size > 16) fail('span.tinyMask', `${at}: mask ${hex(mask)} has overlapping objects`);
    from = start + size;
    ends &= ~(1 << (from - 1));
  }
  if (ends !== 0) fail('span.tinyMask', `${at}: mask ${hex(mask)} ends objects that never began`);
}
