/**
 * The tables of maps: finding the one for a hash, locking it, replacing it by others, repairing it.
 *
 * A table's groups and the hashes it is for never change. To grow, shrink, split or merge, the thread that holds the
 * lock builds the successors aside, where nobody sees them, and then kills the table with one store to its sequence.
 * From then on whoever arrives there, through whichever directory, goes on to the successors (`next`). So a directory
 * needs no update to be right, only to be short of detours; see directory.ts.
 *
 *   replace, split   table.lo, table.hi = successors; fill them; table.seq = SEQ_DEAD
 *   merge            a.lo = a.hi = b.lo = b.hi = successor; fill it; b.partner = a; a.seq = SEQ_DEAD; b.seq = SEQ_DEAD
 *
 * While they are built, successors hang on the table, so that the collector sees them.
 *
 * Readers. seq is even and the same before and after: what was read between is what the table held. seq changes
 *   - by 2 after a slot was marked empty, before its words are touched: a reader that still took it for full fails;
 *   - by 1 before a value of several words is overwritten, and by 1 after;
 *   - to SEQ_DEAD before the groups are freed: from then on their memory may be anybody's, and no reader believes it.
 * It need not change when an entry is added: its words are stored in a free slot, which nobody reads, before the control
 * byte that makes it full; nor when a value of one word is overwritten.
 *
 * Repair. A thread may die before and after every store. Whoever takes its lock over finds
 *   - seq odd: the spare value is still whole, and is copied again to where `pending` says;
 *   - successors of a table that is not dead: they are dropped, unless this is the second of two that are merged and
 *     the first is dead: then this one dies too;
 *   - counts that lag behind the control bytes: they are counted again;
 *   - words in slots that are not full: they are cleared.
 */
import { ArgumentError, OutOfMemoryError } from '../../base/errors.ts';
import {
  IS_TABLE,
  MAP_ROOT,
  MAP_SEED0,
  MAP_SEED1,
  SEQ_DEAD,
  TABLE_DEPTH,
  TABLE_GROUPS,
  TABLE_HI,
  TABLE_LEFT,
  TABLE_LO,
  TABLE_LOCK,
  TABLE_MASK,
  TABLE_PARTNER,
  TABLE_PENDING,
  TABLE_PREFIX,
  TABLE_SEQ,
  TABLE_SPARE,
  TABLE_TAG,
  TABLE_WORDS,
} from '../../layout/map.ts';
import { fence } from '../../sync/fence.ts';
import type { Proc } from '../../sync/proc.ts';
import type { Mem } from '../../sys/mem.ts';
import { type Locks, makeLocks } from '../locks.ts';
import type { MapHost } from './host.ts';
import type { MapShape } from './shape.ts';
import { makeSlots } from './slots.ts';

/** What all maps of a heap share in one thread. Tables and headers are given as word indexes; table 0 is none. */
export type Tables = ReturnType<typeof makeTables>;

const made = new WeakMap<Mem, Tables>();

export function throwInside(t: Proc): never {
  t.callOuts.refuseInHook('the map that is being changed');
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    'map: used inside its own update, or by onOutOfMemory while it grows: the function may read the map, but not change it',
  );
}

export function tablesOf(host: MapHost): Tables {
  let tables = made.get(host.mem);
  if (tables === undefined) made.set(host.mem, (tables = makeTables(host)));
  return tables;
}

