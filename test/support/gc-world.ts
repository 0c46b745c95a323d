/**
 * A heap and its mirror, which random steps change in the same way: references in nested scopes, persistent ones, cursors,
 * named roots, pins, raw objects. Each step runs in a scope of its own, so that what is held is what the mirror knows of.
 */
import { expect } from 'vitest';
import {
  createHeap,
  goSizeClasses,
  type Heap,
  type HeapOptions,
  type Init,
  type NodeCursor,
  type Reference,
  type RType,
  type SizeClassTable,
  type Slice,
} from '../../src/index.ts';
import type { Pin } from '../../src/runtime/raw.ts';
import { Comparison } from './gc-compare.ts';
import {
  type Anchor,
  JsNode,
  JsRaw,
  type JsSlice,
  Node,
  type NodeRef,
  RAW_ID,
  RAW_TYPE,
  rawSlot,
  reachable,
  wideType,
} from './gc-mirror.ts';
import { OPS, type Op, type Step } from './gc-steps.ts';
import { ObjectWalk } from './object-walk.ts';

/** What a scope holds: what its end takes away. And what is held outside of all scopes. */
interface Level {
  readonly refs: Held<NodeRef, JsNode>[];
  readonly slices: Held<Slice<NodeRef | null>, JsSlice<JsNode | null>>[];
  /** References to places inside of nodes. */
  readonly places: Held<Reference, JsNode>[];
  readonly cursors: { readonly cursor: NodeCursor<typeof Node>; js: JsNode }[];
  readonly raws: { readonly addr: number; readonly js: JsRaw }[];
}
export interface Held<R, J> {
  readonly ref: R;
  readonly js: J;
}
/** What a step made: a reference, for the scope around it. */
type Made =
  | (Held<NodeRef, JsNode> & { readonly as?: 'refs' })
  | (Held<Slice<NodeRef | null>, JsSlice<JsNode | null>> & { readonly as: 'slices' })
  | (Held<Reference, JsNode> & { readonly as: 'places' })
  | undefined;

const newLevel = (): Level => ({ refs: [], slices: [], places: [], cursors: [], raws: [] });
/** Steps that make something of the scope around them itself. */
const DIRECT: ReadonlySet<Op> = new Set(['cursor', 'rawMake', 'rawRow', 'rawFollow', 'rawFree']);

export class World {
  readonly heap: Heap;
  readonly classes: SizeClassTable;
  /** The first one stands for the outside of all scopes. */
  readonly levels: Level[] = [newLevel()];
  readonly roots = new Map<string, JsNode>();
  readonly pins: { readonly pin: Pin; readonly js: JsNode | JsRaw }[] = [];
  readonly #rawType: RType;
  readonly #wideTypes: RType[];
  #ids = 0;
  #wides = 0;

  /** `types`: how many of wide raw objects there are. With several hundred, what the marker knows of types has to grow. */
  constructor({ types, ...options }: HeapOptions & { readonly sizeClasses: 'go1.14' | 'go1.16'; types: number }) {
    this.heap = createHeap({
      ...{ maxBytes: 2 ** 24, maxThreads: 3, debug: { checkmark: true, zombies: true, clobberFree: true } },
      ...options,
    });
    this.classes = goSizeClasses(options.sizeClasses);
    this.#rawType = this.heap.raw.type(RAW_TYPE);
    this.#wideTypes = Array.from({ length: types }, (_, k) => this.heap.raw.type(wideType(k)));
  }

  get level(): Level {
    return this.levels.at(-1)!;
  }

  get inScope(): boolean {
    return this.levels.length > 1;
  }

  /** Runs a program; scopes that it does not close end with it. */
  run(steps: readonly Step[]): void {
    let at = 0;
    const part = (): void => {
      while (at < steps.length) {
        const s = steps[at++]!;
        if (s.op === 'close' && this.inScope) return;
        if (s.op === 'open' && this.levels.length < 5) this.#scope(part, s);
        else if (DIRECT.has(s.op) && this.inScope) OPS[s.op](this, s);
        else this.#step(s);
      }
    };
    part();
  }

