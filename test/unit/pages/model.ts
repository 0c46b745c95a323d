/** A page allocator so simple that it must be right: two flags a page, everything found by looking at every page. */
import { CHUNK_PAGES } from '../../../src/layout/constants.ts';

export const CACHE_BLOCK = 64;

export interface ModelCache {
  base: number;
  free: Set<number>;
  scav: Set<number>;
}

export class PageModel {
  /** Known pages, upwards. */
  pages: number[] = [];
  readonly #known = new Set<number>();
  readonly used = new Set<number>();
  readonly scav = new Set<number>();
  readonly caches: ModelCache[] = [];

  constructor(caches: number) {
    for (let i = 0; i < caches; i++) this.caches.push({ base: 0, free: new Set(), scav: new Set() });
  }

  knows(page: number): boolean {
    return this.#known.has(page);
  }

  grow(first: number, npages: number): void {
    for (let p = first; p < first + npages; p++) {
      this.pages.push(p);
      this.#known.add(p);
      this.scav.add(p);
    }
    this.pages.sort((a, b) => a - b);
  }

  isFree(page: number): boolean {
    return this.knows(page) && !this.used.has(page);
  }

  /** [page, scavenged pages]; page −1 when no run is long enough. */
  alloc(npages: number): [number, number] {
    let run = 0;
    let before = -2;
    for (const p of this.pages) {
      run = this.used.has(p) ? 0 : p === before + 1 ? run + 1 : 1;
      before = p;
      if (run === npages) return [p - npages + 1, this.take(p - npages + 1, npages)];
    }
    return [-1, 0];
  }

  /** Marks pages in use; returns how many were scavenged. */
  take(page: number, npages: number): number {
    let scavenged = 0;
    for (let p = page; p < page + npages; p++) {
      this.used.add(p);
      if (this.scav.delete(p)) scavenged++;
    }
    return scavenged;
  }

  free(page: number, npages: number): void {
    for (let p = page; p < page + npages; p++) this.used.delete(p);
  }

  /** False when no page is free. */
  fillCache(i: number): boolean {
    const page = this.pages.find((p) => !this.used.has(p));
    if (page === undefined) return false;
    const cache = this.caches[i]!;
    cache.base = page - (page % CACHE_BLOCK);
    for (let p = cache.base; p < cache.base + CACHE_BLOCK; p++) {
      if (!this.isFree(p)) continue;
      cache.free.add(p);
      if (this.scav.has(p)) cache.scav.add(p);
      this.take(p, 1);
    }
    return true;
  }

  cacheAlloc(i: number, npages: number): [number, number] {
    const { base, free, scav } = this.caches[i]!;
    for (let p = base; p + npages <= base + CACHE_BLOCK; p++) {
      const run = Array.from({ length: npages }, (_, k) => p + k);
      if (!run.every((q) => free.has(q))) continue;
      for (const q of run) free.delete(q);
      return [p, run.filter((q) => scav.delete(q)).length];
    }
    return [-1, 0];
  }

  flushCache(i: number): void {
    const { free, scav } = this.caches[i]!;
    for (const p of free) this.used.delete(p);
    for (const p of scav) this.scav.add(p);
    free.clear();
    scav.clear();
  }

  /** Runs given back, topmost first: [page, pages]. */
  scavenge(wantPages: number): [number, number][] {
    const released: [number, number][] = [];
    let left = wantPages;
    while (left > 0) {
      const top = this.pages.findLast((p) => this.#canScavenge(p));
      if (top === undefined) break;
      let first = top;
      while (top - first + 1 < left && first % CHUNK_PAGES !== 0 && this.#canScavenge(first - 1)) first--;
      for (let p = first; p <= top; p++) this.scav.add(p);
      released.push([first, top - first + 1]);
      left -= top - first + 1;
    }
    return released;
  }

  #canScavenge(page: number): boolean {
    return !this.used.has(page) && !this.scav.has(page);
  }

  freeCount(): number {
    return this.pages.length - this.pages.filter((p) => this.used.has(p)).length;
  }
}
