/** Layouts against Go's rules, their definitions, and what is said when two differ. */
import { expect, test } from 'vitest';
import { ArgumentError } from '../../../src/base/errors.ts';
import type { ExplainDifference } from '../../../src/malloc/rtype.ts';
import {
  array,
  atomic,
  bool,
  bytes,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  type Kind,
  map,
  mutex,
  type OfKind,
  ref,
  slice,
  string,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/types/kinds.ts';
import { componentKinds, definitionOf, explainDifference, layoutOf } from '../../../src/types/layout-of.ts';
import { newSeed, random } from '../../support/random.ts';

/** `kind` may have fields that are none. */
function refusal(kind: OfKind): string {
  try {
    layoutOf(kind as Kind);
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return (error as ArgumentError).message;
  }
  throw new Error('nothing was thrown');
}

const offsets = (kind: Kind): Record<string, number> =>
  Object.fromEntries(layoutOf(kind).fields!.map((f) => [f.name, f.offset]));

const Post = struct('Post', { title: string, score: f64 });

test.each<[Kind, string, number, number, number[]]>([
  [bool, 'bool', 1, 1, []],
  [i8, 'i8', 1, 1, []],
  [u8, 'u8', 1, 1, []],
  [i16, 'i16', 2, 2, []],
  [u16, 'u16', 2, 2, []],
  [i32, 'i32', 4, 4, []],
  [u32, 'u32', 4, 4, []],
  [f32, 'f32', 4, 4, []],
  [i64, 'i64', 8, 8, []],
  [u64, 'u64', 8, 8, []],
  [f64, 'f64', 8, 8, []],
  [string, 'string', 8, 4, [0]],
  [bytes, 'bytes', 8, 4, [0]],
  [ref(Post), 'ref(Post)', 4, 4, [0]],
  [slice(ref(Post)), 'slice(ref(Post))', 12, 4, [0]],
  [map(string, ref(Post)), 'map(string, ref(Post))', 4, 4, [0]],
  [atomic(u32), 'atomic(u32)', 4, 4, []],
  [atomic(i64), 'atomic(i64)', 8, 8, []],
  [atomic(u8), 'atomic(u8)', 1, 1, []],
  [array(f64, 16), 'array(f64, 16)', 128, 8, []],
  [array(slice(u8), 3), 'array(slice(u8), 3)', 36, 4, [0, 12, 24]],
  [array(Post, 2), 'array(Post, 2)', 32, 8, [0, 16]],
  [array(array(string, 2), 2), 'array(array(string, 2), 2)', 32, 4, [0, 8, 16, 24]],
  [array(f64, 0), 'array(f64, 0)', 0, 8, []],
  [array(string, 0), 'array(string, 0)', 0, 4, []],
  [array(struct('None', {}), 2 ** 31 - 1), 'array(None, 2147483647)', 0, 1, []],
  [Post, 'Post', 16, 8, [0]],
])('%# layout of %j', (kind, name, size, align, pointers) => {
  const { fields: _, ...layout } = layoutOf(kind);
  expect(layout).toEqual({ name, size, align, pointers, noCopy: false });
});

test('what has a mutex in it, in place, is not copied', () => {
  const Locked = struct('Locked', { a: u8, lock: mutex, b: u8 });
  const Around = struct('Around', { locks: array(Locked, 2) });
  expect(layoutOf(mutex)).toEqual({ name: 'mutex', size: 4, align: 4, pointers: [], noCopy: true });
  expect(layoutOf(Locked)).toMatchObject({ size: 12, align: 4, pointers: [], noCopy: true });
  expect(layoutOf(Around)).toMatchObject({ size: 24, noCopy: true });
  expect([ref(Locked), slice(ref(Around)), struct('Far', { to: ref(Locked) })].map((k) => layoutOf(k).noCopy)).toEqual([
    false,
    false,
    false,
  ]);
});

test('fields are where Go puts them', () => {
  const Mixed = struct('Mixed', { a: u8, b: i16, c: u8, d: f64, e: bool, inner: Post, text: string, last: u8 });
  expect(offsets(Mixed)).toEqual({ a: 0, b: 2, c: 4, d: 8, e: 16, inner: 24, text: 40, last: 48 });
  expect(layoutOf(Mixed)).toMatchObject({ size: 56, align: 8, pointers: [24, 40] });
  expect(layoutOf(Mixed).fields!.map((f) => f.kind)).toEqual([u8, i16, u8, f64, bool, Post, string, u8]);

  const Small = struct('Small', { a: u8, b: u8, c: u8 });
  expect(layoutOf(Small)).toMatchObject({ size: 3, align: 1, pointers: [] });
  expect(layoutOf(struct('Aligned', { a: u8, b: Small, c: u16 }))).toMatchObject({ size: 6, align: 2 });
});

test('a field without size at the end does not lie past the end', () => {
  const None = struct('None', {});
  expect(layoutOf(None)).toMatchObject({ size: 0, align: 1, pointers: [], fields: [] });
  expect(layoutOf(struct('OnlyNone', { a: None, b: array(f64, 0) }))).toMatchObject({ size: 0, align: 8 });
  const Tail = struct('Tail', { a: i32, b: None });
  expect(offsets(Tail)).toEqual({ a: 0, b: 4 });
  expect(layoutOf(Tail).size).toBe(8);
  expect(layoutOf(struct('Tail8', { a: f64, b: array(f64, 0) })).size).toBe(16);
  // In front it needs no room.
  expect(layoutOf(struct('Head', { b: None, a: i32 })).size).toBe(4);
});

test('random structs: aligned, in order, no more padding than needed, pointers of the parts', () => {
  const { below, pick } = random(newSeed('random structs'));
  const leaves: Kind[] = [bool, u8, i16, u32, f64, atomic(u64), string, slice(u8), ref(Post), Post, array(u16, 3)];
  let known: Kind[] = leaves;
  for (let round = 0; round < 300; round++) {
    const kinds = Array.from({ length: 1 + below(8) }, () => pick(known));
    const S = struct(`S${round}`, Object.fromEntries(kinds.map((kind, i) => [`f${i}`, kind])));
    const { size, align, pointers, fields } = layoutOf(S);
    let end = 0;
    const expected: number[] = [];
    for (const [i, kind] of kinds.entries()) {
      const part = layoutOf(kind);
      const { offset } = fields![i]!;
      expect(offset % part.align).toBe(0);
      expect(offset - end).toBeGreaterThanOrEqual(0);
      expect(offset - end).toBeLessThan(part.align);
      expected.push(...part.pointers.map((p) => offset + p));
      end = offset + part.size;
    }
    expect(align).toBe(Math.max(...kinds.map((kind) => layoutOf(kind).align)));
    expect(size % align).toBe(0);
    expect(size - end).toBeLessThan(align);
    expect(pointers).toEqual(expected);
    if (size < 500) known = [...known, S].slice(-40);
  }
});

test('a layout is made once and cannot be changed', () => {
  let runs = 0;
  const Once = struct('Once', {
    get self() {
      runs++;
      return ref(Once);
    },
  });
  const layout = layoutOf(Once);
  expect(layoutOf(Once)).toBe(layout);
  expect(layout.fields![0]!.kind).toBe(layoutOf(Once).fields![0]!.kind);
  expect(componentKinds(Once)).toEqual([ref(Once)]);
  definitionOf(Once);
  expect(runs).toBe(1);
  for (const part of [layout, layout.pointers, layout.fields, layout.fields![0]])
    expect(Object.isFrozen(part)).toBe(true);
});

test('recursive types through references, slices and maps', () => {
  const Tree = struct('Tree', {
    get left() {
      return ref(Tree);
    },
    get children() {
      return slice(Tree);
    },
    get names() {
      return map(string, array(Tree, 2));
    },
    get next() {
      return ref(Other);
    },
  });
  const Other = struct('Other', { tree: Tree, back: ref(Tree) });
  expect(layoutOf(Tree)).toMatchObject({ size: 24, pointers: [0, 4, 16, 20] });
  expect(layoutOf(Other)).toMatchObject({ size: 28, pointers: [0, 4, 16, 20, 24] });
  expect(definitionOf(Tree)).toBe(
    '{"kind":"struct","fields":[{"name":"left","type":"ref(Tree)","offset":0},' +
      '{"name":"children","type":"slice(Tree)","offset":4},' +
      '{"name":"names","type":"map(string, array(Tree, 2))","offset":16},' +
      '{"name":"next","type":"ref(Other)","offset":20}]}',
  );
});

test('a struct that contains itself is refused, with the way it does', () => {
  const Self: Kind = struct('Self', {
    get a(): Kind {
      return Self;
    },
  });
  expect(refusal(Self)).toBe('type "Self" contains itself: Self.a → Self; use ref(Self)');
  // Again, so nothing half made is kept.
  expect(refusal(Self)).toBe('type "Self" contains itself: Self.a → Self; use ref(Self)');

  const A: Kind = struct('A', {
    x: i32,
    get b(): Kind {
      return B;
    },
  });
  const B: Kind = struct('B', { a: array(array(A, 2), 3) });
  expect(refusal(A)).toBe('type "A" contains itself: A.b → B.a → A; use ref(A)');
  expect(refusal(struct('C', { b: slice(B), a: B }))).toBe('type "B" contains itself: B.a → A.b → B; use ref(B)');
  // One struct twice in another is no circle.
  expect(layoutOf(struct('Two', { a: Post, b: Post, c: array(Post, 2) })).size).toBe(64);
});

test('getters that give no type are refused at the first use', () => {
  const of = (value: unknown): Kind =>
    struct('S', {
      a: i32,
      get b() {
        return value as Kind;
      },
    });
  expect(refusal(of(5))).toBe('struct S, field "b": expected a type, got 5');
  expect(refusal(of({ kind: 'i32' }))).toMatch(/field "b": .* an object that is no type/);
  expect(refusal(of(undefined))).toMatch(/^struct S, field "b": .*Use a getter/);
  expect(refusal(struct('Outer', { inner: of('i32') }))).toMatch(/^struct S, field "b"/);
});

test('what is too large is refused', () => {
  expect(layoutOf(array(u8, 2 ** 31 - 1)).size).toBe(2 ** 31 - 1);
  expect(refusal(array(u16, 2 ** 30))).toBe(
    'type "array(u16, 1073741824)" is too large: 2147483648 bytes, of at most 2147483647',
  );
  expect(refusal(array(array(f64, 2 ** 27), 2 ** 31 - 1))).toMatch(/is too large: 2305843008139952000 bytes/);
  const half = array(u8, 2 ** 30);
  const rest = array(u8, 2 ** 30 - 1);
  expect(layoutOf(struct('Full', { a: half, b: rest })).size).toBe(2 ** 31 - 1);
  expect(refusal(struct('Over', { a: half, b: half }))).toMatch(/^type "Over" is too large: 2147483648 bytes/);
  expect(layoutOf(array(ref(Post), 2 ** 20)).pointers.length).toBe(2 ** 20);
  expect(refusal(array(ref(Post), 2 ** 20 + 1))).toBe(
    'type "array(ref(Post), 1048577)" is too large: 1048577 pointers, of at most 1048576; use a slice',
  );
  expect(refusal(struct('Many', { a: array(string, 2 ** 20), b: string }))).toMatch(
    /^type "Many" is too large: 1048577/,
  );
});

test('component kinds are those one level down', () => {
  const elem = ref(Post);
  expect(componentKinds(Post)).toEqual([string, f64]);
  for (const kind of [slice(elem), array(elem, 3)]) expect(componentKinds(kind)).toEqual([elem]);
  expect(componentKinds(elem)).toEqual([Post]);
  expect(componentKinds(map(i32, elem))).toEqual([i32, elem]);
  expect(componentKinds(atomic(u32))).toEqual([u32]);
  expect(componentKinds(string)).toEqual([]);
});

test.each<[Kind, string]>([
  [i32, '{"kind":"i32"}'],
  [string, '{"kind":"string"}'],
  [ref(Post), '{"kind":"ref","elem":"Post"}'],
  [slice(ref(Post)), '{"kind":"slice","elem":"ref(Post)"}'],
  [array(u8, 3), '{"kind":"array","elem":"u8","length":3}'],
  [map(string, slice(u8)), '{"kind":"map","key":"string","value":"slice(u8)"}'],
  [atomic(u64), '{"kind":"atomic","elem":"u64"}'],
  [struct('None', {}), '{"kind":"struct","fields":[]}'],
  [
    Post,
    '{"kind":"struct","fields":[{"name":"title","type":"string","offset":0},{"name":"score","type":"f64","offset":8}]}',
  ],
])('%# definition of %j', (kind, definition) => {
  expect(definitionOf(kind)).toBe(definition);
  expect(definitionOf(kind)).toBe(definition);
});

const explain: ExplainDifference = explainDifference;
const define = (fields: Record<string, Kind>): string => definitionOf(struct('Post', fields));
const ours = define({ title: string, score: f64 });

test.each([
  [define({ title: string, score: f32 }), 'field "score" is f32 in the heap, f64 here'],
  [define({ title: bytes, score: f32 }), 'field "title" is bytes in the heap, string here'],
  [define({ title: string }), 'field "score" is only here, not in the heap'],
  [define({}), 'field "title" is only here, not in the heap'],
  [define({ title: string, score: f64, id: i32 }), 'field "id" is only in the heap, not here'],
  [define({ id: i32, title: string, score: f64 }), 'field "id" is only in the heap, not here'],
  [define({ name: string, score: f64 }), 'field "title" is only here, not in the heap'],
  [define({ score: f64, title: string }), 'field 1 is "score" in the heap, "title" here'],
  [ours.replace('"offset":8', '"offset":12'), 'field "score" is at offset 12 in the heap, 8 here'],
  ['{"kind":"slice","elem":"u8"}', 'it is slice in the heap, struct here'],
  ['', 'the heap does not say what it consists of'],
  ['{"kind":', 'the heap does not say what it consists of'],
  ['null', 'the heap does not say what it consists of'],
  [`${ours} `, 'it is written in another way'],
])('%# the difference is named', (theirs, difference) => {
  expect(explain('Post', ours, theirs)).toBe(`type "Post" is registered with another definition: ${difference}`);
});

test('the difference of types without fields is named', () => {
  const text = explainDifference('x', definitionOf(array(u8, 3)), definitionOf(array(u8, 4)));
  expect(text).toBe('type "x" is registered with another definition: length is 4 in the heap, 3 here');
});

test('so many structs and arrays in each other, and no more', () => {
  let kind: Kind = struct('Innermost', { next: u8 });
  for (let depth = 2; depth <= 100; depth++)
    kind = depth % 2 === 0 ? array(kind, 1) : struct(`At${depth}`, { in: kind });
  expect(layoutOf(kind).size).toBe(1);
  expect(() => layoutOf(array(kind, 1))).toThrow('more than 100 structs and arrays in each other');
});
