/** Reading a heap by a thread that has none of the program's declarations: its types, and every kind of value. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  ArgumentError,
  array,
  atomic,
  attachHeap,
  bool,
  bytes,
  createHeap,
  f32,
  f64,
  type Heap,
  i8,
  i16,
  i32,
  i64,
  map,
  type ObjectInfo,
  PointerError,
  ref,
  StaleRefError,
  slice,
  string,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/index.ts';
import { H_TYPES } from '../../../src/layout/header.ts';
import {
  CTRL_FULL,
  DIR_TABLE,
  IS_TABLE,
  MAP_ROOT,
  TABLE_GROUPS,
  TABLE_MASK,
  TABLE_TAG,
} from '../../../src/layout/map.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed, random } from '../../support/random.ts';

const Point = struct('Point', { x: f64, y: f32 });
const Post = struct('Post', { title: string, score: f64 });
const Everything = struct('Everything', {
  a: i8,
  b: u8,
  c: i16,
  d: u16,
  e: i32,
  f: u32,
  g: i64,
  h: u64,
  i: f32,
  j: f64,
  k: bool,
  text: string,
  raw: bytes,
  get next() {
    return ref(Everything);
  },
  posts: slice(ref(Post)),
  at: Point,
  grid: array(i16, 3),
  corners: array(Point, 2),
  path: slice(Point),
  hits: atomic(u32),
  big: atomic(i64),
  words: map(string, ref(Post)),
  counts: map(i64, array(u8, 2)),
});

const VALUES = {
  a: -128,
  b: 255,
  c: -32768,
  d: 65535,
  e: -(2 ** 31),
  f: 2 ** 32 - 1,
  g: -(2n ** 63n),
  h: 2n ** 64n - 1n,
  i: 0.5,
  j: Math.PI,
  k: true,
  text: 'Grüße, 世界 \ufeff',
  raw: Uint8Array.of(1, 2, 255),
  at: { x: 1.5, y: -2 },
  grid: [-1, 0, 1],
  corners: [
    { x: 1, y: 2 },
    { x: 3, y: 4 },
  ],
  hits: 7,
  big: -9n,
};

/** What an object's value looks like when it is a struct. */
type Fields = Record<string, unknown>;

let heap: Heap;
/** Knows no types but those that the heap tells of. */
let reader: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 26 });
  reader = attachHeap(heap.share());
});

const hex = (addr: number): string => `0x${addr.toString(16)}`;

function fieldsOf(info: ObjectInfo): Fields {
  return info.value as Fields;
}

describe('types', () => {
  test('a heap without typed objects has none; raw types have no fields', () => {
    expect(reader.types()).toEqual([]);
    heap.raw.type({ name: 'cell', size: 48, pointers: [0, 8] });
    expect(reader.types()).toEqual([
      { name: 'cell', number: 1, size: 48, align: 8, kind: 'raw', fields: [], pointers: [0, 8], definition: '' },
    ]);
  });

  test('structs with their fields as declared, and everything they consist of', () => {
    heap.new(Everything);
    const types = new Map(reader.types().map((type) => [type.name, type]));
    const { fields, size, kind, pointers } = types.get('Everything')!;
    expect(kind).toBe('struct');
    expect(size % 8).toBe(0);
    expect(fields.slice(0, 3)).toEqual([
      { name: 'a', type: 'i8', offset: 0 },
      { name: 'b', type: 'u8', offset: 1 },
      { name: 'c', type: 'i16', offset: 2 },
    ]);
    expect(fields.map((f) => f.name)).toEqual(Object.keys(Object.getOwnPropertyDescriptors(Everything.fields)));
    const byName = Object.fromEntries(fields.map((f) => [f.name, f]));
    expect(byName['posts']!.type).toBe('slice(ref(Post))');
    expect(byName['corners']!.type).toBe('array(Point, 2)');
    expect(byName['words']!.type).toBe('map(string, ref(Post))');
    expect(byName['counts']!.type).toBe('map(i64, array(u8, 2))');
    expect(pointers).toEqual(
      ['text', 'raw', 'next', 'posts', 'path', 'words', 'counts'].map((name) => byName[name]!.offset),
    );
    expect(types.get('Point')!.fields).toEqual([
      { name: 'x', type: 'f64', offset: 0 },
      { name: 'y', type: 'f32', offset: 8 },
    ]);
    expect(reader.types().map((type) => type.number)).toEqual(reader.types().map((_, i) => i + 1));
  });
});

