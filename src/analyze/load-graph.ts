/**
 * From a snapshot file to the graph of its objects. Two passes over what is in memory, one over the file: objects are
 * numbered by the bits of the spans, then each page's pointers are looked up as they come. No page is kept.
 */
import { ctz32 } from '../base/bits.ts';
import { PAGE_SIZE, TINY_SIZE } from '../layout/constants.ts';
import { KIND_FINALIZER, KIND_PENDING } from '../layout/special.ts';
import {
  ROOT_ALLOCATING,
  ROOT_HANDLE,
  ROOT_KEEP,
  ROOT_NAMED,
  ROOT_STACK,
  ROOT_TINY,
} from '../observe/snapshot/format.ts';
import { tinySize } from '../spans/tiny-mask.ts';
import { corrupt } from './errors.ts';
import type { GraphRoot, HeapGraph } from './graph.ts';
import { Snapshot } from './snapshot.ts';
import type { Source } from './source.ts';
import type { SpanTable } from './span-table.ts';
import { SnapshotTypes } from './types.ts';

/** Options of `loadGraph` and `graphOf`. */
export interface LoadOptions {
  /** Called now and then with bytes of the file. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Entries in a piece of the lists of edges. */
const PIECE = 1 << 20;
/** More do not fit into the memory of any program. */
const MAX_OBJECTS = 500_000_000;

/** Numbers that are appended, and made one array at the end. */
class Pieces {
  readonly #pieces: Uint32Array[] = [];
  #last = new Uint32Array(PIECE);
  #used = 0;
  length = 0;

  push(value: number): void {
    if (this.#used === PIECE) {
      this.#pieces.push(this.#last);
      this.#last = new Uint32Array(PIECE);
      this.#used = 0;
    }
    this.#last[this.#used++] = value;
    this.length++;
  }

  /** All of them; the pieces are given up on the way. */
  join(): Uint32Array {
    const all = new Uint32Array(this.length);
    let at = 0;
    for (let piece = this.#pieces.shift(); piece !== undefined; piece = this.#pieces.shift()) {
      all.set(piece, at);
      at += piece.length;
    }
    all.set(this.#last.subarray(0, this.#used), at);
    this.#last = new Uint32Array(0);
    return all;
  }
}

/** Reads a snapshot file, closes it, and returns its graph. Throws SnapshotError. */
export function loadGraph(source: Source, options: LoadOptions = {}): HeapGraph {
  const snapshot = new Snapshot(source);
  try {
    return graphOf(snapshot, options);
  } finally {
    snapshot.close();
  }
}

/** The graph of a snapshot that is open, and stays so. Throws SnapshotError. */
export function graphOf(snapshot: Snapshot, { onProgress }: LoadOptions = {}): HeapGraph {
  return new Loader(snapshot).load(onProgress);
}

class Loader {
  readonly #snapshot: Snapshot;
  readonly #spans: SpanTable;
  readonly #types: SnapshotTypes;
  readonly #nodes: number;
  readonly #type: Uint16Array;
  readonly #firstEdge: Uint32Array;
  readonly #to = new Pieces();
  readonly #offset = new Pieces();
  readonly #roots: GraphRoot[] = [];
  /** Nodes from this one on have no first edge yet. */
  #next = 1;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#spans = snapshot.spans;
    this.#types = new SnapshotTypes(snapshot.types);
    if (this.#spans.objects > MAX_OBJECTS) corrupt(`${this.#spans.objects} objects`, 0);
    this.#nodes = this.#spans.objects + 1;
    this.#type = new Uint16Array(this.#nodes);
    this.#firstEdge = new Uint32Array(this.#nodes + 1);
  }

  load(onProgress?: (doneBytes: number, totalBytes: number) => void): HeapGraph {
    const address = new Uint32Array(this.#nodes);
    const size = new Uint32Array(this.#nodes);
    this.#placeObjects(address, size);
    this.#addRoots();
    this.#snapshot.eachPages((page, npages, words) => this.#scanPages(page, npages, words), onProgress);
    this.#firstEdge.fill(this.#to.length, this.#next);
    const edgeTo = this.#to.join();
    const edgeOffset = this.#offset.join();
    return {
      nodes: this.#nodes,
      address,
      size,
      type: this.#type,
      firstEdge: this.#firstEdge,
      edgeTo,
      edgeOffset,
      types: this.#types.types,
      roots: this.#roots,
    };
  }

  /** Addresses and sizes of all objects, and the types that they carry. */
  #placeObjects(address: Uint32Array, size: Uint32Array): void {
    const spans = this.#spans;
    const type = this.#type;
    const known = this.#snapshot.types.length;
    let node = 1;
    for (let s = 0; s < spans.count; s++) {
      const elemsize = spans.elemsize(s);
      const bytes = spans.isLarge(s) ? spans.largeSize(s) : elemsize;
      const base = spans.base(s);
      const nelems = spans.nelems(s);
      const bits = spans.bitsAt(s);
      const isTiny = spans.isTiny(s);
      for (let w = 0; w << 5 < nelems; w++) {
        for (let live = spans.bits[bits + w]!; live !== 0; live &= live - 1) {
          const slot = (w << 5) + ctz32(live);
          if (slot >= nelems) continue;
          if (isTiny) {
            node = placeParts(spans.masks[spans.sideAt(s) + slot]!, base + slot * TINY_SIZE, address, size, node);
            continue;
          }
          address[node] = base + slot * elemsize;
          size[node] = bytes;
          const number = spans.typeOf(s, slot);
          type[node++] = number <= known ? number : 0;
        }
      }
    }
    if (node !== this.#nodes) corrupt(`${node - 1} objects where ${this.#nodes - 1} were counted`, 0);
  }

  #addRoots(): void {
    for (const { kind, thread, address, name, type } of this.#snapshot.roots) {
      const node = this.#spans.find(address);
      const root = { kind: ROOT_KINDS[kind] ?? 'other', name: rootName(kind, thread, name), thread, address } as const;
      if (kind === ROOT_TINY) this.#addBlock(root);
      else if (node !== 0) {
        this.#addRoot(root, node);
        if (this.#type[node] === 0) this.#type[node] = this.#types.targetOfRef(type);
      }
    }
    for (const { kind, thread, address } of this.#snapshot.specials) {
      const node = kind === KIND_FINALIZER || kind === KIND_PENDING ? this.#spans.find(address) : 0;
      if (node === 0) continue;
      this.#addRoot({ kind: 'finalizer', name: `finalizer of thread ${thread}`, thread, address }, node);
    }
  }

  #addRoot(root: GraphRoot, node: number): void {
    this.#to.push(node);
    this.#offset.push(this.#roots.length);
    this.#roots.push(root);
  }

  /** A block keeps all objects in it. */
  #addBlock(root: GraphRoot): void {
    let last = 0;
    for (let addr = root.address; addr < root.address + TINY_SIZE; addr++) {
      const node = this.#spans.find(addr);
      if (node !== 0 && node !== last) this.#addRoot(root, node);
      last = node;
    }
  }

