/**
 * The types of a snapshot's objects, with names for people. Objects with pointers carry the number of their type.
 * Pointer-free ones are known from what leads to them: the elements of a slice, the bytes of a string, the groups of a map.
 */
import { TABLE_GROUPS, TABLE_HI, TABLE_LO, TABLE_PARTNER, TABLE_SPARE } from '../layout/map.ts';
import type { RType } from '../malloc/rtype.ts';
import type { SnapshotType } from '../observe/snapshot/format.ts';
import { DefinedKinds, LONG_KEYS, pointerKinds } from '../types/definition.ts';
import type { Kind } from '../types/kinds.ts';
import { layoutOf } from '../types/layout-of.ts';
import type { GraphType } from './graph.ts';

/** The most types that a graph's numbers of 16 bits can tell apart. */
const MAX_TYPES = 65535;
/** Elements of an inline array that are named one by one. */
const MAX_NAMED = 64;

const MAP_TYPE = /^map\.(header|directory|table|groups)\(([^,]+),(.*)\)$/s;
const TABLE_FIELDS: readonly (readonly [string, number])[] = [
  ['groups', TABLE_GROUPS * 4],
  ['lo', TABLE_LO * 4],
  ['hi', TABLE_HI * 4],
  ['partner', TABLE_PARTNER * 4],
  ['spare', TABLE_SPARE * 4],
];

/** How objects of a type are looked through. */
export interface ScanType {
  readonly size: number;
  readonly pointers: Int32Array;
  /** Type of a pointer-free object that each pointer leads to: an index in `types`, or 0. */
  readonly targets: Uint16Array;
}

type Field = GraphType['fields'][number];

export class SnapshotTypes {
  /** 0: unknown. Then the registered types, by their numbers; then those of pointer-free objects. */
  readonly types: GraphType[] = [{ name: '(unknown)', size: 0, kind: 'unknown', fields: [] }];
  readonly kinds: DefinedKinds;
  readonly #registered: readonly SnapshotType[];
  readonly #byName = new Map<string, SnapshotType>();
  readonly #derived = new Map<string, number>();
  readonly #scan: (ScanType | undefined)[] = [];

