/**
 * Values of the heap by their kinds, read without references: what pointers lead to may be freed, overwritten, or never
 * have been an object. So each pointer is looked up before it is followed; what is not inside a live object is told as
 * `invalid`. As a value may lead to itself, and may be large, only so much of it is read.
 */
import { SLICE_CAP, SLICE_LEN, STRING_LEN } from '../layout/slice.ts';
import { textKey } from '../types/definition.ts';
import type { KeyKind, Kind, MapKind, SliceKind } from '../types/kinds.ts';
import { layoutOf } from '../types/layout-of.ts';
import { OWNER_MASK } from '../types/locks.ts';
import { mapEntries } from './map-entries.ts';
import type { ObjectSource } from './object-source.ts';

/** A pointer: to an object of this type. */
export interface InspectedRef {
  readonly type: string;
  readonly address: number;
}

/** A slice; `elements` are at most the first hundred. `address`: where they begin. */
export interface InspectedSlice {
  readonly length: number;
  readonly capacity: number;
  readonly address: number;
  readonly elements: readonly InspectedValue[];
}

/** A map; `entries` are at most a hundred, in no order. */
export interface InspectedMap {
  readonly address: number;
  readonly size: number;
  readonly entries: readonly (readonly [key: InspectedValue, value: InspectedValue])[];
}

/** A value whose pointer leads to no live object, or whose bytes are not all in one: the address, `0x…`. */
export interface InvalidValue {
  readonly invalid: string;
}

/**
 * What a place in the heap holds: numbers, bigints, booleans, strings and bytes as they are (of more than 64 KiB the
 * beginning), structs by their fields, arrays as arrays (the first hundred elements), null for a nil pointer; a mutex as the
 * id of the thread that has it, 0 for none.
 */
export type InspectedValue =
  | number
  | bigint
  | boolean
  | string
  | null
  | Uint8Array
  | InspectedRef
  | InspectedSlice
  | InspectedMap
  | InvalidValue
  | readonly InspectedValue[]
  | { readonly [field: string]: InspectedValue };

/** Elements that are read of a sequence, values in all, slices and maps inside one another, bytes of a text. */
const MAX_ELEMENTS = 100;
const MAX_VALUES = 10_000;
const MAX_DEPTH = 3;
export const MAX_TEXT = 64 << 10;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function invalid(addr: number): InvalidValue {
  return { invalid: `0x${addr.toString(16)}` };
}

/** Reads one value; make another for the next. */
export class ValueReader {
  readonly #heap: ObjectSource;
  readonly #view: DataView;
  #left = MAX_VALUES;
  #depth = 0;

  constructor(heap: ObjectSource) {
    this.#heap = heap;
    this.#view = new DataView(heap.data, 0, heap.i32.byteLength);
  }

