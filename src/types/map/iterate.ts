/**
 * Iteration over a map that all threads may change meanwhile.
 *
 * Entries come in the order of their hashes, which differs from map to map and stays while the map stays. The iterator
 * is nothing but a position in that order, so tables may be replaced, split and merged under it: the next entry is the one
 * with the next hash, in whichever table it is then. Hence each entry comes at most once; those that are there from
 * begin to end come exactly once; one that is removed before its turn does not come; one that is added may or may not.
 * Key and value are read together, when it is the entry's turn.
 *
 * To find the next hash, those of a whole table are noted and sorted at a time, with the slots that they were found in. For
 * the hashes it is enough that the table did not die while they were noted: an entry that stays has its hash in its slot all
 * that time, and a hash that is wrong by the time of its turn, or never was one, finds nothing then: it is a hash of this
 * table, as what is read of a slot that is just being emptied need not be, and all entries with one come, or wait, together.
 *
 * As long as the table's sequence is what it was when they were noted, each slot has the key that it had. So the entry is
 * read there, without a search. Between two entries the thread may be at safepoints, and a table that has been replaced be
 * collected; but not before another cycle begins, to which it is garbage. So then, as after each change of the sequence,
 * entries are searched by their hashes.
 */
import { GC_STARTED } from '../../layout/gc.ts';
import {
  GROUP_CTRL_WORDS,
  MAP_SEED0,
  MAP_SEED1,
  SEQ_DEAD,
  TABLE_GROUPS,
  TABLE_MASK,
  TABLE_SEQ,
} from '../../layout/map.ts';
import { fence } from '../../sync/fence.ts';
import type { MapHost } from './host.ts';
import { firstGroup, firstOf, fullCtrl, matchEmpty, matching } from './probe.ts';
import type { Reads } from './read.ts';
import type { MapShape } from './shape.ts';
import type { Tables } from './tables.ts';

export interface MapIterator {
  /** Goes to the next entry; false at the end. In a region, with the map alive; regions may end in between. */
  next(): boolean;
  key(): unknown;
  value(): unknown;
}

/** The operations of a kind of maps that iteration is made of. */
export interface Walked {
  readonly host: MapHost;
  readonly shape: MapShape;
  readonly tables: Tables;
  readonly reads: Reads;
}

/** The hashes of one table, sorted, each with its slot. */
interface Page {
  /** Two words each: the number of the slot, the hash. */
  readonly sorted: Uint32Array<ArrayBuffer>;
  readonly table: number;
  /** Of the table, and cycles of the collector that had begun, before they were noted. */
  readonly seq: number;
  readonly cycle: number;
  /** First hash after those of the table; 0 after the last. */
  readonly end: number;
}

const NO_PAGE: Page = { sorted: new Uint32Array(0), table: 0, seq: 0, cycle: 0, end: 0 };

export function iterateMap(map: Walked, address: number, values: boolean): MapIterator {
  const h = address >>> 2;
  const { shape, tables } = map;
  const { reader, stable, get } = map.reads;
  const { key } = shape;
  const { i32, m } = map.host.mem;
  const k0 = i32[h + MAP_SEED0]!;
  const k1 = i32[h + MAP_SEED1]!;
  let wanted = 0;
  const noted: number[] = [];
  const words = new Int32Array(key.words);
  /** Keys of one hash that are still to come, if there are several. */
  let waiting: unknown[] = [];
  let currentKey: unknown;
  let value: unknown;
  let page = NO_PAGE;
  /** Words of the page that are done. */
  let at = 0;
  let ended = false;
  const together = values && shape.value.isValue;

  function noteSlot(slot: number): void {
    if (together && noted.length === 0) reader.capture(slot);
    for (let i = 0; i < key.words; i++) noted.push(i32[slot + i]!);
  }

  function noteTable(table: number): void {
    noted.length = 0;
    eachWith(map, table, wanted, k0, k1, noteSlot);
  }

  /** Notes the entries with a hash: the words of all keys, and the value of the first. Returns how many there are. */
  function note(hash: number): number {
    wanted = hash;
    stable(h, hash, noteTable);
    return noted.length / key.words;
  }

  /** The nth of the keys noted. */
  function notedKey(n: number): unknown {
    for (let i = 0; i < key.words; i++) words[i] = noted[n * key.words + i]!;
    return key.decode(words);
  }

  /** Goes to the entry with this hash. False: there is none any more, or there are several, which wait now. */
  function goTo(hash: number): boolean {
    const count = note(hash);
    if (count > 1) waiting = Array.from({ length: count }, (_, n) => notedKey(n));
    if (count !== 1) return false;
    const found = notedKey(0);
    if (!together) return goToKey(found);
    currentKey = found;
    value = reader.make();
    return true;
  }

  function goToKey(k: unknown): boolean {
    currentKey = k;
    if (!values) return true;
    // Undefined: removed since its key was read.
    value = get(address, k);
    return value !== undefined;
  }

  /** Goes to the entry in the slot where it was, if that is still so. */
  function goToSlot(number: number): boolean {
    const { table, seq, cycle } = page;
    if (m[GC_STARTED] !== cycle) return false;
    const slot = tables.slotOf(table, number, shape);
    for (let i = 0; i < words.length; i++) words[i] = i32[slot + i]!;
    if (together) reader.capture(slot);
    if (!tables.isValid(table, seq)) return false;
    currentKey = key.decode(words);
    if (together) value = reader.make();
    return true;
  }

  function next(): boolean {
    for (;;) {
      if (waiting.length > 0) {
        if (goToKey(waiting.pop())) return true;
      } else if (at < page.sorted.length) {
        const { sorted } = page;
        const number = sorted[at]!;
        const hash = sorted[at + 1]!;
        const isFirst = at === 0 || sorted[at - 1] !== hash;
        const isLast = at + 2 === sorted.length || sorted[at + 3] !== hash;
        at += 2;
        if ((together || !values) && isFirst && isLast && goToSlot(number)) return true;
        // All keys of a hash came, or wait, together.
        if (isFirst && goTo(hash | 0)) return true;
      } else if (ended) {
        return false;
      } else {
        page = noteHashes(map, h, page.end, k0, k1);
        at = 0;
        ended = page.end === 0;
      }
    }
  }

  return { next, key: () => currentKey, value: () => value };
}

