/**
 * The invariants of a map, as a function of memory alone: for maps of a heap that stands still, and of snapshots. Writes
 * nothing, takes no locks. Tables that a thread has locked are only looked at as far as they do not depend on it.
 */
import type { Words } from '../../base/brand.ts';
import { VerifyError } from '../../base/errors.ts';
import {
  CTRL_DELETED,
  CTRL_FULL,
  DIR_ENTRY_WORDS,
  DIR_SHIFT,
  DIR_TABLE,
  GROUP_CTRL_WORDS,
  GROUP_SLOTS,
  IS_TABLE,
  MAP_LOCK,
  MAP_ROOT,
  MAP_SEED0,
  MAP_SEED1,
  MAX_DEPTH,
  MAX_GROUPS,
  SEQ_DEAD,
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
  TABLE_WORDS,
} from '../../layout/map.ts';
import { groupKind } from '../definition.ts';
import type { ArrayKind, KeyName, MapKind } from '../kinds.ts';
import { layoutOf } from '../layout-of.ts';
import { hashInt, hashPair, hashThree, hashWords } from './hash.ts';
import { type Find, makeBytesFind, makeIntFind } from './probe.ts';

/** How the maps of one kind lie in memory, as far as it is checked. Words. */
export interface MapLayout {
  readonly key: KeyName;
  readonly slotWords: number;
  readonly groupWords: number;
  readonly valueWords: number;
  readonly slotPointers: readonly number[];
}

/** The memory that a map is in. */
export interface MapMemory {
  readonly i32: Words;
  /** Whether so many bytes from an address on are in one live object. */
  isWhole(addr: number, bytes: number): boolean;
}

export interface MapReport {
  readonly entries: number;
  readonly tables: number;
  /** Slots of all tables. */
  readonly slots: number;
  /** Bits that the directory is indexed by; 0 if there is none. */
  readonly depth: number;
}

/** Replaced tables on the way to a living one; more are none that a map leaves behind. */
const MAX_STEPS = 64;
/** Third word of a key that is elsewhere; see keys.ts. */
const LONG = -1;

/** The layout of maps of a kind. */
export function mapLayout(kind: MapKind): MapLayout {
  const group = layoutOf(groupKind(kind));
  const slots = group.fields![1]!;
  const slot = layoutOf((slots.kind as ArrayKind).elem);
  return {
    key: kind.key.kind as KeyName,
    slotWords: slot.size / 4,
    groupWords: group.size / 4,
    valueWords: Math.ceil(layoutOf(kind.value).size / 4),
    slotPointers: slot.pointers.map((p) => p / 4),
  };
}

/** A key as its words say it is: `load` makes that of a slot the one that `find` looks for, and returns its hash. */
interface KeyWords {
  readonly load: (slot: number, k0: number, k1: number) => number;
  /** The hash that is stored with it, or follows from it. */
  readonly hashAt: (slot: number, k0: number, k1: number) => number;
  /** Bytes elsewhere that belong to the key: address and number; 0: none. */
  readonly rest: (slot: number) => { readonly addr: number; readonly bytes: number };
  readonly find: Find;
}

function keyWords(memory: MapMemory, name: KeyName): KeyWords {
  const { i32 } = memory;
  const none = { addr: 0, bytes: 0 };
  if (name === 'i64' || name === 'u64') {
    const wanted = new Int32Array(2);
    const hashAt = (slot: number, k0: number, k1: number): number => hashPair(i32[slot]!, i32[slot + 1]!, k0, k1);
    const load = (slot: number, k0: number, k1: number): number => {
      wanted[0] = i32[slot]!;
      wanted[1] = i32[slot + 1]!;
      return hashAt(slot, k0, k1);
    };
    return { load, hashAt, rest: () => none, find: makeIntFind(memory, wanted) };
  }
  if (name !== 'string' && name !== 'bytes') {
    const wanted = new Int32Array(1);
    const hashAt = (slot: number, k0: number, k1: number): number => hashInt(i32[slot]!, k0, k1);
    const load = (slot: number, k0: number, k1: number): number => {
      wanted[0] = i32[slot]!;
      return hashAt(slot, k0, k1);
    };
    return { load, hashAt, rest: () => none, find: makeIntFind(memory, wanted) };
  }
  return textWords(memory);
}

