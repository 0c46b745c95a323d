/**
 * Plants one fault of each kind in what typed objects add to a heap: `verify` names it. Then the word is put back, and
 * the heap is good again.
 */
import { expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, map, ref, slice, string, struct, VerifyError } from '../../../src/index.ts';
import { H_ROOT_FREE, H_ROOTS, H_TYPES } from '../../../src/layout/header.ts';
import { PROC_HANDLES, PROC_SHADOW_TOP } from '../../../src/layout/proc.ts';
import { ROOT_ADDR, ROOT_NAME, ROOT_NAME_BYTES, ROOT_NEXT, ROOT_SERIAL, ROOT_TYPE } from '../../../src/layout/root.ts';
import {
  RTYPE_ALIGN,
  RTYPE_DEFINITION_BYTES,
  RTYPE_FINGERPRINT,
  RTYPE_MASK,
  RTYPE_NAME_BYTES,
  RTYPE_PTR_BYTES,
  RTYPE_SIZE,
} from '../../../src/layout/rtype.ts';
import { SPAN_LARGE_TYPE, SPAN_OWNER, SPAN_TYPES } from '../../../src/layout/span.ts';
import { Internals } from '../../support/internals.ts';

const Leaf = struct('Leaf', { text: string });
const Node = struct('Node', {
  get next() {
    return ref(Node);
  },
  leaves: slice(Leaf),
  words: map(string, ref(Leaf)),
});

const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, maxThreads: 4 });
const x = new Internals(heap);
const { m, mem } = x;
const { i32 } = heap.memory;
/** A thread that is gone, but for its id. */
const GONE = 4;
/** An address in a page that is free. */
const FREE = 2 ** 23;

const node = heap.new(Node, { leaves: Array.from({ length: 5000 }, (_, i) => ({ text: `a text, number ${i}` })) });
node.next = heap.new(Node);
node.words.set('a word that is long', heap.new(Leaf));
const raw = heap.raw.newobject(heap.raw.type({ name: 'raw', size: 16, pointers: [4] }));
heap.roots.set('first', node);
heap.roots.set('second', node.next);
const freed = heap.raw.mallocgc(64, null, true);
heap.raw.free(freed);
const other = attachHeap(heap.share());
const theirs = other.new(Node);
const kept = Array.from({ length: 2100 }, () => heap.new(Leaf));

const at = heap.addressOf(node);
const word = at >>> 2;
const proc = x.proc(heap.threadId);
const record = (name: string): number => m[mem.plan.types + heap.types().find((type) => type.name === name)!.number]!;
const last = (): number => m[H_ROOTS]!;
const serial = (root: number, value: number): [number, number][] => {
  const [low, high] = new Int32Array(new Float64Array([value]).buffer) as unknown as [number, number];
  return [
    [root + ROOT_SERIAL, low],
    [root + ROOT_SERIAL + 1, high],
  ];
};
/** The newest root becomes a record that waits for a name, on one of the lists of these. */
const unused = (list: number): [number, number][] => [
  [H_ROOTS, m[last() + ROOT_NEXT]!],
  [last() + ROOT_NEXT, 0],
  [H_ROOT_FREE + list, last()],
];
const top = (): number => m[proc + PROC_SHADOW_TOP]!;
const handles = (): number => m[proc + PROC_HANDLES]!;
const otherProc = (): number => x.proc(other.threadId);

/** Words of allocator memory, and of object memory. */
interface Plants {
  readonly meta?: readonly (readonly [word: number, value: number])[];
  readonly data?: readonly (readonly [word: number, value: number])[];
}

type Fault = readonly [invariant: string, says: string, plant: () => Plants];

const meta = (...plants: [number, number][]): Plants => ({ meta: plants });
const data = (...plants: [number, number][]): Plants => ({ data: plants });

