/**
 * Looking for a key in a table: Go's Swiss table in words of 32 bits (internal/runtime/maps, `group.go`).
 *
 * A group has 8 slots and a control byte for each: empty, deleted, or full with 7 bits of the key's hash (H2). The rest of
 * the hash (H1) says with which group to begin; the others follow at distances 1, 2, 3 …, which visits each once. A
 * group with an empty slot ends the search. Four control bytes are compared at once.
 *
 * Slots are named by the index of their first word in object memory. 0 is none.
 *
 * Readers call this without a lock on tables that others write to, even on memory that is no table any more. So
 * every loop ends after as many steps as the table has groups, whatever it reads; what it found must be checked by
 * the table's sequence afterwards.
 */
import { CTRL_FULL, GROUP_CTRL_WORDS } from '../../layout/map.ts';
import type { Mem } from '../../sys/mem.ts';

const EACH = 0x01010101;
const HIGH = 0x80808080 | 0;

/** The control byte of a full slot, four times. */
export function fullCtrl(hash: number): number {
  return Math.imul((hash & 0x7f) | CTRL_FULL, EACH);
}

// Each of these gives the high bit of the bytes that match.

/** May also give the byte above one that matches: compare the key. */
export function matching(ctrl: number, full: number): number {
  const x = ctrl ^ full;
  return (x - EACH) & ~x & HIGH;
}

export function matchEmpty(ctrl: number): number {
  return ~(ctrl | (ctrl << 1)) & HIGH;
}

export function matchDeleted(ctrl: number): number {
  return ~ctrl & (ctrl << 1) & HIGH;
}

export function matchFull(ctrl: number): number {
  return ctrl & HIGH;
}

/** Number of the lowest byte that matches. */
export function firstOf(matches: number): number {
  return (31 - Math.clz32(matches & -matches)) >>> 3;
}

/** Number of the group that the search for a hash begins with. */
export function firstGroup(hash: number, mask: number): number {
  return (hash >>> 7) & mask;
}

/** The slot that holds the wanted key, or 0. `groups` is an address, `mask` the number of groups less one. */
export type Find = (groups: number, mask: number, hash: number, groupWords: number, slotWords: number) => number;

/** Words of a cache line. */
const LINE = 16;
/** What is fetched ahead goes here, or the compiler would leave it out. Nobody reads it. */
const fetched = new Int32Array(1);

/**
 * For keys of bytes: the slot's first three words are `tag`, and if the last of these is negative, the rest of the key
 * is compared by `sameRest`. That waits for memory once more, so while the control bytes come, the next lines of the group are
 * on their way already: with 100 k such keys a search takes a tenth less.
 */
export function makeBytesFind({ i32 }: Pick<Mem, 'i32'>, tag: Int32Array, sameRest: (slot: number) => boolean): Find {
  return (groups, mask, hash, groupWords, slotWords) => {
    if (groups === 0) return 0;
    const full = fullCtrl(hash);
    const t0 = tag[0]!;
    const t1 = tag[1]!;
    const t2 = tag[2]!;
    let g = firstGroup(hash, mask);
    for (let step = 1; ; step++) {
      const c = ((groups >>> 2) + Math.imul(g, groupWords)) | 0;
      const lo = i32[c]!;
      const hi = i32[c + 1]!;
      if (t2 < 0) fetched[0] = i32[c + LINE]! ^ i32[c + 2 * LINE]!;
      for (let m = matching(lo, full); m !== 0; m &= m - 1) {
        const slot = (c + GROUP_CTRL_WORDS + Math.imul(firstOf(m), slotWords)) | 0;
        if (i32[slot] === t0 && i32[slot + 1] === t1 && i32[slot + 2] === t2 && (t2 >= 0 || sameRest(slot)))
          return slot;
      }
      for (let m = matching(hi, full); m !== 0; m &= m - 1) {
        const slot = (c + GROUP_CTRL_WORDS + Math.imul(firstOf(m) + 4, slotWords)) | 0;
        if (i32[slot] === t0 && i32[slot + 1] === t1 && i32[slot + 2] === t2 && (t2 >= 0 || sameRest(slot)))
          return slot;
      }
      if ((matchEmpty(lo) | matchEmpty(hi)) !== 0 || step > mask) return 0;
      g = (g + step) & mask;
    }
  };
}

/** For integers: the slot begins with `wanted`. A function of its own: one for both would inline neither comparison. */
export function makeIntFind({ i32 }: Pick<Mem, 'i32'>, wanted: Int32Array): Find {
  const single = wanted.length === 1;

  function same(slot: number): boolean {
    return i32[slot] === wanted[0] && (single || i32[slot + 1] === wanted[1]);
  }

  return (groups, mask, hash, groupWords, slotWords) => {
    if (groups === 0) return 0;
    const full = fullCtrl(hash);
    let g = firstGroup(hash, mask);
    for (let step = 1; ; step++) {
      const c = ((groups >>> 2) + Math.imul(g, groupWords)) | 0;
      const lo = i32[c]!;
      const hi = i32[c + 1]!;
      for (let m = matching(lo, full); m !== 0; m &= m - 1) {
        const slot = (c + GROUP_CTRL_WORDS + Math.imul(firstOf(m), slotWords)) | 0;
        if (same(slot)) return slot;
      }
      for (let m = matching(hi, full); m !== 0; m &= m - 1) {
        const slot = (c + GROUP_CTRL_WORDS + Math.imul(firstOf(m) + 4, slotWords)) | 0;
        if (same(slot)) return slot;
      }
      if ((matchEmpty(lo) | matchEmpty(hi)) !== 0 || step > mask) return 0;
      g = (g + step) & mask;
    }
  };
}
