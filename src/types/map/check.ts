/**
 * The invariants of a map, as a function. For tests and `heap.verify()`: while nobody else writes to the map. Tables that a
 * dead thread has locked are repaired first, as by anybody who comes by; tables whose holder lives are only looked at as
 * far as they do not depend on it.
 */
import { VerifyError } from '../../base/errors.ts';
import {
  CTRL_DELETED,
  CTRL_FULL,
  DIR_ENTRY_WORDS,
  DIR_SHIFT,
  DIR_TABLE,
  GROUP_SLOTS,
  IS_TABLE,
  MAP_LOCK,
  MAP_ROOT,
  MAP_SEED0,
  MAP_SEED1,
  MAX_DEPTH,
  TABLE_DEPTH,
  TABLE_GROUPS,
  TABLE_HI,
  TABLE_LEFT,
  TABLE_LO,
  TABLE_LOCK,
  TABLE_MASK,
  TABLE_PARTNER,
  TABLE_PREFIX,
  TABLE_SEQ,
  TABLE_SPARE,
  TABLE_TAG,
  TABLE_USED,
} from '../../layout/map.ts';
import { makeDirectory } from './directory.ts';
import type { MapHost } from './host.ts';
import type { MapShape } from './shape.ts';
import { tablesOf } from './tables.ts';

export interface MapReport {
  readonly entries: number;
  readonly tables: number;
  /** Slots of all tables. */
  readonly slots: number;
  /** Bits that the directory is indexed by; 0 if there is none. */
  readonly depth: number;
}

