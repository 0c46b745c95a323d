/**
 * The type of an object that carries none: pointer-free objects, and those of types that were registered without a
 * definition. Whoever points to one knows: a named root by its type number, a pointer in a live object by what that
 * object's type says of the field. Looks at every object of the heap that may hold pointers.
 */
import { PTR_SIZE } from '../layout/constants.ts';
import { MAP_WORDS, TABLE_GROUPS, TABLE_MASK, TABLE_WORDS } from '../layout/map.ts';
import { SLICE_CAP, STRING_LEN } from '../layout/slice.ts';
import type { TypeList } from '../malloc/rtype.ts';
import type { HeapReader } from '../spans/heap-reader.ts';
import { eachSpan } from '../spans/mspan.ts';
import type { RootInfo } from '../spans/root-records.ts';
import type { Mem } from '../sys/mem.ts';
import { type DefinedKinds, groupKind, KEY_TEXT_BYTES, LONG_KEYS, pointerKinds } from '../types/definition.ts';
import { bytes, type Kind, string } from '../types/kinds.ts';
import { layoutOf } from '../types/layout-of.ts';
import { eachScanObject, type LiveObject, objectAt } from './objects.ts';
import { knownPages } from './view/records.ts';

/** What is known of the bytes of an object. */
export interface Typing {
  /** Values of the kind; for a map its header, for a string or bytes what those consist of. */
  readonly kind: Kind;
  readonly from: 'allocated' | 'given' | 'root' | 'pointer';
  /** Name of the root, address of the pointer. */
  readonly via?: string | number;
  /** Address from which, and bytes for which, it is known. */
  readonly base: number;
  readonly bytes: number;
  /** `kind` is a map or a text, and these are not its values but what they lead to. */
  readonly isTarget: boolean;
}

/** Where to look: the named roots, and whether to go on, asked now and then: for safepoints, and for who has no time. */
export interface Search {
  readonly roots: readonly RootInfo[];
  readonly goOn: () => boolean;
}

/** The best of what is known of the object; undefined if nothing leads to it, or it was not found in time. */
export function searchType(
  heap: HeapReader,
  table: TypeList,
  kinds: DefinedKinds,
  object: LiveObject,
  { roots, goOn }: Search,
): Typing | undefined {
  const { best, offer } = bestOf(object);
  searchRoots(roots, table, kinds, offer);
  searchPointers(heap, table, kinds, offer, goOn);
  return best();
}

/** What the pointer at this address says of the object it leads to; undefined if it is none that is known. */
export function typeThrough(
  heap: HeapReader,
  table: TypeList,
  kinds: DefinedKinds,
  object: LiveObject,
  pointer: number,
): Typing | undefined {
  const holder = objectAt(heap, pointer);
  if (holder === null || !holder.scan) return undefined;
  const { size, offsets, kinds: to } = pointersOf(table, kinds, holder.type);
  const i = offsets.indexOf((pointer - holder.start) % size);
  if (i < 0) return undefined;
  const { best, offer } = bestOf(object);
  offer({ ...whatPointerLeadsTo(heap.t.mem, to[i]!, pointer), from: 'pointer', via: pointer });
  return best();
}

/** Of what is offered, what says most about the object. */
function bestOf(object: LiveObject): { best: () => Typing | undefined; offer: (typing: Typing) => void } {
  let best: Typing | undefined;
  const isBetter = (a: Typing, b: Typing): boolean =>
    a.base === object.start
      ? b.base !== object.start || a.bytes > b.bytes
      : b.base !== object.start && a.bytes > b.bytes;
  const offer = (typing: Typing): void => {
    if (typing.base < object.start || typing.base >= object.start + Math.max(object.size, 1)) return;
    if (typing.base + typing.bytes > object.start + object.size) return;
    if (best === undefined || isBetter(typing, best)) best = typing;
  };
  return { best: () => best, offer };
}

function searchRoots(
  roots: readonly RootInfo[],
  table: TypeList,
  kinds: DefinedKinds,
  offer: (typing: Typing) => void,
): void {
  for (const root of roots) {
    const type = table.get(root.type);
    const kind = type === undefined ? undefined : kinds.ofType(type);
    if (kind !== undefined) offer({ ...whatRefLeadsTo(kind, root.addr), from: 'root', via: root.name });
  }
}

