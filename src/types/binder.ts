/**
 * From kinds to codecs: what a thread knows of the types of one heap. Each kind is bound once. A struct's class exists
 * before its fields are bound, so that types may be recursive; everything that a field needs of another struct is its
 * class.
 */
import { ArgumentError } from '../base/errors.ts';
import type { RType } from '../malloc/rtype.ts';
import { arrayCodec, defineArray } from './arrays.ts';
import { atomicCodec, defineAtomic } from './atomics.ts';
import type { Codec } from './codec.ts';
import type { Env } from './env.ts';
import type { ArrayKind, AtomicKind, Kind, MapKind, RefKind, SliceKind, StructKind } from './kinds.ts';
import { isKind, slice as sliceOf } from './kinds.ts';
import { componentKinds, definitionOf, explainDifference, layoutOf } from './layout-of.ts';
import { bindMap } from './maps.ts';
import { defineMutex, mutexCodec } from './mutex.ts';
import { codeOf } from './plain.ts';
import { refCodec } from './pointers.ts';
import { makePlaceClass } from './reference.ts';
import { makeScalar, type Scalar } from './scalars.ts';
import { defineSlice, sliceCodec } from './slices.ts';
import { bytesCodec, stringCodec } from './strings.ts';
import { type BoundField, defineFields, type FieldColumns, structCodec } from './struct.ts';

type Accessors = Scalar & Pick<Codec, 'place' | 'create' | 'initialise'>;

export class Binder {
  readonly #env: Env;
  readonly #byKind = new WeakMap<object, Codec>();
  /** Kinds are equal when their names are: structs by registration, others because their names say all. */
  readonly #byName = new Map<string, Codec>();
  /** How deep in `bind` this is, and how to take back what it has bound so far. */
  #depth = 0;
  readonly #undo: (() => void)[] = [];
  /** Names whose parts this call of `bind` has looked at. */
  readonly #checked = new Set<string>();

  constructor(env: Env) {
    this.#env = env;
  }

  /**
   * The codec of a kind. Throws TypeMismatchError when a struct of this name has another definition in the heap,
   * ArgumentError for what is no kind. In a region.
   */
  bind(kind: Kind): Codec {
    const known = this.known(kind);
    if (known !== undefined) return known;
    if (!isKind(kind))
      throw new ArgumentError('ERR_INVALID_ARGUMENT', 'expected a type, such as struct(…) or slice(…)');
    const outermost = this.#depth === 0;
    this.#depth++;
    try {
      return this.#bindNew(kind);
    } catch (error) {
      // Nothing that was bound on the way is kept: it may know a type that turned out to be wrong.
      if (outermost) for (const undo of this.#undo) undo();
      throw error;
    } finally {
      this.#depth--;
      if (outermost) {
        this.#undo.length = 0;
        this.#checked.clear();
      }
    }
  }

  #bindNew(kind: Kind): Codec {
    const { name } = layoutOf(kind);
    const found = this.#byName.get(name);
    if (found === undefined) {
      const made = this.#make(kind, name);
      this.#note(kind, made);
      return made;
    }
    // Bound under this name already, but is it the same? First noted, then looked at: it may contain itself.
    this.#note(kind, found);
    if (kind.kind === 'struct') this.#register(kind, name);
    // Each name once: getters may make new kinds without end.
    if (this.#checked.has(name)) return found;
    this.#checked.add(name);
    for (const part of componentKinds(kind)) this.bind(part);
    return found;
  }

  #note(kind: Kind, codec: Codec): void {
    this.#byKind.set(kind, codec);
    this.#undo.push(() => this.#byKind.delete(kind));
  }

