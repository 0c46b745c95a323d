// The graph of the mark case, built in our heap through the raw and through the typed interface, and as JS objects.
import { createHeap, type Heap, ref, slice, struct, u32 } from '../../src/index.ts';
import type { Edges, Shape } from './graph.ts';

export const FORMS = ['raw', 'typed', 'objects'] as const;
export type Form = (typeof FORMS)[number];

export interface MarkTask {
  readonly form: Form;
  /** With a background worker that marks too. Not for JS objects. */
  readonly background: boolean;
  readonly nodes: number;
  readonly shape: Shape;
  /** Collections before the measured ones. */
  readonly warm: number;
  readonly cycles: number;
}

/** What is measured: one full collection that finds the whole graph alive. */
export interface Built {
  readonly collect: () => void;
  /** Number of nodes that can still be reached. */
  readonly count: () => number;
}

const BYTES = 1 << 28;
const PER_SCOPE = 10_000;
const NODE_BYTES = 16;
const A = 0;
const B = 4;

/** Two pointers of 4 bytes, and as much again: the 16 bytes that two pointers take in Go. */
const MarkNode = struct('MarkNode', {
  get a() {
    return ref(MarkNode);
  },
  get b() {
    return ref(MarkNode);
  },
  x: u32,
  y: u32,
});

/** Collects only when told to. */
function openHeap(background: boolean): Heap {
  return createHeap({ maxBytes: BYTES, gcPercent: -1, background });
}

function inScopes(heap: Heap, n: number, fn: (i: number) => void): void {
  for (let at = 0; at < n; at += PER_SCOPE) {
    heap.scope(() => {
      for (let i = at; i < Math.min(n, at + PER_SCOPE); i++) fn(i);
    });
  }
}

export function buildRaw({ nodes, background }: MarkTask, { first, a, b }: Edges): Built {
  const heap = openHeap(background);
  const { raw } = heap;
  const type = raw.type({ name: 'node', size: NODE_BYTES, pointers: [A, B] });
  const at = new Int32Array(nodes);
  inScopes(heap, nodes, (i) => {
    at[i] = raw.newobject(type);
  });
  inScopes(heap, nodes, (i) => {
    raw.writePointer(at[i]! + A, at[a[i]!]!);
    raw.writePointer(at[i]! + B, at[b[i]!]!);
  });
  raw.pin(at[first]!);
  return { collect: () => heap.gc(), count: () => liveOf(heap) };
}

export function buildTyped({ nodes, background }: MarkTask, { first, a, b }: Edges): Built {
  const heap = openHeap(background);
  const all = heap.make(slice(ref(MarkNode)), nodes);
  inScopes(heap, nodes, (i) => all.set(i, heap.new(MarkNode, { x: i })));
  inScopes(heap, nodes, (i) => {
    const node = all.at(i)!;
    node.a = all.at(a[i]!);
    node.b = all.at(b[i]!);
  });
  heap.roots.set('first', all.at(first)!);
  all.dispose();
  return { collect: () => heap.gc(), count: () => liveOf(heap) };
}

/** Objects of the nodes' size class. */
function liveOf(heap: Heap): number {
  const found = heap.stats().classes.find((c) => c.size === NODE_BYTES && !c.noscan);
  return found?.objects ?? 0;
}

class JsNode {
  a: JsNode | null = null;
  b: JsNode | null = null;
}

export function buildObjects({ nodes }: MarkTask, { first, a, b }: Edges): Built {
  const all = Array.from({ length: nodes }, () => new JsNode());
  for (let i = 0; i < nodes; i++) {
    const node = all[i]!;
    node.a = all[a[i]!]!;
    node.b = all[b[i]!]!;
  }
  const root = all[first]!;
  const collect = globalThis.gc;
  if (!collect) throw new Error('needs --expose-gc');
  return { collect: () => void collect(), count: () => countObjects(root) };
}

function countObjects(root: JsNode): number {
  const seen = new Set<JsNode>([root]);
  for (const { a, b } of seen) {
    if (a) seen.add(a);
    if (b) seen.add(b);
  }
  return seen.size;
}
