/**
 * Strings and bytes of a snapshot: how long they are, and what they say. Their objects are slots of a size class, so the
 * length stands with who points to them: one pass over the pages collects it.
 */
import { PAGE_SHIFT } from '../layout/constants.ts';
import { STRING_LEN } from '../layout/slice.ts';
import { KEY_TEXT_BYTES } from '../types/definition.ts';
import type { HeapGraph } from './graph.ts';
import type { Snapshot } from './snapshot.ts';

/** What the loader calls the types of texts, and where the length stands, seen from the pointer. */
const LENGTH_AT: ReadonlyMap<string, number> = new Map([
  ['string bytes', STRING_LEN],
  ['bytes', STRING_LEN],
  ['map key bytes', -KEY_TEXT_BYTES],
]);
/** The words before a section that may still be asked for: a length stands at most so far before its pointer. */
const CARRIED = KEY_TEXT_BYTES / 4;

/** By node: bytes of the text that it is; 0 for what is none, or is empty. Reads all pages. */
export function textLengths(
  snapshot: Snapshot,
  graph: HeapGraph,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): Uint32Array {
  const { nodes, address, size, type, firstEdge, edgeTo, edgeOffset } = graph;
  const lengths = new Uint32Array(nodes);
  const distance = Int32Array.from(graph.types, ({ name }) => LENGTH_AT.get(name) ?? 0);
  const carried = new Int32Array(CARRIED);
  // Pointers come in the order of their addresses, because nodes do, and the pointers in each.
  let from = 1;
  let edge = firstEdge[1]!;
  snapshot.eachPages((page, npages, words) => {
    const first = page << (PAGE_SHIFT - 2);
    const end = (page + npages) * 2 ** PAGE_SHIFT;
    for (; edge < edgeTo.length; edge++) {
      while (firstEdge[from + 1]! <= edge) from++;
      const to = edgeTo[edge]!;
      const apart = distance[type[to]!]!;
      const at = address[from]! + edgeOffset[edge]!;
      if (at + Math.max(apart, 0) >= end) break;
      if (apart === 0) continue;
      const word = ((at + apart) >>> 2) - first;
      const length = (word < 0 ? carried[CARRIED + word]! : words[word]!) >>> 0;
      if (length <= size[to]! && length > lengths[to]!) lengths[to] = length;
    }
    carried.set(words.subarray(words.length - CARRIED));
  }, onProgress);
  return lengths;
}

/** Reads texts of nodes, best in the order of the nodes: the pages of one section are kept. */
export class TextReader {
  readonly #snapshot: Snapshot;
  readonly #graph: HeapGraph;
  readonly #lengths: Uint32Array;
  readonly #isBytes: Uint8Array;
  #page = 0;
  #pages: Uint8Array = new Uint8Array(0);
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(snapshot: Snapshot, graph: HeapGraph, lengths: Uint32Array) {
    this.#snapshot = snapshot;
    this.#graph = graph;
    this.#lengths = lengths;
    this.#isBytes = Uint8Array.from(graph.types, ({ name }) => (name === 'bytes' ? 1 : 0));
  }

  /** The first `most` bytes of a text; undefined if the node is none. */
  bytesOf(node: number, most: number): Uint8Array | undefined {
    const length = Math.min(this.#lengths[node]!, most);
    if (length === 0) return undefined;
    const start = this.#graph.address[node]!;
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = start + done;
      if (!this.#bring(at >>> PAGE_SHIFT)) return undefined;
      const offset = at - this.#page * 2 ** PAGE_SHIFT;
      const piece = this.#pages.subarray(offset, offset + length - done);
      bytes.set(piece, done);
      done += piece.length;
    }
    return bytes;
  }

  /** The beginning of a string: of what is in so many bytes. Undefined if the node is no string. */
  textOf(node: number, most: number): string | undefined {
    if (this.#isBytes[this.#graph.type[node]!] === 1) return undefined;
    const bytes = this.bytesOf(node, most);
    return bytes && this.#decoder.decode(bytes);
  }

  isBytes(node: number): boolean {
    return this.#isBytes[this.#graph.type[node]!] === 1;
  }

  #bring(page: number): boolean {
    const has = this.#pages.length >>> PAGE_SHIFT;
    if (page >= this.#page && page < this.#page + has) return true;
    const around = this.#snapshot.pagesAround(page);
    if (around === undefined) return false;
    this.#page = around.page;
    this.#pages = new Uint8Array(around.words.buffer, around.words.byteOffset, around.words.byteLength);
    return true;
  }
}
