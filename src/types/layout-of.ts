/**
 * How the values of kinds lie in memory (Go: `cmd/compile/internal/types`, `CalcSize`), as on a port of Go with 4-byte
 * pointers where 8-byte numbers are aligned to 8: fields in the order of declaration, each at the next multiple of its
 * alignment. And the definition of a type as text, which is registered in the heap, so that it can be read without the
 * program that wrote it.
 */
import { roundUp } from '../base/bits.ts';
import { ArgumentError } from '../base/errors.ts';
import { PTR_SIZE } from '../layout/constants.ts';
import { checkField, type Kind, type ScalarName, type StructKind } from './kinds.ts';

export interface FieldLayout {
  readonly name: string;
  readonly kind: Kind;
  /** Bytes from the start of the struct. */
  readonly offset: number;
}

export interface Layout {
  /** The kind as written, `slice(ref(Post))`; of a struct its name. Also the type's name in the heap. */
  readonly name: string;
  /** Bytes of a value, a multiple of `align`. */
  readonly size: number;
  /** Bytes: 1, 2, 4 or 8. */
  readonly align: number;
  /** Byte offsets of the pointers in a value, ascending. */
  readonly pointers: readonly number[];
  /** There is a mutex in each value: values are not copied. */
  readonly noCopy: boolean;
  /** Of a struct only: its fields in the order of declaration. */
  readonly fields?: readonly FieldLayout[];
}

const MAX_SIZE = 2 ** 31 - 1;
/** Pointers in one value: they are listed here, and are bits of the type's record. More belong in a slice. */
const MAX_POINTERS = 2 ** 20;
/** Structs and arrays in each other. What goes through values calls itself as often. */
export const MAX_DEPTH = 100;

const SCALAR_SIZES: Readonly<Record<ScalarName, number>> = {
  bool: 1,
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  f32: 4,
  i64: 8,
  u64: 8,
  f64: 8,
};

/** Bytes of a mutex: the word of locks.ts. (Go's has two.) */
const MUTEX_SIZE = 4;

/** Bytes of a pointer: of this heap, or of the 64-bit Go that the oracle's vectors come from. */
export type PtrSize = typeof PTR_SIZE | 8;

/** The layouts made so far, by pointer size. */
const layouts: Readonly<Record<PtrSize, WeakMap<Kind, Layout>>> = { 4: new WeakMap(), 8: new WeakMap() };
/** How deep values of these kinds are nested. */
const depths = new WeakMap<Kind, number>();

/**
 * The layout of a kind; the same object each time. Throws an ArgumentError when a field of a struct is no type, when a
 * struct contains itself, or when a value is too large: 2³¹ bytes and more, 2²⁰ pointers, or 100 structs and arrays in
 * each other.
 */
export function layoutOf(kind: Kind, ptrSize: PtrSize = PTR_SIZE): Layout {
  return layoutIn(kind, [], ptrSize);
}

/** The kinds that this one is made of, one level deep. Throws what `layoutOf` throws. */
export function componentKinds(kind: Kind): readonly Kind[] {
  switch (kind.kind) {
    case 'struct':
      return layoutOf(kind).fields!.map((field) => field.kind);
    case 'ref':
    case 'slice':
    case 'array':
    case 'atomic':
      return [kind.elem];
    case 'map':
      return [kind.key, kind.value];
    default:
      return [];
  }
}

function refuse(name: string, what: string): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', `type ${JSON.stringify(name)} ${what}`);
}

/** Does not read fields, so it ends for recursive types too. */
function nameOf(kind: Kind): string {
  switch (kind.kind) {
    case 'struct':
      return kind.name;
    case 'ref':
    case 'slice':
    case 'atomic':
      return `${kind.kind}(${nameOf(kind.elem)})`;
    case 'array':
      return `array(${nameOf(kind.elem)}, ${kind.length})`;
    case 'map':
      return `map(${nameOf(kind.key)}, ${nameOf(kind.value)})`;
    default:
      return kind.kind;
  }
}

/** A field that is being laid out, to find structs that contain themselves. */
interface Step {
  readonly struct: StructKind;
  readonly field: string;
}

