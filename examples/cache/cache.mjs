/**
 * A cache that all threads of a server share: what one has computed, all can serve. The threads need no agreement beyond
 * this file: the map is safe for all at once, and counters are atomic.
 *
 * Nobody frees an entry that is evicted or replaced: the collector finds it, also if another thread is about to serve it.
 * Only when the entries that are there do not leave room for another, that one is refused, and the others are served.
 */
import { atomic, bytes, f64, map, OutOfMemoryError, ref, string, struct, u32 } from 'spanheap';

const Entry = struct('CacheEntry', {
  type: string,
  body: bytes,
  /** Milliseconds since 1970. */
  stored: f64,
  expires: f64,
  hits: atomic(u32),
});

const CacheState = struct('Cache', {
  entries: map(string, ref(Entry)),
  hits: atomic(u32),
  misses: atomic(u32),
  expired: atomic(u32),
  evicted: atomic(u32),
  /** Pages that there was no memory for. */
  refused: atomic(u32),
});

export class SharedCache {
  #heap;
  #state;
  #entries;
  #refused;
  #ttl;
  #maxEntries;

  /**
   * The heap's cache; made if there is none yet. Do that in the main thread before the others start.
   * @param {import('spanheap').Heap} heap
   * @param {{ ttl: number, maxEntries: number }} options `ttl`: milliseconds an entry may be served
   */
  constructor(heap, { ttl, maxEntries }) {
    this.#heap = heap;
    this.#ttl = ttl;
    this.#maxEntries = maxEntries;
    if (heap.roots.get('cache', CacheState) === undefined) heap.roots.set('cache', heap.new(CacheState));
    // Made outside of any scope, these references last as long as this object.
    this.#state = heap.roots.get('cache', CacheState);
    this.#entries = this.#state.entries;
    this.#refused = this.#state.refused;
  }

  /**
   * @param {string} key
   * @returns {{ type: string, body: Uint8Array } | undefined} copies, for the caller to keep
   */
  get(key) {
    return this.#heap.scope(() => {
      const entry = this.#entries.get(key);
      if (entry && entry.expires > Date.now()) {
        entry.hits.add(1);
        this.#state.hits.add(1);
        return { type: entry.type, body: entry.body };
      }
      if (entry && this.#remove(key, entry)) this.#state.expired.add(1);
      this.#state.misses.add(1);
      return undefined;
    });
  }

  /**
   * Keeps a page, if there is memory for it.
   * @param {string} key
   * @param {{ type: string, body: Uint8Array }} page
   */
  set(key, { type, body }) {
    const stored = Date.now();
    try {
      this.#heap.scope(() => {
        // Nobody else sees the entry before it is complete.
        this.#entries.set(key, this.#heap.new(Entry, { type, body, stored, expires: stored + this.#ttl }));
        if (this.#entries.size > this.#maxEntries) this.#evict();
      });
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.#refused.add(1);
    }
  }

  /** Numbers of all threads together, and which keys were asked for most. */
  stats() {
    return this.#heap.scope(() => {
      const { hits, misses, expired, evicted } = this.#state;
      const hottest = [...this.#entries]
        .map(([key, entry]) => ({ key, hits: entry?.hits.load() ?? 0 }))
        .sort((a, b) => b.hits - a.hits)
        .slice(0, 5);
      return {
        entries: this.#entries.size,
        hits: hits.load(),
        misses: misses.load(),
        expired: expired.load(),
        evicted: evicted.load(),
        refused: this.#refused.load(),
        hottest,
        heapBytes: this.#heap.stats().heapInUseBytes,
      };
    });
  }

  /** Takes the oldest away until a tenth is free, so that not every `set` has to look through all of them. */
  #evict() {
    const oldest = [...this.#entries].sort(([, a], [, b]) => (a?.stored ?? 0) - (b?.stored ?? 0));
    const keep = Math.floor(this.#maxEntries * 0.9);
    for (const [key, entry] of oldest) {
      // Another thread may be at it as well: the size is that of both, and each entry is removed by one of them.
      if (this.#entries.size <= keep) return;
      if (this.#remove(key, entry)) this.#state.evicted.add(1);
    }
  }

  /**
   * Removes this entry, not one that another thread has put in its place meanwhile; says whether it was there.
   */
  #remove(key, entry) {
    let removed = false;
    this.#entries.update(key, (now) => {
      removed = now?.equals(entry) === true;
      return removed ? undefined : now;
    });
    return removed;
  }
}