  constructor(registered: readonly SnapshotType[]) {
    this.#registered = registered;
    for (const type of registered) this.#byName.set(type.name, type);
    this.kinds = new DefinedKinds({ find: (name) => this.#byName.get(name) as RType | undefined });
    for (const type of registered) this.types.push(this.#describe(type));
  }

  find(name: string): SnapshotType | undefined {
    return this.#byName.get(name);
  }

  get(number: number): SnapshotType | undefined {
    return this.#registered[number - 1];
  }

  kindOf(type: SnapshotType): Kind | undefined {
    return this.kinds.ofType(type as RType);
  }

  /** How to look through objects with this type number; undefined if there is no such type, or it has no pointers. */
  scan(number: number): ScanType | undefined {
    const known = this.#scan[number];
    if (known !== undefined) return known;
    const type = this.get(number);
    if (type === undefined || type.pointers.length === 0) return undefined;
    const targets = Uint16Array.from(this.#targets(type));
    return (this.#scan[number] = { size: type.size, pointers: Int32Array.from(type.pointers), targets });
  }

  /** Index of the type of what a reference of a registered type leads to, as named roots have them; 0: unknown. */
  targetOfRef(number: number): number {
    const type = this.get(number);
    return type === undefined ? 0 : number;
  }

  #targets(type: SnapshotType): number[] {
    const [, part, key, value] = MAP_TYPE.exec(type.name) ?? [];
    if (part === 'table') {
      const groups = this.#byName.get(`map.groups(${key},${value})`)?.number ?? 0;
      const spare = this.#derive(`map(${key}, ${value}) value`, 0, 'map');
      return type.pointers.map((p) => (p === TABLE_GROUPS * 4 ? groups : p === TABLE_SPARE * 4 ? spare : 0));
    }
    const kind = this.kindOf(type);
    const kinds = kind === undefined ? [] : pointerKinds(kind);
    return type.pointers.map((_, i) => (kinds[i] === undefined ? 0 : this.#target(kinds[i])));
  }

  /** What a pointer of this kind leads to, if that has no pointers itself. */
  #target(kind: Kind): number {
    switch (kind.kind) {
      case 'string':
        return this.#derive('string bytes', 1, 'string');
      case 'bytes':
        return this.#derive('bytes', 1, 'bytes');
      case 'slice': {
        const { name, size } = layoutOf(kind.elem);
        return this.#derive(`slice(${name}) elements`, size, 'slice');
      }
      case 'ref': {
        if (kind === LONG_KEYS.string || kind === LONG_KEYS.bytes) return this.#derive('map key bytes', 1, 'string');
        const { name, size } = layoutOf(kind.elem);
        return this.#byName.get(name)?.number ?? this.#derive(name, size, kind.elem.kind);
      }
      default:
        return 0;
    }
  }

  #derive(name: string, size: number, kind: string): number {
    const known = this.#derived.get(name);
    if (known !== undefined) return known;
    if (this.types.length > MAX_TYPES) return 0;
    this.types.push({ name, size, kind, fields: [] });
    this.#derived.set(name, this.types.length - 1);
    return this.types.length - 1;
  }

  #describe(type: SnapshotType): GraphType {
    const { name, size } = type;
    const [, part, key, value] = MAP_TYPE.exec(name) ?? [];
    const kind = this.kindOf(type);
    if (part !== undefined) {
      const fields = part === 'groups' ? groupFields(kind) : mapFields(part);
      const shown = { header: '', directory: ' directory', table: ' table', groups: ' group' }[part];
      return { name: `map(${key}, ${value})${shown}`, size, kind: 'map', fields };
    }
    if (kind === undefined) return { name, size, kind: 'raw', fields: [] };
    // Values that are no structs are alone in memory only as elements, or were made by `heap.new`.
    const isElement = ['ref', 'string', 'bytes', 'map'].includes(kind.kind);
    return { name: isElement ? `slice(${name}) elements` : name, size, kind: kind.kind, fields: fieldsOf(kind) };
  }
}

/** The slots of a group, said as people see them: entries with a key and a value. */
function groupFields(kind: Kind | undefined): Field[] {
  if (kind === undefined) return [];
  return fieldsOf(kind).map((field) => {
    const name = field.name
      .replace(/^slots\[(\d)\]\.(?:short|long|key)/, 'slot $1 key')
      .replace(/^slots\[(\d)\]\./, 'slot $1 ');
    return { ...field, name };
  });
}

function mapFields(part: string): Field[] {
  if (part === 'header') return [{ name: 'root', offset: 0, type: 'map table or directory' }];
  if (part === 'directory') return [{ name: 'table', offset: 0, type: 'map table' }];
  return TABLE_FIELDS.map(([name, offset]) => ({ name, offset, type: name === 'groups' ? 'map groups' : 'map table' }));
}

/** Fields by offset; those of structs inside, and elements of short arrays inside, by their paths. */
function fieldsOf(kind: Kind): Field[] {
  const fields: Field[] = [];
  const walk = (k: Kind, at: number, path: string): void => {
    if (k.kind === 'struct') {
      for (const f of layoutOf(k).fields!) walk(f.kind, at + f.offset, path === '' ? f.name : `${path}.${f.name}`);
      return;
    }
    if (k.kind === 'array' && k.length <= MAX_NAMED && pointerKinds(k).length > 0) {
      const { size } = layoutOf(k.elem);
      for (let i = 0; i < k.length; i++) walk(k.elem, at + i * size, `${path}[${i}]`);
      return;
    }
    if (path !== '') fields.push({ name: path, offset: at, type: layoutOf(k).name });
  };
  walk(kind, 0, '');
  return fields;
}
