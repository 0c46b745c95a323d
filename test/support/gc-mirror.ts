/**
 * A graph of heap objects and its mirror in plain JS: the types, what a node is in the mirror, how Go's slices behave, and
 * what can be reached from where. For tests of the collector (test/model/gc.test.ts).
 */
import { array, i32, map, type Ref, ref, type SizeClassTable, slice, string, struct, u32 } from '../../src/index.ts';
import { growsliceCap } from '../../src/malloc/slice-math.ts';

const Inner = struct('GraphInner', {
  n: i32,
  get link() {
    return ref(Node);
  },
  tag: string,
});

export const Node = struct('GraphNode', {
  id: i32,
  name: string,
  get next() {
    return ref(Node);
  },
  get other() {
    return ref(Node);
  },
  get pair() {
    return array(ref(Node), 2);
  },
  inner: Inner,
  get kids() {
    return slice(ref(Node));
  },
  names: slice(string),
  inners: slice(Inner),
  get byName() {
    return map(string, ref(Node));
  },
  get byId() {
    return map(u32, ref(Node));
  },
});
export type NodeRef = Ref<typeof Node>;

/** A raw object: two pointers to anything, and a number. */
export const RAW_TYPE = { name: 'GraphRaw', size: 24, align: 8, pointers: [0, 8] } as const;
export const RAW_ID = 16;

/** Where a raw object has its pointers: behind the number those that only wide ones have. */
export function rawSlot(i: number): number {
  return i < 2 ? i * 8 : RAW_TYPE.size + (i - 2) * 4;
}

/** A raw object with 2 to 38 more pointers, of which every number has a type of its own. */
export function wideType(k: number): { name: string; size: number; align: 8; pointers: number[] } {
  const pointers = Array.from({ length: 4 + ((k * 7) % 19) * 2 }, (_, i) => rawSlot(i));
  return { name: `${RAW_TYPE.name} ${k}`, size: rawSlot(pointers.length), align: 8, pointers };
}

export interface JsInner {
  n: number;
  link: JsNode | null;
  tag: string;
}

export class JsNode {
  readonly id: number;
  name = '';
  next: JsNode | null = null;
  other: JsNode | null = null;
  pair: (JsNode | null)[] = [null, null];
  inner: JsInner = { n: 0, link: null, tag: '' };
  kids: JsSlice<JsNode | null> = new JsSlice<JsNode | null>(4, null);
  names: JsSlice<string> = new JsSlice(8, '');
  inners: JsSlice<JsInner> = new JsSlice<JsInner>(16, { n: 0, link: null, tag: '' });
  byName = new Map<string, JsNode | null>();
  byId = new Map<number, JsNode | null>();

  constructor(id: number) {
    this.id = id;
  }
}

export class JsRaw {
  readonly id: number;
  readonly slots: (JsNode | JsRaw | null)[];
  /** One pointer alone leads to it. */
  readonly owned: boolean;

  constructor(id: number, owned: boolean, slots = 2) {
    this.id = id;
    this.owned = owned;
    this.slots = Array(slots).fill(null);
  }
}

/** Go's slice: `len` elements of `array` from `from` on, room for `cap`. Elements are never changed, but replaced. */
export class JsSlice<T> {
  readonly size: number;
  readonly zero: T;
  array: T[] = [];
  from = 0;
  len = 0;
  cap = 0;

  constructor(size: number, zero: T) {
    this.size = size;
    this.zero = zero;
  }

  append(values: readonly T[], classes: SizeClassTable): void {
    const need = this.len + values.length;
    if (need > this.cap) {
      const cap = growsliceCap(this.size, this.cap, need, classes);
      this.array = [...this.elements(), ...Array.from({ length: cap - this.len }, () => this.zero)];
      this.from = 0;
      this.cap = cap;
    }
    for (const [i, v] of values.entries()) this.array[this.from + this.len + i] = v;
    this.len = need;
  }

  pop(): void {
    if (this.len === 0) return;
    this.len--;
    this.array[this.from + this.len] = this.zero;
  }

  set(i: number, value: T): void {
    this.array[this.from + i] = value;
  }

  at(i: number): T {
    return this.array[this.from + i]!;
  }

  slice(lo: number, hi: number): JsSlice<T> {
    const part = new JsSlice<T>(this.size, this.zero);
    const cap = this.cap - lo;
    // A slice without room refers to the array all the same: its pointer stays at the beginning.
    return Object.assign(part, { array: this.array, from: this.from + lo, len: hi - lo, cap });
  }

  copy(): JsSlice<T> {
    return this.slice(0, this.len);
  }

  elements(): T[] {
    return this.array.slice(this.from, this.from + this.len);
  }
}

/** A slice literal: room for just these. */
export function jsSlice<T>(like: JsSlice<T>, values: readonly T[]): JsSlice<T> {
  const made = new JsSlice<T>(like.size, like.zero);
  return Object.assign(made, { array: [...values], len: values.length, cap: values.length });
}

/** What keeps something alive: an object, or a slice, which keeps all of its array. */
export type Anchor = JsNode | JsRaw | JsSlice<unknown> | null | undefined;

/** All objects that can be reached from these. */
export function reachable(anchors: Iterable<Anchor>): { nodes: Set<JsNode>; raws: Set<JsRaw> } {
  const nodes = new Set<JsNode>();
  const raws = new Set<JsRaw>();
  const arrays = new Set<readonly unknown[]>();
  const queue: unknown[] = [...anchors];
  while (queue.length > 0) {
    const next = queue.pop();
    if (next instanceof JsNode) {
      if (nodes.has(next)) continue;
      nodes.add(next);
      queue.push(next.next, next.other, ...next.pair, next.inner.link, next.kids, next.inners);
      queue.push(...next.byName.values(), ...next.byId.values());
    } else if (next instanceof JsRaw) {
      if (raws.has(next)) continue;
      raws.add(next);
      queue.push(...next.slots);
    } else if (next instanceof JsSlice) {
      if (arrays.has(next.array)) continue;
      arrays.add(next.array);
      // Also what lies before and behind the slice's own part.
      queue.push(...next.array);
    } else if (typeof next === 'object' && next !== null && 'link' in next) {
      queue.push((next as JsInner).link);
    }
  }
  return { nodes, raws };
}
