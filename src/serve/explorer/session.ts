/**
 * One heap that is explored: its view, what was sampled of it, and its page map. `tick` is all that costs the machine
 * anything by itself: a sample (about 0.1 ms) in any case; while somebody looks on, the page map (3 ns a page) and a
 * piece of the walk through all objects (`WALK_MS`).
 */
import type { PageMap } from '../../observe/view/page-map.ts';
import type { HeapView } from '../../observe/view.ts';
import {
  type CycleRecord,
  type ExplorerInfo,
  type HeapEntry,
  type History,
  type NumberedSample,
  PAGES_CHUNK_BYTES,
  PAGES_HEADER_BYTES,
  PAGES_MAGIC,
  PROTOCOL,
  THREAD_STATUS,
  type TickEvent,
} from './protocol.ts';

const HISTORY_LENGTH = 1200;
const WALK_MS = 2;
/** A complete walk is good for so long: then the next one begins. */
const WALK_AGAIN_MS = 5000;

export class Session {
  readonly entry: HeapEntry;
  readonly view: HeapView;
  readonly #intervalMs: number;
  readonly #version: string;
  readonly #samples: NumberedSample[] = [];
  readonly #cycles: CycleRecord[] = [];
  #map: PageMap | undefined;
  #last = 0;
  #walkedAt = Number.NEGATIVE_INFINITY;

  constructor(entry: HeapEntry, view: HeapView, intervalMs: number, version: string) {
    this.entry = entry;
    this.view = view;
    this.#intervalMs = intervalMs;
    this.#version = version;
    this.sample();
  }

  info(): ExplorerInfo {
    return {
      ...this.view.info(),
      protocol: PROTOCOL,
      version: this.#version,
      heap: this.entry,
      intervalMs: this.#intervalMs,
      historyLength: HISTORY_LENGTH,
    };
  }

  /** Number of the last sample. */
  get last(): number {
    return this.#last;
  }

  /** Takes a sample and the cycles that have ended since the last one. */
  sample(): { readonly sample: NumberedSample; readonly cycles: readonly CycleRecord[] } {
    const sample = { n: ++this.#last, ...this.view.stats() };
    const known = this.#cycles.at(-1)?.cycle ?? 0;
    const cycles = sample.cycles === known ? [] : this.view.gc().cycles.filter((c) => c.cycle > known);
    this.#samples.push(sample);
    if (this.#samples.length > HISTORY_LENGTH) this.#samples.shift();
    this.#cycles.push(...cycles);
    if (this.#cycles.length > HISTORY_LENGTH) this.#cycles.splice(0, this.#cycles.length - HISTORY_LENGTH);
    return { sample, cycles };
  }

  /** What there is for those who look on. */
  tick(): TickEvent {
    const sampled = this.sample();
    this.#map ??= this.view.pageMap();
    const changed = this.#map.refresh();
    if (performance.now() - this.#walkedAt > WALK_AGAIN_MS && this.view.walk(WALK_MS)) {
      this.#walkedAt = performance.now();
    }
    return {
      ...sampled,
      pages: { version: this.#map.version, changed },
      threads: this.view
        .threadStates()
        .map(([id, status]) => [id, Math.max(0, (THREAD_STATUS as readonly string[]).indexOf(status))] as const),
    };
  }

  /** Samples after number `since` and before `end`, and the cycles from their time on. */
  history(since: number, end = Number.POSITIVE_INFINITY): History {
    const samples = this.#samples.filter((s) => s.n > since && s.n < end);
    const from = samples[0]?.at ?? Number.POSITIVE_INFINITY;
    const ended = (c: CycleRecord): number => (c.at + c.sweepTermination + c.mark + c.markTermination) / 1e6;
    return { samples, cycles: this.#cycles.filter((c) => ended(c) >= from - this.#intervalMs) };
  }

  /** The chunks that changed after a version, as protocol.ts has them. */
  pages(since: number): Uint8Array {
    if (this.#map === undefined) {
      this.#map = this.view.pageMap();
      this.#map.refresh();
    }
    const map = this.#map;
    // A version of an earlier server is no version of this one.
    const chunks = map.changedSince(since > map.version ? 0 : since);
    const bytes = new Uint8Array(PAGES_HEADER_BYTES + chunks.length * PAGES_CHUNK_BYTES);
    const data = new DataView(bytes.buffer);
    const header = [PAGES_MAGIC, map.version, map.known, this.view.info().pages, chunks.length];
    for (const [i, word] of header.entries()) data.setUint32(4 * i, word, true);
    let at = PAGES_HEADER_BYTES;
    for (const chunk of chunks) {
      data.setUint32(at, chunk, true);
      const pages = map.chunk(chunk);
      for (let i = 0; i < pages.length; i++) data.setUint16(at + 4 + 2 * i, pages[i]!, true);
      at += PAGES_CHUNK_BYTES;
    }
    return bytes;
  }
}
