/**
 * Two snapshots of one heap, or three. An object is the same in both if it has the same address, size and type: it may
 * also be another one that was made in the same place in between, which nothing tells apart.
 */
import { type Dominators, UNREACHED } from './dominators.ts';
import type { HeapGraph } from './graph.ts';
import { placeKinds, sourceOf, typeNameOf } from './labels.ts';

/** What an older snapshot must keep to be compared with: not its edges. */
export type ObjectList = Pick<HeapGraph, 'nodes' | 'address' | 'size' | 'type' | 'types'>;

/** By node of the `newer` snapshot: 1 if the object is not in the older one. By node of `older`: 1 if it is gone. */
export interface Matching {
  readonly isNew: Uint8Array;
  readonly isGone: Uint8Array;
}

export function matchObjects(older: ObjectList, newer: ObjectList): Matching {
  const isNew = new Uint8Array(newer.nodes).fill(1, 1);
  const isGone = new Uint8Array(older.nodes).fill(1, 1);
  const sameType = matchTypes(older, newer);
  for (let a = 1, b = 1; a < older.nodes && b < newer.nodes; ) {
    const difference = older.address[a]! - newer.address[b]!;
    if (difference === 0 && older.size[a] === newer.size[b] && sameType(older.type[a]!, newer.type[b]!)) {
      isGone[a] = 0;
      isNew[b] = 0;
    }
    if (difference <= 0) a++;
    if (difference >= 0) b++;
  }
  return { isNew, isGone };
}

/**
 * Types by name. What is not known is like anything: pointer-free objects have the type that somebody who points to them
 * says, and in one of the snapshots nobody may.
 */
function matchTypes(older: ObjectList, newer: ObjectList): (a: number, b: number) => boolean {
  const numbers = new Map<string, number>();
  const numberOf = (name: string): number => {
    const known = numbers.get(name) ?? numbers.size + 1;
    numbers.set(name, known);
    return known;
  };
  const [a, b] = [older, newer].map(({ types }) => types.map((type, i) => (i === 0 ? 0 : numberOf(type.name))));
  return (typeA, typeB) => typeA === 0 || typeB === 0 || a![typeA] === b![typeB];
}

/** Clears the mark of new objects that are not in a snapshot that was taken in between. */
export function keepThoseIn(isNew: Uint8Array, newer: ObjectList, middle: ObjectList): void {
  const since = matchObjects(middle, newer).isNew;
  for (let node = 1; node < isNew.length; node++) if (since[node] === 1) isNew[node] = 0;
}

export interface TypeChange {
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
  /** More or fewer than in the older snapshot. */
  readonly countChange: number;
  readonly bytesChange: number;
  readonly newCount: number;
  readonly newBytes: number;
  readonly goneCount: number;
  readonly goneBytes: number;
}

/** Types with objects in either snapshot: those that grew most first. */
export function changesByType(older: ObjectList, newer: ObjectList, { isNew, isGone }: Matching): TypeChange[] {
  const before = sumsByName(older, isGone);
  const after = sumsByName(newer, isNew);
  const names = new Set([...after.keys(), ...before.keys()]);
  return [...names]
    .map((name) => {
      const old = before.get(name) ?? NOTHING;
      const now = after.get(name) ?? NOTHING;
      return {
        name,
        count: now.count,
        bytes: now.bytes,
        countChange: now.count - old.count,
        bytesChange: now.bytes - old.bytes,
        newCount: now.markedCount,
        newBytes: now.markedBytes,
        goneCount: old.markedCount,
        goneBytes: old.markedBytes,
      };
    })
    .sort((a, b) => b.bytesChange - a.bytesChange || b.countChange - a.countChange || (a.name < b.name ? -1 : 1));
}

interface Sums {
  count: number;
  bytes: number;
  markedCount: number;
  markedBytes: number;
}

const NOTHING: Sums = { count: 0, bytes: 0, markedCount: 0, markedBytes: 0 };

