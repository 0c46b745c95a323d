/**
 * Reading the heap without the program that wrote it: its types, and any object, from what the heap says of itself. For a
 * thread that has none of the declarations.
 *
 * Objects with pointers carry the number of their type. Pointer-free ones carry none: what they are is known from what
 * leads to them (type-search.ts). Runs as one region beside threads that change what is being read, so values may be of
 * slightly different moments; nothing that is found inside an object makes it throw.
 */
import { describe as describeValue } from '../base/describe.ts';
import { ArgumentError, PointerError } from '../base/errors.ts';
import { H_HEAP_LOCK } from '../layout/header.ts';
import type { RType, TypeList } from '../malloc/rtype.ts';
import type { MHeap } from '../spans/mheap.ts';
import { listRoots } from '../spans/root-records.ts';
import { DefinedKinds } from '../types/definition.ts';
import type { Kind, KindName, MapKind } from '../types/kinds.ts';
import { layoutOf } from '../types/layout-of.ts';
import { type InspectedValue, MAX_TEXT, ValueReader } from './decode.ts';
import { liveSource, type ObjectSource } from './object-source.ts';
import { type LiveObject, objectAt, whatIsAt } from './objects.ts';
import { type Search, searchType, type Typing } from './type-search.ts';

/** A field of a registered struct. */
export interface TypeField {
  readonly name: string;
  /** As declared: `i32`, `slice(ref(Post))`. */
  readonly type: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
}

/** A type as it is registered in the heap. */
export interface TypeInfo {
  readonly name: string;
  /** Number in the heap's type table. */
  readonly number: number;
  /** Bytes of a value, and what its address is a multiple of. */
  readonly size: number;
  readonly align: number;
  /** 'raw': registered with `heap.raw.type`, or a part of a map; only its size and its pointers are known. */
  readonly kind: KindName | 'raw';
  /** Of a struct, in the order of declaration; empty for other kinds. */
  readonly fields: readonly TypeField[];
  /** Byte offsets of the pointers in a value. */
  readonly pointers: readonly number[];
  /** What is registered with it: JSON; empty for raw types. */
  readonly definition: string;
}

/** An object of the heap, as `heap.inspect` reads it. Addresses and sizes in bytes. */
export interface ObjectInfo {
  /** The address that was asked for, and how far into the object it is. */
  readonly address: number;
  readonly offset: number;
  /** Where the object begins, and how many bytes it has: those asked for, rounded up to the size class. */
  readonly start: number;
  readonly size: number;
  /** Name of its type; null when nothing says what it is. */
  readonly type: string | null;
  /**
   * How the type is known: the object carries it; it was given; a named root or a pointer of a live object, of which the
   * type is known, leads to it. Null with an unknown type.
   */
  readonly typeFrom: 'allocated' | 'given' | 'root' | 'pointer' | null;
  /** The root's name, or the address of the pointer. */
  readonly typeVia?: string | number;
  /** When the object holds several values of its type in a row: as many as there is room for. */
  readonly count?: number;
  /** Where the value begins: `start`, unless only a part of the object is known, or the type was given. */
  readonly valueAt: number;
  /** The value; of several the first hundred; of an unknown type the bytes, of more than 64 KiB the first. */
  readonly value: InspectedValue;
}

/** All registered types, in the order of their numbers. */
export function listTypes(table: TypeList): TypeInfo[] {
  const kinds = new DefinedKinds(table);
  return table.all().map((type) => {
    const { name, number, size, align, pointers, definition } = type;
    const kind = definition === '' ? undefined : kinds.ofType(type);
    const { fields = [] } = kind === undefined ? {} : layoutOf(kind);
    return {
      ...{ name, number, size, align, pointers, definition },
      kind: kind?.kind ?? 'raw',
      fields: fields.map((f) => ({ name: f.name, type: layoutOf(f.kind).name, offset: f.offset })),
    };
  });
}

