/**
 * Reading maps without a lock: `get` and `has`, and whatever else reads a table and retries until it did not change
 * meanwhile. See ops.ts for the overview.
 */
import { MAP_SEED0, MAP_SEED1, TABLE_GROUPS, TABLE_LOCK, TABLE_MASK } from '../../layout/map.ts';
import type { Directory } from './directory.ts';
import type { MapHost } from './host.ts';
import { makeReader } from './reader.ts';
import type { MapShape } from './shape.ts';
import type { Tables } from './tables.ts';

/** Reads that fail in a row before a reader takes the lock. */
const TRIES = 32;

export type Reads = ReturnType<typeof makeReads>;

export function makeReads(host: MapHost, shape: MapShape, tables: Tables, directory: Directory) {
  const { i32 } = host.mem;
  const { value, valueWord, groupWords, slotWords } = shape;
  const { load, find } = shape.key;
  const { route, alive, begin, isValid } = tables;
  const reader = makeReader(host, shape);
  const { capture, make, none } = reader;
  const isPlain = value.pointers.length === 0;
  const keyName = `map(${shape.key.name}, ${value.name}) key`;

  /** Loads a key and returns its hash. */
  function hashOf(h: number, key: unknown): number {
    return load(key, keyName, i32[h + MAP_SEED0]!, i32[h + MAP_SEED1]!);
  }

  /** The slot of the loaded key, or 0. */
  function findIn(table: number, hash: number): number {
    return find(i32[table + TABLE_GROUPS]!, i32[table + TABLE_MASK]!, hash, groupWords, slotWords);
  }

  /**
   * Runs `attempt` on the living table for a hash (0: the map has none) until it has seen it unchanged, in the end with
   * the table locked. A safepoint in that case only, and before `attempt`.
   */
  function stable(h: number, hash: number, attempt: (table: number) => void): void {
    for (let i = 0; i < TRIES; i++) {
      const table = alive(h, hash);
      const seq = table === 0 ? 0 : begin(table);
      attempt(table);
      if (table === 0 || isValid(table, seq)) return;
    }
    locked(h, hash, attempt);
  }

  /** Inside its own `update` the thread has the lock already. */
  function locked(h: number, hash: number, attempt: (table: number) => void): void {
    const mine = alive(h, hash);
    if (mine !== 0 && tables.locks.isMine(mine + TABLE_LOCK)) {
      attempt(mine);
      return;
    }
    const table = directory.lock(h, hash, shape);
    try {
      attempt(table);
    } finally {
      tables.unlock(table);
    }
  }

  /** Notes the value of the loaded key. */
  function note(table: number, hash: number): void {
    const slot = table === 0 ? 0 : findIn(table, hash);
    if (slot === 0) none();
    else capture(slot);
  }

  function get(address: number, key: unknown): unknown {
    const h = address >>> 2;
    const hash = hashOf(h, key);
    const table = route(h, hash);
    if (table === 0) return undefined;
    const seq = begin(table);
    note(table, hash);
    return isValid(table, seq) ? make() : getSlow(h, hash);
  }

  /** `get` of numbers and booleans: a wrong one does no harm until it is known to be wrong. */
  function getPlain(address: number, key: unknown): unknown {
    const h = address >>> 2;
    const hash = hashOf(h, key);
    const table = route(h, hash);
    if (table === 0) return undefined;
    const seq = begin(table);
    const slot = findIn(table, hash);
    const v = slot === 0 ? undefined : value.read((slot + valueWord) << 2);
    return isValid(table, seq) ? v : getSlow(h, hash);
  }

  /** `get` of references. */
  function getRef(address: number, key: unknown): unknown {
    const h = address >>> 2;
    const hash = hashOf(h, key);
    const table = route(h, hash);
    if (table === 0) return undefined;
    const seq = begin(table);
    const slot = findIn(table, hash);
    const to = slot === 0 ? -1 : i32[slot + valueWord]!;
    if (!isValid(table, seq)) return getSlow(h, hash);
    if (slot === 0) return undefined;
    return to === 0 ? null : value.place!.make(to);
  }

  function getSlow(h: number, hash: number): unknown {
    stable(h, hash, (table) => note(table, hash));
    return make();
  }

  function has(address: number, key: unknown): boolean {
    const h = address >>> 2;
    const hash = hashOf(h, key);
    const table = route(h, hash);
    if (table === 0) return false;
    const seq = begin(table);
    const slot = findIn(table, hash);
    return isValid(table, seq) ? slot !== 0 : hasSlow(h, hash);
  }

  function hasSlow(h: number, hash: number): boolean {
    let slot = 0;
    stable(h, hash, (table) => {
      slot = table === 0 ? 0 : findIn(table, hash);
    });
    return slot !== 0;
  }

  /** `get` of places. The copy's memory must be there before the value is noted: allocating is a safepoint. */
  function getPlace(address: number, key: unknown): unknown {
    if (!has(address, key)) return undefined;
    const h = address >>> 2;
    const hash = hashOf(h, key);
    let whole = false;
    for (let i = 0; i < TRIES && !whole; i++) {
      if (i === 0 || !reader.isKept()) reader.reserve();
      const table = alive(h, hash);
      const seq = begin(table);
      note(table, hash);
      // Waiting for the table may have been a safepoint, and the memory set aside is rooted nowhere.
      whole = isValid(table, seq) && reader.isKept();
    }
    if (!whole) {
      reader.release();
      locked(h, hash, (table) => copyLocked(table === 0 ? 0 : findIn(table, hash)));
    }
    const copy = make();
    reader.release();
    return copy;
  }

  /** Notes the value in a slot of a locked table. A safepoint before. */
  function copyLocked(slot: number): void {
    if (slot === 0) {
      none();
    } else {
      reader.reserve();
      capture(slot);
    }
  }

  return {
    ...{ reader, hashOf, findIn, stable, has },
    get: !value.isValue ? getPlace : isPlain ? getPlain : value.place !== undefined ? getRef : get,
    /** The value in a slot of a locked table, undefined for slot 0; of places a copy. A safepoint. */
    valueIn(slot: number): unknown {
      copyLocked(slot);
      return make();
    },
  };
}
