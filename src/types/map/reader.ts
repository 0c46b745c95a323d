/**
 * Reading values out of tables without the lock. A value with pointers may only become a reference or a string after it
 * is known to be whole: so its words are noted first (`capture`), then the table's sequence is checked, and then the
 * value is made of them (`make`). Until the next safepoint what they point to stays, whoever overwrites the entry.
 */
import { fatal } from '../../base/fatal.ts';
import { GC_STARTED } from '../../layout/gc.ts';
import type { MapHost } from './host.ts';
import type { MapShape } from './shape.ts';

export interface ValueReader {
  /** Notes the value in a slot. */
  readonly capture: (slot: number) => void;
  /** The value noted last, or undefined if that was `none`. A safepoint, after the value was read. */
  readonly make: () => unknown;
  /** Notes that there is no value. */
  readonly none: () => void;
  /** For places, of which `make` makes copies: sets the memory aside. A safepoint. None may follow until `make`. */
  readonly reserve: () => void;
  /** Whether what was set aside is still there: no cycle of the collector has begun since, to which it would be garbage. */
  readonly isKept: () => boolean;
  /** Gives the memory back if it was not used. */
  readonly release: () => void;
}

export function makeReader(host: MapHost, shape: MapShape): ValueReader {
  const { i32, u8, m } = host.mem;
  const { value, valueWord, valueWords, valuePointers } = shape;
  const words = new Int32Array(valueWords);
  let found = false;
  let plain: unknown;
  let copy = 0;
  /** Cycles that had begun when it was set aside. */
  let cycle = 0;

  const isPlain = value.isValue && value.pointers.length === 0;
  const ofWords = isPlain || !value.isValue ? undefined : fromWords();

  function fromWords(): () => unknown {
    if (value.place !== undefined && valueWords === 1) {
      const { make } = value.place;
      return () => (words[0] === 0 ? null : make(words[0]!));
    }
    if (value.name === 'string') {
      return () => (words[1] === 0 ? '' : host.text.read(words[0]! >>> 0, words[1]!));
    }
    if (value.name === 'bytes') {
      return () => u8.slice(words[0]! >>> 0, (words[0]! >>> 0) + words[1]!);
    }
    return fatal(`map: no way to read ${value.name}`);
  }

  /** The words noted become a value of their own, in the memory set aside. */
  function fill(): unknown {
    const at = copy >>> 2;
    // The new object may be black already, so what it points to must be shown to the collector.
    for (const p of valuePointers) host.barrier.storePointer((at + p) << 2, words[p]! >>> 0);
    for (let i = 0; i < valueWords; i++) i32[at + i] = words[i]!;
    const made = value.read(copy);
    copy = 0;
    return made;
  }

  return {
    capture(slot: number): void {
      found = true;
      const at = slot + valueWord;
      if (isPlain) plain = value.read(at << 2);
      else for (let i = 0; i < valueWords; i++) words[i] = i32[at + i]!;
    },
    none(): void {
      found = false;
    },
    make(): unknown {
      if (!found) return undefined;
      if (isPlain) return plain;
      return ofWords === undefined ? fill() : ofWords();
    },
    reserve(): void {
      if (value.isValue) return;
      copy = host.alloc(valueWords * 4, value.rtype());
      cycle = m[GC_STARTED];
    },
    isKept(): boolean {
      return copy === 0 || m[GC_STARTED] === cycle;
    },
    release(): void {
      // Nothing refers to it: once a cycle has begun it may be somebody else's.
      if (copy !== 0 && m[GC_STARTED] === cycle) host.free(copy);
      copy = 0;
    },
  };
}
