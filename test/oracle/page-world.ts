/**
 * A page allocator of 1024 chunks (4 GiB of address space, no object memory) that takes its state from the vectors and
 * gives it back in their notation. Chunk 0 of the vectors is chunk `base` here.
 */
import { CHUNK_PAGES, PAGE_SIZE } from '../../src/layout/constants.ts';
import { CHUNK_ALLOC, CHUNK_SCAV, CHUNK_WORDS, SUM_WORDS } from '../../src/layout/pages.ts';
import { planMeta } from '../../src/layout/plan.ts';
import { PAGE_CACHE_WORDS, PROC_PAGE_CACHE, PROC_WORDS } from '../../src/layout/proc.ts';
import { PageAlloc } from '../../src/pages/page-alloc.ts';
import { allocRange, pageBit } from '../../src/pages/page-bits.ts';
import { Mem, REACH } from '../../src/sys/mem.ts';
import { hex64 } from './tally.ts';

/** Runs of 1 bits: [start, length]. */
export type Ranges = readonly (readonly [number, number])[];
/** By chunk number. */
export type ChunkStates = Readonly<Record<string, Ranges>>;

export const WORLD_CHUNKS = 1024;
/** Where chunk 0 goes: near the bottom, and so that neighbours lie in different entries of every summary level. */
export const BASES = [1, 510] as const;
const CACHES = 4;

const FNV_BASIS = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const HASH_SLOTS = 16;
const CHUNK_BYTES = CHUNK_PAGES / 8;

let shared: Mem | undefined;

/** One memory for all cases: making one is what costs. */
function worldMem(): Mem {
  if (shared === undefined) {
    const plan = planMeta(WORLD_CHUNKS * CHUNK_PAGES, CACHES);
    shared = new Mem(new ArrayBuffer(REACH), new ArrayBuffer(plan.words * 4), plan);
  }
  return shared;
}

export function fits(chunks: Iterable<string | number>): boolean {
  for (const c of chunks) if (Number(c) + Math.max(...BASES) >= WORLD_CHUNKS) return false;
  return true;
}

export class PageWorld {
  readonly mem = worldMem();
  readonly pa: PageAlloc;
  readonly base: number;
  readonly #chunks = new Set<number>();

  constructor(base: number) {
    const { m, plan } = this.mem;
    this.base = base;
    plan.summaries.forEach((at, level) => {
      m.fill(0, at, at + plan.summaryCounts[level] * SUM_WORDS);
    });
    m.fill(0, plan.chunks, plan.chunks + plan.chunkCount * CHUNK_WORDS);
    for (let i = 0; i < CACHES; i++) m.fill(0, this.cacheWord(i), this.cacheWord(i) + PAGE_CACHE_WORDS);
    this.pa = new PageAlloc(this.mem);
    this.pa.init();
  }

  /** Word of the page cache of thread `i`. */
  cacheWord(i: number): number {
    if (i >= CACHES) throw new Error(`cache ${i}`);
    return this.mem.plan.procs + i * PROC_WORDS + PROC_PAGE_CACHE;
  }

  grow(chunk: number, count: number): void {
    for (let c = chunk; c < chunk + count; c++) this.#chunks.add(c);
    this.pa.grow((chunk + this.base) * CHUNK_PAGES, count * CHUNK_PAGES);
  }

  /** Page number of the vectors' page `p`, and back; null for none. */
  page(p: number): number {
    return p + this.base * CHUNK_PAGES;
  }

  relative(page: number): number | null {
    return page < 0 ? null : page - this.base * CHUNK_PAGES;
  }

  /** Makes exactly this state, by way of `rebuild`. */
  load(alloc: ChunkStates, scav: ChunkStates): void {
    const { m } = this.mem;
    for (const c of Object.keys(alloc)) this.grow(Number(c), 1);
    for (const [c, ranges] of Object.entries(scav)) {
      const at = this.pa.chunkAt(Number(c) + this.base) + CHUNK_SCAV;
      m.fill(0, at, at + CHUNK_PAGES / 32);
      for (const [start, n] of ranges) allocRange(m, at, start, n);
    }
    const used = new Uint8Array(WORLD_CHUNKS * CHUNK_PAGES);
    for (const [c, ranges] of Object.entries(alloc)) {
      const first = this.page(Number(c) * CHUNK_PAGES);
      for (const [start, n] of ranges) used.fill(1, first + start, first + start + n);
    }
    this.pa.rebuild((page) => used[page] === 1);
  }

  alloc(): ChunkStates {
    return this.#states(CHUNK_ALLOC);
  }

  scav(): ChunkStates {
    return this.#states(CHUNK_SCAV);
  }

  #states(bitmap: number): ChunkStates {
    const states: Record<string, Ranges> = {};
    for (const c of [...this.#chunks].sort((a, b) => a - b)) {
      states[c] = runs(this.mem.m, this.pa.chunkAt(c + this.base) + bitmap);
    }
    return states;
  }

  /** The operations that all files share: g, a, f, h. Undefined for others. */
  apply(op: readonly unknown[]): string | null | undefined {
    const [code, x, y] = op as [string, number, number];
    if (code === 'g') {
      this.grow(x, y);
      return null;
    }
    if (code === 'f') {
      this.pa.free(this.page(x), y);
      return null;
    }
    if (code === 'a') {
      const page = this.relative(this.pa.alloc(x));
      const bytes = this.pa.scavengedPages * PAGE_SIZE;
      return page === op[2] && bytes === op[3] ? null : `got page ${page} and ${bytes} scavenged bytes`;
    }
    if (code === 'h') {
      const got = [this.hash(CHUNK_ALLOC, 0xff), this.hash(CHUNK_SCAV, 0), this.pa.freePages()];
      return got.join() === op.slice(1).join() ? null : `got ${JSON.stringify(got)}`;
    }
    return undefined;
  }

  /** FNV-1a over the first 16 chunks' bitmaps. */
  hash(bitmap: number, missing: number): string {
    const { m } = this.mem;
    let hash = FNV_BASIS;
    for (let slot = 0; slot < HASH_SLOTS; slot++) {
      const at = this.pa.chunkAt(slot + this.base) + bitmap;
      for (let j = 0; j < CHUNK_BYTES; j++) {
        const byte = this.#chunks.has(slot) ? (m[at + (j >>> 2)] >>> ((j & 3) * 8)) & 0xff : missing;
        hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
      }
    }
    return hash.toString(16).padStart(16, '0');
  }
}

/** A bitmap as runs of ones. */
export function runs(m: Int32Array<ArrayBufferLike>, at: number): Ranges {
  const found: [number, number][] = [];
  for (let i = 0; i < CHUNK_PAGES; i++) {
    if (pageBit(m, at, i) === 0) continue;
    let n = 1;
    while (i + n < CHUNK_PAGES && pageBit(m, at, i + n) === 1) n++;
    found.push([i, n]);
    i += n;
  }
  return found;
}

/** A 64-bit set of a page cache as the vectors write it. */
export function cacheSet(m: Int32Array<ArrayBufferLike>, word: number, lo: number): string {
  return hex64(m[word + lo], m[word + lo + 1]);
}
