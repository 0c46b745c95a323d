/**
 * Growing and shrinking of maps, table by table. A table doubles up to 1024 slots, then splits in two, or doubles on where
 * the directory may have no more bits to tell the halves apart; mostly deleted slots only make it anew. It shrinks when it
 * is at most an eighth full, to half full; two neighbours that are nearly empty merge. So whatever grew must lose three
 * quarters of its entries before it shrinks, and the other way round.
 *
 * In all functions the table is locked by this thread, and dead afterwards if they say so.
 */
import { OutOfMemoryError } from '../../base/errors.ts';
import {
  GROUP_SLOTS,
  MAX_DEPTH,
  TABLE_DEPTH,
  TABLE_GROUPS,
  TABLE_HI,
  TABLE_LO,
  TABLE_LOCK,
  TABLE_MASK,
  TABLE_PARTNER,
  TABLE_PREFIX,
  TABLE_USED,
} from '../../layout/map.ts';
import type { Directory } from './directory.ts';
import type { MapHost } from './host.ts';
import type { MapShape } from './shape.ts';
import type { Tables } from './tables.ts';

export interface Resize {
  /** The table is full: gives it groups if it has none; else makes successors with more room, and it is dead. */
  readonly grow: (h: number, table: number, shape: MapShape) => void;
  /** After deletes. The table may be dead afterwards. True: merged; then `settle` is to be called after it was unlocked. */
  readonly shrink: (h: number, table: number, shape: MapShape) => boolean;
  /** Merges on, from the table for a hash, as long as there is something to merge. */
  readonly settle: (h: number, hash: number, shape: MapShape) => void;
}

export function makeResize(host: MapHost, tables: Tables, directory: Directory): Resize {
  const { barrier, t } = host;
  const { i32 } = host.mem;
  const { locks, isDead, alive, addGroups, build, abandon, kill, handOver, newTable } = tables;

  function grow(h: number, table: number, shape: MapShape): void {
    const groups = i32[table + TABLE_MASK]! + 1;
    const used = i32[table + TABLE_USED]!;
    if (i32[table + TABLE_GROUPS] === 0) addGroups(table, 1, shape);
    else if (used * 8 < groups * GROUP_SLOTS * 5) replace(h, table, groups, shape);
    else if (groups >= shape.maxGroups && i32[table + TABLE_DEPTH]! < MAX_DEPTH) split(h, table, shape);
    else replace(h, table, groups * 2, shape);
  }

  /** Runs `make`, which builds successors; takes them back if memory is out. */
  function building(table: number, make: () => void): void {
    try {
      make();
    } catch (error) {
      abandon(table);
      throw error;
    }
  }

  function replace(h: number, table: number, groups: number, shape: MapShape): void {
    const depth = i32[table + TABLE_DEPTH]!;
    const prefix = i32[table + TABLE_PREFIX]!;
    building(table, () => {
      const made = build(table, TABLE_LO, depth, prefix, groups, shape);
      barrier.storePointer((table + TABLE_HI) << 2, (made << 2) >>> 0);
    });
    handOver(h, table, shape);
    kill(table);
    directory.patch(h, prefix, depth, shape);
  }

  function split(h: number, table: number, shape: MapShape): void {
    const depth = i32[table + TABLE_DEPTH]!;
    const prefix = i32[table + TABLE_PREFIX]!;
    const groups = i32[table + TABLE_MASK]! + 1;
    building(table, () => {
      build(table, TABLE_LO, depth + 1, prefix, groups, shape);
      build(table, TABLE_HI, depth + 1, prefix | (1 << (31 - depth)), groups, shape);
    });
    handOver(h, table, shape);
    kill(table);
    directory.patch(h, prefix, depth, shape);
  }

  function shrink(h: number, table: number, shape: MapShape): boolean {
    const used = i32[table + TABLE_USED]!;
    const groups = i32[table + TABLE_MASK]! + 1;
    if (used * 8 > groups * GROUP_SLOTS) return false;
    try {
      if (merge(h, table, shape)) return true;
      const fewer = shape.groupsFor(used);
      if (fewer < groups) replace(h, table, fewer, shape);
    } catch (error) {
      // It stays as large as it is.
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    return false;
  }

  /**
   * Merges the table with its neighbour, if both together are at most half of what one can hold and nobody has the
   * neighbour locked. Both are dead then.
   */
  function merge(h: number, table: number, shape: MapShape): boolean {
    const depth = i32[table + TABLE_DEPTH]!;
    if (depth === 0) return false;
    const other = alive(h, i32[table + TABLE_PREFIX]! ^ (1 << (32 - depth)));
    if (i32[other + TABLE_DEPTH] !== depth || !locks.tryLock(other + TABLE_LOCK)) return false;
    try {
      const both = i32[table + TABLE_USED]! + i32[other + TABLE_USED]!;
      if (isDead(other) || both * 2 > shape.maxGroups * GROUP_SLOTS) return false;
      mergeLocked(h, table, other, both, shape);
      return true;
    } finally {
      tables.unlock(other);
    }
  }

  function mergeLocked(h: number, table: number, other: number, entries: number, shape: MapShape): void {
    const depth = i32[table + TABLE_DEPTH]! - 1;
    const prefix = i32[table + TABLE_PREFIX]! & i32[other + TABLE_PREFIX]!;
    let made = 0;
    building(table, () => {
      made = newTable(table + TABLE_LO, depth, prefix, shape);
      addGroups(made, shape.groupsFor(entries), shape);
    });
    const addr = (made << 2) >>> 0;
    barrier.storePointer((table + TABLE_HI) << 2, addr);
    barrier.storePointer((other + TABLE_LO) << 2, addr);
    barrier.storePointer((other + TABLE_HI) << 2, addr);
    barrier.storePointer((other + TABLE_PARTNER) << 2, (table << 2) >>> 0);
    handOver(h, table, shape);
    handOver(h, other, shape);
    kill(table);
    t.pause('map.merge');
    kill(other);
    directory.patch(h, prefix, depth, shape);
  }

  function settle(h: number, hash: number, shape: MapShape): void {
    for (let merged = true; merged; ) {
      const table = alive(h, hash);
      if (!locks.tryLock(table + TABLE_LOCK)) return;
      try {
        const few = i32[table + TABLE_USED]! * 8 <= shape.maxGroups * GROUP_SLOTS;
        merged = !isDead(table) && few && merge(h, table, shape);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        merged = false;
      } finally {
        tables.unlock(table);
      }
    }
  }

  return { grow, shrink, settle };
}
