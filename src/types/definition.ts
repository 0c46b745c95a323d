/**
 * Types as another thread has registered them: from the definitions and names in the type table back to kinds, whose
 * layout is then that of layout-of.ts, the writer of both. For reading a heap without the program that declared its types.
 *
 * A kind that is made here counts only if it would be registered with the very definition that is in the table. So what
 * is read by it lies where its writer put it, and a damaged definition is no type at all.
 */
import type { Words } from '../base/brand.ts';
import { GROUP_CTRL_WORDS, GROUP_SLOTS } from '../layout/map.ts';
import type { RType, TypeList } from '../malloc/rtype.ts';
import {
  type AtomicKind,
  array,
  atomic,
  bool,
  bytes,
  f32,
  f64,
  type IntKind,
  i8,
  i16,
  i32,
  i64,
  type KeyKind,
  type Kind,
  type MapKind,
  map,
  mutex,
  type ReferableKind,
  type RefKind,
  ref,
  type StructKind,
  slice,
  string,
  struct,
  u8,
  u16,
  u32,
  u64,
} from './kinds.ts';
import { componentKinds, definitionOf, layoutOf, MAX_DEPTH } from './layout-of.ts';

const PLAIN: ReadonlyMap<string, Kind> = new Map(
  [i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, bool, string, bytes, mutex].map((kind) => [kind.kind, kind]),
);

/** An expression such as `slice(ref(Post))`: what is around the outermost parentheses, and in them. */
const APPLIED = /^(ref|slice|atomic|array|map)\((.*)\)$/s;

/** The objects that maps consist of, named after the kinds of their keys and values; see map/shape.ts. */
const MAP_OBJECT = /^map\.(header|directory|table|groups)\(/;
const MAP_PART = /^map\.(header|table|groups)\(([^,]+),(.*)\)$/s;

/** Bytes of a key that is a text, before the pointer to those that do not fit: see `textKey`. */
export const KEY_TEXT_BYTES = 12;
/** The kinds of that pointer. */
export const LONG_KEYS = { string: ref(array(u8, 0)) as RefKind, bytes: ref(array(u8, 0)) as RefKind };

/** Where the text is that is the key of the slot at `addr`, as map/keys.ts stores it: in the slot or elsewhere. */
export function textKey(i32s: Words, addr: number): { from: number; length: number } {
  const at = addr >>> 2;
  const last = i32s[at + 2]!;
  return last < 0 ? { from: i32s[at + 3]! >>> 0, length: i32s[at]! >>> 0 } : { from: addr, length: last >>> 24 };
}

interface DefinedField {
  readonly name: string;
  readonly type: string;
}

/** Where the registered types come from. */
export type TypeSource = Pick<TypeList, 'find'>;

/** The kinds of one heap's registered types. */
export class DefinedKinds {
  readonly #table: TypeSource;
  readonly #structs = new Map<string, StructKind>();
  readonly #byNumber = new Map<number, Kind>();

  constructor(table: TypeSource) {
    this.#table = table;
  }

  /** What a registered type is; undefined when it has no definition, or one that is not whole. */
  ofType(type: RType): Kind | undefined {
    const known = this.#byNumber.get(type.number);
    if (known !== undefined) return known;
    const [, part, key, value] = MAP_PART.exec(type.name) ?? [];
    const isGroups = part === 'groups';
    const kind = isGroups ? this.#groups(`map(${key}, ${value})`) : this.#try(type.name, true);
    if (kind === undefined || !liesAs(kind, type)) return undefined;
    if (!isGroups && definitionOf(kind) !== type.definition) return undefined;
    this.#byNumber.set(type.number, kind);
    return kind;
  }

  /**
   * The kind of map whose objects of this type are the headers: what references to maps lead to. Undefined when its entries
   * do not lie as those of this kind would. `wanted`: or the tables.
   */
  mapOf(type: RType, wanted: 'header' | 'table' = 'header'): MapKind | undefined {
    const [, part, key, value] = MAP_PART.exec(type.name) ?? [];
    if (part !== wanted) return undefined;
    const groups = this.#table.find(`map.groups(${key},${value})`);
    if (groups === undefined || this.ofType(groups) === undefined) return undefined;
    return this.#try(`map(${key}, ${value})`, true) as MapKind | undefined;
  }

  /** Whether the types that programs declare consist of such objects. */
  isDeclared(type: RType): boolean {
    return type.definition !== '' || MAP_OBJECT.test(type.name);
  }

  /** What a type expression means; undefined when it is none, or names a struct that is not registered. */
  named(expression: string): Kind | undefined {
    return this.#try(expression, false);
  }

  /**
   * `lenient`: a struct that is not registered is one without fields. A registered type may point to such: the thread
   * that registered it failed, or died, before it came to the other one.
   */
  #try(expression: string, lenient: boolean): Kind | undefined {
    try {
      const kind = this.#parse(shallow(expression), lenient);
      return layoutOf(kind).name === expression ? kind : undefined;
    } catch {
      // Declarations refuse what no program could have declared; so do the layout, and JSON.
      return undefined;
    }
  }

  #groups(map: string): Kind | undefined {
    const kind = this.#try(map, true);
    return kind?.kind === 'map' ? groupKind(kind) : undefined;
  }

  #parse(text: string, lenient: boolean): Kind {
    const plain = PLAIN.get(text);
    if (plain !== undefined) return plain;
    const applied = APPLIED.exec(text);
    return applied === null ? this.#struct(text, lenient) : this.#apply(applied[1]!, applied[2]!, lenient);
  }

  /**
   * Names of structs have no commas, keys no parentheses: the last comma ends an element, the first one a key. Whether a
   * kind can be applied to what was parsed, the declarations check for themselves.
   */
  #apply(kind: string, inside: string, lenient: boolean): Kind {
    const parse = (text: string): Kind => this.#parse(text, lenient);
    const comma = kind === 'map' ? inside.indexOf(', ') : inside.lastIndexOf(', ');
    const parts = [inside.slice(0, comma), inside.slice(comma + 2)] as const;
    switch (kind) {
      case 'ref':
        return ref(parse(inside) as ReferableKind) as RefKind;
      case 'slice':
        return slice(parse(inside));
      case 'atomic':
        return atomic(parse(inside) as IntKind) as AtomicKind;
      case 'array':
        return array(parse(parts[0]), Number(parts[1]));
      default:
        return map(parse(parts[0]) as KeyKind, parse(parts[1]) as StructKind) as MapKind;
    }
  }

  /** The fields are getters, as in any declaration of types that may be recursive. */
  #struct(name: string, lenient: boolean): StructKind {
    const known = this.#structs.get(name);
    if (known !== undefined) return known;
    const type = this.#table.find(name);
    if (type === undefined || type.definition === '') {
      if (!lenient) throw new Error(`${name} is no registered struct`);
      return struct(name, {}) as StructKind;
    }
    const { kind, fields } = JSON.parse(type.definition) as { kind: string; fields: DefinedField[] };
    if (kind !== 'struct') throw new Error(`${name} is a ${kind}`);
    const getters: PropertyDescriptorMap = {};
    for (const field of fields)
      getters[field.name] = { enumerable: true, get: () => this.#parse(shallow(field.type), true) };
    const made = struct(name, Object.defineProperties({}, getters)) as StructKind;
    this.#structs.set(name, made);
    return made;
  }
}