const TYPES: Fault[] = [
  ['types.count', '70000 types', () => meta([H_TYPES, 70_000])],
  ['types.record', 'is outside of persistent memory', () => meta([H_TYPES, m[H_TYPES]! + 1])],
  ['types.record', 'is outside of persistent memory', () => meta([mem.plan.types + 1, 5])],
  ['types.record', 'its name of 0 bytes', () => meta([record('Leaf') + RTYPE_NAME_BYTES, 0])],
  ['types.record', 'do not fit', () => meta([record('Leaf') + RTYPE_NAME_BYTES, 2 ** 30])],
  ['types.record', 'do not fit', () => meta([record('Leaf') + RTYPE_DEFINITION_BYTES, -1])],
  ['types.align', ': 3, of size', () => meta([record('Leaf') + RTYPE_ALIGN, 3])],
  ['types.align', ': 8, of size 20', () => meta([record('Node') + RTYPE_ALIGN, 8])],
  ['types.pointers', 'the last one ends at byte 400 of', () => meta([record('Leaf') + RTYPE_PTR_BYTES, 400])],
  ['types.pointers', 'bit 0 of 1 is 0', () => meta([record('Leaf') + RTYPE_MASK, 0])],
  ['types.pointers', 'bit 2 of 1 is 1', () => meta([record('Leaf') + RTYPE_MASK, 5])],
  ['types.name', 'another type has the same name', () => meta([mem.plan.types + m[H_TYPES]!, record('Leaf')])],
  ['types.fingerprint', 'its definition has', () => meta([record('Leaf') + RTYPE_FINGERPRINT, 5])],
  [
    'types.fingerprint',
    'its definition has',
    () => meta([record('Leaf') + RTYPE_DEFINITION_BYTES, m[record('Leaf') + RTYPE_DEFINITION_BYTES]! - 1]),
  ],
  ['types.definition', 'of 24 bytes is not defined by', () => meta([record('Node') + RTYPE_SIZE, 24])],
  ['types.definition', 'is not defined by', () => meta([record('Node') + RTYPE_MASK, 0b010101])],
  ['span.types', 'has type number', () => meta([m[x.span(at) + SPAN_TYPES]! >>> 1, -1])],
  ['span.largeType', 'has type number 999', () => meta([largeSpan() + SPAN_LARGE_TYPE, 999])],
];

/** Of the slice with 5000 leaves. */
const largeSpan = (): number => x.span(i32[word + 1]! >>> 0);

const ROOTS: Fault[] = [
  ['roots.list', 'is outside of persistent memory', () => meta([H_ROOTS, 7])],
  ['roots.list', 'is outside of persistent memory', () => meta([last() + ROOT_NEXT, -1])],
  ['roots.list', 'is twice on the lists', () => meta([m[last() + ROOT_NEXT]! + ROOT_NEXT, last()])],
  ['roots.list', 'is twice on the lists', () => meta([H_ROOT_FREE + 1, last()])],
  ['roots.serial', 'has number 100, and the one before it 3', () => meta(...serial(last(), 100))],
  ['roots.serial', 'has number 2, and the one before it 2', () => meta(...serial(m[last() + ROOT_NEXT]!, 2))],
  ['roots.serial', 'has number 0, and the one before it 2', () => meta(...serial(m[last() + ROOT_NEXT]!, 0))],
  ['roots.unused', 'is in use, and waits for a name', () => meta(...unused(1), ...serial(last(), 0))],
  ['roots.unused', 'is in use, and waits for a name', () => meta(...unused(1), [last() + ROOT_ADDR, 0])],
  [
    'roots.unused',
    'is on the list of another size',
    () => meta(...unused(3), ...serial(last(), 0), [last() + ROOT_ADDR, 0]),
  ],
  ['roots.name', 'has a name of 0 bytes', () => meta([last() + ROOT_NAME_BYTES, 0])],
  ['roots.name', 'has a name of 1000000000 bytes', () => meta([last() + ROOT_NAME_BYTES, 1e9])],
  [
    'roots.name',
    'root "first": another root has the same name',
    () =>
      meta(
        [last() + ROOT_NAME_BYTES, 5],
        [last() + ROOT_NAME, m[m[last() + ROOT_NEXT]! + ROOT_NAME]!],
        [last() + ROOT_NAME + 1, m[m[last() + ROOT_NEXT]! + ROOT_NAME + 1]!],
      ),
  ],
  ['roots.type', 'root "second" has type number 999', () => meta([last() + ROOT_TYPE, 999])],
  ['roots.type', 'has type number 0', () => meta([last() + ROOT_TYPE, 0])],
  ['roots.addr', 'root "second" leads to 0x800000, which is in a free page', () => meta([last() + ROOT_ADDR, FREE])],
  ['roots.addr', 'which is in a free slot', () => meta([last() + ROOT_ADDR, freed])],
];

