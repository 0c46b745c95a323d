/** Checks of what is in the objects of a snapshot: pointers, slices, strings, maps. See verify-snapshot.ts. */
import { SLICE_CAP, SLICE_LEN, STRING_LEN } from '../layout/slice.ts';
import type { RType } from '../malloc/rtype.ts';
import { pointerKinds } from '../types/definition.ts';
import type { Kind } from '../types/kinds.ts';
import { layoutOf } from '../types/layout-of.ts';
import { type MapChecker, type MapMemory, mapChecker, mapLayout } from '../types/map/check-words.ts';
import type { Snapshot } from './snapshot.ts';
import type { SnapshotTypes } from './types.ts';
import { fail, hex } from './verify-fail.ts';
import type { LoadedPages } from './verify-pages.ts';

export interface ValueCounts {
  pointers: number;
  slices: number;
  strings: number;
  maps: number;
  passedOver: number;
}

/** How the pointers of a type are checked. */
interface CheckedType {
  readonly name: string;
  readonly size: number;
  readonly pointers: readonly number[];
  readonly kinds: readonly (Kind | undefined)[];
  /** Values of the type are headers of maps. */
  readonly map: MapChecker | undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function checkValues(snapshot: Snapshot, types: SnapshotTypes, pages: LoadedPages): ValueCounts {
  return new ValueCheck(snapshot, types, pages).run();
}

class ValueCheck {
  readonly #snapshot: Snapshot;
  readonly #types: SnapshotTypes;
  readonly #pages: LoadedPages;
  readonly #memory: MapMemory;
  readonly #known = new Map<number, CheckedType | null>();
  readonly #counts: ValueCounts = { pointers: 0, slices: 0, strings: 0, maps: 0, passedOver: 0 };

  constructor(snapshot: Snapshot, types: SnapshotTypes, pages: LoadedPages) {
    this.#snapshot = snapshot;
    this.#types = types;
    this.#pages = pages;
    this.#memory = { i32: pages.i32, isWhole: (addr, bytes) => this.#isWhole(addr, bytes) };
  }

  run(): ValueCounts {
    const { spans } = this.#snapshot;
    // Pointers first: the rest follows them.
    for (const check of [this.#pointers, this.#lengths]) {
      for (let s = 0; s < spans.count; s++) {
        if (!spans.isScan(s)) continue;
        const size = spans.isLarge(s) ? spans.largeSize(s) : spans.elemsize(s);
        for (let i = 0; i < spans.nelems(s); i++) {
          if (!spans.isLive(s, i)) continue;
          const type = this.#typeOf(spans.typeOf(s, i));
          if (type !== null) check.call(this, type, spans.base(s) + i * spans.elemsize(s), size);
        }
      }
    }
    return this.#counts;
  }

  /** Null: of types that were registered without definition nothing is promised. */
  #typeOf(number: number): CheckedType | null {
    const known = this.#known.get(number);
    if (known !== undefined) return known;
    const type = this.#types.get(number);
    const kinds = this.#types.kinds;
    const isDeclared = type !== undefined && kinds.isDeclared(type as RType);
    let checked: CheckedType | null = null;
    if (isDeclared) {
      const kind = this.#types.kindOf(type);
      const map = kinds.mapOf(type as RType);
      checked = {
        name: type.name,
        size: type.size,
        pointers: type.pointers,
        kinds: kind === undefined ? [] : pointerKinds(kind),
        map: map === undefined ? undefined : mapChecker(this.#memory, mapLayout(map)),
      };
    }
    this.#known.set(number, checked);
    return checked;
  }

  #pointers(type: CheckedType, start: number, size: number): void {
    const { i32 } = this.#pages;
    for (let at = start; at + type.size <= start + size; at += type.size) {
      for (const p of type.pointers) {
        const to = i32[(at + p) >>> 2]! >>> 0;
        if (to === 0) continue;
        this.#counts.pointers++;
        if (this.#isObject(to)) continue;
        fail('pointer.live', `${type.name} at ${hex(at)}, byte ${p}: points to ${hex(to)}, which is no object`);
      }
    }
  }

  #lengths(type: CheckedType, start: number, size: number): void {
    if (type.map !== undefined) {
      this.#counts.maps++;
      if (this.#snapshot.exact) type.map.check(start);
      else type.map.checkFixed(start);
      return;
    }
    for (let at = start; at + type.size <= start + size; at += type.size) {
      for (let i = 0; i < type.kinds.length; i++) {
        const kind = type.kinds[i]!;
        if (kind.kind === 'slice') this.#slice(kind.elem, at + type.pointers[i]!, `${type.name} at ${hex(at)}`);
        else if (kind.kind === 'string' || kind.kind === 'bytes') {
          this.#text(kind.kind, at + type.pointers[i]!, `${type.name} at ${hex(at)}`);
        }
      }
    }
  }

  /** Whether the length beside this pointer is of another moment than the pointer. */
  #isTorn(slot: number): boolean {
    const torn = !this.#snapshot.exact && this.#snapshot.patches.has(slot);
    if (torn) this.#counts.passedOver++;
    return torn;
  }

  #slice(elem: Kind, at: number, where: string): void {
    const { i32 } = this.#pages;
    const [array, len, cap] = [0, SLICE_LEN, SLICE_CAP].map((word) => i32[(at + word) >>> 2]! >>> 0) as [
      number,
      number,
      number,
    ];
    this.#counts.slices++;
    if (this.#isTorn(at)) return;
    if (len > cap) fail('slice.len', `${where}: the slice at ${hex(at)} has length ${len}, capacity ${cap}`);
    const bytes = cap * layoutOf(elem).size;
    if (bytes > 0 && !this.#isWhole(array, bytes))
      fail('slice.cap', `${where}: ${cap} elements of the slice at ${hex(at)} are not at ${hex(array)}`);
  }

  #text(kind: 'string' | 'bytes', at: number, where: string): void {
    const { i32, u8 } = this.#pages;
    const from = i32[at >>> 2]! >>> 0;
    const length = i32[(at + STRING_LEN) >>> 2]! >>> 0;
    this.#counts.strings++;
    if (this.#isTorn(at) || length === 0) return;
    if (!this.#isWhole(from, length))
      fail('string.len', `${where}: ${length} bytes of the ${kind} at ${hex(at)} are not at ${hex(from)}`);
    if (kind === 'bytes') return;
    let ascii = 0;
    for (let i = from; i < from + length; i++) ascii |= u8[i]!;
    if (ascii < 128) return;
    try {
      utf8.decode(u8.subarray(from, from + length));
    } catch {
      fail('string.utf8', `${where}: the bytes at ${hex(from)} of the string at ${hex(at)} are no UTF-8`);
    }
  }

  #isObject(addr: number): boolean {
    // What has no bytes is at the one address that is outside of all spans.
    return this.#snapshot.spans.find(addr) !== 0 || addr === ZEROBASE;
  }

  /** `bytes` from an address on are in one live object. */
  #isWhole(addr: number, bytes: number): boolean {
    const { spans } = this.#snapshot;
    const node = spans.find(addr);
    return node !== 0 && addr + bytes <= spans.endOf(addr);
  }
}

const ZEROBASE = 16;