describe('objects that carry their type', () => {
  test('every kind of field', () => {
    const post = heap.new(Post, { title: 'p', score: 1 });
    const all = heap.new(Everything, VALUES);
    all.next = all;
    all.posts.push(post, null, post);
    all.path.push({ x: 9, y: 8 });
    all.words.set('one', post);
    all.words.set('', null);
    all.counts.set(-1n, [1, 2]);
    const address = heap.addressOf(all);
    const info = reader.inspect(address);
    expect(info).toMatchObject({ address, start: address, offset: 0, type: 'Everything', typeFrom: 'allocated' });
    expect(info.count).toBeUndefined();
    const fields = fieldsOf(info);
    expect(fields).toMatchObject(VALUES);
    const to = { type: 'Post', address: heap.addressOf(post) };
    expect(fields['next']).toEqual({ type: 'Everything', address });
    expect(fields['posts']).toMatchObject({ length: 3, elements: [to, null, to] });
    expect(fields['path']).toMatchObject({ length: 1, elements: [{ x: 9, y: 8 }] });
    const words = fields['words'] as { size: number; entries: [string, unknown][] };
    expect(words.size).toBe(2);
    expect(new Map(words.entries)).toEqual(
      new Map([
        ['one', to],
        ['', null],
      ]),
    );
    expect(fields['counts']).toMatchObject({ size: 1, entries: [[-1n, [1, 2]]] });
    expect(reader.inspect((fields['posts'] as { address: number }).address)).toMatchObject({
      type: 'ref(Post)',
      typeFrom: 'allocated',
      count: 4,
      value: [to, null, to, null],
    });
  });

  test('zero values', () => {
    const info = reader.inspect(heap.addressOf(heap.new(Everything)));
    expect(info.value).toMatchObject({
      ...{ a: 0, h: 0n, j: 0, k: false, text: '', raw: new Uint8Array(0), next: null, words: null },
      posts: { length: 0, capacity: 0, address: 0, elements: [] },
      at: { x: 0, y: 0 },
    });
  });

  test('an address inside of an object is that object’s', () => {
    const post = heap.new(Post, { title: 'inside', score: 2 });
    const start = heap.addressOf(post);
    for (const offset of [1, 8, 15]) {
      const info = reader.inspect(start + offset);
      expect(info).toMatchObject({ address: start + offset, offset, start, type: 'Post', valueAt: start });
      expect(fieldsOf(info)['title']).toBe('inside');
    }
  });

  test('slices, arrays and maps of their own', () => {
    const list = heap.new(slice(i32), [3, 4, 5]);
    expect(reader.inspect(heap.addressOf(list))).toMatchObject({
      type: 'slice(i32)',
      typeFrom: 'allocated',
      value: { length: 3, elements: [3, 4, 5] },
    });
    const refs = heap.new(array(ref(Post), 3));
    expect(reader.inspect(heap.addressOf(refs))).toMatchObject({
      type: 'array(ref(Post), 3)',
      value: [null, null, null],
    });
    const ids = heap.new(map(u32, string));
    for (let i = 0; i < 20_000; i++) ids.set(i * 3, `id ${i}`);
    for (let i = 0; i < 20_000; i += 2) ids.delete(i * 3);
    const info = reader.inspect(heap.addressOf(ids));
    expect(info).toMatchObject({ type: 'map(u32, string)', typeFrom: 'allocated' });
    const { size, entries } = info.value as { size: number; entries: [number, string][] };
    expect([size, entries.length]).toEqual([10_000, 100]);
    for (const [key, value] of entries) expect(value).toBe(`id ${key / 3}`);
    expect(new Set(entries.map(([key]) => key)).size).toBe(100);
  });

  test.each([
    ['i8', i8, [-128, -1, 127]],
    ['u8', u8, [0, 128, 255]],
    ['i16', i16, [-32768, 5]],
    ['u32', u32, [0, 2 ** 31, 2 ** 32 - 1]],
    ['i64', i64, [-(2n ** 63n), 2n ** 63n - 1n]],
    ['u64', u64, [0n, 2n ** 64n - 1n]],
    ['string', string, ['', 'a', 'key of some length', 'ключ']],
  ] as const)('keys of maps: %s', (name, kind, keys) => {
    for (const value of [u8, f64, Point, string]) {
      const made = heap.new(map(kind as typeof i64, value));
      const given = value === string ? 'v' : value === Point ? { x: 1, y: 2 } : 3;
      for (const key of keys) made.set(key as bigint, given as never);
      const info = reader.inspect(heap.addressOf(made));
      const of = value === Point ? 'Point' : (value as typeof u8).kind;
      expect(info.type).toBe(`map(${name}, ${of})`);
      expect(new Map((info.value as { entries: [bigint, unknown][] }).entries)).toEqual(
        new Map(keys.map((key) => [key, given])),
      );
    }
  });

  test('a map by bytes', () => {
    const made = heap.new(map(bytes, i32));
    made.set(Uint8Array.of(7, 8), 1);
    expect(reader.inspect(heap.addressOf(made)).value).toMatchObject({ entries: [[Uint8Array.of(7, 8), 1]] });
  });

  test('large objects', () => {
    const many = heap.make(slice(ref(Post)), 50_000);
    many.set(2, heap.new(Post, { title: 'third' }));
    const { address } = reader.inspect(heap.addressOf(many)).value as { address: number };
    const info = reader.inspect(address + 123_456);
    expect(info).toMatchObject({ start: address, size: 200_000, offset: 123_456, type: 'ref(Post)', count: 50_000 });
    expect((info.value as unknown[]).length).toBe(100);
    expect((info.value as unknown[])[2]).toMatchObject({ type: 'Post' });
  });

  test('objects of raw types are bytes', () => {
    const type = heap.raw.type({ name: 'cell', size: 24, pointers: [8] });
    const addr = heap.raw.newobject(type);
    heap.memory.u8[addr + 3] = 9;
    expect(reader.inspect(addr)).toMatchObject({ type: 'cell', typeFrom: 'allocated', size: 24 });
    expect((reader.inspect(addr).value as Uint8Array)[3]).toBe(9);
  });

  test('types of one pointer: a struct alone, an array of them', () => {
    const Link = struct('Link', { post: ref(Post) });
    expect(reader.inspect(heap.addressOf(heap.new(Link))).value).toEqual({ post: null });
    const two = heap.new(slice(Link), [{}, { post: heap.new(Post) }]);
    const { address } = reader.inspect(heap.addressOf(two)).value as { address: number };
    expect(reader.inspect(address)).toMatchObject({ count: 2, value: [{ post: null }, { post: { type: 'Post' } }] });
  });
});

