/** Keys of maps: what a person calls the place that a map holds something in. */
import type { Words } from '../base/brand.ts';
import { textKey } from '../types/definition.ts';
import type { GraphType, HeapGraph } from './graph.ts';
import type { SnapshotObjects } from './read-object.ts';

const GROUP = /^map\(([^,]+), .*\) group$/s;
/** Fields of a group, as types.ts names them; that of the key is where the slot begins. */
const SLOT = /^(slot \d+ )(.*)$/s;

/** The key of a slot, and where in the slot the pointer is: `value`, `value.next`, or `key`: to the text of a long one. */
export interface KeyedPlace {
  readonly key: string | number | bigint | Uint8Array;
  readonly field: string;
}

export class MapKeys {
  readonly #graph: HeapGraph;
  readonly #objects: SnapshotObjects;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(graph: HeapGraph, objects: SnapshotObjects) {
    this.#graph = graph;
    this.#objects = objects;
  }

  /** What key the pointer at an offset in an object belongs to; undefined if the object is no group of a map's slots. */
  at(node: number, offset: number): KeyedPlace | undefined {
    const type = this.#graph.types[this.#graph.type[node]!]!;
    const [, kind] = GROUP.exec(type.name) ?? [];
    if (kind === undefined || type.size === 0) return undefined;
    const inGroup = offset % type.size;
    const [, slot, field] = SLOT.exec(type.fields.findLast((f) => f.offset <= inGroup)?.name ?? '') ?? [];
    if (slot === undefined || field === undefined) return undefined;
    const address = this.#graph.address[node]!;
    const key = this.#keyAt(kind, address + offset - inGroup + slotOffset(type, slot), address);
    return key === undefined ? undefined : { key, field };
  }

  #keyAt(kind: string, slot: number, group: number): KeyedPlace['key'] | undefined {
    const object = this.#objects.objectAt(group);
    if (object === null || slot + 16 > object.start + object.size) return undefined;
    const { i32 } = this.#objects.view;
    if (kind === 'string' || kind === 'bytes') return this.#textAt(kind, slot, i32);
    const low = i32[slot >>> 2]!;
    if (kind === 'u32') return low >>> 0;
    if (kind !== 'i64' && kind !== 'u64') return low;
    const value = (BigInt(i32[(slot >>> 2) + 1]!) << 32n) | BigInt(low >>> 0);
    return kind === 'i64' ? value : BigInt.asUintN(64, value);
  }

  #textAt(kind: string, slot: number, i32: Words): string | Uint8Array | undefined {
    const { from, length } = textKey(i32, slot);
    const object = this.#objects.objectAt(from);
    if (object === null || from + length > object.start + object.size) return undefined;
    const bytes = this.#objects.bytesOf(object, from - object.start, length);
    return kind === 'bytes' ? bytes : this.#decoder.decode(bytes);
  }
}

function slotOffset({ fields }: GraphType, slot: string): number {
  return fields.find(({ name }) => name.startsWith(slot))?.offset ?? 0;
}