/** Walks a map and throws VerifyError, which names the first broken invariant. In a region. O(slots). */
export function checkMap(host: MapHost, shape: MapShape, address: number): MapReport {
  const { i32 } = host.mem;
  const tables = tablesOf(host);
  const { lock } = makeDirectory(host, tables);
  const h = address >>> 2;
  const at = (word: number): string => `0x${(word * 4).toString(16)}`;

  function must(holds: boolean, invariant: string, what: () => string): void {
    if (!holds) throw new VerifyError(`map.${invariant}`, `map ${at(h)}: ${what()}`);
  }

  function checkTable(table: number): void {
    const depth = i32[table + TABLE_DEPTH]!;
    const groups = i32[table + TABLE_MASK]! + 1;
    must(
      i32[table + TABLE_TAG] === IS_TABLE,
      'table.tag',
      () => `table ${at(table)} has tag ${i32[table + TABLE_TAG]}`,
    );
    must(depth >= 0 && depth <= MAX_DEPTH, 'table.depth', () => `table ${at(table)} has depth ${depth}`);
    must((groups & (groups - 1)) === 0, 'table.mask', () => `table ${at(table)} has ${groups} groups`);
    if (i32[table + TABLE_LOCK] !== 0) return;
    must((i32[table + TABLE_SEQ]! & 1) === 0, 'table.seq', () => `table ${at(table)} is unlocked and being written`);
    for (const field of [TABLE_LO, TABLE_HI, TABLE_PARTNER]) {
      must(i32[table + field] === 0, 'table.successor', () => `living table ${at(table)} has word ${field} set`);
    }
    const spare = i32[table + TABLE_SPARE]! >>> 2;
    for (let i = 0; spare !== 0 && i < shape.valueWords; i++) {
      must(i32[spare + i] === 0, 'table.spare', () => `the spare value of table ${at(table)} is not zero`);
    }
    checkSlots(table, groups);
  }

  function checkSlots(table: number, groups: number): void {
    let used = 0;
    let deleted = 0;
    const has = i32[table + TABLE_GROUPS] !== 0;
    for (let n = 0; has && n < groups * GROUP_SLOTS; n++) {
      const ctrl = tables.ctrlAt(table, n, shape);
      if (ctrl >= CTRL_FULL) {
        used++;
        checkEntry(table, tables.slotOf(table, n, shape), ctrl);
        continue;
      }
      if (ctrl === CTRL_DELETED) deleted++;
      else must(ctrl === 0, 'group.ctrl', () => `table ${at(table)}, slot ${n} has control byte ${ctrl}`);
      const slot = tables.slotOf(table, n, shape);
      for (const p of shape.slotPointers) {
        must(i32[slot + p] === 0, 'slot.free', () => `free slot ${at(slot)} of table ${at(table)} has a pointer`);
      }
    }
    const left = has ? shape.capacity(groups) - used - deleted : 0;
    must(
      used === i32[table + TABLE_USED],
      'table.used',
      () => `table ${at(table)}: ${used} slots are full, the count is ${i32[table + TABLE_USED]}`,
    );
    must(
      left === i32[table + TABLE_LEFT],
      'table.left',
      () => `table ${at(table)}: ${left} slots are left, the count is ${i32[table + TABLE_LEFT]}`,
    );
  }

  function checkEntry(table: number, slot: number, ctrl: number): void {
    const { key } = shape;
    const depth = i32[table + TABLE_DEPTH]!;
    const stored = key.hashAt(slot, i32[h + MAP_SEED0]!, i32[h + MAP_SEED1]!);
    const words = i32.slice(slot, slot + key.words);
    const hash = key.load(key.decode(words), 'check', i32[h + MAP_SEED0]!, i32[h + MAP_SEED1]!);
    must(hash === stored, 'slot.hash', () => `slot ${at(slot)} has hash ${stored}, its key ${hash}`);
    must(
      ctrl === (CTRL_FULL | (hash & 0x7f)),
      'slot.ctrl',
      () => `slot ${at(slot)} has control byte ${ctrl}, hash ${hash}`,
    );
    must(
      depth === 0 || hash >>> (32 - depth) === i32[table + TABLE_PREFIX]! >>> (32 - depth),
      'slot.table',
      () => `slot ${at(slot)} with hash ${hash} is in table ${at(table)}, which is not for it`,
    );
    const found = key.find(
      i32[table + TABLE_GROUPS]!,
      i32[table + TABLE_MASK]!,
      hash,
      shape.groupWords,
      shape.slotWords,
    );
    must(
      found === slot,
      'slot.found',
      () => `the key in slot ${at(slot)} is found in ${found === 0 ? 'none' : at(found)}`,
    );
  }

  /** Every entry leads to a table for its hashes. Returns how many bits it is indexed by. */
  function checkDirectory(): number {
    const root = i32[h + MAP_ROOT]! >>> 2;
    const shift = i32[root + DIR_SHIFT]!;
    if (shift < 0) return 0;
    const depth = 32 - shift;
    must(depth >= 1 && depth <= MAX_DEPTH, 'directory.depth', () => `directory ${at(root)} has shift ${shift}`);
    for (let i = 0; i < 2 ** depth; i++) {
      const entry = root + i * DIR_ENTRY_WORDS;
      const table = i32[entry + DIR_TABLE]! >>> 2;
      must(i32[entry + DIR_SHIFT] === shift, 'directory.shift', () => `entry ${i} of ${at(root)} has another shift`);
      must(
        table !== 0 && i32[table + TABLE_TAG] === IS_TABLE,
        'directory.entry',
        () => `entry ${i} of ${at(root)} leads to ${at(table)}`,
      );
      const bits = i32[table + TABLE_DEPTH]!;
      must(
        bits === 0 || (i << shift) >>> (32 - bits) === i32[table + TABLE_PREFIX]! >>> (32 - bits),
        'directory.range',
        () => `entry ${i} of ${at(root)} leads to table ${at(table)}, which is not for it`,
      );
    }
    return depth;
  }

  /** The living table for a hash, whole. */
  function repaired(hash: number): number {
    let table = tables.alive(h, hash);
    if (tables.locks.isAbandoned(table + TABLE_LOCK)) {
      table = lock(h, hash, shape);
      tables.unlock(table);
    }
    return table;
  }

  let entries = 0;
  let slots = 0;
  const walked = new Set<number>();
  if (i32[h + MAP_ROOT] === 0) return { entries, tables: 0, slots, depth: 0 };
  must(
    i32[h + MAP_LOCK] === 0 || tables.locks.isAbandoned(h + MAP_LOCK),
    'header.lock',
    () => 'the directory is locked',
  );
  const bits = checkDirectory();
  for (let hash = 0, more = true; more; more = hash !== 0) {
    const table = repaired(hash);
    must(
      i32[table + TABLE_PREFIX] === hash,
      'table.range',
      () => `table ${at(table)} does not begin where another ends`,
    );
    checkTable(table);
    entries += i32[table + TABLE_USED]!;
    slots += (i32[table + TABLE_MASK]! + 1) * GROUP_SLOTS;
    walked.add(table);
    hash = tables.endOf(table);
  }
  for (let i = 0; i < 2 ** bits; i++) {
    const table = repaired(bits === 0 ? 0 : i << (32 - bits));
    must(walked.has(table), 'directory.walk', () => `entry ${i} leads to ${at(table)}, which covers another's hashes`);
  }
  return { entries, tables: walked.size, slots, depth: bits };
}
