/**
 * The shared map: Go's Swiss-table map (internal/runtime/maps, Go 1.24 to 1.27), for all threads at once.
 *
 * Overview. A key's hash has 32 bits. Its top bits index the directory, which leads to a table of at most 1024 slots
 * (more only of hashes that have 20 bits in common); the lowest 7 are compared with the 8 control bytes of a group, four at
 * a time, and those above them say with which group of 8 slots to begin. A small map has a single table of one group, and
 * no directory.
 *
 *   layout/map.ts   the words of all of it
 *   probe.ts        looking for a key in the groups of a table
 *   keys.ts         what keys look like in slots; hash.ts
 *   read.ts         get and has;  reader.ts  values out of tables that may change meanwhile
 *   tables.ts       which table is for a hash; how tables are replaced; what a dead thread leaves behind, and its repair
 *   slots.ts        the slots of a table
 *   resize.ts       growing, splitting, shrinking, merging of tables; directory.ts
 *   ../locks.ts     who may write, and how others wait
 *   iterate.ts      iteration;  check.ts   the invariants, as a function
 *
 * Reading takes no lock and stores nothing that another thread sees: the table's sequence word is read before and after,
 * and if it changed the rest was for nothing and is tried again. What is read in between may be garbage, down to memory
 * that has been freed and is used by somebody else; it is only compared and copied to words of this thread, never
 * followed further than typed arrays let it. After some failures in a row a reader takes the lock, so it does not starve,
 * and a table whose writer died in the middle gets repaired.
 *
 * Writing locks one table: one of a hundred, for a hundred thousand entries, so threads seldom meet.
 *
 * Linearisable: each of get, has, set, delete and update takes effect at one moment between its call and its return. `size`
 * and `clear` go from table to table: exact while nobody writes; else, the sum of what each table held at some moment
 * of the call, and an end of all entries that were there when the call began.
 *
 * Memory. Groups are freed when their table is replaced. Keys, old values, dead tables (64 bytes, of up to 64 KiB of
 * groups), old directories and maps themselves are the collector's: others may be looking at them (../locks.ts). All
 * objects have types with exact pointers, and are reachable from the map before the next safepoint.
 *
 * Everything here is called inside a region, with the map kept alive by the caller.
 */
import { WrongTypeError } from '../../base/errors.ts';
import {
  CTRL_DELETED,
  CTRL_EMPTY,
  CTRL_FULL,
  MAP_ROOT,
  MAP_SEED0,
  MAP_SEED1,
  MAP_WORDS,
  TABLE_GROUPS,
  TABLE_LEFT,
  TABLE_LOCK,
  TABLE_MASK,
  TABLE_PENDING,
  TABLE_SEQ,
  TABLE_SPARE,
  TABLE_USED,
} from '../../layout/map.ts';
import { fence } from '../../sync/fence.ts';
import type { Codec } from '../codec.ts';
import { makeDirectory } from './directory.ts';
import type { MapHost } from './host.ts';
import { firstEntries, iterateMap, type MapIterator } from './iterate.ts';
import type { KeyCodec } from './keys.ts';
import { makeReads } from './read.ts';
import { makeResize } from './resize.ts';
import { MapShape } from './shape.ts';
import { tablesOf, throwInside } from './tables.ts';

export type { MapHost } from './host.ts';
export type { MapIterator } from './iterate.ts';

/** Operations on the maps of one kind. `h` is the address of a map. */
export interface MapOps {
  readonly shape: MapShape;
  /** A new, empty map. Throws OutOfMemoryError. */
  readonly create: () => number;
  /** Throws WrongTypeError or OutOfRangeError for what is no key of this kind, as every operation with a key does. */
  readonly checkKey: (key: unknown, where: string) => void;
  /** The value, undefined if there is none. Of places: a reference to a copy. */
  readonly get: (h: number, key: unknown) => unknown;
  readonly has: (h: number, key: unknown) => boolean;
  /** Blocks while another thread changes the same table. Throws as `key` and `value` do, and OutOfMemoryError. */
  readonly set: (h: number, key: unknown, value: unknown) => void;
  /** Whether there was such an entry. */
  readonly delete: (h: number, key: unknown) => boolean;
  /** Entries. O(tables). */
  readonly size: (h: number) => number;
  readonly clear: (h: number) => void;
  /**
   * Sets the key's value to what `fn` makes of the old one, undefined if there is none, and deletes the entry if that is
   * undefined. Returns what `fn` returned. Nobody else changes the entry meanwhile; others wait, so `fn` should be
   * short. `fn` may read the map, but throws ArgumentError if it changes it. If it throws, nothing has changed.
   */
  readonly update: (h: number, key: unknown, fn: (old: unknown) => unknown) => unknown;
  /** See iterate.ts. Without `values`, only keys. */
  readonly iterate: (h: number, values?: boolean) => MapIterator;
  /** See `firstEntries` in iterate.ts. */
  readonly first: <V>(h: number, max: number, show: (addr: number) => V) => [key: unknown, value: V][];
}

