/**
 * An object as a view tells it: what it is, its value, where its pointers lead, where it lies. As `heap.inspect`, but
 * for somebody who walks from object to object: the pointer that was followed says what it leads to, and the search for
 * anything that leads to an object is given up after a while.
 */
import { NIL, type SpanRef } from '../../base/brand.ts';
import { millitime } from '../../base/clock.ts';
import { TINY_SIZE } from '../../layout/constants.ts';
import { SPAN_ALLOC_BITS, SPAN_CLASS, SPAN_ELEMSIZE } from '../../layout/span.ts';
import { isLargeClass } from '../../layout/span-class.ts';
import type { RType, TypeList } from '../../malloc/rtype.ts';
import type { HeapReader } from '../../spans/heap-reader.ts';
import { slotsOf, spanBase } from '../../spans/mspan.ts';
import { listRoots } from '../../spans/root-records.ts';
import { DefinedKinds } from '../../types/definition.ts';
import type { MapKind } from '../../types/kinds.ts';
import { layoutOf } from '../../types/layout-of.ts';
import { MAX_TEXT, ValueReader } from '../decode.ts';
import { countOf, typeAllocated, typeGiven } from '../inspect.ts';
import { liveSource } from '../object-source.ts';
import { type LiveObject, objectAt, whatIsAt } from '../objects.ts';
import { searchType, type Typing, typeThrough } from '../type-search.ts';
import type { ViewNothing, ViewObject, ViewPointer, ViewRoot, ViewTarget, ViewValue } from '../view-types.ts';
import { bitAt, firstPage, spanAtPage } from './records.ts';
import { pageOfAddress, slotAt, slotBits } from './span.ts';
import { viewElements, viewMap, viewPlain, viewValue } from './values.ts';

/** How `view.object(address)` finds out what an object is. */
export interface ObjectOptions {
  /** Address of the pointer that was followed. */
  readonly via?: number | undefined;
  /** Name of the type that the bytes at the address are to be read as. */
  readonly type?: string | undefined;
  /** Longest search for what leads to an object that does not say itself what it is, in milliseconds. Default: 50. */
  readonly searchMs?: number | undefined;
}

const SEARCH_MS = 50;
const MAX_POINTERS = 1000;
const MAX_PLACES = 1 << 16;
const MAX_ROOTS = 1000;

/** Reads objects by the registered types, which it remembers. */
export class ObjectViewer {
  readonly #heap: HeapReader;
  readonly #table: TypeList;
  readonly #kinds: DefinedKinds;

  constructor(heap: HeapReader, table: TypeList) {
    this.#heap = heap;
    this.#table = table;
    this.#kinds = new DefinedKinds(table);
  }

  /** Throws ArgumentError for a given type that is not registered, or larger than the object. */
  object(address: number, options: ObjectOptions): ViewObject | ViewNothing {
    const heap = this.#heap;
    const { mem } = heap.t;
    const object = objectAt(heap, address);
    const s = spanAtPage(mem, pageOfAddress(address));
    if (object === null || (s === NIL && object.size > 0)) {
      return { address, nothing: whatIsAt(heap, address), page: s === NIL ? null : firstPage(mem.m, s) };
    }
    const own = this.#table.get(object.type);
    const typing = this.#typing(object, address, own, options);
    return {
      address,
      start: object.start,
      size: object.size,
      ...this.#described(object, own, typing),
      ...this.#pointers(object, own),
      ...(s === NIL ? ZERO_SIZE : this.#place(object, s)),
    };
  }