function layoutIn(kind: Kind, path: readonly Step[], ptrSize: PtrSize): Layout {
  const known = layouts[ptrSize].get(kind);
  if (known !== undefined) return known;
  const made = Object.freeze({ name: nameOf(kind), ...shapeOf(kind, path, ptrSize) });
  depths.set(kind, depthOf(kind, made));
  layouts[ptrSize].set(kind, made);
  return made;
}

type Shape = Omit<Layout, 'name'>;

function plain(size: number, align: number, pointers: readonly number[] = [], noCopy = false): Shape {
  return { size, align, pointers: Object.freeze(pointers), noCopy };
}

function checkDepth(name: string, depth: number): void {
  if (depth > MAX_DEPTH) refuse(name, `has more than ${MAX_DEPTH} structs and arrays in each other`);
}

/** Structs and arrays in each other, this one included; what is in it has a layout already. */
function depthOf(kind: Kind, { name, fields }: Layout): number {
  const inner = kind.kind === 'array' ? [kind.elem] : fields?.map((field) => field.kind);
  if (inner === undefined) return 0;
  const depth = 1 + inner.reduce((most, k) => Math.max(most, depths.get(k) ?? 0), 0);
  checkDepth(name, depth);
  return depth;
}

function shapeOf(kind: Kind, path: readonly Step[], ptrSize: PtrSize): Shape {
  switch (kind.kind) {
    case 'struct':
      return structShape(kind, path, ptrSize);
    case 'array':
      return arrayShape(nameOf(kind), layoutIn(kind.elem, path, ptrSize), kind.length);
    case 'atomic':
      return plain(SCALAR_SIZES[kind.elem.kind], SCALAR_SIZES[kind.elem.kind]);
    case 'mutex':
      return plain(MUTEX_SIZE, MUTEX_SIZE, [], true);
    case 'ref':
    case 'map':
      return plain(ptrSize, ptrSize, [0]);
    case 'string':
    case 'bytes':
      return plain(2 * ptrSize, ptrSize, [0]);
    case 'slice':
      return plain(3 * ptrSize, ptrSize, [0]);
    default:
      return plain(SCALAR_SIZES[kind.kind], SCALAR_SIZES[kind.kind]);
  }
}

function arrayShape(name: string, elem: Layout, length: number): Shape {
  const size = elem.size * length;
  if (size > MAX_SIZE) refuse(name, `is too large: ${size} bytes, of at most ${MAX_SIZE}`);
  // Elements without size can be many, but have no pointers.
  const perElem = elem.pointers.length;
  checkPointerCount(name, perElem * length);
  const pointers = Array.from(
    { length: perElem * length },
    (_, i) => Math.floor(i / perElem) * elem.size + elem.pointers[i % perElem]!,
  );
  return plain(size, elem.align, pointers, elem.noCopy);
}

function structShape(struct: StructKind, path: readonly Step[], ptrSize: PtrSize): Shape {
  const again = path.findIndex((step) => step.struct === struct);
  if (again >= 0) {
    const chain = path.slice(again).map((step) => `${step.struct.name}.${step.field}`);
    refuse(struct.name, `contains itself: ${chain.join(' → ')} → ${struct.name}; use ref(${struct.name})`);
  }
  checkDepth(struct.name, path.length + 1);
  const fields: FieldLayout[] = [];
  const pointers: number[] = [];
  let end = 0;
  let align = 1;
  let last = 1;
  let noCopy = false;
  for (const name of Object.getOwnPropertyNames(struct.fields)) {
    // The one place where a getter of the user runs.
    const kind: unknown = struct.fields[name];
    checkField(struct.name, name, kind);
    const layout = layoutIn(kind, [...path, { struct, field: name }], ptrSize);
    const offset = roundUp(end, layout.align);
    fields.push(Object.freeze({ name, kind, offset }));
    checkPointerCount(struct.name, pointers.length + layout.pointers.length);
    for (const p of layout.pointers) pointers.push(offset + p);
    end = offset + layout.size;
    align = Math.max(align, layout.align);
    last = layout.size;
    noCopy ||= layout.noCopy;
  }
  // A field without size at the end would have the address of whatever comes after the object, and a reference to it
  // would keep that alive. Go pads for the same reason.
  if (end > 0 && last === 0) end++;
  const size = roundUp(end, align);
  if (size > MAX_SIZE) refuse(struct.name, `is too large: ${size} bytes, of at most ${MAX_SIZE}`);
  return { ...plain(size, align, pointers, noCopy), fields: Object.freeze(fields) };
}

