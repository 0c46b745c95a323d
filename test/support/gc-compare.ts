import { expect } from 'vitest';
import type { Heap, Slice } from '../../src/index.ts';
import { JsNode, JsRaw, type JsSlice, Node, type NodeRef, RAW_ID, rawSlot } from './gc-mirror.ts';
import type { World } from './gc-world.ts';

/** Compares what the heap holds with the mirror, from all that is held on. */
export class Comparison {
  readonly #w: World;
  readonly #heap: Heap;
  /** Address of each node that was found. */
  readonly #nodes = new Map<JsNode, number>();
  readonly #raws = new Map<JsRaw, number>();
  readonly #queue: [NodeRef, JsNode][] = [];

  constructor(w: World) {
    this.#w = w;
    this.#heap = w.heap;
  }

  all(): void {
    const { levels, roots } = this.#w;
    for (const { refs, slices, places, cursors, raws } of levels) {
      for (const { ref, js } of refs) this.#same(ref, js);
      for (const { ref, js } of slices) this.#slice(ref, js);
      for (const { ref, js } of places) if ('n' in ref) expect(ref.n).toBe(js.inner.n);
      for (const { cursor, js } of cursors) this.#same(cursor.value, js);
      for (const { addr, js } of raws) this.#raw(addr, js);
    }
    for (const [name, js] of roots) this.#same(this.#heap.roots.get(name, Node)!, js);
    for (let next = this.#queue.pop(); next !== undefined; next = this.#queue.pop()) this.#node(...next);
    expect(new Set(this.#nodes.values()).size).toBe(this.#nodes.size);
  }

  #same(ref: NodeRef | null, js: JsNode | null): void {
    expect(ref === null).toBe(js === null);
    if (ref === null || js === null) return;
    const addr = this.#heap.addressOf(ref);
    const known = this.#nodes.get(js);
    if (known !== undefined) expect(addr).toBe(known);
    else this.#queue.push([ref, js]);
    this.#nodes.set(js, addr);
  }

  #node(ref: NodeRef, js: JsNode): void {
    const { inner } = js;
    expect([ref.id, ref.name, ref.inner.n, ref.inner.tag]).toEqual([js.id, js.name, inner.n, inner.tag]);
    this.#same(ref.next, js.next);
    this.#same(ref.other, js.other);
    this.#same(ref.inner.link, inner.link);
    this.#same(ref.pair.at(0), js.pair[0]!);
    this.#same(ref.pair.at(1), js.pair[1]!);
    this.#slice(ref.kids, js.kids);
    expect(ref.names.toArray()).toEqual(js.names.elements());
    expect(ref.inners.toArray().map((i) => [i.n, i.tag])).toEqual(js.inners.elements().map((i) => [i.n, i.tag]));
    for (let i = 0; i < js.inners.len; i++) this.#same(ref.inners.at(i).link, js.inners.at(i).link);
    expect([...ref.byName.keys()].sort()).toEqual([...js.byName.keys()].sort());
    for (const [key, value] of js.byName) this.#same(ref.byName.get(key)!, value);
    expect(ref.byId.size).toBe(js.byId.size);
    for (const [key, value] of js.byId) this.#same(ref.byId.get(key)!, value);
  }

  #slice(ref: Slice<NodeRef | null>, js: JsSlice<JsNode | null>): void {
    expect([ref.length, ref.capacity]).toEqual([js.len, js.cap]);
    const all = ref.slice(0, js.cap);
    for (let i = 0; i < js.cap; i++) this.#same(all.at(i), js.at(i));
  }

  #raw(addr: number, js: JsRaw): void {
    const { i32 } = this.#heap.memory;
    expect(this.#raws.get(js) ?? addr).toBe(addr);
    if (this.#raws.has(js)) return;
    this.#raws.set(js, addr);
    expect(i32[(addr + RAW_ID) >>> 2]).toBe(js.id);
    for (const [i, slot] of js.slots.entries()) {
      const to = i32[(addr + rawSlot(i)) >>> 2]! >>> 0;
      expect(to === 0).toBe(slot === null);
      if (slot instanceof JsRaw) this.#raw(to, slot);
      if (slot instanceof JsNode) expect(this.#heap.inspect(to).type).toBe('GraphNode');
    }
  }
}