  #name(name: string, codec: Codec): void {
    this.#byName.set(name, codec);
    this.#undo.push(() => this.#byName.delete(name));
  }

  /** The codec of a kind that was bound before. */
  known(kind: Kind): Codec | undefined {
    return this.#byKind.get(kind);
  }

  #make(kind: Kind, name: string): Codec {
    switch (kind.kind) {
      case 'struct':
        return this.#struct(kind, name);
      case 'string':
        return this.#finish(kind, name, stringCodec(this.#env) as Scalar, true, true);
      case 'bytes':
        return this.#finish(kind, name, bytesCodec(this.#env) as Scalar, true, true);
      case 'ref':
        return this.#ref(kind, name);
      case 'slice':
        return this.#slice(kind, name);
      case 'array':
        return this.#array(kind, name);
      case 'map':
        return this.#map(kind, name);
      case 'atomic':
        return this.#atomic(kind, name);
      case 'mutex':
        return this.#mutex(kind, name);
      default:
        return this.#finish(kind, name, makeScalar(this.#env.mem, kind.kind), true, false);
    }
  }

  #struct(kind: StructKind, name: string): Codec {
    const env = this.#env;
    const { size, align, pointers, noCopy, fields: laid = [] } = layoutOf(kind);
    // What is part of this struct is registered before it: a heap never knows a type without its parts.
    for (const f of laid) {
      const part = inlineStruct(f.kind);
      if (part !== undefined) this.bind(part);
    }
    // A part that refers back to this struct has bound it meanwhile.
    const found = this.#byName.get(name);
    if (found !== undefined) return found;
    for (const f of laid) refuseCopiesIn(f.kind);
    const rtype = this.#register(kind, name);
    const place = makePlaceClass(env, () => codec, name);
    const fields: BoundField[] = [];
    const columns: FieldColumns = { names: [], wheres: [], offsets: [], codes: [], checks: [], writes: [] };
    const accessors = structCodec(env, place, () => codec, fields, columns);
    const codec: Codec = {
      ...accessors,
      ...{ name, size, align, pointers, place, rtype: () => rtype },
      ...{ code: codeOf(kind.kind), isValue: false, allocates: true, indirect: false, noCopy },
    };
    // Before the fields are bound: they may be of this type.
    this.#name(name, codec);
    for (const { name: field, offset, kind: of } of laid) {
      const bound = { name: field, offset, codec: this.bind(of), where: `${name}.${field}` };
      fields.push(bound);
      columns.names.push(field);
      columns.wheres.push(bound.where);
      columns.offsets.push(offset);
      columns.codes.push(bound.codec.code);
      columns.checks.push(bound.codec.check);
      const { isValue, initialise, write } = bound.codec;
      // That of maps is for another address: the map's own.
      columns.writes.push((isValue ? undefined : initialise) ?? write);
    }
    defineFields(env, place.Class, fields);
    return codec;
  }

  #ref(kind: RefKind, name: string): Codec {
    const target = this.bind(kind.elem);
    const found = this.#byName.get(name);
    if (found !== undefined) return found;
    // A place of its own that the pointer leads to; a map is one already.
    const place = target.place!;
    return this.#finish(kind, name, { ...(refCodec(this.#env, place, target.name) as Scalar), place }, true, false);
  }

  #slice(kind: SliceKind, name: string): Codec {
    const env = this.#env;
    const elem = this.bind(kind.elem);
    refuseCopiesIn(kind);
    // What it holds may have a slice like this one, which was bound meanwhile.
    const found = this.#byName.get(name);
    if (found !== undefined) return found;
    const place = makePlaceClass(env, () => codec, name);
    const codec: Codec = this.#finish(kind, name, { ...sliceCodec(env, place, elem, () => codec), place }, false, true);
    defineSlice(env, place, elem, () => codec);
    return codec;
  }

  #array(kind: ArrayKind, name: string): Codec {
    const env = this.#env;
    const elem = this.bind(kind.elem);
    const found = this.#byName.get(name);
    if (found !== undefined) return found;
    const place = makePlaceClass(env, () => codec, name);
    const accessors = arrayCodec(env, place, elem, kind.length, () => codec);
    const codec: Codec = this.#finish(kind, name, { ...accessors, place }, false, true);
    defineArray(env, place.Class, elem, kind.length, name, () => this.bind(sliceOf(kind.elem) as Kind));
    return codec;
  }

  #map(kind: MapKind, name: string): Codec {
    const place = makePlaceClass(this.#env, () => codec, name);
    refuseCopiesIn(kind);
    const accessors = bindMap(this.#env, place, kind.key, () => this.bind(kind.value), name);
    const codec: Codec = this.#finish(kind, name, { ...accessors, place }, true, true);
    return codec;
  }

  #atomic(kind: AtomicKind, name: string): Codec {
    const { mem } = this.#env;
    const place = makePlaceClass(this.#env, () => codec, name);
    const accessors = { ...atomicCodec(mem, place, kind.elem.kind), place };
    const codec: Codec = this.#finish(kind, name, accessors, false, false);
    defineAtomic(this.#env, place.Class, kind.elem.kind);
    return codec;
  }

  #mutex(kind: Kind, name: string): Codec {
    const place = makePlaceClass(this.#env, () => codec, name);
    const codec: Codec = this.#finish(kind, name, { ...mutexCodec(place), place }, false, false);
    defineMutex(this.#env, place);
    return codec;
  }

  #finish(kind: Kind, name: string, accessors: Accessors, isValue: boolean, allocates: boolean): Codec {
    const { size, align, pointers, noCopy } = layoutOf(kind);
    let type: RType | undefined;
    const rtype = (): RType => (type ??= this.#register(kind, name));
    const codec: Codec = {
      ...accessors,
      name,
      size,
      align,
      code: codeOf(kind.kind),
      pointers,
      isValue,
      allocates,
      noCopy,
      indirect: kind.kind === 'ref',
      rtype,
    };
    this.#name(name, codec);
    return codec;
  }

  #register(kind: Kind, name: string): RType {
    const { size, align, pointers } = layoutOf(kind);
    return this.#env.table.register({ name, size, align, pointers, definition: definitionOf(kind) }, explainDifference);
  }
}

/**
 * Throws if a slice or map in a kind would copy values that are not to be copied. Before a struct is registered: the heap would
 * never forget that definition.
 */
function refuseCopiesIn(kind: Kind): void {
  switch (kind.kind) {
    case 'slice':
      refuseCopies(kind, kind.elem, 'its elements move when it grows');
      refuseCopiesIn(kind.elem);
      break;
    case 'map':
      refuseCopies(kind, kind.value, 'its values are copied in and out');
      refuseCopiesIn(kind.value);
      break;
    case 'array':
    case 'ref':
      refuseCopiesIn(kind.elem);
  }
}

function refuseCopies(kind: Kind, copied: Kind, why: string): void {
  const { name, noCopy } = layoutOf(copied);
  if (!noCopy) return;
  const text = `${layoutOf(kind).name}: ${why}, and ${name} has a mutex, which cannot be; use ref(${name})`;
  throw new ArgumentError('ERR_INVALID_ARGUMENT', text);
}

/** The struct that a field of this kind has in place, itself or as elements of an array. */
function inlineStruct(kind: Kind): StructKind | undefined {
  if (kind.kind === 'struct') return kind;
  return kind.kind === 'array' ? inlineStruct(kind.elem as Kind) : undefined;
}