  roots(): ViewRoot[] {
    return listRoots(this.#heap.t.mem)
      .slice(0, MAX_ROOTS)
      .map(({ name, addr, type }) => ({
        name,
        type: this.#table.get(type)?.name ?? '',
        address: addr,
        target: this.#target(addr),
      }));
  }

  #typing(
    object: LiveObject,
    address: number,
    own: RType | undefined,
    { type, via, searchMs = SEARCH_MS }: ObjectOptions,
  ): Typing | undefined {
    const heap = this.#heap;
    if (type !== undefined) return typeGiven(this.#kinds, object, address, type, own);
    const known = own && typeAllocated(this.#kinds, object, own);
    if (known !== undefined) return known;
    const pointed = via === undefined ? undefined : typeThrough(heap, this.#table, this.#kinds, object, via);
    if (pointed !== undefined) return pointed;
    const end = millitime() + searchMs;
    const search = { roots: listRoots(heap.t.mem), goOn: () => millitime() < end };
    return searchType(heap, this.#table, this.#kinds, object, search);
  }

  #described(
    object: LiveObject,
    own: RType | undefined,
    typing: Typing | undefined,
  ): Pick<ViewObject, 'type' | 'typeFrom' | 'typeVia' | 'fields' | 'count' | 'valueAt' | 'value'> {
    if (typing === undefined) {
      const bytes = new ValueReader(liveSource(this.#heap)).text(
        'bytes',
        object.start,
        Math.min(object.size, MAX_TEXT),
      );
      const known = { type: own?.name ?? null, typeFrom: own === undefined ? null : ('allocated' as const) };
      return { ...known, typeVia: null, fields: [], count: null, valueAt: object.start, value: viewPlain(bytes) };
    }
    const { kind, from, via, base, isTarget } = typing;
    const { name, fields = [] } = layoutOf(kind);
    const count = isTarget ? 1 : countOf(liveSource(this.#heap), object, kind, base, typing.bytes);
    return {
      type: name,
      typeFrom: from,
      typeVia: via ?? null,
      fields: fields.map((f) => ({ name: f.name, type: layoutOf(f.kind).name, offset: f.offset })),
      count: count === 1 ? null : count,
      valueAt: base,
      value: this.#value(typing, count),
    };
  }

  #value({ kind, base, bytes, isTarget }: Typing, count: number): ViewValue {
    const reader = new ValueReader(liveSource(this.#heap));
    if (isTarget && kind.kind === 'map') return viewMap(kind as MapKind, reader.map(kind as MapKind, base));
    if (isTarget) return viewPlain(reader.text(kind.kind as 'string' | 'bytes', base, bytes));
    if (count === 1) return viewValue(kind, reader.read(kind, base));
    return { is: 'array', length: count, elements: viewElements(kind, reader.elements(kind, base, count)) };
  }

  #pointers({ start, size }: LiveObject, own: RType | undefined): Pick<ViewObject, 'pointers' | 'pointerCount'> {
    const { i32 } = this.#heap.t.mem;
    const pointers: ViewPointer[] = [];
    let pointerCount = 0;
    let places = 0;
    if (own === undefined || own.pointers.length === 0 || own.size === 0) return { pointers, pointerCount };
    for (let at = 0; at + own.size <= size && places < MAX_PLACES; at += own.size) {
      for (const p of own.pointers) {
        if (++places > MAX_PLACES) break;
        const to = i32[(start + at + p) >>> 2]! >>> 0;
        if (to === 0) continue;
        if (++pointerCount <= MAX_POINTERS) pointers.push({ offset: at + p, to, target: this.#target(to) });
      }
    }
    return { pointers, pointerCount };
  }

  #target(addr: number): ViewTarget | null {
    const object = objectAt(this.#heap, addr);
    if (object === null) return null;
    return { start: object.start, size: object.size, type: this.#table.get(object.type)?.name ?? null };
  }

  #place({ start }: LiveObject, s: SpanRef): Omit<typeof ZERO_SIZE, 'page'> & { page: number } {
    const { m } = this.#heap.t.mem;
    const slot = slotAt(m, s, start);
    return {
      page: firstPage(m, s),
      spanClass: m[s + SPAN_CLASS],
      slot,
      bits: slotBits(this.#heap, s, slot, slot + 1)[0]!,
      previous: this.#neighbour(s, slot, -1),
      next: this.#neighbour(s, slot, 1),
    };
  }

  /** Address of the first object in the next slot that has one. */
  #neighbour(s: SpanRef, slot: number, step: number): number | null {
    const { m } = this.#heap.t.mem;
    if (isLargeClass(m[s + SPAN_CLASS])) return null;
    const slots = slotsOf(m, s);
    let i = slot + step;
    while (i >= 0 && i < slots && !bitAt(m, m[s + SPAN_ALLOC_BITS] + i)) i += step;
    if (i < 0 || i >= slots) return null;
    const start = spanBase(m, s) + i * (m[s + SPAN_ELEMSIZE] >>> 0);
    if (m[s + SPAN_CLASS] !== this.#heap.tinySpanClass) return start;
    for (let byte = 0; byte < TINY_SIZE; byte++) if (objectAt(this.#heap, start + byte) !== null) return start + byte;
    return null;
  }
}

/** Objects without bytes lie in no span. */
const ZERO_SIZE: Pick<ViewObject, 'page' | 'spanClass' | 'slot' | 'bits' | 'previous' | 'next'> = {
  page: 0,
  spanClass: 0,
  slot: 0,
  bits: 0,
  previous: null,
  next: null,
};