  /** The value of a kind at this address. */
  read(kind: Kind, addr: number): InspectedValue {
    this.#left--;
    if (addr + layoutOf(kind).size > this.#view.byteLength) return invalid(addr);
    switch (kind.kind) {
      case 'struct':
        return this.#struct(kind, addr);
      case 'array':
        return this.elements(kind.elem, addr, kind.length);
      case 'slice':
        return this.#slice(kind, addr);
      case 'atomic':
        return this.read(kind.elem, addr);
      case 'mutex':
        return this.#word(addr) & OWNER_MASK;
      case 'ref':
        return this.#ref(kind.elem, addr);
      case 'map':
        return this.#follow(addr, (to) => this.map(kind, to));
      case 'string':
      case 'bytes':
        return this.#text(kind, addr);
      default:
        return this.#scalar(kind.kind, addr);
    }
  }

  /** The first of `count` values in a row. */
  elements(kind: Kind, addr: number, count: number): InspectedValue[] {
    const { size } = layoutOf(kind);
    const values: InspectedValue[] = [];
    for (let i = 0; i < Math.min(count, MAX_ELEMENTS) && this.#left > 0; i++) {
      values.push(this.read(kind, addr + i * size));
    }
    return values;
  }

  /** The map with its header at this address. */
  map(kind: MapKind, header: number): InspectedMap {
    const limit = this.#depth < MAX_DEPTH && this.#left > 0 ? MAX_ELEMENTS : 0;
    const entries: [InspectedValue, InspectedValue][] = [];
    this.#depth++;
    const size = mapEntries(this.#heap, kind, header, (slot, value, valueAt) => {
      const isWanted = entries.length < limit && this.#left > 0;
      if (isWanted) entries.push([this.#key(kind.key, slot), this.read(value, valueAt)]);
      return isWanted;
    });
    this.#depth--;
    return { address: header, size, entries };
  }

  /** The text that these bytes are, or the bytes. */
  text(kind: 'string' | 'bytes', addr: number, length: number): string | Uint8Array {
    const { u8 } = this.#heap;
    const copy = Uint8Array.from(u8.subarray(addr, addr + Math.min(length, MAX_TEXT)));
    return kind === 'bytes' ? copy : decoder.decode(copy);
  }

  #word(addr: number): number {
    return this.#view.getUint32(addr, true);
  }

  #struct(kind: Kind, addr: number): InspectedValue {
    const { fields = [] } = layoutOf(kind);
    return Object.fromEntries(fields.map((f) => [f.name, this.read(f.kind, addr + f.offset)]));
  }

  /** The key of a map's slot. Small integers have a word of their own there. */
  #key(kind: KeyKind, slot: number): InspectedValue {
    if (kind.kind !== 'string' && kind.kind !== 'bytes') return this.read(kind, slot);
    const { from, length } = textKey(this.#heap.i32, slot);
    return this.#isWhole(from, length) ? this.text(kind.kind, from, length) : invalid(from);
  }

  /** `bytes` from the pointer on are in one live object. */
  #isWhole(pointer: number, bytes: number): boolean {
    const object = this.#heap.objectAt(pointer);
    return object !== null && pointer + bytes <= object.start + object.size;
  }

  #follow(addr: number, then: (to: number) => InspectedValue): InspectedValue {
    const to = this.#word(addr);
    if (to === 0) return null;
    return this.#heap.objectAt(to) === null ? invalid(to) : then(to);
  }

  #ref(target: Kind, addr: number): InspectedValue {
    return this.#follow(addr, (address) => ({ type: layoutOf(target).name, address }));
  }

  #text({ kind }: Kind, addr: number): InspectedValue {
    const pointer = this.#word(addr);
    const length = this.#word(addr + STRING_LEN);
    if (length === 0) return kind === 'string' ? '' : new Uint8Array(0);
    return this.#isWhole(pointer, length) ? this.text(kind as 'string' | 'bytes', pointer, length) : invalid(pointer);
  }

  #slice({ elem }: SliceKind, addr: number): InspectedValue {
    const address = this.#word(addr);
    const length = this.#word(addr + SLICE_LEN);
    const capacity = this.#word(addr + SLICE_CAP);
    if (length > capacity || (capacity > 0 && !this.#isWhole(address, capacity * layoutOf(elem).size))) {
      return invalid(address);
    }
    this.#depth++;
    const elements = this.#depth > MAX_DEPTH ? [] : this.elements(elem, address, length);
    this.#depth--;
    return { length, capacity, address, elements };
  }

  #scalar(kind: string, addr: number): InspectedValue {
    const view = this.#view;
    switch (kind) {
      case 'bool':
        return view.getUint8(addr) !== 0;
      case 'i8':
        return view.getInt8(addr);
      case 'u8':
        return view.getUint8(addr);
      case 'i16':
        return view.getInt16(addr, true);
      case 'u16':
        return view.getUint16(addr, true);
      case 'i32':
        return view.getInt32(addr, true);
      case 'u32':
        return view.getUint32(addr, true);
      case 'i64':
        return view.getBigInt64(addr, true);
      case 'u64':
        return view.getBigUint64(addr, true);
      case 'f32':
        return view.getFloat32(addr, true);
      default:
        return view.getFloat64(addr, true);
    }
  }
}
