import { PAGE_SIZE, TINY_SIZE } from '../../src/layout/constants.ts';
import { SPAN_CLASS, SPAN_ELEMSIZE, SPAN_NPAGES } from '../../src/layout/span.ts';
import { createHeapForOracle, type Heap } from '../../src/runtime/heap.ts';
import * as kinds from '../../src/types/kinds.ts';
import { type Layout, layoutOf } from '../../src/types/layout-of.ts';
import { Internals } from '../support/internals.ts';
import { type Checker, type Doc, hex64, list, same, type Tally } from './tally.ts';

/** As in the Go that the vectors come from. */
const WORD = 8;
const HEAP_BYTES = 64 << 20;
/** Span class of Go's tiny blocks; ours have one of their own. */
const TINY_SPAN_CLASS = 5;

/** A type as the vectors write it. */
type Type = string | { readonly [made: string]: unknown };

const WORDS: kinds.Kind = kinds.struct('word', { word: kinds.i64 });
const POINTER: kinds.Kind = kinds.ref(WORDS as kinds.ReferableKind);

const NAMED: Readonly<Record<string, kinds.Kind>> = {
  bool: kinds.bool,
  i8: kinds.i8,
  i16: kinds.i16,
  i32: kinds.i32,
  i64: kinds.i64,
  u8: kinds.u8,
  u16: kinds.u16,
  u32: kinds.u32,
  u64: kinds.u64,
  int: kinds.i64,
  uint: kinds.u64,
  uintptr: kinds.u64,
  f32: kinds.f32,
  f64: kinds.f64,
  c64: kinds.struct('c64', { re: kinds.f32, im: kinds.f32 }),
  c128: kinds.struct('c128', { re: kinds.f64, im: kinds.f64 }),
  string: kinds.string,
  func: POINTER,
  'unsafe.Pointer': POINTER,
  // The first word is the type, or a table of methods: not in the heap, so no pointer to the collector.
  any: kinds.struct('any', { type: kinds.u64, data: POINTER }),
  iface: kinds.struct('iface', { tab: kinds.u64, data: POINTER }),
};

function kindOf(type: Type): kinds.Kind {
  if (typeof type === 'string') {
    const kind = NAMED[type];
    if (kind === undefined) throw new Error(`unknown type ${type}`);
    return kind;
  }
  const [made, of] = Object.entries(type)[0]!;
  switch (made) {
    case 'ptr':
    case 'chan':
    case 'map':
      return POINTER;
    case 'slice':
      return kinds.slice(kindOf(of as Type));
    case 'array': {
      const [length, elem] = of as [number, Type];
      return kinds.array(kindOf(elem), length);
    }
    case 'struct': {
      const fields = (of as [string, Type][]).map(([, field], i): [string, kinds.Kind] => [`f${i}`, kindOf(field)]);
      return kinds.struct('struct', Object.fromEntries(fields));
    }
    default:
      throw new Error(`unknown type constructor ${made}`);
  }
}

interface MaskHash {
  readonly words: number;
  readonly pointers: number;
  readonly fnv1a: string;
}

interface HeapObject {
  readonly n: number;
  readonly objBytes: number;
  readonly spanClass: number;
  readonly spanPages: number;
  readonly heapMask?: string;
  readonly heapMaskHash?: MaskHash;
}

interface Case {
  readonly id: string;
  readonly type: Type;
  readonly size: number;
  readonly align: number;
  readonly ptrdata: number;
  readonly gcProg: boolean;
  readonly mask?: string;
  readonly maskHash?: MaskHash;
  readonly offsets?: readonly number[];
  readonly objects: readonly HeapObject[];
}

/** Bytes of the prefix that holds all pointers. */
function ptrdataOf(pointers: readonly number[]): number {
  return pointers.length === 0 ? 0 : pointers.at(-1)! + WORD;
}

