// binary-trees of the Computer Language Benchmarks Game, in one thread: through the raw and the typed interface of our
// heap, and with plain JS objects. The same in go/gc/trees.go.
import { createHeap, type Heap, type Ref, ref, struct } from '../../src/index.ts';

export const TREE_FORMS = ['raw', 'typed', 'objects'] as const;
export type TreeForm = (typeof TREE_FORMS)[number];

/** One way to have trees. */
export interface Forest {
  /** Number of nodes of a tree of this depth, which is made and dropped. */
  readonly passing: (depth: number) => number;
  /** Makes a tree that stays; returns what counts its nodes. */
  readonly lasting: (depth: number) => () => number;
  readonly heap?: Heap;
}

const MIN_DEPTH = 4;
const BYTES = 1 << 29;

/** The rules: a tree to stretch memory, one that lasts, and while it does many that do not. Nodes counted. */
export function binaryTrees({ passing, lasting }: Forest, depth: number): number {
  let sum = passing(depth + 1);
  const count = lasting(depth);
  for (let d = MIN_DEPTH; d <= depth; d += 2) {
    const iterations = 1 << (depth - d + MIN_DEPTH);
    for (let i = 0; i < iterations; i++) sum += passing(d);
  }
  return sum + count();
}

const LEFT = 0;
const RIGHT = 4;

/** From the root down: an address in a variable keeps nothing alive, a pointer in an object that is alive does. */
export function rawForest(): Forest {
  const heap = createHeap({ maxBytes: BYTES });
  const { raw } = heap;
  const { i32 } = heap.memory;
  const type = raw.type({ name: 'tree', size: 8, pointers: [LEFT, RIGHT] });

  function grow(node: number, depth: number): void {
    const left = raw.newobject(type);
    raw.writePointer(node + LEFT, left);
    if (depth > 1) grow(left, depth - 1);
    const right = raw.newobject(type);
    raw.writePointer(node + RIGHT, right);
    if (depth > 1) grow(right, depth - 1);
  }
  function make(depth: number): number {
    const root = raw.newobject(type);
    raw.keepAlive(root);
    if (depth > 0) grow(root, depth);
    return root;
  }
  function check(node: number): number {
    const left = i32[(node + LEFT) >>> 2]!;
    return left === 0 ? 1 : 1 + check(left) + check(i32[(node + RIGHT) >>> 2]!);
  }

  return {
    heap,
    passing: (depth) => heap.scope(() => check(make(depth))),
    lasting: (depth) => {
      const { root, pin } = heap.scope(() => {
        const made = make(depth);
        return { root: made, pin: raw.pin(made) };
      });
      return () => {
        const nodes = check(root);
        pin.unpin();
        return nodes;
      };
    },
  };
}

const Tree = struct('Tree', {
  get left() {
    return ref(Tree);
  },
  get right() {
    return ref(Tree);
  },
});
type Tree = Ref<typeof Tree>;

/** As one would write it: a scope a tree. */
export function typedForest(): Forest {
  const heap = createHeap({ maxBytes: BYTES });

  function make(depth: number): Tree {
    if (depth === 0) return heap.new(Tree);
    const node = heap.new(Tree);
    node.left = make(depth - 1);
    node.right = make(depth - 1);
    return node;
  }
  function check(node: Tree): number {
    const { left } = node;
    return left === null ? 1 : 1 + check(left) + check(node.right!);
  }

  return {
    heap,
    passing: (depth) => heap.scope(() => check(make(depth))),
    lasting: (depth) => {
      const root = heap.scope(() => make(depth));
      return () => {
        const nodes = heap.scope(() => check(root));
        root.dispose();
        return nodes;
      };
    },
  };
}

class JsTree {
  left: JsTree | null;
  right: JsTree | null;
  constructor(left: JsTree | null, right: JsTree | null) {
    this.left = left;
    this.right = right;
  }
}

export function objectForest(): Forest {
  function make(depth: number): JsTree {
    if (depth === 0) return new JsTree(null, null);
    return new JsTree(make(depth - 1), make(depth - 1));
  }
  function check(node: JsTree): number {
    return node.left === null ? 1 : 1 + check(node.left) + check(node.right!);
  }
  return {
    passing: (depth) => check(make(depth)),
    lasting: (depth) => {
      const root = make(depth);
      return () => check(root);
    },
  };
}
