/**
 * The type of an object that carries none: pointer-free objects, and those of types that were registered without a
 * definition. Whoever points to one knows: a named root by its type number, a pointer in a live object by what that
 * object's type says of the field. Looks at every object of the heap that may hold pointers.
 */
import { PTR_SIZE } from '../layout/constants.ts';
import { H_GROWN_PAGES, H_HEAP_LOCK } from '../layout/header.ts';
import { MAP_WORDS } from '../layout/map.ts';
import { SLICE_CAP } from '../layout/slice.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import type { MHeap } from '../spans/mheap.ts';
import { eachSpan } from '../spans/mspan.ts';
import { type DefinedKinds, KEY_TEXT_BYTES, LONG_KEYS, pointerKinds } from '../types/definition.ts';
import { bytes, type Kind, string } from '../types/kinds.ts';
import { layoutOf } from '../types/layout-of.ts';
import { listRoots } from '../types/roots.ts';
import { STRING_LEN } from '../types/strings.ts';
import { eachScanObject, type LiveObject } from './objects.ts';

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

/** The best of what is known of the object; undefined if nothing leads to it. In a region. */
export function searchType(heap: MHeap, table: TypeTable, kinds: DefinedKinds, object: LiveObject): Typing | undefined {
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
  searchRoots(heap, table, kinds, offer);
  searchPointers(heap, table, kinds, offer);
  return best;
}

function searchRoots(heap: MHeap, table: TypeTable, kinds: DefinedKinds, offer: (typing: Typing) => void): void {
  const { t } = heap;
  t.lock(H_HEAP_LOCK);
  const roots = listRoots(t);
  t.unlock(H_HEAP_LOCK);
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
function whatPointerLeadsTo({ i32 }: MHeap['t']['mem'], kind: Kind, addr: number): Omit<Typing, 'from'> {
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
    default:
      return { kind, base, bytes: word(addr + STRING_LEN), isTarget: true };
  }
}

function searchPointers(heap: MHeap, table: TypeTable, kinds: DefinedKinds, offer: (typing: Typing) => void): void {
  const { t } = heap;
  const { mem } = t;
  const known = new Map<number, ReturnType<typeof pointersOf>>();
  eachSpan(mem, mem.m[H_GROWN_PAGES], (s) => {
    // Nothing is in hand that others may not change meanwhile.
    t.poll();
    eachScanObject(heap, s, ({ start, size, type }) => {
      let pointers = known.get(type);
      if (pointers === undefined) known.set(type, (pointers = pointersOf(table, kinds, type)));
      for (let at = start; at + pointers.size <= start + size; at += pointers.size) {
        for (let i = 0; i < pointers.offsets.length; i++) {
          const slot = at + pointers.offsets[i]!;
          if (mem.i32[slot >>> 2] === 0) continue;
          offer({ ...whatPointerLeadsTo(mem, pointers.kinds[i]!, slot), from: 'pointer', via: slot });
        }
      }
    });
  });
}

/** Where values of a type hold pointers, and of which kinds. */
function pointersOf(
  table: TypeTable,
  kinds: DefinedKinds,
  number: number,
): { size: number; offsets: readonly number[]; kinds: readonly Kind[] } {
  const type = table.get(number);
  const kind = type === undefined ? undefined : kinds.ofType(type);
  if (type === undefined || kind === undefined) return { size: Number.POSITIVE_INFINITY, offsets: [], kinds: [] };
  return { size: type.size, offsets: type.pointers, kinds: pointerKinds(kind) };
}