/**
 * The first entries, as many as `max`. `show` is called with the byte address of each value, and must stand whatever is
 * there: it may be changed meanwhile, and if others come into the slots then `show` is called again. So each key is with its
 * value. In a region, with the map alive.
 */
export function firstEntries<V>(map: Walked, address: number, max: number, show: (addr: number) => V): [unknown, V][] {
  const { shape, tables, reads, host } = map;
  const { i32 } = host.mem;
  const { key, valueWord } = shape;
  const entries: [unknown, V][] = [];
  let from = 0;
  do {
    let end = 0;
    let noted: [Int32Array, V][] = [];
    reads.stable(address >>> 2, from, (table) => {
      noted = [];
      if (table === 0) return;
      tables.eachSlot(table, shape, (slot) => {
        if (entries.length + noted.length === max) return;
        noted.push([i32.slice(slot, slot + key.words), show((slot + valueWord) << 2)]);
      });
      end = tables.endOf(table);
    });
    // Known to be keys now, and what they point to is there until the next safepoint.
    for (const [words, value] of noted) entries.push([key.decode(words), value]);
    from = end;
  } while (from !== 0 && entries.length < max);
  return entries;
}

/** The hashes, from `from` on, of the table for it. */
function noteHashes({ shape, tables, host }: Walked, h: number, from: number, k0: number, k1: number): Page {
  for (;;) {
    const cycle = host.mem.m[GC_STARTED];
    const table = tables.alive(h, from);
    if (table === 0) return NO_PAGE;
    const seq = tables.begin(table);
    const end = tables.endOf(table);
    const last = (end - 1) >>> 0;
    const found: number[] = [];
    tables.eachSlot(table, shape, (slot, number) => {
      const hash = shape.key.hashAt(slot, k0, k1) >>> 0;
      if (hash >= from >>> 0 && hash <= last) found.push(number, hash);
    });
    fence();
    if (Atomics.load(host.mem.i32, table + TABLE_SEQ) === SEQ_DEAD) continue;
    const sorted = new Uint32Array(found);
    // As 64-bit integers, whose upper halves are the hashes: V8 sorts them without making any.
    new BigUint64Array(sorted.buffer).sort();
    return { sorted, table, seq, cycle, end };
  }
}

/** Calls `visit` for the slots whose keys have this hash. */
function eachWith(
  { shape, host }: Walked,
  table: number,
  hash: number,
  k0: number,
  k1: number,
  visit: (slot: number) => void,
): void {
  const { i32 } = host.mem;
  const base = table === 0 ? 0 : i32[table + TABLE_GROUPS]! >>> 2;
  if (base === 0) return;
  const mask = i32[table + TABLE_MASK]!;
  const full = fullCtrl(hash);
  let g = firstGroup(hash, mask);
  for (let step = 1; step <= mask + 1; step++) {
    const c = base + g * shape.groupWords;
    const lo = i32[c]!;
    const hi = i32[c + 1]!;
    for (let half = 0; half < GROUP_CTRL_WORDS; half++) {
      for (let m = matching(half === 0 ? lo : hi, full); m !== 0; m &= m - 1) {
        const slot = c + GROUP_CTRL_WORDS + (firstOf(m) + half * 4) * shape.slotWords;
        if (shape.key.hashAt(slot, k0, k1) === hash) visit(slot);
      }
    }
    if ((matchEmpty(lo) | matchEmpty(hi)) !== 0) return;
    g = (g + step) & mask;
  }
}