/** See Heap.inspect. In a region. */
export function inspectObject(heap: MHeap, table: TypeList, address: number, given?: string): ObjectInfo {
  if (typeof address !== 'number' || address >>> 0 !== address) {
    throw new PointerError('ERR_BAD_POINTER', `inspect: ${describeValue(address)} is not an address or a reference`);
  }
  const object = objectAt(heap, address);
  if (object === null) {
    const text = `inspect: address 0x${address.toString(16)} ${whatIsAt(heap, address)}`;
    throw new PointerError('ERR_BAD_POINTER', text);
  }
  const kinds = new DefinedKinds(table);
  const own = table.get(object.type);
  const typing =
    given !== undefined
      ? typeGiven(kinds, object, address, given, own)
      : ((own && typeAllocated(kinds, object, own)) ?? searchType(heap, table, kinds, object, searchAll(heap)));
  const { start, size } = object;
  const place = { address, offset: address - start, start, size };
  const view = liveSource(heap);
  return { ...place, ...(typing === undefined ? describeBytes(view, object, own) : describe(view, object, typing)) };
}

/** Looks everywhere, and lets the world stop between. */
function searchAll({ t }: MHeap): Search {
  const roots = t.locked(H_HEAP_LOCK, () => listRoots(t.mem));
  const goOn = (): boolean => {
    t.poll();
    return true;
  };
  return { roots, goOn };
}

/** What an object says of itself, by the type it carries. */
export function typeAllocated(kinds: DefinedKinds, { start, size }: LiveObject, type: RType): Typing | undefined {
  const map = kinds.mapOf(type);
  const kind = map ?? kinds.ofType(type);
  return kind && { kind, from: 'allocated', base: start, bytes: size, isTarget: map !== undefined };
}

/** What it means to take the bytes from `address` on for a value of the type with this name. Throws ArgumentError. */
export function typeGiven(
  kinds: DefinedKinds,
  { start, size }: LiveObject,
  address: number,
  name: string,
  own: RType | undefined,
): Typing {
  const kind = kinds.named(name);
  if (kind === undefined) {
    const text = `inspect: ${JSON.stringify(name)} is no type of this heap; heap.types() lists them`;
    throw new ArgumentError('ERR_INVALID_ARGUMENT', text);
  }
  const bytes = start + size - address;
  const map = own === undefined ? undefined : kinds.mapOf(own);
  const isTarget = map !== undefined && layoutOf(map).name === name;
  if (!isTarget && layoutOf(kind).size > bytes) {
    const text = `inspect: ${name} has ${layoutOf(kind).size} bytes, the object only ${bytes} from this address on`;
    throw new ArgumentError('ERR_INVALID_ARGUMENT', text);
  }
  return { kind, from: 'given', base: address, bytes, isTarget };
}

/** What an object is, without where it is. */
type Described = Omit<ObjectInfo, 'address' | 'offset' | 'start' | 'size'>;

/** An object of which nothing is known but its bytes, and perhaps the name of its type. */
export function describeBytes(
  view: ObjectSource,
  { start, size }: LiveObject,
  own: Pick<RType, 'name'> | undefined,
): Described {
  const value = new ValueReader(view).text('bytes', start, Math.min(size, MAX_TEXT));
  return { type: own?.name ?? null, typeFrom: own === undefined ? null : 'allocated', valueAt: start, value };
}

/** An object of a type. */
export function describe(
  view: ObjectSource,
  object: LiveObject,
  { kind, from, via, base, bytes, isTarget }: Typing,
): Described {
  const reader = new ValueReader(view);
  const known = {
    type: layoutOf(kind).name,
    typeFrom: from,
    ...(via === undefined ? {} : { typeVia: via }),
    valueAt: base,
  };
  if (isTarget && kind.kind === 'map') return { ...known, value: reader.map(kind as MapKind, base) };
  if (isTarget) return { ...known, value: reader.text(kind.kind as 'string' | 'bytes', base, bytes) };
  const count = countOf(view, object, kind, base, bytes);
  if (count === 1) return { ...known, value: reader.read(kind, base) };
  return { ...known, count, value: reader.elements(kind, base, count) };
}

/** Values of a kind in so many bytes. */
export function countOf(view: ObjectSource, object: LiveObject, kind: Kind, base: number, bytes: number): number {
  const { size } = layoutOf(kind);
  if (size === 0) return 1;
  const fit = Math.floor(bytes / size);
  // One value in the smallest slot there is for it leaves room for another only if it is tiny: see whether that is used.
  const smallest = view.roundupsize(size) === object.size;
  if (fit > 1 && smallest && isZero(view, base + size, base + bytes)) return 1;
  return fit;
}

function isZero({ u8 }: ObjectSource, from: number, to: number): boolean {
  for (let addr = from; addr < to; addr++) if (u8[addr] !== 0) return false;
  return true;
}
