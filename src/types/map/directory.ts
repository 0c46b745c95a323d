/**
 * The directory of a map: which table is for which hash, by the hash's top bits (extendible hashing, as Go's
 * `Map.directory`). A map with one table has none; its root is the table.
 *
 * Every entry leads to the living table for its hashes, directly or through dead ones. That is all that readers and
 * writers rely on, so a directory may lag behind, be patched by whoever comes by, and a thread may die in the middle of
 * patching it. The map's lock only keeps a patch from being lost in a copy that another thread makes at the same time.
 *
 * A new directory, larger or smaller, is made aside and becomes the root by one store. The old one is left to the
 * collector: threads may be looking at it, and all it leads to is still right.
 */
import { OutOfMemoryError } from '../../base/errors.ts';
import {
  DIR_ENTRY_WORDS,
  DIR_SHIFT,
  MAP_LOCK,
  MAP_ROOT,
  TABLE_DEPTH,
  TABLE_HI,
  TABLE_LO,
  TABLE_LOCK,
  TABLE_PREFIX,
  TABLE_TAG,
} from '../../layout/map.ts';
import type { MapHost } from './host.ts';
import type { MapShape } from './shape.ts';
import type { Tables } from './tables.ts';

export interface Directory {
  /**
   * Brings the entries for the hashes that begin with `depth` bits of `prefix` up to date. A safepoint. When memory is out
   * the directory stays as it is.
   */
  readonly patch: (h: number, prefix: number, depth: number, shape: MapShape) => void;
  /** Locks the living table for a hash; makes the map's first. A safepoint, unless nobody else is there. */
  readonly lock: (h: number, hash: number, shape: MapShape) => number;
}

export function makeDirectory(host: MapHost, tables: Tables): Directory {
  const { barrier, t } = host;
  const { i32 } = host.mem;
  const { locks, route, alive, isDead, next } = tables;

  function lockMap(h: number): void {
    // Nothing to repair: see above.
    const word = h + MAP_LOCK;
    while (!locks.tryLock(word)) locks.wait(word, () => locks.unlock(word, false));
  }

  function lock(h: number, hash: number, shape: MapShape): number {
    for (;;) {
      let table = route(h, hash);
      if (table !== 0 && isDead(table)) {
        tryPatch(h, table, shape);
        table = alive(h, hash);
      }
      if (table === 0) {
        tables.makeFirst(h, shape);
      } else if (locks.tryLock(table + TABLE_LOCK)) {
        if (!isDead(table)) return table;
        tables.unlock(table);
      } else {
        locks.wait(table + TABLE_LOCK, () => tables.repair(table, shape));
      }
    }
  }

  function patch(h: number, prefix: number, depth: number, shape: MapShape): void {
    lockMap(h);
    patchLocked(h, prefix, depth, shape);
  }

  /** Patches the entry that leads to a dead table, if nobody else is at it. */
  function tryPatch(h: number, table: number, shape: MapShape): void {
    const prefix = i32[table + TABLE_PREFIX]!;
    const depth = i32[table + TABLE_DEPTH]!;
    if (locks.isAbandoned(h + MAP_LOCK)) lockMap(h);
    else if (!locks.tryLock(h + MAP_LOCK)) return;
    patchLocked(h, prefix, depth, shape);
  }

  /** With the map's lock held, which it releases. */
  function patchLocked(h: number, prefix: number, depth: number, shape: MapShape): void {
    try {
      t.pause('map.patch');
      let bits = bitsNeeded(h, prefix, depth);
      while (bits > bitsOf(h)) {
        publish(h, bits, shape);
        bits = bitsNeeded(h, prefix, depth);
      }
      const fewer = deepest(h);
      if (fewer < bitsOf(h)) publish(h, fewer, shape);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    } finally {
      locks.unlock(h + MAP_LOCK, false);
    }
  }

  /** Bits that the root is indexed by; 0 if it is a table. */
  function bitsOf(h: number): number {
    const shift = i32[(i32[h + MAP_ROOT]! >>> 2) + TABLE_TAG]!;
    return shift < 0 ? 0 : 32 - shift;
  }

  /**
   * Where to go from `table` for a hash, as far as `bits` bits of it say: to a living table, or to a dead one whose
   * successors differ in a further bit.
   */
  function resolve(table: number, hash: number, bits: number): number {
    let at = table;
    while (isDead(at)) {
      if (i32[at + TABLE_LO] !== i32[at + TABLE_HI] && i32[at + TABLE_DEPTH]! >= bits) return at;
      at = next(at, hash);
    }
    return at;
  }

  /** Resolves the entries of a range, and returns how many bits a directory needs to lead to living tables only. */
  function bitsNeeded(h: number, prefix: number, depth: number): number {
    const bits = bitsOf(h);
    const root = i32[h + MAP_ROOT]! >>> 2;
    const shift = 32 - bits;
    let needed = bits;
    const first = bits === 0 ? 0 : prefix >>> shift;
    const last = depth >= bits ? first : first + (1 << (bits - depth)) - 1;
    for (let i = first; i <= last; i++) {
      const word = bits === 0 ? h + MAP_ROOT : root + i * DIR_ENTRY_WORDS;
      const old = i32[word]! >>> 2;
      const table = resolve(old, bits === 0 ? 0 : i << shift, bits);
      if (table !== old) barrier.casPointer(word << 2, (old << 2) >>> 0, (table << 2) >>> 0);
      if (isDead(table)) needed = Math.max(needed, i32[table + TABLE_DEPTH]! + 1);
    }
    return needed;
  }

  /** Depth of the deepest table; at least what the directory has as soon as one table needs all of it. */
  function deepest(h: number): number {
    const bits = bitsOf(h);
    const root = i32[h + MAP_ROOT]! >>> 2;
    let depth = 0;
    for (let i = 0; i < 2 ** bits && bits > 0 && depth < bits; i++) {
      const table = i32[root + i * DIR_ENTRY_WORDS]! >>> 2;
      // A dead table is on its way to be patched: as it may have been split, nothing is known of what it needs.
      depth = Math.max(depth, isDead(table) ? bits : i32[table + TABLE_DEPTH]!);
    }
    return depth;
  }

  /** Makes another directory, of so many bits, and puts it in the place of the root. Throws OutOfMemoryError. */
  function publish(h: number, bits: number, shape: MapShape): void {
    const root = i32[h + MAP_ROOT]! >>> 2;
    const had = bitsOf(h);
    const from = (hash: number): number =>
      had === 0 ? root : i32[root + (hash >>> (32 - had)) * DIR_ENTRY_WORDS]! >>> 2;
    let made = resolve(from(0), 0, bits) << 2;
    if (bits > 0) {
      made = host.alloc((DIR_ENTRY_WORDS * 4) << bits, shape.directory);
      for (let i = 0; i < 2 ** bits; i++) {
        const hash = i << (32 - bits);
        const entry = (made >>> 2) + i * DIR_ENTRY_WORDS;
        barrier.storePointer(entry << 2, (resolve(from(hash), hash, bits) << 2) >>> 0);
        i32[entry + DIR_SHIFT] = 32 - bits;
      }
    }
    t.pause('map.publish');
    barrier.casPointer((h + MAP_ROOT) << 2, (root << 2) >>> 0, made >>> 0);
  }

  return { patch, lock };
}
