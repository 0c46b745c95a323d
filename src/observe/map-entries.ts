/**
 * The entries of a map, read from outside: without its locks, and without believing that what pointers lead to is still
 * part of the map. While threads change it, entries may be missing, or come twice. The layout is that of layout/map.ts.
 */
import { PTR_SIZE } from '../layout/constants.ts';
import {
  CTRL_FULL,
  DIR_ENTRY_WORDS,
  DIR_SHIFT,
  DIR_TABLE,
  GROUP_SLOTS,
  IS_TABLE,
  MAP_ROOT,
  MAX_DEPTH,
  SEQ_DEAD,
  TABLE_DEPTH,
  TABLE_GROUPS,
  TABLE_HI,
  TABLE_LO,
  TABLE_MASK,
  TABLE_PREFIX,
  TABLE_SEQ,
  TABLE_TAG,
  TABLE_USED,
  TABLE_WORDS,
} from '../layout/map.ts';
import { groupKind } from '../types/definition.ts';
import type { ArrayKind, Kind, MapKind } from '../types/kinds.ts';
import { layoutOf } from '../types/layout-of.ts';
import type { ObjectSource } from './object-source.ts';

/** Replaced tables on the way to a living one; more are garbage. */
const MAX_STEPS = 64;

/**
 * Called with the address of a slot, which begins with the key, and the kind and address of the value in it. False: no
 * more entries are wanted.
 */
type Visit = (slot: number, value: Kind, valueAddr: number) => boolean;

/** Calls `visit` for each entry of the map with this header, and returns how many the map says it has. */
export function mapEntries(heap: ObjectSource, kind: MapKind, header: number, visit: Visit): number {
  const { i32 } = heap;
  let size = 0;
  let wanted = true;
  eachTable(heap, header, (table) => {
    size += i32[table + TABLE_USED]!;
    wanted = wanted && eachEntry(heap, kind, table, visit);
  });
  return size;
}

/** Word of the object at `addr`, if there is one with so many words from there on; else 0. */
function wordOf(heap: ObjectSource, addr: number, words: number): number {
  const object = heap.objectAt(addr);
  return object !== null && addr % PTR_SIZE === 0 && addr + words * PTR_SIZE <= object.start + object.size
    ? addr >>> 2
    : 0;
}

/** Living tables, in the order of the hashes they are for. */
function eachTable(heap: ObjectSource, header: number, visit: (table: number) => void): void {
  const { i32 } = heap;
  for (let hash = 0, last = 0; ; ) {
    const table = tableFor(heap, header, hash);
    // A table has all hashes that begin with its prefix: it comes once.
    if (table === 0 || table === last) return;
    visit(table);
    last = table;
    const depth = i32[table + TABLE_DEPTH]!;
    const next = depth > 0 && depth <= MAX_DEPTH ? (i32[table + TABLE_PREFIX]! + 2 ** (32 - depth)) >>> 0 : 0;
    if (next <= hash) return;
    hash = next;
  }
}

function tableFor(heap: ObjectSource, header: number, hash: number): number {
  const { i32 } = heap;
  const root = i32[(header >>> 2) + MAP_ROOT]! >>> 0;
  const tag = i32[(root >>> 2) + TABLE_TAG]!;
  const entry = root + (hash >>> i32[(root >>> 2) + DIR_SHIFT]!) * DIR_ENTRY_WORDS * PTR_SIZE;
  let table = tag === IS_TABLE ? wordOf(heap, root, TABLE_WORDS) : follow(heap, wordOf(heap, entry, 1) + DIR_TABLE);
  for (let step = 0; table !== 0 && i32[table + TABLE_SEQ] === SEQ_DEAD; step++) {
    const bit = (hash >>> (31 - i32[table + TABLE_DEPTH]!)) & 1;
    table = step === MAX_STEPS ? 0 : follow(heap, table + (bit === 0 ? TABLE_LO : TABLE_HI));
  }
  return table;
}

/** The table that a word leads to. */
function follow(heap: ObjectSource, word: number): number {
  return wordOf(heap, heap.i32[word]! >>> 0, TABLE_WORDS);
}

/** False: `visit` wants no more. */
function eachEntry(heap: ObjectSource, kind: MapKind, table: number, visit: Visit): boolean {
  const { i32, u8 } = heap;
  const group = layoutOf(groupKind(kind));
  const slots = group.fields![1]!;
  const slot = layoutOf((slots.kind as ArrayKind).elem);
  const value = slot.fields!.at(-1)!;
  const groups = i32[table + TABLE_GROUPS]! >>> 0;
  const object = heap.objectAt(groups);
  const room = object === null ? 0 : Math.floor((object.start + object.size - groups) / group.size);
  for (let g = 0; g < Math.min(i32[table + TABLE_MASK]! + 1, room); g++) {
    for (let i = 0; i < GROUP_SLOTS; i++) {
      const at = groups + g * group.size;
      if (u8[at + i]! < CTRL_FULL) continue;
      const slotAt = at + slots.offset + i * slot.size;
      if (!visit(slotAt, value.kind, slotAt + value.offset)) return false;
    }
  }
  return true;
}