  #scanPages(page: number, npages: number, words: Int32Array): void {
    const spans = this.#spans;
    for (let p = page; p < page + npages; ) {
      const s = spans.byPage[p]! - 1;
      const end = spans.page(s) + spans.npages(s);
      if (spans.isScan(s)) {
        if (spans.isLarge(s)) this.#scanLarge(s, page, npages, words);
        else if (spans.page(s) < page || end > page + npages) corrupt('a span lies in two sections', 0);
        else this.#scanSpan(s, words, page * PAGE_SIZE);
      }
      p = end;
    }
  }

  /** The nodes up to this one have no more edges than there are now. */
  #begin(node: number): void {
    const edges = this.#to.length;
    while (this.#next <= node) this.#firstEdge[this.#next++] = edges;
  }

  #scanSpan(s: number, words: Int32Array, firstByte: number): void {
    const spans = this.#spans;
    const elemsize = spans.elemsize(s);
    const base = spans.base(s) - firstByte;
    const bits = spans.bitsAt(s);
    const side = spans.sideAt(s);
    const nelems = spans.nelems(s);
    let node = spans.firstNode(s);
    for (let w = 0; w << 5 < nelems; w++) {
      for (let live = spans.bits[bits + w]!; live !== 0; live &= live - 1) {
        const slot = (w << 5) + ctz32(live);
        if (slot >= nelems) continue;
        this.#begin(node++);
        const type = this.#types.scan(spans.types[side + slot]!);
        if (type === undefined) continue;
        const { size, pointers, targets } = type;
        const at = base + slot * elemsize;
        for (let value = 0; value + size <= elemsize; value += size) {
          for (let i = 0; i < pointers.length; i++) {
            const p = value + pointers[i]!;
            this.#addEdge(words[(at + p) >>> 2]! >>> 0, p, targets[i]!);
          }
        }
      }
    }
  }

  /** The part of a large object that is in these pages: its values may begin before them, and end behind. */
  #scanLarge(s: number, page: number, npages: number, words: Int32Array): void {
    const spans = this.#spans;
    const type = spans.isLive(s, 0) ? this.#types.scan(spans.largeType(s)) : undefined;
    if (type === undefined) return;
    const { size, pointers, targets } = type;
    // All of it, as the collector does: pointers behind what was asked for keep objects alive, too.
    const slot = spans.elemsize(s);
    const from = (page - spans.page(s)) * PAGE_SIZE;
    const start = Math.max(0, from);
    const end = from + npages * PAGE_SIZE;
    this.#begin(spans.firstNode(s));
    for (let value = Math.floor(start / size) * size; value < end && value + size <= slot; value += size) {
      for (let i = 0; i < pointers.length; i++) {
        const p = value + pointers[i]!;
        if (p >= start && p < end) this.#addEdge(words[(p - from) >>> 2]! >>> 0, p, targets[i]!);
      }
    }
  }

  #addEdge(addr: number, offset: number, target: number): void {
    if (addr === 0) return;
    const node = this.#spans.find(addr);
    if (node === 0) return;
    this.#to.push(node);
    this.#offset.push(offset);
    if (target !== 0 && this.#type[node] === 0) this.#type[node] = target;
  }
}

function placeParts(mask: number, block: number, address: Uint32Array, size: Uint32Array, from: number): number {
  let node = from;
  for (let start = 0; start < TINY_SIZE; start++) {
    if ((mask & (1 << start)) === 0) continue;
    address[node] = block + start;
    size[node++] = Math.min(tinySize(mask, start), TINY_SIZE - start);
  }
  return node;
}

const ROOT_KINDS: Readonly<Record<number, GraphRoot['kind']>> = {
  [ROOT_NAMED]: 'named',
  [ROOT_HANDLE]: 'handle',
  [ROOT_STACK]: 'stack',
  [ROOT_TINY]: 'tiny',
};

function rootName(kind: number, thread: number, name: string): string {
  switch (kind) {
    case ROOT_NAMED:
      return name;
    case ROOT_HANDLE:
      return `persistent reference of thread ${thread}`;
    case ROOT_STACK:
      return `local reference of thread ${thread}`;
    case ROOT_TINY:
      return `block of tiny objects that thread ${thread} fills`;
    case ROOT_ALLOCATING:
      return `large object that thread ${thread} is making`;
    case ROOT_KEEP:
      return `object that a call of thread ${thread} uses`;
    default:
      return `root of thread ${thread}`;
  }
}