describe('objects without a type of their own', () => {
  test('unknown, until a root names it', () => {
    const point = heap.new(Point, { x: 5, y: 6 });
    const address = heap.addressOf(point);
    expect(reader.inspect(address)).toMatchObject({ type: null, typeFrom: null, start: address, size: 16 });
    expect(reader.inspect(address).value).toEqual(heap.memory.u8.slice(address, address + 16));
    heap.roots.set('here', point);
    expect(reader.inspect(address + 8)).toMatchObject({
      ...{ type: 'Point', typeFrom: 'root', typeVia: 'here', offset: 8, valueAt: address },
      value: { x: 5, y: 6 },
    });
    heap.roots.delete('here');
    expect(reader.inspect(address).type).toBeNull();
  });

  test('known by a pointer: references, elements, texts, keys and values of maps', () => {
    const all = heap.new(Everything, { text: 'some text', raw: Uint8Array.of(4, 5), path: [{ x: 1 }, { x: 2 }] });
    const holder = heap.new(struct('Holder', { to: ref(Point) }));
    holder.to = heap.new(Point, { x: 3 });
    const values = heap.new(map(string, ref(Point)));
    values.set('the key of a map', heap.new(Point, { x: 4 }));
    const word = (base: number, field: string): number => {
      const { offset } = reader
        .types()
        .find((type) => type.name === 'Everything')!
        .fields.find((f) => f.name === field)!;
      return heap.memory.i32[(base + offset) >>> 2]! >>> 0;
    };
    const base = heap.addressOf(all);
    const via = { typeFrom: 'pointer' };
    expect(reader.inspect(word(base, 'text') + 5)).toMatchObject({ ...via, type: 'string', value: 'some text' });
    expect(reader.inspect(word(base, 'raw'))).toMatchObject({ ...via, type: 'bytes', value: Uint8Array.of(4, 5) });
    expect(reader.inspect(word(base, 'path'))).toMatchObject({
      ...{ ...via, type: 'Point', count: 2 },
      value: [
        { x: 1, y: 0 },
        { x: 2, y: 0 },
      ],
    });
    const held = reader.inspect(heap.addressOf(holder.to!));
    expect(held).toMatchObject({ ...via, type: 'Point', typeVia: heap.addressOf(holder), value: { x: 3, y: 0 } });
    expect(reader.inspect(heap.addressOf(values.get('the key of a map')!))).toMatchObject({ ...via, value: { x: 4 } });
    const key = Buffer.from(heap.memory.u8.slice(0, 2 ** 22)).indexOf('the key of a map');
    expect(reader.inspect(key)).toMatchObject({ ...via, type: 'string', value: 'the key of a map' });
  });

  test.each([
    [u32, 5],
    [i64, 20_000],
  ] as const)('groups of a map without pointers are known by its tables: %o, %i entries', (key, count) => {
    const cell = struct('Cell', { n: u32, w: f64 });
    const of = (n: number): number => (key === i64 ? (BigInt(n) as never) : n);
    const cells = heap.new(map(key as typeof u32, cell));
    for (let n = 1; n <= count; n++) cells.set(of(n), { n, w: n / 2 });
    const word = (addr: number): number => heap.memory.i32[addr >>> 2]! >>> 0;
    const root = word(heap.addressOf(cells) + MAP_ROOT * 4);
    const table = (word(root + TABLE_TAG * 4) | 0) === IS_TABLE ? root : word(root + DIR_TABLE * 4);
    expect(table === root).toBe(count < 1000);
    const groups = word(table + TABLE_GROUPS * 4);
    const info = reader.inspect(groups + 100);
    expect(info).toMatchObject({
      type: 'group',
      typeFrom: 'pointer',
      typeVia: table + TABLE_GROUPS * 4,
      start: groups,
    });
    expect(info.count ?? 1).toBe(word(table + TABLE_MASK * 4) + 1);
    const shown = (info.count === undefined ? [info.value] : info.value) as { control: number[]; slots: unknown[] }[];
    // The first group may be empty: each map hashes in its own way.
    const [full] = shown.flatMap((group) => group.slots.filter((_, i) => group.control[i]! >= CTRL_FULL)) as {
      readonly key: number | bigint;
      readonly value: { readonly n: number; readonly w: number };
    }[];
    expect(full!.value).toEqual({ n: Number(full!.key), w: Number(full!.key) / 2 });
  });

  test('of several pointers, that to the whole object tells more', () => {
    const Outer = struct('Outer', { inner: Point, more: f64 });
    const holder = heap.new(struct('Both', { part: ref(Point), whole: ref(Outer) }));
    const outer = heap.new(Outer, { inner: { x: 1 }, more: 2 });
    holder.part = outer.inner;
    expect(reader.inspect(heap.addressOf(outer)).type).toBe('Point');
    holder.whole = outer;
    expect(reader.inspect(heap.addressOf(outer))).toMatchObject({ type: 'Outer', value: { more: 2 } });
  });

  test('a type that is given: a declared one, or any expression', () => {
    const address = heap.addressOf(heap.new(array(u16, 8), [1, 2, 3, 4, 5, 6, 7, 8]));
    expect(reader.inspect(address, 'array(u16, 8)')).toMatchObject({
      typeFrom: 'given',
      value: [1, 2, 3, 4, 5, 6, 7, 8],
    });
    expect(reader.inspect(address + 6, 'u16')).toMatchObject({ offset: 6, count: 5, value: [4, 5, 6, 7, 8] });
    expect(reader.inspect(address + 8, 'array(u16, 2)')).toMatchObject({
      count: 2,
      value: [
        [5, 6],
        [7, 8],
      ],
    });
    for (const bad of [
      '',
      'Nothing',
      'ref(Nothing)',
      'slice(',
      'array(u16)',
      'array(u16, x)',
      'ref(u8)',
      'map(f64, u8)',
    ]) {
      expect(() => reader.inspect(address, bad), bad).toThrow(ArgumentError);
    }
    expect(() => reader.inspect(address + 4, 'array(u16, 8)')).toThrow(
      'array(u16, 8) has 16 bytes, the object only 12 from this address on',
    );
    const ids = heap.new(map(u8, u8), [[1, 2]]);
    expect(reader.inspect(heap.addressOf(ids), 'map(u8, u8)').value).toMatchObject({ size: 1, entries: [[1, 2]] });
  });
});