/** What a reference to a place of this kind leads to. */
function whatRefLeadsTo(kind: Kind, base: number): Omit<Typing, 'from'> {
  const isTarget = kind.kind === 'map';
  return { kind, base, bytes: isTarget ? MAP_WORDS * PTR_SIZE : layoutOf(kind).size, isTarget };
}

/** What the pointer of a value at `addr` leads to. */
function whatPointerLeadsTo({ i32 }: Mem, kind: Kind, addr: number): Omit<Typing, 'from'> {
  const word = (at: number): number => i32[at >>> 2]! >>> 0;
  const base = word(addr);
  switch (kind.kind) {
    case 'ref': {
      const text = kind === LONG_KEYS.string ? string : kind === LONG_KEYS.bytes ? bytes : undefined;
      if (text === undefined) return whatRefLeadsTo(kind.elem, base);
      return { kind: text, base, bytes: word(addr - KEY_TEXT_BYTES), isTarget: true };
    }
    case 'slice':
      return { kind: kind.elem, base, bytes: word(addr + SLICE_CAP) * layoutOf(kind.elem).size, isTarget: false };
    case 'map':
      return whatRefLeadsTo(kind, base);
    // No pointer, but what a table's pointer leads to: see pointersOf.
    case 'struct':
      return { kind, base, bytes: (word(addr + GROUPS_MASK) + 1) * layoutOf(kind).size, isTarget: false };
    default:
      return { kind, base, bytes: word(addr + STRING_LEN), isTarget: true };
  }
}

/** Values that are looked at before `goOn` is asked once more. */
const VALUES_AT_ONCE = 1 << 14;

function searchPointers(
  heap: HeapReader,
  table: TypeList,
  kinds: DefinedKinds,
  offer: (typing: Typing) => void,
  goOn: () => boolean,
): void {
  const { mem } = heap.t;
  const known = new Map<number, ReturnType<typeof pointersOf>>();
  let isOver = false;
  let left = 0;
  eachSpan(mem, knownPages(mem), (s) => {
    // Nothing is in hand that others may not change meanwhile.
    isOver ||= !goOn();
    if (isOver) return;
    left = VALUES_AT_ONCE;
    eachScanObject(heap, s, ({ start, size, type }) => {
      let pointers = known.get(type);
      if (pointers === undefined) known.set(type, (pointers = pointersOf(table, kinds, type)));
      for (let at = start; at + pointers.size <= start + size; at += pointers.size) {
        if (left-- === 0) {
          isOver ||= !goOn();
          left = VALUES_AT_ONCE;
        }
        if (isOver) return;
        for (let i = 0; i < pointers.offsets.length; i++) {
          const slot = at + pointers.offsets[i]!;
          if (mem.i32[slot >>> 2] === 0) continue;
          offer({ ...whatPointerLeadsTo(mem, pointers.kinds[i]!, slot), from: 'pointer', via: slot });
        }
      }
    });
  });
}

/** Bytes from the pointer to a table's groups to the number of these, less one. */
const GROUPS_MASK = (TABLE_MASK - TABLE_GROUPS) * PTR_SIZE;

/** Where values of a type hold pointers, and of which kinds; in the table of a map that to its groups, by their kind. */
function pointersOf(
  table: TypeList,
  kinds: DefinedKinds,
  number: number,
): { size: number; offsets: readonly number[]; kinds: readonly Kind[] } {
  const type = table.get(number);
  const map = type === undefined ? undefined : kinds.mapOf(type, 'table');
  if (map !== undefined) {
    return { size: TABLE_WORDS * PTR_SIZE, offsets: [TABLE_GROUPS * PTR_SIZE], kinds: [groupKind(map)] };
  }
  const kind = type === undefined ? undefined : kinds.ofType(type);
  if (type === undefined || kind === undefined) return { size: Number.POSITIVE_INFINITY, offsets: [], kinds: [] };
  return { size: type.size, offsets: type.pointers, kinds: pointerKinds(kind) };
}