const REFERENCES: Fault[] = [
  ['shadow.top', 'is no slot', () => meta([proc + PROC_SHADOW_TOP, (top() & ~2047) + 1])],
  ['shadow.segment', 'is no manual span', () => meta([proc + PROC_SHADOW_TOP, word])],
  ['shadow.segment', 'is no manual span', () => meta([proc + PROC_SHADOW_TOP, (FREE >>> 2) + 10])],
  ['shadow.segment', 'belongs to thread', () => meta([otherProc() + PROC_SHADOW_TOP, top()])],
  ['shadow.segment', 'is linked twice', () => data([i32[(top() - 1) & ~2047]!, (top() - 1) & ~2047])],
  ['shadow.segment', 'is no manual span', () => data([(top() - 1) & ~2047, -5])],
  ['shadow.slot', 'leads to 0x800000, which is in a free page', () => data([top() - 1, FREE])],
  ['shadow.slot', 'which is in a free slot', () => data([i32[(top() - 1) & ~2047]! + 2, freed])],
  ['handles.segment', 'is no manual span', () => meta([proc + PROC_HANDLES, word & ~2047])],
  ['handles.segment', 'is no manual span', () => meta([proc + PROC_HANDLES, handles() + 5])],
  ['handles.segment', 'belongs to thread', () => meta([proc + PROC_HANDLES, m[otherProc() + PROC_HANDLES]!])],
  ['handles.segment', 'is linked twice', () => data([i32[handles()]!, handles()])],
  ['handles.segment', 'is linked twice', () => meta([proc + PROC_HANDLES, (top() - 1) & ~2047])],
  ['handles.slot', 'leads to 0x800000', () => data([i32[handles()]! + 2, FREE])],
  [
    'manual.owner',
    'belongs to thread 4, which is not attached',
    () => ({
      meta: [
        [x.span(handles() << 2) + SPAN_OWNER, GONE],
        [proc + PROC_HANDLES, i32[handles()]!],
      ],
    }),
  ],
  ['manual.lost', 'is in no shadow stack or handle table of thread', () => meta([proc + PROC_HANDLES, 0])],
];

const POINTERS: Fault[] = [
  ['pointer.live', `Node at 0x${at.toString(16)}, byte 0: points to 0x800000`, () => data([word, FREE])],
  ['pointer.live', 'byte 4: points to 0x5, which is in the page of the nil address', () => data([word + 1, 5])],
  ['pointer.live', 'which is in a free slot of 64 bytes', () => data([word + 4, freed + 60])],
  ['pointer.live', 'Leaf at', () => data([(i32[word + 1]! >>> 2) + 2 * 4999, FREE])],
  ['pointer.live', 'map.header(string,ref(Leaf)) at', () => data([i32[word + 4]! >>> 2, 4])],
];

function plantAndVerify(plants: Plants, options?: Parameters<Heap['verify']>[0]): unknown {
  const views = [
    [m, plants.meta ?? []],
    [i32, plants.data ?? []],
  ] as const;
  const before = views.map(([view, list]) => list.map(([w]) => view[w]!));
  for (const [view, list] of views) for (const [w, value] of list) view[w] = value;
  try {
    heap.verify(options);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    views.forEach(([view, list], v) => {
      for (let i = list.length - 1; i >= 0; i--) view[list[i]![0]] = before[v]![i]!;
    });
  }
}

/** A scope whose references fill more than a segment. */
function inScope(fn: () => void): void {
  heap.scope(() => {
    for (let i = 0; i < 2100; i++) heap.new(Leaf);
    fn();
    heap.verify();
  });
}

test.each([...TYPES, ...ROOTS, ...REFERENCES, ...POINTERS])('%s: "%s"', (invariant, says, plant) => {
  inScope(() => {
    const error = plantAndVerify(plant());
    expect(error).toBeInstanceOf(VerifyError);
    expect((error as VerifyError).message).toContain(says);
    expect((error as VerifyError).invariant).toBe(invariant);
    expect((error as VerifyError).code).toBe('ERR_CORRUPT');
  });
  heap.verify({ pointers: true });
  expect([theirs.leaves.length, kept.length]).toEqual([0, 2100]);
});

test('which pointers are checked', () => {
  const inRaw = data([(raw >>> 2) + 1, FREE]);
  expect(plantAndVerify(inRaw)).toBeUndefined();
  expect(plantAndVerify(inRaw, { pointers: true })).toBeInstanceOf(VerifyError);
  const inNode = data([word, FREE]);
  expect(plantAndVerify(inNode, { pointers: false })).toBeUndefined();
  expect(plantAndVerify(data([i32[handles()]! + 2, FREE]), { pointers: false })).toBeUndefined();
  expect(plantAndVerify(meta([last() + ROOT_ADDR, FREE]), { pointers: false })).toBeInstanceOf(VerifyError);
});

test('addresses inside of objects, of parts of tiny blocks, and of objects without size are good', () => {
  const Empty = struct('Empty', {});
  const Holder = struct('Holder', { a: ref(Empty), b: slice(Empty), c: string });
  const holder = heap.new(Holder, { a: heap.new(Empty), b: [{}, {}], c: 'tiny' });
  heap.roots.set('empty', holder.a!);
  const text = i32[(heap.addressOf(holder) >>> 2) + 4]!;
  expect(plantAndVerify(data([(heap.addressOf(holder) >>> 2) + 4, text + 3]))).toBeUndefined();
  expect(plantAndVerify(data([word, at + 19]))).toBeUndefined();
  expect(plantAndVerify(data([word, (i32[word + 1]! >>> 0) + 4097]))).toBeUndefined();
  heap.roots.delete('empty');
});