/** Texts: up to 11 bytes in the slot, else length, hash, −1, and a pointer to the bytes. */
function textWords(memory: MapMemory): KeyWords {
  const { i32 } = memory;
  const tag = new Int32Array(3);
  let loaded = 0;
  const sameRest = (slot: number): boolean => {
    const [a, b] = [i32[slot + 3]! >>> 2, i32[loaded + 3]! >>> 2];
    for (let i = 0; i < (tag[0]! + 3) >>> 2; i++) if (i32[a + i] !== i32[b + i]) return false;
    return true;
  };
  const rest = (slot: number) =>
    i32[slot + 2] === LONG ? { addr: i32[slot + 3]! >>> 0, bytes: i32[slot]! >>> 0 } : { addr: 0, bytes: 0 };
  const hashAt = (slot: number, k0: number, k1: number): number =>
    i32[slot + 2] === LONG ? i32[slot + 1]! : hashThree(i32[slot]!, i32[slot + 1]!, i32[slot + 2]!, k0, k1);
  const load = (slot: number, k0: number, k1: number): number => {
    loaded = slot;
    for (let i = 0; i < 3; i++) tag[i] = i32[slot + i]!;
    if (tag[2] !== LONG) return hashAt(slot, k0, k1);
    const { addr, bytes } = rest(slot);
    const words = new Int32Array((bytes >>> 2) + 2);
    for (let i = 0; i < (bytes + 3) >>> 2; i++) words[i] = i32[(addr >>> 2) + i]!;
    return hashWords(words, bytes, k0, k1);
  };
  return { load, hashAt, rest, find: makeBytesFind(memory, tag, sameRest) };
}

export type MapChecker = ReturnType<typeof mapChecker>;