/** One character for each word of `bytes` bytes. */
function maskOf(pointers: readonly number[], bytes: number): string {
  const mask = new Array<string>(bytes / WORD).fill('0');
  for (const p of pointers) mask[p / WORD] = '1';
  return mask.join('');
}

function hashOf(mask: string): MaskHash {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < mask.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(mask.charCodeAt(i))) * 0x100000001b3n);
  }
  const fnv1a = hex64(Number(hash & 0xffffffffn), Number(hash >> 32n));
  return { words: mask.length, pointers: mask.split('1').length - 1, fnv1a };
}

function sameMask(what: string, mask: string, want: string | undefined, wantHash: MaskHash | undefined): string | null {
  if (want !== undefined) return same(what, mask, want);
  const { words, pointers, fnv1a } = wantHash!;
  return same(what, hashOf(mask), { words, pointers, fnv1a });
}

function checkLayout(c: Case, layout: Layout): string | null {
  const wrong = same('size and align', [layout.size, layout.align], [c.size, c.align]);
  if (wrong !== null) return wrong;
  const ptrdata = ptrdataOf(layout.pointers);
  // Of types that Go describes by a program: up to a whole number of elements.
  const fits = c.gcProg ? c.ptrdata >= ptrdata && c.ptrdata <= c.size : c.ptrdata === ptrdata;
  if (!fits) return same('ptrdata', ptrdata, c.ptrdata);
  if (c.offsets !== undefined) {
    const offsets = layout.fields?.map((field) => field.offset);
    if (offsets?.join() !== c.offsets.join()) return same('offsets', offsets, c.offsets);
  }
  return sameMask('mask', maskOf(layout.pointers, c.ptrdata), c.mask, c.maskHash);
}

/** The heap itself, asked where it puts an object of n values, and what of it the collector scans. */
class Allocations {
  readonly #heap: Heap = createHeapForOracle({ maxBytes: HEAP_BYTES }, WORD);
  readonly #internals = new Internals(this.#heap);

  check(c: Case, kind: kinds.Kind, layout: Layout, object: HeapObject): string | null {
    const { n } = object;
    const { size, align, pointers } = layout;
    const type = this.#heap.raw.type({ name: c.id, size, align, pointers });
    const addr = this.#heap.raw.mallocgc(n * size, type, true);
    const { m } = this.#internals;
    const span = this.#internals.span(addr);
    const tiny = pointers.length === 0 && n * size < TINY_SIZE;
    const large = m[span + SPAN_CLASS] < 2;
    const got = {
      objBytes: large ? m[span + SPAN_NPAGES] * PAGE_SIZE : m[span + SPAN_ELEMSIZE],
      spanClass: tiny ? TINY_SPAN_CLASS : m[span + SPAN_CLASS],
      spanPages: m[span + SPAN_NPAGES],
    };
    this.#heap.raw.free(addr);
    const { objBytes, spanClass, spanPages } = object;
    const wrong = same(`object of ${n}`, got, { objBytes, spanClass, spanPages });
    if (wrong !== null) return wrong;
    const all = layoutOf(kinds.array(kind, n), WORD).pointers;
    const bytes = pointers.length === 0 ? 0 : (n - 1) * size + c.ptrdata;
    return sameMask(`heap mask of ${n}`, maskOf(all, bytes), object.heapMask, object.heapMaskHash);
  }
}

export const heapbits: Checker = {
  name: 'heapbits',
  sections: ['cases'],
  source: /heapBits|ptrdata|pointer (bit)?mask/i,
  run(doc: Doc, tally: Tally): void {
    const heap = new Allocations();
    for (const c of list<Case>(doc, 'cases')) {
      tally.case(c.id, () => {
        const kind = kindOf(c.type);
        const layout = layoutOf(kind, WORD);
        let wrong = checkLayout(c, layout);
        for (const object of c.objects) wrong ??= heap.check(c, kind, layout, object);
        return wrong;
      });
    }
  },
};