function sumsByName({ nodes, size, type, types }: ObjectList, isMarked: Uint8Array): Map<string, Sums> {
  const sums = types.map((): Sums => ({ ...NOTHING }));
  for (let node = 1; node < nodes; node++) {
    const sum = sums[type[node]!]!;
    sum.count++;
    sum.bytes += size[node]!;
    sum.markedCount += isMarked[node]!;
    if (isMarked[node] === 1) sum.markedBytes += size[node]!;
  }
  const byName = new Map<string, Sums>();
  for (const [i, sum] of sums.entries()) {
    if (sum.count === 0) continue;
    const { name } = types[i]!;
    const known = byName.get(name);
    if (known === undefined) byName.set(name, sum);
    else for (const key of Object.keys(known) as (keyof Sums)[]) known[key] += sum[key];
  }
  return byName;
}

/** New objects of one type that the same kind of place holds. */
export interface NewObjects {
  readonly type: string;
  /** `Post.replies`, `slice(ref(Post)) elements[…]`, `root "posts"`: in an old object or root, if one holds it. */
  readonly heldBy: string;
  readonly count: number;
  /** Bytes that they retain together; nothing counts twice. */
  readonly retained: number;
  /** The node that retains most. */
  readonly biggest: number;
}

/**
 * New objects that hang on old ones, or on roots: those that no new one dominates. All other new ones are parts of these.
 * Together by type and place, those that retain most first; garbage is left out.
 */
export function newObjects(graph: HeapGraph, dominators: Dominators, isNew: Uint8Array): NewObjects[] {
  const { retained } = dominators;
  const holder = holdersOfNew(graph, dominators, isNew);
  const placeOf = placeKinds(graph);
  const groups = new Map<string, { -readonly [K in keyof NewObjects]: NewObjects[K] }>();
  for (let node = 1; node < graph.nodes; node++) {
    const edge = holder[node]!;
    if (edge === NONE) continue;
    const type = typeNameOf(graph, node);
    const heldBy = placeOf(sourceOf(graph, edge), edge);
    const key = `${type}\n${heldBy}`;
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { type, heldBy, count: 1, retained: retained[node]!, biggest: node });
      continue;
    }
    group.count++;
    group.retained += retained[node]!;
    if (retained[node]! > retained[group.biggest]!) group.biggest = node;
  }
  return [...groups.values()].sort((a, b) => b.retained - a.retained);
}

const NONE = 0xffffffff;

/** By node, of outermost new ones: the edge that holds it: of an old object, else of a root, else of a new object. */
function holdersOfNew(graph: HeapGraph, { idom }: Dominators, isNew: Uint8Array): Uint32Array {
  const { nodes, firstEdge, edgeTo } = graph;
  const holder = new Uint32Array(nodes).fill(NONE);
  const isPart = dominatedByNew(idom, isNew);
  const rank = new Uint8Array(nodes);
  for (let node = 0; node < nodes; node++) {
    if (idom[node] === UNREACHED) continue;
    const rankHere = isNew[node] === 1 ? 1 : node === 0 ? 2 : 3;
    const end = firstEdge[node + 1]!;
    for (let edge = firstEdge[node]!; edge < end; edge++) {
      const to = edgeTo[edge]!;
      if (isNew[to] === 0 || isPart[to] === 1 || rank[to]! >= rankHere) continue;
      rank[to] = rankHere;
      holder[to] = edge;
    }
  }
  return holder;
}

/** By node: 1 if one of its dominators is new. */
function dominatedByNew(idom: Uint32Array, isNew: Uint8Array): Uint8Array {
  const unknown = 2;
  const found = new Uint8Array(idom.length).fill(unknown);
  found[0] = 0;
  const way: number[] = [];
  for (let node = 1; node < isNew.length; node++) {
    let at = node;
    while (found[at] === unknown && idom[at] !== UNREACHED) {
      way.push(at);
      at = idom[at]!;
    }
    // Groups of roots are above all objects, and in no snapshot.
    let isBelow = found[at] === 1 || isNew[at] === 1 ? 1 : 0;
    for (let below = way.pop(); below !== undefined; below = way.pop()) {
      found[below] = isBelow;
      if (isNew[below] === 1) isBelow = 1;
    }
  }
  return found;
}