/** Checks of maps of one kind in one memory. Each throws VerifyError, which names the first broken invariant. */
export function mapChecker(memory: MapMemory, layout: MapLayout) {
  const { i32 } = memory;
  const { slotWords, groupWords, valueWords, slotPointers } = layout;
  const key = keyWords(memory, layout.key);
  const at = (word: number): string => `0x${((word * 4) >>> 0).toString(16)}`;
  let h = 0;

  function must(holds: boolean, invariant: string, what: () => string): void {
    if (!holds) throw new VerifyError(`map.${invariant}`, `map ${at(h)}: ${what()}`);
  }

  function capacity(groups: number): number {
    return groups === 1 ? GROUP_SLOTS : groups * (GROUP_SLOTS - 1);
  }

  /** What never changes of a table. */
  function checkShape(table: number): void {
    const depth = i32[table + TABLE_DEPTH]!;
    const groups = i32[table + TABLE_MASK]! + 1;
    must(
      i32[table + TABLE_TAG] === IS_TABLE,
      'table.tag',
      () => `table ${at(table)} has tag ${i32[table + TABLE_TAG]}`,
    );
    must(depth >= 0 && depth <= MAX_DEPTH, 'table.depth', () => `table ${at(table)} has depth ${depth}`);
    // A table that can be split no further has any number.
    const most = depth < MAX_DEPTH ? MAX_GROUPS : Number.POSITIVE_INFINITY;
    must(
      groups >= 1 && groups <= most && (groups & (groups - 1)) === 0,
      'table.mask',
      () => `table ${at(table)} has ${groups} groups`,
    );
    const first = i32[table + TABLE_GROUPS]! >>> 0;
    must(
      first === 0 || memory.isWhole(first, groups * groupWords * 4),
      'table.groups',
      () => `${groups} groups of table ${at(table)} are not at ${at(first >>> 2)}`,
    );
  }

  function checkTable(table: number): void {
    checkShape(table);
    if (i32[table + TABLE_LOCK] !== 0) return;
    must((i32[table + TABLE_SEQ]! & 1) === 0, 'table.seq', () => `table ${at(table)} is unlocked and being written`);
    for (const field of [TABLE_LO, TABLE_HI, TABLE_PARTNER]) {
      must(i32[table + field] === 0, 'table.successor', () => `living table ${at(table)} has word ${field} set`);
    }
    const spare = i32[table + TABLE_SPARE]! >>> 2;
    for (let i = 0; spare !== 0 && i < valueWords; i++) {
      must(i32[spare + i] === 0, 'table.spare', () => `the spare value of table ${at(table)} is not zero`);
    }
    checkSlots(table, i32[table + TABLE_MASK]! + 1);
  }

  function checkSlots(table: number, groups: number): void {
    let used = 0;
    let deleted = 0;
    const first = i32[table + TABLE_GROUPS]! >>> 2;
    const number = first === 0 ? 0 : groups * GROUP_SLOTS;
    for (let n = 0; n < number; n++) {
      const group = first + (n >>> 3) * groupWords;
      const ctrl = (i32[group + ((n >>> 2) & 1)]! >>> ((n & 3) << 3)) & 0xff;
      const slot = group + GROUP_CTRL_WORDS + (n & 7) * slotWords;
      if (ctrl >= CTRL_FULL) {
        used++;
        checkEntry(table, slot, ctrl);
        continue;
      }
      if (ctrl === CTRL_DELETED) deleted++;
      else must(ctrl === 0, 'group.ctrl', () => `table ${at(table)}, slot ${n} has control byte ${ctrl}`);
      for (const p of slotPointers) {
        must(i32[slot + p] === 0, 'slot.free', () => `free slot ${at(slot)} of table ${at(table)} has a pointer`);
      }
    }
    const left = number === 0 ? 0 : capacity(groups) - used - deleted;
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
    const [k0, k1] = [i32[h + MAP_SEED0]!, i32[h + MAP_SEED1]!];
    const depth = i32[table + TABLE_DEPTH]!;
    const { addr, bytes } = key.rest(slot);
    must(
      bytes === 0 || memory.isWhole(addr, bytes),
      'slot.key',
      () => `the key of ${bytes} bytes in slot ${at(slot)} is not at ${at(addr >>> 2)}`,
    );
    const stored = key.hashAt(slot, k0, k1);
    const hash = key.load(slot, k0, k1);
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
    const found = key.find(i32[table + TABLE_GROUPS]!, i32[table + TABLE_MASK]!, hash, groupWords, slotWords);
    must(
      found === slot,
      'slot.found',
      () => `the key in slot ${at(slot)} is found in ${found === 0 ? 'none' : at(found)}`,
    );
  }

  function isTable(word: number): boolean {
    return word !== 0 && memory.isWhole((word * 4) >>> 0, TABLE_WORDS * 4) && i32[word + TABLE_TAG] === IS_TABLE;
  }

  /** Every entry leads to a table for its hashes. Returns how many bits it is indexed by. */
  function checkDirectory(): number {
    const root = i32[h + MAP_ROOT]! >>> 2;
    must(
      memory.isWhole((root * 4) >>> 0, DIR_ENTRY_WORDS * 4),
      'header.root',
      () => `its root ${at(root)} is no object`,
    );
    const shift = i32[root + DIR_SHIFT]!;
    if (shift < 0) {
      must(isTable(root), 'header.root', () => `its root ${at(root)} is no table`);
      return 0;
    }
    const depth = 32 - shift;
    must(depth >= 1 && depth <= MAX_DEPTH, 'directory.depth', () => `directory ${at(root)} has shift ${shift}`);
    const bytes = (DIR_ENTRY_WORDS * 4) << depth;
    must(memory.isWhole((root * 4) >>> 0, bytes), 'directory.depth', () => `directory ${at(root)} has shift ${shift}`);
    for (let i = 0; i < 2 ** depth; i++) {
      const entry = root + i * DIR_ENTRY_WORDS;
      const table = i32[entry + DIR_TABLE]! >>> 2;
      must(i32[entry + DIR_SHIFT] === shift, 'directory.shift', () => `entry ${i} of ${at(root)} has another shift`);
      must(isTable(table), 'directory.entry', () => `entry ${i} of ${at(root)} leads to ${at(table)}`);
      const bits = i32[table + TABLE_DEPTH]!;
      must(
        bits === 0 || (i << shift) >>> (32 - bits) === i32[table + TABLE_PREFIX]! >>> (32 - bits),
        'directory.range',
        () => `entry ${i} of ${at(root)} leads to table ${at(table)}, which is not for it`,
      );
    }
    return depth;
  }

  /** The living table for a hash. */
  function alive(hash: number): number {
    const root = i32[h + MAP_ROOT]! >>> 2;
    const shift = i32[root + DIR_SHIFT]!;
    let table = shift < 0 ? root : i32[root + (hash >>> shift) * DIR_ENTRY_WORDS + DIR_TABLE]! >>> 2;
    for (let step = 0; i32[table + TABLE_SEQ] === SEQ_DEAD; step++) {
      const bit = (hash >>> (31 - i32[table + TABLE_DEPTH]!)) & 1;
      const next = i32[table + (bit === 0 ? TABLE_LO : TABLE_HI)]! >>> 2;
      must(step < MAX_STEPS && isTable(next), 'table.dead', () => `dead table ${at(table)} leads to ${at(next)}`);
      table = next;
    }
    return table;
  }

  /**
   * All of a map. `header`: its address. `tableFor`: how the living table for a hash is found; by reading on from the root,
   * if it is not given. `isFree`: whether a lock that is set may be passed over.
   */
  function check(
    header: number,
    tableFor: (hash: number) => number = alive,
    isFree = (_word: number) => true,
  ): MapReport {
    h = header >>> 2;
    let entries = 0;
    let slots = 0;
    const walked = new Set<number>();
    if (i32[h + MAP_ROOT] === 0) return { entries, tables: 0, slots, depth: 0 };
    must(i32[h + MAP_LOCK] === 0 || isFree(h + MAP_LOCK), 'header.lock', () => 'the directory is locked');
    const bits = checkDirectory();
    for (let hash = 0, more = true; more; more = hash !== 0) {
      const table = tableFor(hash);
      must(
        i32[table + TABLE_PREFIX] === hash,
        'table.range',
        () => `table ${at(table)} does not begin where another ends`,
      );
      checkTable(table);
      entries += i32[table + TABLE_USED]!;
      slots += (i32[table + TABLE_MASK]! + 1) * GROUP_SLOTS;
      walked.add(table);
      const depth = i32[table + TABLE_DEPTH]!;
      hash = depth === 0 ? 0 : (hash + (1 << (32 - depth))) | 0;
    }
    for (let i = 0; i < 2 ** bits; i++) {
      const table = tableFor(bits === 0 ? 0 : i << (32 - bits));
      must(
        walked.has(table),
        'directory.walk',
        () => `entry ${i} leads to ${at(table)}, which covers another's hashes`,
      );
    }
    return { entries, tables: walked.size, slots, depth: bits };
  }

  /** What does not change while the map is written to: its root, the directory's extent, the shapes of its tables. */
  function checkFixed(header: number): void {
    h = header >>> 2;
    const root = i32[h + MAP_ROOT]! >>> 2;
    if (root === 0) return;
    must(
      memory.isWhole((root * 4) >>> 0, DIR_ENTRY_WORDS * 4),
      'header.root',
      () => `its root ${at(root)} is no object`,
    );
    const shift = i32[root + DIR_SHIFT]!;
    if (shift < 0) {
      must(isTable(root), 'header.root', () => `its root ${at(root)} is no table`);
      checkShape(root);
      return;
    }
    const depth = 32 - shift;
    must(depth >= 1 && depth <= MAX_DEPTH, 'directory.depth', () => `directory ${at(root)} has shift ${shift}`);
    for (let i = 0; i < 2 ** depth; i++) {
      const table = i32[root + i * DIR_ENTRY_WORDS + DIR_TABLE]! >>> 2;
      must(isTable(table), 'directory.entry', () => `entry ${i} of ${at(root)} leads to ${at(table)}`);
      checkShape(table);
    }
  }

  return { check, checkFixed };
}
