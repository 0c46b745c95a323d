/**
 * The pages of a heap as 16 bits each, kept and renewed, so that it is known which chunks have changed. What a page's
 * bits mean stands in view-types.ts. One walk through the spans table: about 3 ns a page, no span's bits are read.
 */
import { NIL, type SpanRef } from '../../base/brand.ts';
import { CHUNK_PAGES, LOG_CHUNK_PAGES, PAGE_CACHE_PAGES, PAGE_SHIFT } from '../../layout/constants.ts';
import { CHUNK_ALLOC, CHUNK_SCAV, CHUNK_WORDS } from '../../layout/pages.ts';
import { PC_BASE, PC_FREE_HI, PC_FREE_LO, PROC_PAGE_CACHE } from '../../layout/proc.ts';
import {
  SPAN_ALLOC_COUNT,
  SPAN_BASE,
  SPAN_CLASS,
  SPAN_NELEMS,
  SPAN_STATE,
  SPAN_STATE_FREEING,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
} from '../../layout/span.ts';
import { isLargeClass } from '../../layout/span-class.ts';
import type { HeapReader } from '../../spans/heap-reader.ts';
import type { Mem } from '../../sys/mem.ts';
import { attachedProcs } from '../../threads/stop-the-world.ts';
import {
  PAGE_CACHED,
  PAGE_FILL_SHIFT,
  PAGE_FIRST,
  PAGE_FREEING,
  PAGE_IDLE,
  PAGE_LARGE,
  PAGE_MANUAL,
  PAGE_OTHER,
  PAGE_SCAVENGED,
  PAGE_SMALL,
  PAGE_STATE_SHIFT,
  PAGE_TINY,
  PAGE_UNKNOWN,
  PAGE_UNSWEPT,
} from '../view-types.ts';
import { aheadOf, isRecord, knownPages } from './records.ts';

const FULL = 7;

/** Bits of the pages of a span, but for PAGE_FIRST. */
function spanBits({ t, tinySpanClass }: HeapReader, s: SpanRef): number {
  const { m } = t.mem;
  if (!isRecord(t.mem, s)) return PAGE_OTHER << PAGE_STATE_SHIFT;
  const state = m[s + SPAN_STATE];
  if (state === SPAN_STATE_MANUAL) return PAGE_MANUAL << PAGE_STATE_SHIFT;
  if (state === SPAN_STATE_FREEING) return PAGE_FREEING << PAGE_STATE_SHIFT;
  if (state !== SPAN_STATE_IN_USE) return PAGE_OTHER << PAGE_STATE_SHIFT;
  const spanClass = m[s + SPAN_CLASS] & 0xff;
  const ahead = aheadOf(m, s);
  const isUnswept = ahead === -2 || ahead === -1 || ahead === 1;
  const fill = isLargeClass(spanClass) ? FULL : Math.floor((m[s + SPAN_ALLOC_COUNT] * FULL) / m[s + SPAN_NELEMS]);
  const small = spanClass === tinySpanClass ? PAGE_TINY : isLargeClass(spanClass) ? PAGE_LARGE : PAGE_SMALL;
  const kind = isUnswept ? PAGE_UNSWEPT : small;
  return (Math.max(0, Math.min(fill, FULL)) << PAGE_FILL_SHIFT) | (kind << PAGE_STATE_SHIFT) | spanClass;
}

/** Reads chunks, one at a time. */
export class ChunkReader {
  /** The pages of the chunk that was read last. */
  readonly pages = new Uint16Array(CHUNK_PAGES);
  readonly #heap: HeapReader;

  constructor(heap: HeapReader) {
    this.#heap = heap;
  }