  /** A scope, which may return one of its references. */
  #scope(part: () => void, s: Step): void {
    let carried: Held<NodeRef, JsNode> | undefined;
    const ref = this.heap.scope(() => {
      this.levels.push(newLevel());
      part();
      const { refs } = this.levels.pop()!;
      carried = s.a % 2 === 0 ? refs[s.b % (refs.length || 1)] : undefined;
      return carried?.ref;
    });
    if (ref !== undefined) this.level.refs.push({ ref, js: carried!.js });
  }

  /** A step's own scope ends with it, so that nothing is held which the mirror does not know of. */
  #step(s: Step): void {
    let made: Made;
    const ref = this.heap.scope(() => {
      made = OPS[s.op](this, s) as Made;
      return made?.ref;
    });
    if (made === undefined) return;
    (this.level[made.as ?? 'refs'] as Held<unknown, unknown>[]).push({ ref, js: made.js });
  }

  make(init: Init<typeof Node> = {}): Held<NodeRef, JsNode> {
    const js = new JsNode(++this.#ids);
    return { ref: this.heap.new(Node, { ...init, id: js.id } as Init<typeof Node>), js };
  }

  /** Some node that the program holds. */
  pick(n: number): Held<NodeRef, JsNode> {
    const all = this.levels.flatMap((level) => level.refs);
    return all.length === 0 ? this.make() : all[n % all.length]!;
  }

  /** Some node or null. */
  value(n: number): Held<NodeRef | null, JsNode | null> {
    return n % 5 === 0 ? { ref: null, js: null } : this.pick(n >> 1);
  }

  raw(n: number): { readonly addr: number; readonly js: JsRaw } | undefined {
    const all = this.levels.flatMap((level) => level.raws);
    return all[n % (all.length || 1)];
  }

  newRaw(owned = false, type = this.#rawType): { addr: number; js: JsRaw } {
    const { heap } = this;
    const js = new JsRaw(++this.#ids, owned, type.pointers.length);
    const addr = heap.raw.keepAlive(heap.raw.mallocgc(type.size, type, true));
    heap.memory.i32[(addr + RAW_ID) >>> 2] = js.id;
    return { addr, js };
  }

  /** Wide raw objects of one type after the other: the last pointer of each leads to the next, another to one of its own. */
  newRow(length: number): { pin: Pin; addr: number; js: JsRaw } {
    const { raw } = this.heap;
    return this.heap.scope(() => {
      let first = this.newRaw();
      for (let i = 0; i < length; i++) {
        const made = this.newRaw(false, this.#wideTypes[this.#wides++ % this.#wideTypes.length]);
        const last = made.js.slots.length - 1;
        const own = this.newRaw();
        raw.writePointer(made.addr + rawSlot(2), own.addr);
        raw.writePointer(made.addr + rawSlot(last), first.addr);
        made.js.slots[2] = own.js;
        made.js.slots[last] = first.js;
        first = made;
      }
      return { ...first, pin: raw.pin(first.addr) };
    });
  }

  /** All that is held from outside of the heap. */
  *anchors(): Generator<Anchor> {
    for (const { js } of this.pins) yield js;
    yield* this.roots.values();
    for (const level of this.levels) {
      for (const list of Object.values(level) as { js: Anchor }[][]) for (const { js } of list) yield js;
    }
  }

  /** After two cycles: what can be reached is there, and nothing else. */
  census(): void {
    this.heap.gc();
    this.heap.gc();
    const { nodes, raws } = reachable(this.anchors());
    const fields = this.heap.types().find((t) => t.name === 'GraphNode')?.fields;
    const idAt = fields?.find((f) => f.name === 'id')?.offset ?? 0;
    const { i32 } = this.heap.memory;
    const found: number[] = [];
    for (const { addr, type } of new ObjectWalk(this.heap).objects()) {
      if (type.name === 'GraphNode') found.push(i32[(addr + idAt) >>> 2]!);
      if (type.name.startsWith(RAW_TYPE.name)) found.push(i32[(addr + RAW_ID) >>> 2]!);
    }
    const expected = [...nodes, ...raws].map(({ id }) => id);
    expect(found.sort((x, y) => x - y)).toEqual(expected.sort((x, y) => x - y));
  }

  /** Compares all that can be reached with the mirror. */
  compare(): void {
    this.heap.scope(() => new Comparison(this).all());
  }

  /** Drops everything: the heap is empty then. Outside of all scopes. */
  end(): void {
    const { refs, slices, places } = this.level;
    for (const { ref } of [...refs.splice(0), ...slices.splice(0), ...places.splice(0)]) (ref as Reference).dispose();
    for (const { pin } of this.pins.splice(0)) pin.unpin();
    for (const name of this.roots.keys()) this.heap.roots.delete(name);
    this.roots.clear();
    this.census();
    expect(this.heap.stats().liveObjects).toBe(0);
    this.heap.verify();
  }
}
