/**
 * A heap seen from outside. A view reads the heap's memory and does nothing else: it is no thread of the heap, takes no
 * lock, waits for nobody, and nobody waits for it. A program that runs, hangs, or has died is seen all the same.
 *
 * The price is that nothing stands still. Every number was true at some moment of the call, but not all at one; a span or
 * an object may be gone, or be another, before the call returns. So a view believes nothing it reads: whatever the words
 * of the heap are, its answers may be wrong, but they come, in bounded time, and never as an error. What holds for all of
 * it: an index is within the views, or yields undefined, which is 0 in all arithmetic on bits; a loop is bounded by what
 * there can be (slots of a span, pages of the heap, links of a list), not by what a word says; lists are followed only
 * from record to record.
 */
import { NIL, type SpanRef } from '../base/brand.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import { ARENA_PAGES, CHUNK_PAGES, LOG_CHUNK_PAGES, PAGE_SIZE } from '../layout/constants.ts';
import { GC_T_CREATED, GC_T_EPOCH } from '../layout/gc.ts';
import { TypeList } from '../malloc/rtype.ts';
import type { HeapReader } from '../spans/heap-reader.ts';
import { listTypes } from './inspect.ts';
import { type MemProfile, readMemProfile } from './mem-profile.ts';
import { type MemStats, readMemStats } from './mem-stats.ts';
import { type MetricValues, readMetrics } from './metrics.ts';
import { viewThreadStates, viewThreads } from './view/caches.ts';
import { viewCentral, viewPageAlloc } from './view/central.ts';
import { type ObjectOptions, ObjectViewer } from './view/object.ts';
import { ChunkReader, PageMap, pageCaches } from './view/page-map.ts';
import { knownPages, spanAtPage } from './view/records.ts';
import { ageOf, Turnover, viewGC, viewSample } from './view/sample.ts';
import { viewSpan, viewSpanDetail } from './view/span.ts';
import { HeapWalk } from './view/walk.ts';
import {
  PAGE_STATE_MASK,
  PAGE_STATE_SHIFT,
  PAGE_STATES,
  PAGE_UNKNOWN,
  type ViewCentral,
  type ViewChunk,
  type ViewClassUse,
  type ViewGC,
  type ViewInfo,
  type ViewNothing,
  type ViewObject,
  type ViewPageAlloc,
  type ViewRoot,
  type ViewSample,
  type ViewSpanDetail,
  type ViewThread,
  type ViewType,
  type ViewTypeInfo,
  type ViewTypes,
} from './view-types.ts';

/** Types that are told one by one. */
const MAX_TYPES_TOLD = 200;

