/**
 * The slots of a table: finding free ones, control bytes, copying and clearing what is in them. For the thread that has
 * the table locked, or that alone knows it; `eachSlot` for readers too, who must check what they get.
 *
 * A slot is named by the index of its first word in object memory, or by its number in the table, group × 8 + slot.
 */
import {
  CTRL_FULL,
  GROUP_CTRL_WORDS,
  GROUP_SLOTS,
  TABLE_GROUPS,
  TABLE_LEFT,
  TABLE_MASK,
  TABLE_USED,
} from '../../layout/map.ts';
import { fence } from '../../sync/fence.ts';
import type { MapHost } from './host.ts';
import { firstGroup, firstOf, matchDeleted, matchEmpty, matchFull } from './probe.ts';
import type { MapShape } from './shape.ts';

/** How many bytes match. */
function countOf(matches: number): number {
  return Math.imul((matches >>> 7) & 0x01010101, 0x01010101) >>> 24;
}

export function makeSlots(host: MapHost) {
  const { barrier } = host;
  const { i32 } = host.mem;

  /**
   * Number of the first slot for a hash that is empty or deleted; −1 if there is none.
   */
  function findFree(table: number, hash: number, shape: MapShape): number {
    const base = i32[table + TABLE_GROUPS]! >>> 2;
    const mask = i32[table + TABLE_MASK]!;
    if (base === 0) return -1;
    let g = firstGroup(hash, mask);
    for (let step = 1; step <= mask + 1; step++) {
      const c = base + g * shape.groupWords;
      const lo = matchFull(~i32[c]!);
      if (lo !== 0) return g * GROUP_SLOTS + firstOf(lo);
      const hi = matchFull(~i32[c + 1]!);
      if (hi !== 0) return g * GROUP_SLOTS + 4 + firstOf(hi);
      g = (g + step) & mask;
    }
    return -1;
  }

  /** Word of a control word's group, of a slot's number. */
  function groupOf(table: number, number: number, shape: MapShape): number {
    return (i32[table + TABLE_GROUPS]! >>> 2) + (number >>> 3) * shape.groupWords;
  }

  function slotOf(table: number, number: number, shape: MapShape): number {
    return groupOf(table, number, shape) + GROUP_CTRL_WORDS + (number & 7) * shape.slotWords;
  }

  /** Number of a slot, of its word. */
  function numberOf(table: number, slot: number, shape: MapShape): number {
    const at = slot - (i32[table + TABLE_GROUPS]! >>> 2);
    const group = Math.floor(at / shape.groupWords);
    return group * GROUP_SLOTS + (at - group * shape.groupWords - GROUP_CTRL_WORDS) / shape.slotWords;
  }

  function ctrlAt(table: number, number: number, shape: MapShape): number {
    const word = i32[groupOf(table, number, shape) + ((number >>> 2) & 1)]!;
    return (word >>> ((number & 3) << 3)) & 0xff;
  }

  function setCtrl(table: number, number: number, ctrl: number, shape: MapShape): void {
    const word = groupOf(table, number, shape) + ((number >>> 2) & 1);
    const shift = (number & 3) << 3;
    fence();
    i32[word] = (i32[word]! & ~(0xff << shift)) | (ctrl << shift);
  }

  /** Copies words over others that hold values of the same kind. `pointers`: which of them are. */
  function copyWords(to: number, from: number, words: number, pointers: readonly number[]): void {
    // Pointers twice, once through the barrier: the plain store must not be the one that the collector sees.
    for (const p of pointers) barrier.storePointer((to + p) << 2, i32[from + p]! >>> 0);
    for (let i = 0; i < words; i++) i32[to + i] = i32[from + i]!;
  }

  function clearWords(at: number, words: number, pointers: readonly number[]): void {
    for (const p of pointers) if (i32[at + p] !== 0) barrier.storePointer((at + p) << 2, 0);
    for (let i = 0; i < words; i++) i32[at + i] = 0;
  }

  /** Adds an entry to a table that nobody sees yet, and that has room. */
  function adopt(table: number, slot: number, hash: number, shape: MapShape): void {
    const number = findFree(table, hash, shape);
    copyWords(slotOf(table, number, shape), slot, shape.slotWords, shape.slotPointers);
    setCtrl(table, number, CTRL_FULL | (hash & 0x7f), shape);
    i32[table + TABLE_USED]!++;
    i32[table + TABLE_LEFT]!--;
  }

  /** Calls `visit` for each full slot. */
  function eachSlot(table: number, shape: MapShape, visit: (slot: number, number: number) => void): void {
    const base = i32[table + TABLE_GROUPS]! >>> 2;
    if (base === 0) return;
    const words = (i32[table + TABLE_MASK]! + 1) << 1;
    for (let w = 0; w < words; w++) {
      const c = base + (w >>> 1) * shape.groupWords;
      for (let m = matchFull(i32[c + (w & 1)]!); m !== 0; m &= m - 1) {
        const i = ((w & 1) << 2) + firstOf(m);
        visit(c + GROUP_CTRL_WORDS + i * shape.slotWords, (w >>> 1) * GROUP_SLOTS + i);
      }
    }
  }

  /** Whether a group has an empty slot: a search ends there. */
  function hasEmpty(table: number, number: number, shape: MapShape): boolean {
    const c = groupOf(table, number, shape);
    return (matchEmpty(i32[c]!) | matchEmpty(i32[c + 1]!)) !== 0;
  }

  /** Counts full and deleted slots, and clears what is in the others. */
  function recount(table: number, shape: MapShape): void {
    const base = i32[table + TABLE_GROUPS]! >>> 2;
    const groups = base === 0 ? 0 : i32[table + TABLE_MASK]! + 1;
    let used = 0;
    let deleted = 0;
    for (let number = 0; number < groups * GROUP_SLOTS; number++) {
      if (ctrlAt(table, number, shape) >= CTRL_FULL) continue;
      clearWords(slotOf(table, number, shape), shape.slotWords, shape.slotPointers);
    }
    for (let g = 0; g < groups; g++) {
      for (let half = 0; half < GROUP_CTRL_WORDS; half++) {
        const ctrl = i32[base + g * shape.groupWords + half]!;
        used += countOf(matchFull(ctrl));
        deleted += countOf(matchDeleted(ctrl));
      }
    }
    i32[table + TABLE_USED] = used;
    i32[table + TABLE_LEFT] = base === 0 ? 0 : shape.capacity(groups) - used - deleted;
  }

  return {
    ...{ findFree, slotOf, numberOf, ctrlAt, setCtrl, hasEmpty },
    ...{ copyWords, clearWords, adopt, eachSlot, recount },
  };
}
