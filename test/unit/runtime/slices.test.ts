/** The raw API above malloc: types, arrays, slices, realloc, sizes; with Go's texts for what is refused. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  AllocationSizeError,
  ArgumentError,
  attachHeap,
  createHeap,
  type Heap,
  type RawSlice,
  type RType,
  SliceError,
  SpanheapError,
  TypeMismatchError,
} from '../../../src/index.ts';
import { checkPattern, fillPattern } from '../../support/pattern.ts';

const MB = 2 ** 20;
let heap: Heap;

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 16 * MB });
});

test('newobject, newarray and makeslice give zeroed memory of the type', () => {
  const { raw, memory } = heap;
  const node = raw.type({ name: 'node', size: 24, pointers: [0, 8] });
  const bytes = raw.type({ name: 'byte', size: 1 });
  for (const type of [node, bytes]) {
    const dirty = raw.newarray(type, 100);
    memory.u8.fill(0xff, dirty, dirty + 100 * type.size);
    raw.free(dirty);
    const array = raw.newarray(type, 100);
    expect(memory.u8.subarray(array, array + 100 * type.size).every((b) => b === 0)).toBe(true);
    const slice = raw.makeslice(type, 3, 10);
    expect(slice).toMatchObject({ type, len: 3, cap: 10 });
    expect(raw.makeslice(type, 4)).toMatchObject({ len: 4, cap: 4 });
  }
  expect(raw.typeOf(raw.newobject(node))).toBe(node);
  expect(raw.typeOf(raw.newarray(node, 5000))).toBe(node);
  expect(raw.typeOf(raw.newobject(bytes))).toBe(null);
  heap.verify();
});

test.each([
  [-1, 0, 'len', 'ERR_MAKESLICE_LEN'],
  [5, 4, 'cap', 'ERR_MAKESLICE_CAP'],
  [1, 2 ** 32, 'cap', 'ERR_MAKESLICE_CAP'],
  [2 ** 40, 2 ** 40, 'len', 'ERR_MAKESLICE_LEN'],
  [1.5, 2, 'len', 'ERR_MAKESLICE_LEN'],
  [Number.NaN, 2, 'len', 'ERR_MAKESLICE_LEN'],
])('makeslice of %s, capacity %s: %s out of range', (len, cap, what, code) => {
  const type = heap.raw.type({ name: 'word', size: 4 });
  const before = heap.stats();
  const call = (): unknown => heap.raw.makeslice(type, len, cap);
  expect(call).toThrow(SliceError);
  expect(call).toThrow(`makeslice: ${what} out of range`);
  expect(call).toThrow(expect.objectContaining({ code }));
  expect(heap.stats()).toEqual(before);
});

test.each([-1, 0.5, Number.NaN, 2 ** 32])('newarray of %s elements is refused', (n) => {
  const type = heap.raw.type({ name: 'word', size: 4 });
  const call = (): unknown => heap.raw.newarray(type, n);
  expect(call).toThrow(AllocationSizeError);
  expect(call).toThrow('runtime: allocation size out of range');
  expect(call).toThrow(expect.objectContaining({ code: 'ERR_ALLOCATION_SIZE' }));
});

test.each([-1, 0.5, Number.NaN, 2 ** 31, 2 ** 60])('growslice by %s is refused', (num) => {
  const slice = heap.raw.makeslice(heap.raw.type({ name: 'word', size: 4 }), 2);
  const call = (): unknown => heap.raw.growslice(slice, num);
  expect(call).toThrow(SliceError);
  expect(call).toThrow('growslice: len out of range');
  expect(call).toThrow(expect.objectContaining({ code: 'ERR_GROWSLICE_LEN' }));
});

test('what is not a slice is refused', () => {
  const type = heap.raw.type({ name: 'word', size: 4 });
  const good = heap.raw.makeslice(type, 2);
  for (const bad of [
    { ...good, len: 3 },
    { ...good, len: -1 },
    { ...good, cap: 1.5 },
    { ...good, ptr: Number.NaN },
  ]) {
    expect(() => heap.raw.growslice(bad, 1)).toThrow(expect.objectContaining({ code: 'ERR_SLICE_BOUNDS' }));
    expect(() => heap.raw.copy(good, bad)).toThrow(expect.objectContaining({ code: 'ERR_SLICE_BOUNDS' }));
  }
});

test.each([
  ['pointer-free', []],
  ['with pointers', [0]],
])('growslice keeps the elements and zeroes the new ones, %s', (_, pointers) => {
  const { raw, memory } = heap;
  const type = raw.type({ name: 'cell', size: 8, pointers });
  // Dirty memory for what comes.
  for (const addr of Array.from({ length: 300 }, (__, i) => raw.mallocgc(i * 8 + 8, type, true))) {
    memory.u8.fill(0xee, addr, addr + raw.usableSize(addr));
    raw.free(addr);
  }
  let slice = raw.makeslice(type, 0, 0);
  for (let n = 1; n < 3000; n += 1 + (n >> 3)) {
    const from = slice.len;
    slice = raw.growslice(slice, n - from);
    expect(slice.len).toBe(n);
    expect(slice.cap).toBeGreaterThanOrEqual(n);
    for (let i = 0; i < n; i++) {
      expect(memory.f64[(slice.ptr >>> 3) + i]).toBe(i < from ? i + 1 : 0);
      memory.f64[(slice.ptr >>> 3) + i] = i + 1;
    }
  }
  heap.verify();
});

test('copy moves as many elements as both have, also between overlapping slices', () => {
  const { raw, memory } = heap;
  const type = raw.type({ name: 'cell', size: 12 });
  const a = raw.makeslice(type, 10);
  const b = raw.makeslice(type, 7);
  fillPattern(memory, a.ptr, 120);
  expect(raw.copy(b, a)).toBe(7);
  expect(memory.u8.subarray(b.ptr, b.ptr + 84)).toEqual(memory.u8.subarray(a.ptr, a.ptr + 84));
  for (let i = 0; i < 120; i++) memory.u8[a.ptr + i] = i;
  expect(raw.copy({ ...a, ptr: a.ptr + 12, len: 9, cap: 9 }, a)).toBe(9);
  for (let i = 12; i < 120; i++) expect(memory.u8[a.ptr + i]).toBe(i - 12);
  expect(raw.copy(a, { ...a, ptr: a.ptr + 12, len: 9, cap: 9 })).toBe(9);
  for (let i = 0; i < 108; i++) expect(memory.u8[a.ptr + i]).toBe(i);
});

test('copy between different element types is refused', () => {
  const { raw } = heap;
  const a = raw.makeslice(raw.type({ name: 'a', size: 4 }), 1);
  const b = raw.makeslice(raw.type({ name: 'b', size: 4 }), 1);
  expect(() => raw.copy(a, b)).toThrow(TypeMismatchError);
  expect(() => raw.copy(a, b)).toThrow('copy: element types differ: "a" and "b"');
});

test('a type registered twice is one type; with another layout it is an error', () => {
  const { raw } = heap;
  const type = raw.type({ name: 'π', size: 24, pointers: [8, 0] });
  expect(type).toMatchObject({ name: 'π', number: 1, size: 24, align: 8, pointers: [0, 8], ptrBytes: 12 });
  expect(raw.type({ name: 'π', size: 24, pointers: [0, 8] })).toBe(type);
  for (const other of [{ size: 16, pointers: [0, 8] }, { size: 24 }, { size: 24, align: 4, pointers: [0, 8] }]) {
    expect(() => raw.type({ name: 'π', ...other })).toThrow(TypeMismatchError);
    expect(() => raw.type({ name: 'π', ...other })).toThrow(/registered with another/);
  }
  expect(raw.types()).toEqual([type]);
  heap.verify();
});

test.each([
  { name: '', size: 8 },
  { name: 'x', size: -8 },
  { name: 'x', size: 1.5 },
  { name: 'x', size: 2 ** 33 },
  { name: 'x', size: 8, align: 3 },
  { name: 'x', size: 8, align: 16 },
  { name: 'x', size: 6, align: 4 },
  { name: 'x', size: 8, pointers: [2] },
  { name: 'x', size: 8, pointers: [8] },
  { name: 'x', size: 8, pointers: [0, 0] },
  { name: 'x', size: 6, pointers: [0] },
])('a type that makes no sense is refused: %o', (spec) => {
  expect(() => heap.raw.type(spec)).toThrow(ArgumentError);
  expect(heap.raw.types()).toEqual([]);
});

test('types with many pointers survive the way through shared memory', () => {
  const { raw } = heap;
  for (let i = 0; i < 200; i++) {
    const pointers = Array.from({ length: i }, (_, k) => k * 8 + (k % 2) * 4);
    const type = raw.type({ name: `type ${i}`, size: 2048, pointers });
    expect(type.pointers).toEqual(pointers);
  }
  heap.verify();
});

test('realloc keeps the content and the type, in place where it fits', () => {
  const { raw, memory } = heap;
  const type = raw.type({ name: 'cell', size: 8, pointers: [0] });
  for (const kind of [null, type]) {
    let addr = raw.realloc(0, 5);
    raw.free(addr);
    addr = raw.mallocgc(8, kind, true);
    let size = 8;
    fillPattern(memory, addr, size);
    for (const to of [9, 16, 17, 100, 90, 4000, 33_000, 34_000, 200_000, 40_000, 100, 3, 1]) {
      const first = memory.u8[addr];
      const next = raw.realloc(addr, to);
      for (let i = 0; i < Math.min(size, to); i++) expect(memory.u8[next + i]).toBe(first);
      addr = next;
      size = to;
      fillPattern(memory, addr, size);
      if (kind !== null) expect(raw.typeOf(addr)).toBe(type);
      heap.verify();
    }
    expect(checkPattern(memory, addr, size)).toBe(-1);
    expect(raw.realloc(addr, 0)).toBe(raw.mallocgc(0, null, false));
  }
  expect(heap.stats().liveBytes).toBeLessThanOrEqual(16);
  const big = raw.mallocgc(40_000, null, false);
  expect(raw.realloc(big, 40_900)).toBe(big);
  expect(heap.stats().liveBytes).toBeGreaterThanOrEqual(40_900);
});

test('realloc that does not fit leaves the object as it was', () => {
  const { raw, memory } = heap;
  const addr = raw.mallocgc(1000, null, false);
  fillPattern(memory, addr, 1000);
  expect(() => raw.realloc(addr, 20 * MB)).toThrow(/out of memory/);
  expect(checkPattern(memory, addr, 1000)).toBe(-1);
  expect(raw.usableSize(addr)).toBe(1024);
  heap.verify();
});

test('roundupsize and usableSize agree', () => {
  const { raw } = heap;
  for (const size of [0, 16, 17, 1000, 1025, 32_768, 32_769, 100_000]) {
    expect(raw.roundupsize(size)).toBe(raw.usableSize(raw.mallocgc(size, null, false)));
  }
  for (const size of [-1, 1.5, Number.NaN]) expect(() => raw.roundupsize(size)).toThrow(ArgumentError);
});

/** All calls that take a type, inside a scope and outside. */
function callsWith(by: Heap, type: RType): [op: string, call: () => unknown][] {
  const { raw } = by;
  const slice: RawSlice = { type, ptr: 0, len: 0, cap: 0 };
  const calls: [string, () => unknown][] = [
    ['newobject', () => raw.newobject(type)],
    ['mallocgc', () => raw.mallocgc(48, type, true)],
    ['mallocgc', () => raw.mallocgc(40_000, type, true)],
    ['newarray', () => raw.newarray(type, 3)],
    ['makeslice', () => raw.makeslice(type, 3)],
    ['growslice', () => raw.growslice(slice, 3)],
    ['copy', () => raw.copy(slice, slice)],
  ];
  return [...calls, ...calls.map(([op, call]): [string, () => unknown] => [op, () => by.scope(call)])];
}

