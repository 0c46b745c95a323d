/** Objects by address, types by name; and what to say when there is none. */
import type { HeapGraph } from './graph.ts';
import { addressText, typeNameOf } from './labels.ts';

/** The last node that begins at an address or before it; 0 if none does. */
function lastUpTo({ address, nodes }: HeapGraph, at: number): number {
  let low = 0;
  let high = nodes;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (address[middle]! <= at) low = middle;
    else high = middle;
  }
  return low;
}

/** The object that an address is in; 0 if it is in none. */
export function nodeAt(graph: HeapGraph, at: number): number {
  const node = lastUpTo(graph, at);
  const start = graph.address[node]!;
  // An object of no bytes is where it begins.
  return node > 0 && at < start + Math.max(graph.size[node]!, 1) ? node : 0;
}

/** What is around an address that is in no object: `lies between Post 0x2000 (64 bytes) and Post 0x2080`. */
export function aroundAddress(graph: HeapGraph, at: number): string {
  const before = lastUpTo(graph, at);
  const after = before + 1;
  const told = (node: number): string => `${typeNameOf(graph, node)} ${addressText(graph.address[node]!)}`;
  if (graph.nodes <= 1) return 'the snapshot has no objects';
  if (before === 0) return `the first object is ${told(after)}`;
  const end = `${told(before)}, which ends at ${addressText(graph.address[before]! + graph.size[before]!)}`;
  return after === graph.nodes ? `the last object is ${end}` : `it lies between ${end}, and ${told(after)}`;
}

/** Indices of the types of a name: several if parts of the heap call different things the same. */
export function typesNamed(graph: HeapGraph, name: string): number[] {
  return graph.types.flatMap((type, i) => (type.name === name ? [i] : []));
}

/** Names of types that are like `name`, the nearest first. */
export function namesLike(graph: HeapGraph, name: string, most: number): string[] {
  const wanted = name.toLowerCase();
  const names = [...new Set(graph.types.map((type) => type.name))];
  const scored = names.flatMap((candidate) => {
    const low = candidate.toLowerCase();
    const contains = low.includes(wanted) || wanted.includes(low);
    const score = contains ? Math.abs(low.length - wanted.length) / 100 : editDistance(low, wanted);
    return contains || score <= Math.max(2, wanted.length / 3) ? [{ candidate, score }] : [];
  });
  return scored
    .sort((a, b) => a.score - b.score)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** Letters to change, add or leave out (Levenshtein), of what is short enough to be worth it. */
function editDistance(a: string, b: string): number {
  if (a.length > 200 || b.length > 200) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let k = 0; k < b.length; k++) {
      next.push(Math.min(row[k]! + (a[i] === b[k] ? 0 : 1), row[k + 1]! + 1, next[k]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