function makeTables(host: MapHost) {
  const { barrier, t } = host;
  const { i32 } = host.mem;
  const locks: Locks = makeLocks(host, () => throwInside(t));
  const slots = makeSlots(host);
  const { adopt, eachSlot, copyWords, clearWords, recount } = slots;
  /** The maps that this thread has locked while code of the program runs. */
  const busy: number[] = [];
  /** Tables that this thread has killed, and with that unlocked, before their `unlock`. */
  const killed: number[] = [];

  // Finding

  /** The table that the directory has for a hash. It may be dead. */
  function route(h: number, hash: number): number {
    const root = i32[h + MAP_ROOT]! >>> 2;
    if (root === 0) return 0;
    const shift = i32[root + TABLE_TAG]!;
    return shift < 0 ? root : i32[(root + ((hash >>> shift) << 1)) | 0]! >>> 2;
  }

  function isDead(table: number): boolean {
    return i32[table + TABLE_SEQ] === SEQ_DEAD;
  }

  /** Which successor of a dead table is for a hash. */
  function next(table: number, hash: number): number {
    fence();
    const bit = (hash >>> (31 - i32[table + TABLE_DEPTH]!)) & 1;
    return i32[table + (bit === 0 ? TABLE_LO : TABLE_HI)]! >>> 2;
  }

  /** The living table for a hash; 0 while the map has none. */
  function alive(h: number, hash: number): number {
    let table = route(h, hash);
    while (table !== 0 && isDead(table)) table = next(table, hash);
    return table;
  }

  /** First hash after those that a table is for; 0 after the last. */
  function endOf(table: number): number {
    const depth = i32[table + TABLE_DEPTH]!;
    return depth === 0 ? 0 : (i32[table + TABLE_PREFIX]! + (1 << (32 - depth))) | 0;
  }

  // Reading without the lock

  /** To be given to `isValid` after reading. */
  function begin(table: number): number {
    const seq = i32[table + TABLE_SEQ]!;
    fence();
    return seq;
  }

  /** Whether what was read since `begin` is what the table held. */
  function isValid(table: number, seq: number): boolean {
    fence();
    return (seq & 1) === 0 && Atomics.load(i32, table + TABLE_SEQ) === seq;
  }

  // Locking

  /** Gives a table's lock up, unless that was done when the table was killed. */
  function unlock(table: number): void {
    const i = killed.length === 0 ? -1 : killed.indexOf(table);
    if (i < 0) locks.unlock(table + TABLE_LOCK, false);
    else killed.splice(i, 1);
  }

  /** Runs code of the program while a table of the map is locked. */
  function runLocked<T>(h: number, fn: () => T): T {
    busy.push(h);
    try {
      return fn();
    } finally {
      busy.pop();
    }
  }

  // Making

  /** A table without groups, hung into the slot at word `into`, if that holds nothing. */
  function newTable(into: number, depth: number, prefix: number, shape: MapShape): number {
    const addr = host.alloc(TABLE_WORDS * 4, shape.table);
    const table = addr >>> 2;
    i32[table + TABLE_TAG] = IS_TABLE;
    i32[table + TABLE_DEPTH] = depth;
    i32[table + TABLE_PREFIX] = prefix;
    if (barrier.casPointer(into << 2, 0, addr) === 0) return table;
    free(addr);
    return 0;
  }

  function makeFirst(h: number, shape: MapShape): void {
    newTable(h + MAP_ROOT, 0, 0, shape);
  }

  /** Gives groups to a table that has none. */
  function addGroups(table: number, groups: number, shape: MapShape): void {
    const addr = host.alloc(groups * shape.groupWords * 4, shape.groups);
    i32[table + TABLE_MASK] = groups - 1;
    i32[table + TABLE_LEFT] = shape.capacity(groups);
    fence();
    barrier.storePointer((table + TABLE_GROUPS) << 2, addr);
  }

  /** Builds a successor of a locked table. */
  function build(table: number, field: number, depth: number, prefix: number, groups: number, s: MapShape): number {
    const made = newTable(table + field, depth, prefix, s);
    addGroups(made, groups, s);
    return made;
  }

  /** Frees what nobody refers to. Freeing an object of another thread may take memory; then the collector has it. */
  function free(addr: number): void {
    try {
      host.free(addr);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }

  /** Takes back the successors of a table that stays alive. */
  function abandon(table: number): void {
    const lo = i32[table + TABLE_LO]! >>> 2;
    const hi = i32[table + TABLE_HI]! >>> 2;
    barrier.storePointer((table + TABLE_LO) << 2, 0);
    barrier.storePointer((table + TABLE_HI) << 2, 0);
    barrier.storePointer((table + TABLE_PARTNER) << 2, 0);
    if (lo !== 0) dismantle(lo);
    if (hi !== 0 && hi !== lo) dismantle(hi);
  }

  /** Frees a table that nobody but this thread has ever seen. */
  function dismantle(table: number): void {
    const groups = i32[table + TABLE_GROUPS]! >>> 0;
    free((table << 2) >>> 0);
    if (groups !== 0) free(groups);
  }

  /**
   * The table is dead from here on; its successors are complete. It is unlocked here and now: nothing keeps it alive any
   * more, so it must not be touched after the next safepoint.
   */
  function kill(table: number): void {
    t.pause('map.kill');
    Atomics.store(i32, table + TABLE_SEQ, SEQ_DEAD);
    fence();
    const groups = i32[table + TABLE_GROUPS]! >>> 0;
    const spare = i32[table + TABLE_SPARE]! >>> 0;
    barrier.storePointer((table + TABLE_GROUPS) << 2, 0);
    barrier.storePointer((table + TABLE_SPARE) << 2, 0);
    barrier.storePointer((table + TABLE_PARTNER) << 2, 0);
    t.pause('map.killed');
    locks.unlock(table + TABLE_LOCK, true);
    killed.push(table);
    if (groups !== 0) free(groups);
    if (spare !== 0) free(spare);
  }

  // Replacing

  /** Copies all entries to the successors. */
  function handOver(h: number, table: number, shape: MapShape): void {
    const lo = i32[table + TABLE_LO]! >>> 2;
    const hi = i32[table + TABLE_HI]! >>> 2;
    const shift = 31 - i32[table + TABLE_DEPTH]!;
    const k0 = i32[h + MAP_SEED0]!;
    const k1 = i32[h + MAP_SEED1]!;
    eachSlot(table, shape, (slot) => {
      const hash = shape.key.hashAt(slot, k0, k1);
      adopt(((hash >>> shift) & 1) === 0 ? lo : hi, slot, hash, shape);
    });
  }

  // Repairing

  /** Makes a table whole whose holder is gone. This thread has the lock, and gives it up. */
  function repair(table: number, shape: MapShape): void {
    if (!isDead(table)) makeWhole(table, shape);
    unlock(table);
  }

  function makeWhole(table: number, shape: MapShape): void {
    const spare = i32[table + TABLE_SPARE]! >>> 2;
    const seq = i32[table + TABLE_SEQ]!;
    if ((seq & 1) !== 0) copyWords(i32[table + TABLE_PENDING]!, spare, shape.valueWords, shape.valuePointers);
    // Even, and another one than any reader has seen: slots are cleared below.
    Atomics.store(i32, table + TABLE_SEQ, (seq + 3) & 0x7ffffffe);
    fence();
    if (spare !== 0) clearWords(spare, shape.valueWords, shape.valuePointers);
    const first = i32[table + TABLE_PARTNER]! >>> 2;
    if (first !== 0 && isDead(first) && i32[first + TABLE_LO] === i32[table + TABLE_LO]) {
      kill(table);
      return;
    }
    // Successors that were never seen are left to the collector: those of a merge hang on two tables.
    for (const field of [TABLE_LO, TABLE_HI, TABLE_PARTNER]) barrier.storePointer((table + field) << 2, 0);
    recount(table, shape);
  }

  return {
    ...{ locks, busy, route, isDead, next, alive, endOf, begin, isValid, unlock, runLocked },
    ...{ makeFirst, newTable, addGroups, build, free, abandon, kill, handOver, repair },
    ...slots,
  };
}
