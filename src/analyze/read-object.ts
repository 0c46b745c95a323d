/**
 * Objects of a snapshot by their fields, as `heap.inspect` reads those of a living heap, with the same code. Pages are
 * brought into a sparse copy of object memory as they are asked for.
 */
import { PointerError } from '../base/errors.ts';
import { PAGE_SHIFT, PAGE_SIZE, TINY_SIZE } from '../layout/constants.ts';
import type { RType } from '../malloc/rtype.ts';
import type { InspectedValue } from '../observe/decode.ts';
import { describe, describeBytes, type ObjectInfo, typeAllocated } from '../observe/inspect.ts';
import type { ObjectSource } from '../observe/object-source.ts';
import type { LiveObject } from '../observe/objects.ts';
import type { Typing } from '../observe/type-search.ts';
import { tinySize } from '../spans/tiny-mask.ts';
import { bytes, type Kind, string } from '../types/kinds.ts';
import { layoutOf } from '../types/layout-of.ts';
import type { Snapshot } from './snapshot.ts';
import { SnapshotTypes } from './types.ts';

export type { InspectedValue, ObjectInfo };

/** Reads the objects of an open snapshot as `heap.inspect` reads those of a heap: fields, elements, entries, texts. */
export class SnapshotObjects {
  readonly #types: SnapshotTypes;
  readonly #view: SnapshotView;

  constructor(snapshot: Snapshot) {
    this.#types = new SnapshotTypes(snapshot.types);
    this.#view = new SnapshotView(snapshot);
  }

  /** How the bytes of memory are read; for those who decode values by themselves. */
  get view(): ObjectSource {
    return this.#view;
  }

  /** The live object at an address, or that the address is inside of; null if there is none. */
  objectAt(address: number): LiveObject | null {
    return this.#view.objectAt(address);
  }

  /**
   * Reads the object at an address, or that it is inside of. Pointer-free objects do not know their type: `typeName` is what
   * the graph says of them (`HeapGraph.types`), such as "string bytes", "slice(f64) elements" or "Point"; without it their
   * bytes are read. Throws PointerError for an address that is in no live object.
   */
  readObject(address: number, typeName?: string): ObjectInfo {
    const object = Number.isInteger(address) && address >= 0 ? this.objectAt(address) : null;
    if (object === null) {
      const shown = `0x${(address >>> 0).toString(16)}`;
      throw new PointerError('ERR_BAD_POINTER', `no object of the snapshot is at address ${shown}`);
    }
    const own = this.#types.get(object.type) as RType | undefined;
    const typing =
      (own && typeAllocated(this.#types.kinds, object, own)) ?? (typeName && this.#typeNamed(object, typeName));
    const { start, size } = object;
    const described = typing ? describe(this.#view, object, typing) : describeBytes(this.#view, object, own);
    return { address, offset: address - start, start, size, ...described };
  }

  /** Bytes of an object: `length` from `offset` on, as far as it goes. For texts, and what is found several times. */
  bytesOf({ start, size }: LiveObject, offset = 0, length = size): Uint8Array {
    const from = start + Math.min(offset, size);
    return Uint8Array.from(this.#view.u8.subarray(from, Math.min(from + length, start + size)));
  }

  #typeNamed({ start, size }: LiveObject, name: string): Typing | undefined {
    const typing = (kind: Kind, isTarget: boolean): Typing => ({
      kind,
      from: 'pointer',
      base: start,
      bytes: size,
      isTarget,
    });
    if (name === 'string bytes' || name === 'map key bytes') return typing(string, true);
    if (name === 'bytes') return typing(bytes, true);
    const [, elem] = /^slice\((.*)\) elements$/s.exec(name) ?? [];
    const kind = this.#types.kinds.named(elem ?? name);
    return kind === undefined || layoutOf(kind).size > size ? undefined : typing(kind, false);
  }
}

/** Object memory as it was, filled page by page: what is not asked for takes no memory. */
class SnapshotView implements ObjectSource {
  readonly data: ArrayBuffer;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  readonly #snapshot: Snapshot;
  /** 1: the page is there. */
  readonly #loaded: Uint8Array;

  constructor(snapshot: Snapshot) {
    const { grownPages } = snapshot.header;
    this.#snapshot = snapshot;
    this.data = new ArrayBuffer(grownPages * PAGE_SIZE);
    this.i32 = new Int32Array(this.data);
    this.u8 = new Uint8Array(this.data);
    this.#loaded = new Uint8Array(grownPages);
  }

  objectAt(addr: number): LiveObject | null {
    const { spans } = this.#snapshot;
    if (addr === TINY_SIZE) return { start: addr, size: 0, type: 0, scan: false };
    const s = (spans.byPage[addr >>> PAGE_SHIFT] ?? 0) - 1;
    if (s < 0 || spans.find(addr) === 0) return null;
    const elemsize = spans.elemsize(s);
    const slot = Math.floor((addr - spans.base(s)) / elemsize);
    const start = spans.base(s) + slot * elemsize;
    if (spans.isTiny(s)) return this.#part(spans.masks[spans.sideAt(s) + slot]!, start, addr);
    const size = spans.isLarge(s) ? spans.largeSize(s) : elemsize;
    this.#load(start, size);
    return { start, size, type: spans.typeOf(s, slot), scan: spans.isScan(s) };
  }

  /** An object in a tiny block. */
  #part(mask: number, block: number, addr: number): LiveObject {
    let start = addr - block;
    while (start > 0 && tinySize(mask, start) === 0) start--;
    this.#load(block, TINY_SIZE);
    return { start: block + start, size: Math.min(tinySize(mask, start), TINY_SIZE - start), type: 0, scan: false };
  }

  roundupsize(size: number): number {
    const fits = this.#snapshot.meta.sizeClasses.find((c) => c.size >= size && c.size > 0);
    return fits?.size ?? Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
  }

  #load(start: number, size: number): void {
    for (let page = start >>> PAGE_SHIFT; page * PAGE_SIZE < start + size; page++) {
      if (this.#loaded[page] === 1) continue;
      const around = this.#snapshot.pagesAround(page);
      if (around === undefined) continue;
      this.i32.set(around.words, (around.page * PAGE_SIZE) >>> 2);
      this.#loaded.fill(1, around.page, around.page + (around.words.length * 4) / PAGE_SIZE);
    }
  }
}
