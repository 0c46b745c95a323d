/**
 * The page map as it was told last: 16 bits a page (see PAGE_CLASS_MASK … of the protocol), and which pages have changed
 * since when. Answers of the server are bytes; what does not fit is refused as a whole.
 */
import { PAGES_CHUNK_BYTES, PAGES_HEADER_BYTES, PAGES_MAGIC } from '../../serve/explorer/protocol.ts';

export const CHUNK = 512;
/** Updates for which a page that changed is shown as changed. */
export const FRESH = 4;
/** What makes a page another one: its state, class, and whether a span begins there; not how full that is. */
const IDENTITY = 0x1fff;

export interface PagesAnswer {
  readonly version: number;
  readonly grown: number;
  readonly reserved: number;
  /** Chunk number and its pages. */
  readonly chunks: readonly { readonly chunk: number; readonly pages: Uint16Array }[];
}

/** Throws Error for bytes that are no page map. */
export function readPages(buffer: ArrayBuffer): PagesAnswer {
  const view = new DataView(buffer);
  if (buffer.byteLength < PAGES_HEADER_BYTES || view.getUint32(0, true) !== PAGES_MAGIC) throw new Error('no page map');
  const count = view.getUint32(16, true);
  if (buffer.byteLength !== PAGES_HEADER_BYTES + count * PAGES_CHUNK_BYTES) throw new Error('the page map is cut off');
  const chunks = Array.from({ length: count }, (_, i) => {
    const at = PAGES_HEADER_BYTES + i * PAGES_CHUNK_BYTES;
    return { chunk: view.getUint32(at, true), pages: new Uint16Array(buffer.slice(at + 4, at + PAGES_CHUNK_BYTES)) };
  });
  return {
    version: view.getUint32(4, true),
    grown: view.getUint32(8, true),
    reserved: view.getUint32(12, true),
    chunks,
  };
}

export class PageStore {
  /** Pages known to the heap. */
  grown = 0;
  version = 0;
  /** Page codes; whole chunks. */
  pages: Uint16Array = new Uint16Array(0);
  /** How new the change of a page is: FRESH at first, one less at each update. */
  fresh: Uint8Array = new Uint8Array(0);
  /** Chunks whose picture is out of date. */
  readonly dirty: Set<number> = new Set();
  /** Chunks with fresh pages. */
  readonly #warm: Set<number> = new Set();

  /** Whether any page is fresh. */
  get hasFresh(): boolean {
    return this.#warm.size > 0;
  }

  get chunks(): number {
    return Math.ceil(this.grown / CHUNK);
  }

  /** Takes an answer in. The first one makes nothing fresh: all of it is new. */
  update(answer: PagesAnswer): void {
    const first = this.version === 0;
    this.#cool();
    this.#resize(answer.grown);
    for (const { chunk, pages } of answer.chunks) {
      if (chunk >= this.chunks) continue;
      const from = chunk * CHUNK;
      for (let i = 0; i < CHUNK; i++) {
        const same = ((this.pages[from + i]! ^ pages[i]!) & IDENTITY) === 0;
        if (!same && !first) this.fresh[from + i] = FRESH;
      }
      this.pages.set(pages, from);
      this.dirty.add(chunk);
      if (!first) this.#warm.add(chunk);
    }
    this.version = answer.version;
  }

  /** Another heap. */
  clear(): void {
    this.grown = 0;
    this.version = 0;
    this.pages = new Uint16Array(0);
    this.fresh = new Uint8Array(0);
    this.dirty.clear();
    this.#warm.clear();
  }

  #cool(): void {
    for (const chunk of this.#warm) {
      const from = chunk * CHUNK;
      let left = 0;
      for (let page = from; page < from + CHUNK; page++) {
        if (this.fresh[page]! > 0) left |= --this.fresh[page]!;
      }
      this.dirty.add(chunk);
      if (left === 0) this.#warm.delete(chunk);
    }
  }

  #resize(grown: number): void {
    this.grown = grown;
    const length = this.chunks * CHUNK;
    if (length <= this.pages.length) return;
    const pages = new Uint16Array(length);
    const fresh = new Uint8Array(length);
    pages.set(this.pages);
    fresh.set(this.fresh);
    this.pages = pages;
    this.fresh = fresh;
  }
}
