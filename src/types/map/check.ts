/**
 * The invariants of a map, as a function. For tests: while nobody else writes to the map. Tables that a dead thread has
 * locked are repaired first, as by anybody who comes by; tables whose holder lives are only looked at as far as they do
 * not depend on it. What the invariants are: check-words.ts.
 */
import { TABLE_LOCK } from '../../layout/map.ts';
import { type MapMemory, type MapReport, mapChecker } from './check-words.ts';
import { makeDirectory } from './directory.ts';
import type { MapHost } from './host.ts';
import type { MapShape } from './shape.ts';
import { tablesOf } from './tables.ts';

export type { MapReport };

/** Walks a map and throws VerifyError, which names the first broken invariant. In a region. O(slots). */
export function checkMap(host: MapHost, shape: MapShape, address: number): MapReport {
  const { i32 } = host.mem;
  const tables = tablesOf(host);
  const { lock } = makeDirectory(host, tables);
  const h = address >>> 2;
  const memory: MapMemory = { i32, isWhole: (addr, bytes) => addr > 0 && addr + bytes <= i32.byteLength };
  const { slotWords, groupWords, valueWords, slotPointers } = shape;
  const layout = { key: shape.key.name, slotWords, groupWords, valueWords, slotPointers };

  /** The living table for a hash, whole. */
  function repaired(hash: number): number {
    let table = tables.alive(h, hash);
    if (tables.locks.isAbandoned(table + TABLE_LOCK)) {
      table = lock(h, hash, shape);
      tables.unlock(table);
    }
    return table;
  }

  return mapChecker(memory, layout).check(address, repaired, (word) => tables.locks.isAbandoned(word));
}
