/** Objects and bytes by type and by size, and what all objects of a type retain together. */
import { ctz32 } from '../base/bits.ts';
import { type Dominators, UNREACHED } from './dominators.ts';
import type { HeapGraph } from './graph.ts';

/** One type, by its name. Bytes are those of slots. */
export interface TypeTotals {
  readonly name: string;
  /** Indices in the graph's types: more than one when two types have one name. */
  readonly types: readonly number[];
  readonly count: number;
  readonly bytes: number;
  /** Of these, those that no root leads to. */
  readonly unreachableCount: number;
  readonly unreachableBytes: number;
}

/** Types that have objects, those with most bytes first. */
export function totalsByType(graph: HeapGraph, idom: Uint32Array | null): TypeTotals[] {
  const { nodes, size, type, types } = graph;
  const columns = Array.from({ length: 4 }, () => new Float64Array(types.length));
  const [count, bytes, lostCount, lostBytes] = columns as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let node = 1; node < nodes; node++) {
    const t = type[node]!;
    count[t]!++;
    bytes[t]! += size[node]!;
    if (idom !== null && idom[node] === UNREACHED) {
      lostCount[t]!++;
      lostBytes[t]! += size[node]!;
    }
  }
  const byName = new Map<string, number[]>();
  types.forEach(({ name }, t) => {
    if (count[t] === 0) return;
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [t]);
    else known.push(t);
  });
  const sum = (column: Float64Array, of: readonly number[]): number => of.reduce((n, t) => n + column[t]!, 0);
  return [...byName]
    .map(([name, of]) => ({
      name,
      types: of,
      count: sum(count, of),
      bytes: sum(bytes, of),
      unreachableCount: sum(lostCount, of),
      unreachableBytes: sum(lostBytes, of),
    }))
    .sort((a, b) => b.bytes - a.bytes || b.count - a.count || (a.name < b.name ? -1 : 1));
}

/** Lists that are looked at in one pass: one bit each. The last one says that the node is in the queue. */
export const LISTS_AT_ONCE = 31;
const IS_QUEUED = 1 << 31;

/**
 * Bytes that would be garbage without all objects of a type, these included, for each of `lists` of types. That is not
 * the sum of what the objects retain one by one: two may hold the same thing, and one may hold the other.
 *
 * For up to 31 lists at once: each node gets the set of the lists without which it is still reachable, one bit each, which
 * grows along the edges until nothing changes.
 */
export function retainedByTypes(
  graph: HeapGraph,
  { idom }: Pick<Dominators, 'idom'>,
  lists: readonly (readonly number[])[],
  onProgress: (part: number) => void = () => {},
): number[] {
  const result: number[] = [];
  for (let from = 0; from < lists.length; from += LISTS_AT_ONCE) {
    result.push(...retainedOfSome(graph, idom, lists.slice(from, from + LISTS_AT_ONCE)));
    onProgress(Math.min(1, (from + LISTS_AT_ONCE) / lists.length));
  }
  return result;
}

function retainedOfSome(graph: HeapGraph, idom: Uint32Array, lists: readonly (readonly number[])[]): number[] {
  const { nodes, size, types } = graph;
  // By type: all bits but that of its list.
  const passes = new Int32Array(types.length).fill(-1);
  for (const [bit, list] of lists.entries()) for (const t of list) passes[t]! &= ~(1 << bit);
  const bits = spread(graph, passes);
  const retained = new Float64Array(lists.length);
  const all = 2 ** lists.length - 1;
  for (let node = 1; node < nodes; node++) {
    if (idom[node] === UNREACHED) continue;
    for (let left = ~bits[2 * node]! & all; left !== 0; left &= left - 1) {
      retained[ctz32(left)]! += size[node]!;
    }
  }
  return [...retained];
}

/**
 * Pairs of words by node: the bits with which it is reached from node 0, which has all, if each node lets only those of its
 * type pass; and these. They lie together, as both are read for each pointer.
 */
function spread({ nodes, type, firstEdge, edgeTo }: HeapGraph, passes: Int32Array): Int32Array {
  const bits = new Int32Array(2 * nodes);
  for (let node = 0; node < nodes; node++) bits[2 * node + 1] = passes[type[node]!]! & ~IS_QUEUED;
  bits[0] = -1;
  // A ring: a node is in it at most once.
  const queue = new Uint32Array(nodes);
  let head = 0;
  let length = 1;
  while (length > 0) {
    const node = queue[head]!;
    head = head + 1 === nodes ? 0 : head + 1;
    length--;
    const has = bits[2 * node]! & ~IS_QUEUED;
    bits[2 * node] = has;
    const end = firstEdge[node + 1]!;
    for (let e = firstEdge[node]!; e < end; e++) {
      const to = 2 * edgeTo[e]!;
      const old = bits[to]!;
      const now = old | (has & bits[to + 1]!);
      if (now === old) continue;
      bits[to] = now | IS_QUEUED;
      if ((old & IS_QUEUED) !== 0) continue;
      const tail = head + length;
      queue[tail >= nodes ? tail - nodes : tail] = to >>> 1;
      length++;
    }
  }
  return bits;
}

/** Objects of one size. */
export interface SizeTotals {
  /** Bytes of the slot; of the last line, the least of the large objects. */
  readonly size: number;
  readonly isLarge: boolean;
  readonly count: number;
  readonly bytes: number;
}

/** Objects by the bytes of their slots; those of more than 32 KiB, which have no size class, together. */
export function totalsBySize({ nodes, size }: HeapGraph): SizeTotals[] {
  const small = new Float64Array(LARGEST_CLASS + 1);
  let count = 0;
  let bytes = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let node = 1; node < nodes; node++) {
    const s = size[node]!;
    if (s <= LARGEST_CLASS) small[s]!++;
    else {
      count++;
      bytes += s;
      least = Math.min(least, s);
    }
  }
  const lines: SizeTotals[] = [];
  small.forEach((n, s) => {
    if (n > 0) lines.push({ size: s, isLarge: false, count: n, bytes: n * s });
  });
  if (count > 0) lines.push({ size: least, isLarge: true, count, bytes });
  return lines;
}

/** Bytes of the largest slot that has a size class (Go: `_MaxSmallSize`). */
const LARGEST_CLASS = 32768;