/** The text, unless it is nested so deeply that no program can have written it: then an error. */
function shallow(expression: string): string {
  let depth = 0;
  for (const char of expression) if (char === '(' && ++depth > MAX_DEPTH) throw new Error('nested too deeply');
  return expression;
}

/** Whether values of a kind lie in memory as the type says. */
function liesAs(kind: Kind, type: RType): boolean {
  const { size, align, pointers } = layoutOf(kind);
  // The parts of maps say nothing of their alignment.
  if (size !== type.size || (type.definition !== '' && align !== type.align)) return false;
  return pointers.length === type.pointers.length && pointers.every((p, i) => p === type.pointers[i]);
}

/** Fields of a slot that are a key; see map/keys.ts. */
function keyFields({ kind }: KeyKind): Record<string, Kind> {
  if (kind === 'string' || kind === 'bytes') return { short: array(u8, KEY_TEXT_BYTES), long: LONG_KEYS[kind] };
  if (kind === 'i64' || kind === 'u64' || kind === 'u32') return { key: PLAIN.get(kind)! };
  return { key: i32 };
}

/** A group of slots of a map, told as a struct; see map/shape.ts. */
export function groupKind({ key, value }: MapKind): StructKind {
  const slot = struct('slot', { ...keyFields(key), value });
  return struct('group', {
    control: array(u32, GROUP_CTRL_WORDS),
    slots: array(slot, GROUP_SLOTS),
  }) as unknown as StructKind;
}

/** The kinds of the pointers in a value, one for each of `layoutOf(kind).pointers`. */
export function pointerKinds(kind: Kind): readonly Kind[] {
  switch (kind.kind) {
    case 'ref':
    case 'slice':
    case 'map':
    case 'string':
    case 'bytes':
      return [kind];
    case 'struct':
      return componentKinds(kind).flatMap(pointerKinds);
    case 'array': {
      const elem = pointerKinds(kind.elem);
      return elem.length === 0 ? [] : Array.from({ length: kind.length }, () => elem).flat();
    }
    default:
      return [];
  }
}