describe('where no object is', () => {
  const refused = (addr: unknown): string => {
    let message = '';
    try {
      reader.inspect(addr as number);
    } catch (error) {
      expect(error).toBeInstanceOf(PointerError);
      expect((error as PointerError).code).toBe('ERR_BAD_POINTER');
      ({ message } = error as PointerError);
    }
    return message;
  };

  test.each<[unknown, string]>([
    ...[-1, 0.5, Number.NaN, 2 ** 32, null, undefined].map((value): [unknown, string] => [value, String(value)]),
    ['8192', '"8192"'],
    [{}, 'an object (Object)'],
  ])('%j is no address', (addr, text) => {
    expect(refused(addr)).toBe(`inspect: ${text} is not an address or a reference`);
  });

  test('it says what is there', () => {
    heap.new(Post).dispose();
    expect(refused(0)).toContain('is in the page of the nil address');
    expect(refused(2 ** 25)).toBe('inspect: address 0x2000000 is in a free page');
    expect(refused(2 ** 26)).toBe('inspect: address 0x4000000 is outside of the heap, which ends at 0x4000000');
    expect(refused(2 ** 32 - 1)).toContain('is outside of the heap');
    const small = heap.raw.mallocgc(96, null, true);
    expect(refused(small + 96)).toBe(
      `inspect: address ${hex(small + 96)} is in a free slot of 96 bytes at ${hex(small + 96)}`,
    );
    heap.raw.free(small);
    expect(refused(small + 5)).toContain(`is in a free slot of 96 bytes at ${hex(small)}`);
    const large = heap.raw.mallocgc(40_000, null, true);
    expect(reader.inspect(large + 39_999)).toMatchObject({ start: large, size: 40_000, offset: 39_999 });
    expect(refused(large + 40_000)).toContain(
      `is in the unused end of the last page of the large object at ${hex(large)}`,
    );
    heap.raw.free(large);
    expect(refused(large)).toContain('is in a free page');
    const tiny = heap.raw.mallocgc(3, null, true);
    expect(reader.inspect(tiny + 2)).toMatchObject({ start: tiny, size: 3, offset: 2 });
    expect(refused(tiny + 3)).toContain('is in a free part of the tiny block');
    const theirs = heap.raw.mallocgc(512, null, true);
    reader.raw.free(theirs);
    expect(refused(theirs)).toContain('that was freed, and that its thread has yet to take back');
  });

  test('shadow stacks and handle tables are no objects', () => {
    const cells = Array.from({ length: 5 }, () => heap.new(Post));
    heap.scope(() => {
      heap.new(Post);
      const manual: number[] = [];
      for (let addr = 8192; addr < 2 ** 22; addr += 8192) {
        if (refused(addr).includes('shadow stack or handle table of thread 1')) manual.push(addr);
      }
      expect(manual.length).toBe(2);
    });
    expect(cells.length).toBe(5);
  });

  test('the shared address of objects without size', () => {
    const Empty = struct('Empty', {});
    const empty = heap.new(Empty);
    heap.roots.set('empty', empty);
    expect(reader.inspect(heap.addressOf(empty))).toMatchObject({ size: 0, type: 'Empty', value: {} });
  });
});

