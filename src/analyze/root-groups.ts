/**
 * Roots as people think of them: a named root by itself, all that the stack of one thread holds as one, and so on. In the
 * dominator tree each group is a node of its own between the root of all and the objects, so that it has a retained size.
 */
import type { GraphRoot, HeapGraph } from './graph.ts';

export interface RootGroup {
  readonly kind: GraphRoot['kind'];
  /** `root "posts"`, `local references of thread 2`. */
  readonly name: string;
  /** 0: of no thread. */
  readonly thread: number;
  /** How many roots are in it. */
  readonly count: number;
}

export interface RootGroups {
  readonly list: readonly RootGroup[];
  /** Edges of node 0 by group: those of group g are edges[first[g] … first[g+1]-1]. */
  readonly first: Uint32Array;
  readonly edges: Uint32Array;
}

/** What the roots of a kind are called in the plural. */
const PLURAL: Readonly<Record<GraphRoot['kind'], string>> = {
  named: 'named roots',
  handle: 'persistent references',
  stack: 'local references',
  finalizer: 'objects with finalizers',
  cleanup: 'values that cleanups were given',
  interned: 'interned text',
  tiny: 'tiny blocks being filled',
  other: 'objects that calls under way use',
};

function nameOf(root: GraphRoot): string {
  if (root.kind === 'named') return `root ${JSON.stringify(root.name)}`;
  return root.thread === 0 ? PLURAL[root.kind] : `${PLURAL[root.kind]} of thread ${root.thread}`;
}

function rootsWithEdges({ roots, firstEdge, edgeOffset }: HeapGraph): GraphRoot[] {
  const numbers = edgeOffset.slice(firstEdge[0]!, firstEdge[1]!).sort();
  return [...new Set(numbers)].map((number) => roots[number]!);
}

/** The groups of a graph, in the order in which their first root comes; named roots, which say most, before all others. */
export function groupRoots(graph: HeapGraph): RootGroups {
  const { roots, firstEdge, edgeOffset } = graph;
  const groups = new Map<string, RootGroup & { count: number }>();
  const keyOf = (root: GraphRoot): string =>
    root.kind === 'named' ? `named ${root.name}` : `${root.kind} ${root.thread}`;
  const present = rootsWithEdges(graph);
  for (const named of [true, false]) {
    for (const root of present) {
      if ((root.kind === 'named') !== named) continue;
      const group = groups.get(keyOf(root));
      if (group !== undefined) group.count++;
      else groups.set(keyOf(root), { kind: root.kind, name: nameOf(root), thread: root.thread, count: 1 });
    }
  }
  const numbers = new Map([...groups.keys()].map((key, i) => [key, i]));
  const ofRoot = Uint32Array.from(roots, (root) => numbers.get(keyOf(root)) ?? 0);
  const ends = firstEdge[1]!;
  const first = new Uint32Array(groups.size + 1);
  for (let e = firstEdge[0]!; e < ends; e++) first[ofRoot[edgeOffset[e]!]! + 1]!++;
  for (let g = 0; g < groups.size; g++) first[g + 1]! += first[g]!;
  const next = first.slice();
  const edges = new Uint32Array(first[groups.size]!);
  for (let e = firstEdge[0]!; e < ends; e++) edges[next[ofRoot[edgeOffset[e]!]!]!++] = e;
  return { list: [...groups.values()], first, edges };
}

/** What threads hold for the moment: references of JavaScript, which goes on to hold them until it collects its garbage. */
const PASSING: ReadonlySet<GraphRoot['kind']> = new Set(['handle', 'stack', 'tiny', 'other']);

/**
 * Leaves only what is held for good: named roots, and what finalizers, cleanups and interned text need. Changes the graph's
 * arrays: the edges of node 0 do not begin with the first edge any more.
 */
export function dropPassingRoots(graph: HeapGraph): void {
  const { roots, firstEdge, edgeTo, edgeOffset } = graph;
  let at = firstEdge[1]!;
  for (let e = firstEdge[1]! - 1; e >= firstEdge[0]!; e--) {
    if (PASSING.has(roots[edgeOffset[e]!]!.kind)) continue;
    at--;
    edgeTo[at] = edgeTo[e]!;
    edgeOffset[at] = edgeOffset[e]!;
  }
  firstEdge[0] = at;
}
