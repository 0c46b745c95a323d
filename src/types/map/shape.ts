/** How the maps of one kind lie in memory, and the types their objects are allocated with. */
import { roundUp } from '../../base/bits.ts';
import { PTR_SIZE } from '../../layout/constants.ts';
import {
  DIR_ENTRY_WORDS,
  DIR_TABLE,
  GROUP_CTRL_WORDS,
  GROUP_SLOTS,
  MAP_ROOT,
  MAP_WORDS,
  MAX_GROUPS,
  MAX_TABLE_BYTES,
  TABLE_GROUPS,
  TABLE_HI,
  TABLE_LO,
  TABLE_PARTNER,
  TABLE_SPARE,
  TABLE_WORDS,
} from '../../layout/map.ts';
import type { RType } from '../../malloc/rtype.ts';
import type { Codec } from '../codec.ts';
import type { MapHost } from './host.ts';
import type { KeyCodec } from './keys.ts';

export class MapShape {
  /** `string,ref(Word)`. */
  readonly name: string;
  readonly key: KeyCodec;
  readonly value: Codec;
  /** Word of the value in a slot, and words that it takes. */
  readonly valueWord: number;
  readonly valueWords: number;
  readonly slotWords: number;
  readonly groupWords: number;
  /** Most groups of a table. */
  readonly maxGroups: number;
  /** Words of the pointers in a slot, and in a value. */
  readonly slotPointers: readonly number[];
  readonly valuePointers: readonly number[];
  /** One store does not write a value: it is made elsewhere, and copied while the table's sequence is odd. */
  readonly wide: boolean;
  /** Writing a value may run code of the program: getters and iterators of what it passed. */
  readonly runsCode: boolean;
  readonly header: RType;
  readonly directory: RType;
  readonly table: RType;
  readonly groups: RType;

  constructor(host: MapHost, key: KeyCodec, value: Codec) {
    this.name = `${key.name},${value.name}`;
    this.key = key;
    this.value = value;
    const valueAlign = Math.max(value.align, PTR_SIZE);
    const valueAt = roundUp(key.words * PTR_SIZE, valueAlign);
    const slotSize = roundUp(valueAt + value.size, Math.max(valueAlign, key.align));
    this.valueWord = valueAt / PTR_SIZE;
    this.valueWords = roundUp(value.size, PTR_SIZE) / PTR_SIZE;
    this.slotWords = slotSize / PTR_SIZE;
    this.groupWords = GROUP_CTRL_WORDS + GROUP_SLOTS * this.slotWords;
    let groups = MAX_GROUPS;
    while (groups > 2 && groups * this.groupWords * PTR_SIZE > MAX_TABLE_BYTES) groups >>>= 1;
    this.maxGroups = groups;
    this.valuePointers = value.pointers.map((p) => p / PTR_SIZE);
    this.slotPointers = [...key.pointers, ...this.valuePointers.map((p) => this.valueWord + p)];
    this.wide = value.size > PTR_SIZE || !value.isValue;
    this.runsCode = value.place !== undefined && !value.indirect;
    const register = (kind: string, words: number, pointers: readonly number[]): RType =>
      host.registerType({
        name: `map.${kind}(${this.name})`,
        size: words * PTR_SIZE,
        pointers: pointers.map((word) => word * PTR_SIZE),
      });
    this.header = register('header', MAP_WORDS, [MAP_ROOT]);
    this.directory = register('directory', DIR_ENTRY_WORDS, [DIR_TABLE]);
    this.table = register('table', TABLE_WORDS, [TABLE_GROUPS, TABLE_LO, TABLE_HI, TABLE_PARTNER, TABLE_SPARE]);
    this.groups = register('groups', this.groupWords, this.#groupPointers());
  }

  #groupPointers(): number[] {
    const pointers: number[] = [];
    for (let i = 0; i < GROUP_SLOTS; i++) {
      for (const p of this.slotPointers) pointers.push(GROUP_CTRL_WORDS + i * this.slotWords + p);
    }
    return pointers;
  }

  /** Slots of a table that may be full or deleted (Go: `maxAvgGroupLoad`). A single group needs no empty slot. */
  capacity(groups: number): number {
    return groups === 1 ? GROUP_SLOTS : groups * (GROUP_SLOTS - 1);
  }

  /** Groups for so many entries, at most half full. */
  groupsFor(entries: number): number {
    let groups = 1;
    while (groups * GROUP_SLOTS < entries * 2) groups *= 2;
    return groups;
  }
}
