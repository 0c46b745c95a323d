/** Strings and bytes as values in the heap: what is stored, what is shared, what is copied. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  array,
  attachHeap,
  bytes,
  createHeap,
  type Heap,
  map,
  type Ref,
  type Reference,
  slice,
  string,
  struct,
  u32,
} from '../../../src/index.ts';

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 26 });
});

afterEach(() => {
  heap.verify();
});

const Text = struct('Text', { before: u32, text: string, after: u32 });
const Raw = struct('Raw', { before: u32, raw: bytes, after: u32 });

const TEXTS = [
  '',
  'a',
  'hello',
  '\0',
  'a\0b\0',
  'ä',
  '€',
  '😀',
  'mixed: ä€😀 end',
  '\ufeffafter a BOM',
  '\ufeff',
  '\ufffe\uffff',
  ...[15, 16, 17, 55, 56, 57, 63, 64, 65, 1000].flatMap((n) => ['x'.repeat(n), 'ü'.repeat(n), `${'x'.repeat(n - 1)}€`]),
  'k'.repeat(2 ** 16),
  `${'k'.repeat(2 ** 16)}k`,
  `${'k'.repeat(2 ** 16 - 1)}ß`,
  'm'.repeat(2 ** 20),
  '猫'.repeat(2 ** 20),
];

const nameOf = (text: string): string => `${JSON.stringify(text.slice(0, 12))}… (${text.length})`;

/** Pointer and length of a string at an address. */
function words(at: number): [pointer: number, length: number] {
  return [heap.memory.i32[at >>> 2]! >>> 0, heap.memory.i32[(at >>> 2) + 1]!];
}

test.each(TEXTS.map((t) => [nameOf(t), t]))(
  '%s: field, element of slice and array, value and key of a map',
  (_, text) => {
    heap.scope(() => {
      const t = heap.new(Text, { before: 1, text, after: 2 });
      expect(t.text === text).toBe(true);
      const [pointer, length] = words(heap.addressOf(t) + 4);
      expect(Buffer.compare(Buffer.from(heap.memory.u8.slice(pointer, pointer + length)), Buffer.from(text))).toBe(0);
      expect(pointer === 0).toBe(text === '');
      t.text = 'other';
      t.text = text;
      expect([t.before, t.text === text, t.after]).toEqual([1, true, 2]);
      const list = heap.new(slice(string), ['', text, 'c']);
      list.push(text);
      list.set(0, text);
      expect(list.toArray().map((s) => s === text)).toEqual([true, true, false, true]);
      const four = heap.new(array(string, 4), [text]);
      four.fill(text, 2);
      expect([...four].map((s) => s === text)).toEqual([true, text === '', true, true]);
      const m = heap.new(map(string, string), [[text, text]]);
      expect(m.get(text) === text && [...m.keys()][0] === text).toBe(true);
    });
  },
);

test.each([
  ['\ud800', '\ufffd'],
  ['x\udc00y', 'x\ufffdy'],
  ['\ude00\ud83d', '\ufffd\ufffd'],
  [`${'x'.repeat(60)}\ud83d`, `${'x'.repeat(60)}\ufffd`],
])('lone surrogates become U+FFFD: %j', (given, read) => {
  expect(heap.new(Text, { text: given }).text).toBe(read);
  expect(heap.new(slice(string), [given]).at(0)).toBe(read);
});

test('a string stays as it is when what it was copied from gets another', () => {
  heap.scope(() => {
    const a = heap.new(Text, { text: 'first text' });
    const b = heap.new(Text, a);
    // The bytes are shared, the two words are not.
    expect(words(heap.addressOf(b) + 4)).toEqual(words(heap.addressOf(a) + 4));
    a.text = 'second';
    expect([a.text, b.text]).toEqual(['second', 'first text']);
  });
});