  /** `known`: pages the page allocator knows. `caches`: the page caches of all threads. */
  read(chunk: number, known: number, caches: readonly number[]): Uint16Array {
    const { mem } = this.#heap.t;
    const { m, plan } = mem;
    const { pages } = this;
    const first = chunk << LOG_CHUNK_PAGES;
    const record = plan.chunks + chunk * CHUNK_WORDS;
    let last = NIL;
    let bits = 0;
    for (let i = 0; i < CHUNK_PAGES; i++) {
      const isKnown = first + i < known;
      const s = isKnown ? (m[plan.spans + first + i] as SpanRef) : NIL;
      if (s !== NIL) {
        if (s !== last) bits = spanBits(this.#heap, (last = s) as SpanRef);
        pages[i] = m[s + SPAN_BASE] >>> PAGE_SHIFT === first + i ? bits | PAGE_FIRST : bits;
        continue;
      }
      const word = i >>> 5;
      const isFree = (m[record + CHUNK_ALLOC + word] & (1 << i)) === 0;
      const free = (m[record + CHUNK_SCAV + word] & (1 << i)) === 0 ? PAGE_IDLE : PAGE_SCAVENGED;
      pages[i] = (!isKnown ? PAGE_UNKNOWN : isFree ? free : PAGE_OTHER) << PAGE_STATE_SHIFT;
    }
    for (const cache of caches) this.#readCache(cache, first);
    return pages;
  }

  /** A page cache's block lies in one chunk. */
  #readCache(cache: number, first: number): void {
    const { m } = this.#heap.t.mem;
    const { pages } = this;
    const from = m[cache + PC_BASE] - first;
    if (from < 0 || from + PAGE_CACHE_PAGES > CHUNK_PAGES) return;
    for (let i = 0; i < PAGE_CACHE_PAGES; i++) {
      const isFree = (m[cache + (i < 32 ? PC_FREE_LO : PC_FREE_HI)] & (1 << i)) !== 0;
      if (isFree && pages[from + i] === PAGE_OTHER << PAGE_STATE_SHIFT) {
        pages[from + i] = PAGE_CACHED << PAGE_STATE_SHIFT;
      }
    }
  }
}

/** Words of the page caches of all threads. */
export function pageCaches(mem: Mem): number[] {
  return attachedProcs(mem).map((p) => p + PROC_PAGE_CACHE);
}

/** What each page of the heap is, and what has changed since: what `view.pageMap()` returns. See the PAGE_ constants. */
export class PageMap {
  /** Counts renewals that changed something. */
  version = 1;
  /** Pages that are known; all beyond are PAGE_UNKNOWN. */
  known = 0;
  /** All pages of the reservation, filled up to whole chunks. */
  readonly pages: Uint16Array;
  /** By chunk: the version that changed it last; 0: never. */
  readonly versions: Uint32Array;
  readonly #mem: Mem;
  readonly #reader: ChunkReader;

  constructor(heap: HeapReader) {
    this.#mem = heap.t.mem;
    this.#reader = new ChunkReader(heap);
    const chunks = heap.t.mem.plan.chunkCount;
    this.pages = new Uint16Array(chunks * CHUNK_PAGES);
    this.versions = new Uint32Array(chunks);
  }

  /** Reads all pages anew, and returns how many chunks have changed since the last time. */
  refresh(): number {
    this.known = Math.max(this.known, knownPages(this.#mem));
    const caches = pageCaches(this.#mem);
    const next = this.version + 1;
    let changed = 0;
    for (let chunk = 0; chunk << LOG_CHUNK_PAGES < this.known; chunk++) {
      if (!this.#keep(chunk, this.#reader.read(chunk, this.known, caches))) continue;
      this.versions[chunk] = next;
      changed++;
    }
    if (changed > 0) this.version = next;
    return changed;
  }

  /** Numbers of the chunks that have changed after a version; after 0: all that are known. */
  changedSince(version: number): number[] {
    const chunks: number[] = [];
    for (let c = 0; c < this.versions.length; c++) if (this.versions[c]! > version) chunks.push(c);
    return chunks;
  }

  /** The pages of a chunk: a view, good until the next `refresh`. */
  chunk(chunk: number): Uint16Array {
    return this.pages.subarray(chunk * CHUNK_PAGES, (chunk + 1) * CHUNK_PAGES);
  }

  /** Whether what was read is not what was there. */
  #keep(chunk: number, fresh: Uint16Array): boolean {
    const old = this.chunk(chunk);
    let i = 0;
    while (i < CHUNK_PAGES && fresh[i] === old[i]) i++;
    if (i === CHUNK_PAGES) return false;
    old.set(fresh);
    return true;
  }
}