function checkPointerCount(name: string, count: number): void {
  if (count > MAX_POINTERS) refuse(name, `is too large: ${count} pointers, of at most ${MAX_POINTERS}; use a slice`);
}

/**
 * What is registered with the type: JSON that is the same for all threads with the same declaration, such as
 * `{"kind":"struct","fields":[{"name":"key","type":"i32","offset":0}]}` or `{"kind":"slice","elem":"ref(Post)"}`. Other
 * types are named, not described: they are registered too.
 */
export function definitionOf(kind: Kind): string {
  switch (kind.kind) {
    case 'struct': {
      const fields = layoutOf(kind).fields!.map((f) => ({ name: f.name, type: nameOf(f.kind), offset: f.offset }));
      return JSON.stringify({ kind: 'struct', fields });
    }
    case 'ref':
    case 'slice':
    case 'atomic':
      return JSON.stringify({ kind: kind.kind, elem: nameOf(kind.elem) });
    case 'array':
      return JSON.stringify({ kind: 'array', elem: nameOf(kind.elem), length: kind.length });
    case 'map':
      return JSON.stringify({ kind: 'map', key: nameOf(kind.key), value: nameOf(kind.value) });
    default:
      return JSON.stringify({ kind: kind.kind });
  }
}

interface DefinedField {
  readonly name: string;
  readonly type: string;
  readonly offset: number;
}

/** A definition as read from a heap: whatever another version of this program wrote there. */
type Definition = { readonly kind?: unknown; readonly fields?: readonly DefinedField[] } & Readonly<
  Record<string, unknown>
>;

/**
 * The message for a name that has another definition in the heap than here: names the first field that differs. Of the
 * form that `TypeTable.register` asks for.
 */
export function explainDifference(name: string, ours: string, theirs: string): string {
  return `type ${JSON.stringify(name)} is registered with another definition: ${differenceOf(parse(ours), parse(theirs))}`;
}

/** Empty for types that were registered without a definition, or with something that is none. */
function parse(definition: string): Definition {
  try {
    return (JSON.parse(definition) as Definition | null) ?? {};
  } catch {
    return {};
  }
}

function differenceOf(ours: Definition, theirs: Definition): string {
  if (theirs.kind === undefined) return 'the heap does not say what it consists of';
  if (ours.kind !== theirs.kind) return `it is ${theirs.kind} in the heap, ${ours.kind ?? 'undefined'} here`;
  if (ours.fields !== undefined && theirs.fields !== undefined) return fieldDifference(ours.fields, theirs.fields);
  const key = Object.keys({ ...ours, ...theirs }).find((k) => ours[k] !== theirs[k]);
  return key === undefined ? 'it is written in another way' : `${key} is ${theirs[key]} in the heap, ${ours[key]} here`;
}

function fieldDifference(ours: readonly DefinedField[], theirs: readonly DefinedField[]): string {
  const has = (fields: readonly DefinedField[], name: string): boolean => fields.some((f) => f.name === name);
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    const our = ours[i];
    const their = theirs[i];
    if (our !== undefined && !has(theirs, our.name)) return `field "${our.name}" is only here, not in the heap`;
    if (their !== undefined && !has(ours, their.name)) return `field "${their.name}" is only in the heap, not here`;
    // Neither list has a name twice and each has the other's names up to here, so both have a field `i`.
    if (our!.name !== their!.name) return `field ${i + 1} is "${their!.name}" in the heap, "${our!.name}" here`;
    const field = `field "${our!.name}"`;
    if (our!.type !== their!.type) return `${field} is ${their!.type} in the heap, ${our!.type} here`;
    if (our!.offset !== their!.offset) {
      return `${field} is at offset ${their!.offset} in the heap, ${our!.offset} here`;
    }
  }
  return 'it is written in another way';
}
