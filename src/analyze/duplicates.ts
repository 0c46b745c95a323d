/**
 * Texts that are in the heap several times. Each gets a hash of 64 bits in one pass over the pages; texts of one hash and one
 * length are taken as the same (two of a thousand million different ones would be alike once in 37 heaps).
 */
import { PAGE_SIZE } from '../layout/constants.ts';
import { greatest } from './biggest.ts';
import type { HeapGraph } from './graph.ts';
import type { Snapshot } from './snapshot.ts';

/** Examples of each text. */
const MOST_EXAMPLES = 3;

export interface Duplicates {
  /** Texts that are not empty, and the bytes of their slots. */
  readonly texts: number;
  readonly bytes: number;
  readonly distinct: number;
  /** Bytes of all copies but the first of each. */
  readonly wastedBytes: number;
  /** Those that waste most. */
  readonly list: readonly {
    readonly copies: number;
    readonly wastedBytes: number;
    /** The first few nodes. */
    readonly nodes: readonly number[];
  }[];
}

/** `lengths`: what textLengths found. */
export function duplicateTexts(
  snapshot: Snapshot,
  graph: HeapGraph,
  lengths: Uint32Array,
  most: number,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): Duplicates {
  const { nodes, size } = graph;
  const { low, high } = hashTexts(snapshot, graph, lengths, onProgress);
  const groups = groupTexts(lengths, low, high);
  const copies = new Uint32Array(nodes);
  const wasted = new Float64Array(nodes);
  let texts = 0;
  let distinct = 0;
  let bytes = 0;
  let wastedBytes = 0;
  for (let node = 1; node < nodes; node++) {
    const first = groups[node]!;
    if (first === 0) continue;
    texts++;
    bytes += size[node]!;
    copies[first]!++;
    if (first === node) distinct++;
    else {
      wasted[first]! += size[node]!;
      wastedBytes += size[node]!;
    }
  }
  const chosen = greatest(1, nodes, most, (node) => (copies[node]! > 1 ? wasted[node]! : -1));
  const examples = new Map(chosen.map((node): [number, number[]] => [node, []]));
  for (let node = 1; node < nodes; node++) {
    const list = groups[node] === 0 ? undefined : examples.get(groups[node]!);
    if (list !== undefined && list.length < MOST_EXAMPLES) list.push(node);
  }
  const list = chosen.map((node) => ({
    copies: copies[node]!,
    wastedBytes: wasted[node]!,
    nodes: examples.get(node) as number[],
  }));
  return { texts, bytes, distinct, wastedBytes, list };
}

/** Two hashes of each text: FNV-1a with two primes, and the bits mixed at the end. */
function hashTexts(
  snapshot: Snapshot,
  { nodes, address }: HeapGraph,
  lengths: Uint32Array,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): { low: Uint32Array; high: Uint32Array } {
  const low = new Uint32Array(nodes).fill(0x811c9dc5);
  const high = new Uint32Array(nodes).fill(0x9e3779b9);
  let node = 1;
  snapshot.eachPages((page, npages, words) => {
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    const first = page * PAGE_SIZE;
    const end = (page + npages) * PAGE_SIZE;
    for (; node < nodes && address[node]! < end; node++) {
      const start = address[node]!;
      const stop = start + lengths[node]!;
      let a = low[node]!;
      let b = high[node]!;
      for (let at = Math.max(start, first) - first; at < Math.min(stop, end) - first; at++) {
        a = Math.imul(a ^ bytes[at]!, 0x01000193);
        b = Math.imul(b ^ bytes[at]!, 0x85ebca6b);
        b ^= b >>> 15;
      }
      low[node] = a;
      high[node] = b;
      // The rest of it is in the next section.
      if (stop > end) return;
    }
  }, onProgress);
  return { low, high };
}

/** For each text the first node of the same; 0 for what is none. */
function groupTexts(lengths: Uint32Array, low: Uint32Array, high: Uint32Array): Uint32Array {
  let texts = 0;
  for (let node = 1; node < lengths.length; node++) if (lengths[node] !== 0) texts++;
  const slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(2, 2 * texts))));
  const mask = slots.length - 1;
  const groups = new Uint32Array(lengths.length);
  for (let node = 1; node < lengths.length; node++) {
    if (lengths[node] === 0) continue;
    let at = (low[node]! ^ (high[node]! >>> 7)) & mask;
    for (let other = slots[at]!; ; other = slots[at]!) {
      if (other === 0) slots[at] = node;
      const isSame = other !== 0 && low[other] === low[node] && high[other] === high[node];
      if (other === 0 || (isSame && lengths[other] === lengths[node])) {
        groups[node] = other === 0 ? node : other;
        break;
      }
      at = (at + 1) & mask;
    }
  }
  return groups;
}