test('a string refers to its bytes: what is written there is what is read', () => {
  heap.scope(() => {
    const t = heap.new(Text, { text: 'abc' });
    const [pointer] = words(heap.addressOf(t) + 4);
    heap.memory.u8[pointer + 1] = 0x5a;
    expect(t.text).toBe('aZc');
  });
});

test('many strings of all lengths keep apart', () => {
  heap.scope(() => {
    const list = heap.make(slice(string), 0);
    const expected: string[] = [];
    for (let i = 0; i < 3000; i++) {
      const s = `${i}`.padEnd(i % 131, i % 7 === 0 ? 'é' : '.');
      expected.push(s);
      list.push(s);
    }
    expect(list.toArray()).toEqual(expected);
  });
});

test('outside of scopes, and in another attached heap', () => {
  const t = heap.new(Text, { text: 'ä'.repeat(100) });
  t.text += '!';
  heap.roots.set('t', t);
  const other = attachHeap(heap.share());
  const same = other.roots.get('t', Text)!;
  expect(same.text).toBe(`${'ä'.repeat(100)}!`);
  same.text = 'there';
  expect(t.text).toBe('there');
  other.detach();
});

describe('bytes', () => {
  const pattern = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => i * 7);

  test.each([0, 1, 2, 15, 16, 63, 64, 65, 1000, 65536, 65537, 2 ** 20])('%i bytes, copied in and out', (n) => {
    heap.scope(() => {
      const source = pattern(n);
      const r = heap.new(Raw, { before: 1, raw: source, after: 2 });
      source.fill(0xee);
      const read = r.raw;
      expect(Buffer.compare(read, pattern(n))).toBe(0);
      read.fill(0xdd);
      expect(Buffer.compare(r.raw, pattern(n))).toBe(0);
      r.raw = pattern(3);
      r.raw = pattern(n);
      expect([r.before, r.raw.length, r.after]).toEqual([1, n, 2]);
      expect(Buffer.compare(r.raw, pattern(n))).toBe(0);
      expect(r.raw.buffer).toBeInstanceOf(ArrayBuffer);
    });
  });

  test('from all kinds of Uint8Array, read as a plain one', () => {
    heap.scope(() => {
      const r = heap.new(Raw);
      const shared = new Uint8Array(new SharedArrayBuffer(100), 10, 70).fill(7);
      const long = heap.raw.mallocgc(100, null, true);
      for (const source of [
        Buffer.from('abc'),
        pattern(100).subarray(5, 95),
        shared,
        heap.memory.u8.subarray(long, long + 80),
      ]) {
        r.raw = source as Uint8Array;
        expect([...r.raw]).toEqual([...source]);
        expect(Object.getPrototypeOf(r.raw)).toBe(Uint8Array.prototype);
      }
      const list = heap.new(slice(bytes), [pattern(2), Buffer.alloc(0)]);
      list.push(list.at(0));
      expect(list.toArray()).toEqual([pattern(2), new Uint8Array(), pattern(2)]);
    });
  });

  test('a source that grows while it is copied is as long as it was', () => {
    // TypeScript does not know those that grow yet.
    type Growable = SharedArrayBuffer & { grow(bytes: number): void };
    const Growable = SharedArrayBuffer as unknown as new (bytes: number, options: object) => Growable;
    const buffer = new Growable(8, { maxByteLength: 4096 });
    const source = new Uint8Array(buffer).fill(5);
    const r: Ref<typeof Raw> = heap.new(Raw);
    // Another thread may grow it at any time; here it does while the memory is allocated.
    heap.setHooks({ onAlloc: () => void (buffer.byteLength < 4096 && buffer.grow(4096)) });
    r.raw = source;
    heap.setHooks({});
    const { length } = r.raw;
    const [pointer] = words(heap.addressOf(r as Reference) + 4);
    expect(heap.raw.usableSize(pointer)).toBeGreaterThanOrEqual(length);
    expect([...r.raw]).toEqual(new Array(length).fill(5));
  });
});