describe('garbage', () => {
  test('pointers that lead nowhere, lengths that are too long', () => {
    const all = heap.new(Everything, { text: 'abc', raw: Uint8Array.of(1), path: [{}] });
    const post = heap.new(Post, { title: 'x' });
    all.next = all;
    all.posts.push(post);
    all.words.set('w', post);
    const base = heap.addressOf(all);
    const fields = Object.fromEntries(
      reader
        .types()
        .find((type) => type.name === 'Everything')!
        .fields.map((f) => [f.name, (base + f.offset) >>> 2]),
    );
    const { i32 } = heap.memory;
    const free = 2 ** 25;
    for (const name of ['text', 'raw', 'next', 'posts', 'path', 'words']) i32[fields[name]!] = free + 4;
    const value = fieldsOf(reader.inspect(base));
    for (const name of ['text', 'raw', 'next', 'posts', 'path', 'words']) {
      expect(value[name], name).toEqual({ invalid: '0x2000004' });
    }
    i32[fields['text']!] = base;
    i32[fields['text']! + 1] = 10_000;
    expect(fieldsOf(reader.inspect(base))['text']).toEqual({ invalid: hex(base) });
    i32[fields['path']! + 1] = 50;
    expect(fieldsOf(reader.inspect(base))['path']).toEqual({ invalid: '0x2000004' });
    i32[fields['words']!] = base;
    expect(fieldsOf(reader.inspect(base))['words']).toMatchObject({ address: base });
  });

  test('an object that is full of anything never makes it throw', () => {
    const seed = newSeed('inspect garbage');
    const rnd = random(seed);
    const all = heap.new(Everything, VALUES);
    for (let i = 0; i < 50; i++) {
      all.words.set(`w${i}`, heap.new(Post, { title: `t${i}` }));
      all.counts.set(BigInt(i), [i, i]);
      all.path.push({ x: i });
      all.posts.push(heap.new(Post));
    }
    const targets = Array.from({ length: 300 }, (_, i) => 8192 + i * 1000).filter((addr) => {
      try {
        return reader.inspect(addr).type !== null;
      } catch {
        return false;
      }
    });
    expect(targets.length).toBeGreaterThan(5);
    const starts = [heap.addressOf(all), ...targets.map((addr) => reader.inspect(addr).start)];
    const { i32 } = heap.memory;
    const garbage = [0, -1, 1, 3, 8192, 2 ** 25, 2 ** 31 - 1, -(2 ** 31), 16, 100, heap.addressOf(all)];
    for (let round = 0; round < 2000; round++) {
      const addr = rnd.pick(starts);
      const { size } = reader.inspect(addr);
      const word = (addr >>> 2) + rnd.below(size >>> 2);
      const before = i32[word]!;
      i32[word] = rnd.oneIn(3) ? rnd.below(2 ** 30) : rnd.pick(garbage);
      for (const at of [addr, heap.addressOf(all)]) expect(reader.inspect(at).start).toBe(at);
      if (rnd.oneIn(2)) i32[word] = before;
    }
  });

  test('values that lead to themselves, and large ones, are cut off', () => {
    const Tree = struct('Tree', {
      get children() {
        return slice(Tree);
      },
      text: string,
    });
    heap.scope(() => {
      const tree = heap.new(Tree, { children: [{ text: 'a' }, { text: 'b'.repeat(100_000) }] });
      tree.children.at(0).children = tree.children;
      let at = fieldsOf(reader.inspect(heap.addressOf(tree)))['children'] as { elements: Fields[]; length: number };
      let depth = 0;
      for (; at.elements.length > 0; depth++) at = at.elements[0]!['children'] as typeof at;
      expect([depth, at.length]).toEqual([3, 2]);
      const text = fieldsOf(reader.inspect(heap.addressOf(tree.children.at(1))))['text'];
      expect(text === undefined).toBe(true);
      const elements = reader.inspect(heap.addressOf(tree.children.at(1))).value as Fields[];
      expect((elements[1]!['text'] as string).length).toBe(65_536);
    });
    const deep = array(array(array(u8, 200), 200), 200);
    const info = reader.inspect(heap.addressOf(heap.new(deep)), 'array(array(array(u8, 200), 200), 200)');
    const count = (value: unknown): number => (Array.isArray(value) ? value.reduce((n, v) => n + count(v), 0) : 1);
    expect(count(info.value)).toBeLessThanOrEqual(10_000);
    const large = heap.raw.mallocgc(1_000_000, null, true);
    expect((reader.inspect(large).value as Uint8Array).length).toBe(65_536);
  });

  test('a type whose definition is damaged is no type', () => {
    const address = heap.addressOf(heap.new(Post, { title: 'x' }));
    const { mem, m } = new Internals(heap);
    const number = reader.types().find((type) => type.name === 'Post')!.number;
    const record = m[mem.plan.types + number]!;
    const text = mem.m16.subarray(record * 2, record * 2 + 100);
    const at = text.findIndex((two) => two === (0x22 << 8) + 0x7b || two === (0x7b << 8) + 0x22);
    expect(m[H_TYPES]).toBeGreaterThan(0);
    expect(at).toBeGreaterThan(0);
    text[at] = 0x2020;
    const late = attachHeap(heap.share());
    expect(late.types()[number - 1]).toMatchObject({ name: 'Post', kind: 'raw', fields: [] });
    expect(late.inspect(address)).toMatchObject({ type: 'Post', typeFrom: 'allocated' });
    expect(late.inspect(address).value).toBeInstanceOf(Uint8Array);
  });
});

