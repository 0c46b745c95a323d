/** What pointer slots held when the snapshot began, of those that were stored to while their pages were copied. */
import { PAGE_SHIFT } from '../layout/constants.ts';
import { corrupt } from './errors.ts';

export class Patches {
  /** Patches of page p: entries `first[p]` up to `first[p + 1]` of the two arrays. */
  readonly #first: Uint32Array;
  readonly #slots: Uint32Array;
  readonly #values: Uint32Array;

  /** `pairs`: address of a slot, and what it held. */
  constructor(grownPages: number, sections: readonly { readonly pairs: Int32Array; readonly offset: number }[]) {
    let count = 0;
    this.#first = new Uint32Array(grownPages + 2);
    for (const { pairs, offset } of sections) {
      count += pairs.length / 2;
      for (let i = 0; i < pairs.length; i += 2) {
        const page = pairs[i]! >>> PAGE_SHIFT;
        if (page >= grownPages || (pairs[i]! & 3) !== 0)
          corrupt(`a patch of address 0x${hex(pairs[i]!)}`, offset + i * 4);
        this.#first[page + 2]!++;
      }
    }
    for (let p = 2; p < this.#first.length; p++) this.#first[p]! += this.#first[p - 1]!;
    this.#slots = new Uint32Array(count);
    this.#values = new Uint32Array(count);
    for (const { pairs } of sections) {
      for (let i = 0; i < pairs.length; i += 2) {
        const at = this.#first[(pairs[i]! >>> PAGE_SHIFT) + 1]!++;
        this.#slots[at] = pairs[i]!;
        this.#values[at] = pairs[i + 1]!;
      }
    }
  }

  get count(): number {
    return this.#slots.length;
  }

  /** Writes the old values into a copy of `npages` pages from `page` on. */
  apply(words: Int32Array, page: number, npages: number): void {
    const base = page * 2 ** PAGE_SHIFT;
    const end = this.#first[page + npages]!;
    for (let i = this.#first[page]!; i < end; i++) words[(this.#slots[i]! - base) >>> 2] = this.#values[i]!;
  }

  each(visit: (slot: number) => void): void {
    for (const slot of this.#slots) visit(slot);
  }

  /** Whether the slot at this address was stored to meanwhile: what belongs to its pointer may be of a later moment. */
  has(slot: number): boolean {
    const page = slot >>> PAGE_SHIFT;
    if (page + 1 >= this.#first.length) return false;
    for (let i = this.#first[page]!; i < this.#first[page + 1]!; i++) if (this.#slots[i] === slot) return true;
    return false;
  }
}

const hex = (word: number): string => (word >>> 0).toString(16);
