/**
 * The registry of everything in allocator memory. Each structure is declared once, in a file of this folder: its
 * offsets as plain constants, and in registry.ts one `defineStruct` that checks them. Tests and tools read the registry, and
 * nobody else writes an offset. The library itself does not load it: what a new worker loads, it waits for.
 *
 * All offsets count 32-bit words; an `f64` takes two words and starts at an even one.
 */

/** Who may write a field, and how it is read by others. */
export type Access =
  | 'immutable' /* written once, before the record is published */
  | 'owner' /* plain, by the owning thread only; others may look while the world is stopped */
  | 'locked' /* plain, under the lock the structure's comment names */
  | 'stopped' /* while the world is stopped; read plainly inside a region, through Atomics elsewhere */
  | 'atomic' /* through Atomics or storeRelease once others may look; read so, or plainly where something else gives the order */
  | 'racy'; /* written under a lock or by the owner, read plainly as a hint that is confirmed afterwards */

export type FieldKind = 'u32' | 'i32' | 'addr' | 'page' | 'ref' | 'bits' | 'f64' | 'words';

export interface Field {
  readonly offset: number;
  readonly kind: FieldKind;
  readonly access: Access;
  /** Words the field takes. */
  readonly words: number;
}

export interface StructInfo {
  readonly name: string;
  /** Go's name for the same thing, where there is one. */
  readonly go: string;
  readonly words: number;
  readonly fields: Readonly<Record<string, Field>>;
}

const structs = new Map<string, StructInfo>();

export type FieldSpec = readonly [offset: number, kind: FieldKind, access: Access, words?: number];

/** Declares a structure. Throws when two fields overlap, or one is misaligned or outside. */
export function defineStruct(name: string, go: string, words: number, specs: Record<string, FieldSpec>): StructInfo {
  const fields: Record<string, Field> = {};
  for (const [field, [offset, kind, access, count]] of Object.entries(specs)) {
    const size = count ?? (kind === 'f64' ? 2 : 1);
    if (kind === 'f64' && offset % 2 !== 0) throw new Error(`${name}.${field} is not aligned`);
    if (offset + size > words) throw new Error(`${name}.${field} lies outside ${name}`);
    for (const [other, { offset: from, words: taken }] of Object.entries(fields)) {
      if (offset < from + taken && from < offset + size) throw new Error(`${name}.${field} overlaps ${other}`);
    }
    fields[field] = { offset, kind, access, words: size };
  }
  const info: StructInfo = { name, go, words, fields };
  structs.set(name, info);
  return info;
}

/** All structures declared so far, by name. */
export function registry(): ReadonlyMap<string, StructInfo> {
  return structs;
}