/** Random words for seeds, fetched many at a time. */
const seeds = new Int32Array(64);
let seedsLeft = 0;

function newSeed(): number {
  if (seedsLeft === 0) {
    crypto.getRandomValues(seeds);
    seedsLeft = seeds.length;
  }
  return seeds[--seedsLeft]!;
}

export function makeMapOps(host: MapHost, keys: KeyCodec, value: Codec): MapOps {
  const { i32 } = host.mem;
  const { t, barrier } = host;
  const shape = new MapShape(host, keys, value);
  const tables = tablesOf(host);
  const directory = makeDirectory(host, tables);
  const resize = makeResize(host, tables, directory);
  const reads = makeReads(host, shape, tables, directory);
  const { hashOf, findIn, valueIn } = reads;
  const { alive, unlock, busy } = tables;
  const { lock } = directory;
  const { groupWords, slotWords, valueWord, valueWords, wide, runsCode } = shape;
  const { check, write } = value;
  const valueName = `map(${keys.name}, ${value.name}) value`;

  /** The map is being changed by a function that this thread called. */
  function refuseInside(h: number): void {
    if (busy.length !== 0 && busy.includes(h)) throwInside(t);
  }

  function writeValue(h: number, at: number, v: unknown): void {
    if (runsCode) tables.runLocked(h, () => write(at << 2, v));
    else write(at << 2, v);
  }

  function overwrite(h: number, table: number, slot: number, v: unknown): void {
    if (wide) overwriteWide(h, table, slot + valueWord, v);
    else writeValue(h, slot + valueWord, v);
  }

  /** Makes the value aside: making it may take long, run code, and fail. Then copies it. */
  function overwriteWide(h: number, table: number, to: number, v: unknown): void {
    if (i32[table + TABLE_SPARE] === 0) {
      const made = host.alloc(valueWords * 4, value.rtype());
      barrier.storePointer((table + TABLE_SPARE) << 2, made);
    }
    const spare = i32[table + TABLE_SPARE]! >>> 2;
    try {
      writeValue(h, spare, v);
      const seq = i32[table + TABLE_SEQ]!;
      i32[table + TABLE_PENDING] = to;
      Atomics.store(i32, table + TABLE_SEQ, seq + 1);
      fence();
      t.pause('map.write');
      tables.copyWords(to, spare, valueWords, shape.valuePointers);
      fence();
      t.pause('map.written');
      i32[table + TABLE_SEQ] = (seq + 2) & 0x7ffffffe;
    } finally {
      tables.clearWords(spare, valueWords, shape.valuePointers);
    }
  }

  /** Whether the loaded key can be added without growing: the number of the slot for it, or −1. */
  function roomFor(table: number, hash: number): number {
    const number = tables.findFree(table, hash, shape);
    if (number < 0) return -1;
    return i32[table + TABLE_LEFT]! > 0 || tables.ctrlAt(table, number, shape) === CTRL_DELETED ? number : -1;
  }

  /** Adds an entry for the loaded key in a free slot. Nothing is to be seen of it before all of it is there. */
  function fill(h: number, table: number, number: number, hash: number, v: unknown): void {
    const slot = tables.slotOf(table, number, shape);
    try {
      keys.store(slot);
      writeValue(h, slot + valueWord, v);
    } catch (error) {
      tables.clearWords(slot, slotWords, shape.slotPointers);
      throw error;
    }
    t.pause('map.insert');
    const wasEmpty = tables.ctrlAt(table, number, shape) === CTRL_EMPTY;
    tables.setCtrl(table, number, CTRL_FULL | (hash & 0x7f), shape);
    t.pause('map.inserted');
    i32[table + TABLE_USED]!++;
    if (wasEmpty) i32[table + TABLE_LEFT]!--;
  }

  /** Sets the loaded key's value in its table, which is locked. False: the table was full, and now there is more room. */
  function put(h: number, table: number, hash: number, v: unknown): boolean {
    const slot = findIn(table, hash);
    if (slot !== 0) {
      overwrite(h, table, slot, v);
      return true;
    }
    const number = roomFor(table, hash);
    if (number < 0) resize.grow(h, table, shape);
    else fill(h, table, number, hash, v);
    return number >= 0;
  }

  function set(address: number, key: unknown, v: unknown): void {
    check(v, valueName);
    const h = address >>> 2;
    const hash = hashOf(h, key);
    refuseInside(h);
    for (let done = false; !done; ) {
      const table = lock(h, hash, shape);
      try {
        t.pause('map.lock');
        done = put(h, table, hash, v);
      } finally {
        unlock(table);
      }
    }
  }

  /** Removes the entry in a slot of a locked table. As `shrink`: the table may be dead afterwards, or be to be settled. */
  function remove(h: number, table: number, slot: number): boolean {
    const number = tables.numberOf(table, slot, shape);
    const isEnd = i32[table + TABLE_MASK] === 0 || tables.hasEmpty(table, number, shape);
    tables.setCtrl(table, number, isEnd ? CTRL_EMPTY : CTRL_DELETED, shape);
    t.pause('map.delete');
    Atomics.store(i32, table + TABLE_SEQ, (i32[table + TABLE_SEQ]! + 2) & 0x7ffffffe);
    fence();
    tables.clearWords(slot, slotWords, shape.slotPointers);
    t.pause('map.deleted');
    i32[table + TABLE_USED]!--;
    if (isEnd) i32[table + TABLE_LEFT]!++;
    return resize.shrink(h, table, shape);
  }

  function del(address: number, key: unknown): boolean {
    const h = address >>> 2;
    const hash = hashOf(h, key);
    refuseInside(h);
    if (i32[h + MAP_ROOT] === 0) return false;
    const table = lock(h, hash, shape);
    let merged = false;
    let found = false;
    try {
      t.pause('map.lock');
      const slot = findIn(table, hash);
      found = slot !== 0;
      if (found) merged = remove(h, table, slot);
    } finally {
      unlock(table);
    }
    if (merged) resize.settle(h, hash, shape);
    return found;
  }

  function update(address: number, key: unknown, fn: (old: unknown) => unknown): unknown {
    if (typeof fn !== 'function') throw new WrongTypeError('map.update: expected a function');
    const h = address >>> 2;
    const kept = keys.keep(key);
    const hash = hashOf(h, kept);
    refuseInside(h);
    for (;;) {
      const table = lock(h, hash, shape);
      let merged = false;
      try {
        t.pause('map.lock');
        const slot = findIn(table, hash);
        const number = slot === 0 ? roomFor(table, hash) : 0;
        if (number < 0) {
          // Room is made before the function runs: it shall run once only.
          resize.grow(h, table, shape);
          continue;
        }
        const old = valueIn(slot);
        // The check as well: a getter of what was returned is code of the program, too.
        const v = tables.runLocked(h, () => {
          const made = fn(old);
          if (made !== undefined) check(made, valueName);
          return made;
        });
        if (v !== undefined) {
          hashOf(h, kept);
          if (slot !== 0) overwrite(h, table, slot, v);
          else fill(h, table, number, hash, v);
        } else if (slot !== 0) merged = remove(h, table, slot);
        return v;
      } finally {
        unlock(table);
        if (merged) resize.settle(h, hash, shape);
      }
    }
  }

  // All tables

  function size(address: number): number {
    const h = address >>> 2;
    let sum = 0;
    let hash = 0;
    do {
      let table = alive(h, hash);
      if (table === 0) return 0;
      if (tables.locks.isAbandoned(table + TABLE_LOCK)) {
        table = lock(h, hash, shape);
        unlock(table);
      }
      sum += i32[table + TABLE_USED]!;
      hash = tables.endOf(table);
    } while (hash !== 0);
    return sum;
  }

  function clear(address: number): void {
    const h = address >>> 2;
    refuseInside(h);
    if (i32[h + MAP_ROOT] === 0) return;
    let hash = 0;
    do {
      const table = lock(h, hash, shape);
      const begin = hash;
      hash = tables.endOf(table);
      let merged = false;
      try {
        wipe(table);
        merged = resize.shrink(h, table, shape);
      } finally {
        unlock(table);
      }
      if (merged) resize.settle(h, begin, shape);
    } while (hash !== 0);
  }

  /** Removes all entries of a locked table. */
  function wipe(table: number): void {
    const groups = i32[table + TABLE_MASK]! + 1;
    const base = i32[table + TABLE_GROUPS]! >>> 2;
    if (base === 0) return;
    const full: number[] = [];
    tables.eachSlot(table, shape, (slot) => full.push(slot));
    for (let g = 0; g < groups; g++) {
      i32[base + g * groupWords] = 0;
      i32[base + g * groupWords + 1] = 0;
    }
    t.pause('map.clear');
    Atomics.store(i32, table + TABLE_SEQ, (i32[table + TABLE_SEQ]! + 2) & 0x7ffffffe);
    fence();
    for (const slot of full) tables.clearWords(slot, slotWords, shape.slotPointers);
    i32[table + TABLE_USED] = 0;
    i32[table + TABLE_LEFT] = shape.capacity(groups);
  }

  function create(): number {
    const address = host.alloc(MAP_WORDS * 4, shape.header);
    i32[(address >>> 2) + MAP_SEED0] = newSeed();
    i32[(address >>> 2) + MAP_SEED1] = newSeed();
    return address;
  }

  return {
    ...{ shape, create, set, update, size, clear, delete: del, checkKey: keys.check },
    ...{ get: reads.get, has: reads.has },
    iterate: (address, values = true) => iterateMap({ host, shape, tables, reads }, address, values),
    first: (address, max, show) => firstEntries({ host, shape, tables, reads }, address, max, show),
  };
}