/** See the top of the file. Made by `viewHeap(shared)`, or by `heap.view()`. */
export class HeapView {
  readonly #heap: HeapReader;
  readonly #table: TypeList;
  readonly #objects: ObjectViewer;
  readonly #turnover = new Turnover();
  #walk: { readonly walk: HeapWalk; readonly startedAt: number } | undefined;
  #walked: Pick<ViewTypes, 'startedAt' | 'endedAt'> & {
    readonly types: readonly ViewType[];
    readonly classes: readonly ViewClassUse[];
  } = { startedAt: null, endedAt: null, types: [], classes: [] };

  /** @internal */
  constructor(heap: HeapReader) {
    this.#heap = heap;
    this.#table = new TypeList(heap.t.mem);
    this.#objects = new ObjectViewer(heap, this.#table);
  }

  /** What never changes: sizes, classes. */
  info(): ViewInfo {
    const { t, classes, tinySpanClass, spanClasses } = this.#heap;
    const { plan, shared, mf } = t.mem;
    return {
      maxBytes: plan.pages * PAGE_SIZE,
      pages: plan.pages,
      pageSize: PAGE_SIZE,
      chunkPages: CHUNK_PAGES,
      arenaPages: ARENA_PAGES,
      maxThreads: plan.maxProcs,
      shared,
      createdAt: (mf[GC_T_EPOCH >>> 1] + mf[GC_T_CREATED >>> 1]) / 1e6,
      sizeClasses: Array.from({ length: spanClasses >>> 1 }, (_, c) => {
        const [size, npages, nelems] = [classes.size[c]!, classes.npages[c]!, classes.nelems[c]!];
        return { size, npages, nelems, tailBytes: npages * PAGE_SIZE - nelems * size };
      }),
      tinySpanClass,
      spanClasses,
    };
  }

  /** Numbers of now: sizes, goals, counters. O(threads). */
  stats(): ViewSample {
    return viewSample(this.#heap, this.#turnover);
  }

  /**
   * See Heap.memStats. Of all that a view does, this and `metrics` alone write: a word that tells threads to copy what
   * they count.
   */
  memStats(): MemStats {
    return readMemStats(this.#heap.t.mem);
  }

  /** See Heap.metrics. Throws ArgumentError for a name that is none. */
  metrics(names?: readonly string[]): MetricValues {
    return readMetrics(this.#heap.t.mem, names);
  }

  /** See Heap.memProfile. */
  memProfile(): MemProfile {
    return readMemProfile(this.#heap.t.mem, this.#table);
  }

  /** The collector: settings, the last cycles and pauses. */
  gc(): ViewGC {
    return viewGC(this.#heap);
  }

  /**
   * A map of all pages, empty yet: its `refresh()` reads them, and says what has changed. O(pages), about 3 ns each.
   */
  pageMap(): PageMap {
    return new PageMap(this.#heap);
  }

  /** The spans and free pages of a chunk. Null when there is no such chunk, or nobody knows its pages yet. */
  chunk(chunk: number): ViewChunk | null {
    const { mem } = this.#heap.t;
    if (!Number.isInteger(chunk) || chunk < 0 || chunk << LOG_CHUNK_PAGES >= knownPages(mem)) return null;
    const bits = new ChunkReader(this.#heap).read(chunk, knownPages(mem), pageCaches(mem));
    const firstPage = chunk << LOG_CHUNK_PAGES;
    const states = PAGE_STATES.map(() => 0);
    const runs: { page: number; pages: number; state: number; span: ReturnType<typeof viewSpan> | null }[] = [];
    let last: SpanRef | -1 = -1;
    bits.forEach((page, i) => {
      const state = (page >>> PAGE_STATE_SHIFT) & PAGE_STATE_MASK;
      states[state]!++;
      if (state === PAGE_UNKNOWN) return;
      const s = spanAtPage(mem, firstPage + i);
      const run = runs.at(-1);
      if (run !== undefined && run.state === state && last === s) run.pages++;
      else runs.push({ page: firstPage + i, pages: 1, state, span: s === NIL ? null : viewSpan(this.#heap, s) });
      last = s;
    });
    return { chunk, firstPage, pages: CHUNK_PAGES - states[PAGE_UNKNOWN]!, states, runs };
  }

  /** The span that has a page, with its slots: at most 4096, from slot `from` on. Null when no span has it. */
  span(page: number, from = 0): ViewSpanDetail | null {
    const s = Number.isInteger(page) ? spanAtPage(this.#heap.t.mem, page) : NIL;
    return s === NIL ? null : viewSpanDetail(this.#heap, this.#table, s as SpanRef, from);
  }

  /**
   * The live object that holds the byte at an address, or why there is none. Where nothing says what an object is, all
   * objects are searched for one that leads to it, for at most `searchMs` milliseconds. Throws ArgumentError for what is
   * no address, and for a `type` that is not registered, or larger than the object.
   */
  object(address: number, options: ObjectOptions = {}): ViewObject | ViewNothing {
    for (const at of [address, options.via ?? 0]) {
      if (typeof at !== 'number' || at >>> 0 !== at) {
        throw new ArgumentError('ERR_INVALID_ARGUMENT', `object: ${describe(at)} is not an address`);
      }
    }
    return this.#objects.object(address, options);
  }

  /** Named roots, at most 1000. */
  roots(): ViewRoot[] {
    return this.#objects.roots();
  }

  /** All registered types. */
  types(): ViewTypeInfo[] {
    return listTypes(this.#table).map(({ number, name, size, kind, fields, pointers }) => {
      return { number, name, size, kind, fields, pointers };
    });
  }

  /** All attached threads with what they hold for themselves. */
  threads(): ViewThread[] {
    return viewThreads(this.#heap);
  }

  /** Ids and statuses of the attached threads. */
  threadStates(): [id: number, status: string][] {
    return viewThreadStates(this.#heap);
  }

  /** The spans of no thread, by class. */
  central(): ViewCentral[] {
    return viewCentral(this.#heap);
  }

  pageAlloc(): ViewPageAlloc {
    return viewPageAlloc(this.#heap);
  }

  /**
   * Goes on with the walk through all objects for about `budgetMs` milliseconds; begins a new one when the last is done.
   * True: a walk was completed, `topTypes` and `classes` have new numbers.
   */
  walk(budgetMs: number): boolean {
    const current = (this.#walk ??= { walk: new HeapWalk(this.#heap), startedAt: ageOf(this.#heap.t.mem) });
    if (!current.walk.step(budgetMs)) return false;
    this.#walked = {
      startedAt: current.startedAt,
      endedAt: ageOf(this.#heap.t.mem),
      types: current.walk.types(this.#table),
      classes: current.walk.classes(),
    };
    this.#walk = undefined;
    return true;
  }

  /** Objects and bytes by type, of the last complete walk; the first call makes one. */
  topTypes(): ViewTypes {
    if (this.#walked.endedAt === null && this.#walk === undefined) this.walk(Number.POSITIVE_INFINITY);
    const { startedAt, endedAt, types } = this.#walked;
    const sum = (of: readonly ViewType[], field: 'objects' | 'bytes'): number => of.reduce((n, t) => n + t[field], 0);
    const others = types.slice(MAX_TYPES_TOLD);
    return {
      startedAt,
      endedAt,
      walkedPages: this.#walk?.walk.page ?? knownPages(this.#heap.t.mem),
      pages: this.#walk?.walk.pages ?? knownPages(this.#heap.t.mem),
      objects: sum(types, 'objects'),
      bytes: sum(types, 'bytes'),
      types: types.slice(0, MAX_TYPES_TOLD),
      others: { types: others.length, objects: sum(others, 'objects'), bytes: sum(others, 'bytes') },
    };
  }

  /** Where the memory of each class goes, by the last complete walk; the first call makes one. */
  classes(): readonly ViewClassUse[] {
    if (this.#walked.endedAt === null && this.#walk === undefined) this.walk(Number.POSITIVE_INFINITY);
    return this.#walked.classes;
  }
}