describe('a type of another heap', () => {
  const specs = [
    { name: 'node', size: 24, pointers: [0, 8] },
    { name: 'word', size: 24 },
    { name: 'large', size: 40_000, pointers: [0] },
    { name: 'nothing', size: 0 },
  ];

  test.each(specs)('of size $size is refused, though there is one with its number: $name', (spec) => {
    const foreign = createHeap({ gc: 'off', maxBytes: MB }).raw.type(spec);
    expect(heap.raw.type({ name: 'own', size: 8 }).number).toBe(foreign.number);
    const before = heap.stats();
    for (const [op, call] of callsWith(heap, foreign)) {
      expect(call, op).toThrow(TypeMismatchError);
      expect(call, op).toThrow(`${op}: type "${spec.name}" is of another heap`);
    }
    expect(heap.stats()).toEqual(before);
  });

  test.each([undefined, {}, 'node', 1, 1n])('and what is none: %s', (value) => {
    for (const [op, call] of callsWith(heap, value as never)) {
      expect(call, op).toThrow(TypeMismatchError);
      expect(call, op).toThrow(`${op}: expected a type that raw.type has returned, got `);
    }
    expect(() => heap.raw.newobject(null as never)).toThrow(TypeMismatchError);
    expect(() => heap.scope(() => heap.raw.newobject(null as never))).toThrow(TypeMismatchError);
  });

  test.each(specs)('but not one that another attachment has registered, or a message has brought: $name', (spec) => {
    const other = attachHeap(structuredClone(heap.share()));
    const type = other.raw.type(spec);
    for (const known of [type, structuredClone(type)]) for (const [, call] of callsWith(heap, known)) call();
    expect(heap.raw.type(spec)).toEqual(type);
    heap.verify();
    other.detach();
  });
});

test.each([
  [-4096, 4096],
  [2 ** 31, 4096],
  [16 * MB - 4095, 4096],
  [8192, 16 * MB],
  [0, 1],
  [16, 4],
])('a slice that does not lie within the heap is refused: %i, %i bytes', (ptr, len) => {
  const { raw, memory } = heap;
  const type = raw.type({ name: 'byte', size: 1 });
  const own = raw.makeslice(type, 4096);
  const outside = { type, ptr, len, cap: len };
  const before = memory.u8.slice();
  for (const call of [
    () => raw.copy(outside, own),
    () => raw.copy(own, outside),
    () => raw.growslice(outside, 0),
    () => raw.growslice(outside, 1),
  ]) {
    expect(call).toThrow(SliceError);
    expect(call).toThrow('not a slice of this heap');
  }
  expect(Buffer.compare(memory.u8, before)).toBe(0);
});

test.each([null, undefined, 3, 'slice', { ptr: 8n }])('what is no slice is refused: %s', (value) => {
  expect(() => heap.raw.copy(value as never, value as never)).toThrow(SpanheapError);
  expect(() => heap.raw.growslice(value as never, 1)).toThrow(SpanheapError);
});