test('a reference is as good as the address it leads to', () => {
  const all = heap.new(Everything, VALUES);
  expect(heap.inspect(all)).toEqual(heap.inspect(heap.addressOf(all)));
  expect(heap.inspect(all.at)).toMatchObject({ type: 'Everything', start: heap.addressOf(all) });
  expect((heap.inspect(all.at, 'Point').value as unknown[])[0]).toEqual(VALUES.at);
  expect(heap.inspect(all.words)).toMatchObject({ type: 'map(string, ref(Post))' });
  expect(() => reader.inspect(all)).toThrow('one of another heap');
  const stale = heap.new(Post);
  stale.dispose();
  expect(() => heap.inspect(stale)).toThrow(StaleRefError);
});

test('an unshared heap can be read as well', () => {
  const own = createHeap({ maxBytes: 2 ** 24, shared: false });
  const all = own.new(Everything, VALUES);
  expect(own.inspect(own.addressOf(all)).value).toMatchObject(VALUES);
  own.scope(() => expect(own.inspect(own.addressOf(all)).type).toBe('Everything'));
  expect(own.types().length).toBeGreaterThan(2);
});

test('detached: inspect and types say so', () => {
  reader.detach();
  expect(() => reader.inspect(8192)).toThrow('not attached');
  expect(() => reader.types()).toThrow('not attached');
});
