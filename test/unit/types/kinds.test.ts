/** Declarations: what they make, what they refuse, and that getters wait. (Their types: kinds.types.ts.) */
import { expect, test, vi } from 'vitest';
import { ArgumentError } from '../../../src/base/errors.ts';
import * as kinds from '../../../src/types/kinds.ts';
import {
  array,
  atomic,
  bytes,
  f64,
  i32,
  i64,
  isKind,
  map,
  ref,
  slice,
  string,
  struct,
  u8,
  u32,
} from '../../../src/types/kinds.ts';

// biome-ignore lint/suspicious/noExplicitAny: calls that TypeScript refuses
const untyped = kinds as any;

/** The message of the ArgumentError that `fn` throws. */
function refusal(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    expect((error as ArgumentError).code).toBe('ERR_INVALID_ARGUMENT');
    return (error as ArgumentError).message;
  }
  throw new Error('nothing was thrown');
}

test('kinds are plain frozen objects', () => {
  const Post = struct('Post', { title: string, score: f64 });
  expect(i32).toEqual({ kind: 'i32' });
  expect({ ...Post, fields: { ...Post.fields } }).toEqual({
    kind: 'struct',
    name: 'Post',
    fields: { title: string, score: f64 },
  });
  expect(ref(Post)).toEqual({ kind: 'ref', elem: Post });
  expect(slice(u8)).toEqual({ kind: 'slice', elem: u8 });
  expect(array(u8, 3)).toEqual({ kind: 'array', elem: u8, length: 3 });
  expect(map(bytes, Post)).toEqual({ kind: 'map', key: bytes, value: Post });
  expect(atomic(i64)).toEqual({ kind: 'atomic', elem: i64 });
  for (const kind of [
    i32,
    string,
    Post,
    Post.fields,
    ref(Post),
    slice(u8),
    array(u8, 3),
    map(bytes, Post),
    atomic(i64),
  ])
    expect(Object.isFrozen(kind)).toBe(true);
});

test('only what a declaration made is a kind', () => {
  expect([i32, string, struct('S', {}), map(string, i32)].every(isKind)).toBe(true);
  expect([{ kind: 'i32' }, { ...i32 }, 'i32', null, undefined, 5, i32.kind].some(isKind)).toBe(false);
});

test('fields keep their order, and are no longer those of the object that was passed', () => {
  const fields: Record<string, unknown> = { b: i32, a: u8, Zebra: f64 };
  const S = struct('S', fields);
  fields.later = i32;
  fields.a = f64;
  expect(Object.keys(S.fields)).toEqual(['b', 'a', 'Zebra']);
  expect(S.fields.a).toBe(u8);
});

test('getters are not run by the declaration', () => {
  let runs = 0;
  const S = struct('S', {
    get self() {
      runs++;
      return ref(S);
    },
  });
  expect(runs).toBe(0);
  expect(S.fields.self).toEqual({ kind: 'ref', elem: S });
  expect(runs).toBe(1);
});

test.each([
  ['', /struct: expected a name that is not empty, got ""/],
  [undefined, /struct: expected a name that is not empty, got undefined/],
  [5, /expected a name that is not empty, got 5/],
  ['a(b', /the name has a character/],
  ['a)', /the name has a character/],
  ['a,b', /the name has a character/],
  ['a"b', /the name has a character/],
  ['a\nb', /the name has a character/],
  ['a\u0000', /the name has a character/],
  ['a\ud800', /the name has a character/],
  ['string', /this is the name of a type that is built in/],
  ['i32', /this is the name of a type that is built in/],
])('the name %j of a struct is refused', (name, why) => {
  expect(refusal(() => untyped.struct(name, {}))).toMatch(why);
});

test.each(['Node', 'main.Node', 'Größe 2', '節點', '😀', 'slice', '$x', '1'])(
  'the name %j of a struct is fine',
  (name) => {
    expect(struct(name, {}).name).toBe(name);
  },
);

test.each(['', '1', '1a', 'a b', 'a-b', 'a.b', '$a', '$', 'a\n', '😀', '\ud800'])(
  'the field %j is no identifier',
  (name) => {
    expect(refusal(() => struct('S', { [name]: i32 }))).toBe(
      `struct S, field ${JSON.stringify(name)}: not an identifier (letters, digits and _, not a digit first)`,
    );
  },
);

test.each(['hold', 'dispose', 'equals', 'constructor', '__proto__', 'then', 'toString', 'valueOf', 'toJSON'])(
  'the field %s is reserved',
  (name) => {
    expect(refusal(() => struct('S', { [name]: i32 }))).toBe(`struct S, field "${name}": this name is reserved`);
  },
);

test.each(['a', '_', '_1', 'a$', 'Straße', '名', 'length', 'hasOwnProperty', 'x٣'])('the field %s is fine', (name) => {
  expect(Object.keys(struct('S', { [name]: i32 }).fields)).toEqual([name]);
});

test('fields that are no object literal are refused', () => {
  expect(refusal(() => untyped.struct('S'))).toBe('struct S: expected an object with its fields, got undefined');
  expect(refusal(() => untyped.struct('S', null))).toMatch(/got null/);
  expect(refusal(() => untyped.struct('S', [i32]))).toMatch(/got an object that is no type/);
  expect(refusal(() => untyped.struct('S', i32.kind))).toMatch(/got "i32"/);
  expect(refusal(() => untyped.struct('S', new Map([['a', i32]])))).toMatch(/expected an object/);
  // Sets the prototype: without a check, a struct without the field that the program seems to declare.
  expect(refusal(() => untyped.struct('S', { __proto__: i32 }))).toMatch(/expected an object/);
  expect(refusal(() => untyped.struct('S', { [Symbol('s')]: i32 }))).toBe(
    'struct S: a field is named by a symbol (Symbol(s))',
  );
  expect(Object.keys(struct('S', Object.assign(Object.create(null), { a: i32 })).fields)).toEqual(['a']);
});

test('a field that holds no type is refused where the struct is declared, and named', () => {
  expect(refusal(() => struct('S', { a: i32, b: 5 }))).toBe('struct S, field "b": expected a type, got 5');
  expect(refusal(() => struct('S', { a: { kind: 'i32' } }))).toMatch(/field "a": .* an object that is no type/);
  expect(refusal(() => struct('S', { a: 'i32', b: 5 }))).toBe('struct S, field "a": expected a type, got "i32"');
  expect(refusal(() => struct('S', { a: undefined }))).toMatch(/^struct S, field "a": .*Use a getter/);
  expect(refusal(() => struct('S', { a: struct }))).toBe('struct S, field "a": expected a type, got a function');
  let runs = 0;
  const Late = struct('Late', {
    get a() {
      runs++;
      return 5;
    },
  });
  expect([Late.name, runs]).toEqual(['Late', 0]);
});

test('a type of another copy of the package is called so', async () => {
  vi.resetModules();
  const other: typeof kinds = await import('../../../src/types/kinds.ts');
  const { createHeap } = await import('../../../src/index.ts');
  const theirs = other.struct('Post', { title: other.string });
  const why = 'a type of another copy of spanheap: this program has loaded the package twice';
  for (const kind of [theirs, other.i32, other.slice(theirs), other.map(other.string, theirs)]) {
    expect(isKind(kind)).toBe(false);
    expect(refusal(() => slice(kind))).toBe(`slice: expected a type of elements, got ${why}`);
    expect(refusal(() => struct('S', { a: kind }))).toBe(`struct S, field "a": expected a type, got ${why}`);
  }
  expect(refusal(() => untyped.ref(theirs))).toContain(why);
  const Ours = struct('Post', { title: string });
  const theirHeap = createHeap({ maxBytes: 2 ** 20, background: false });
  const calls = [
    () => theirHeap.new(Ours),
    () => theirHeap.make(slice(i32), 1),
    () => theirHeap.roots.get('x', Ours),
    () => theirHeap.scope(() => theirHeap.cursor(Ours)),
  ];
  for (const call of calls) expect(call).toThrow(why);
  expect(() => theirHeap.new(Object.freeze({ kind: 'other' }) as never)).toThrow('an object that is no type');
});

test('parts of the wrong kind are refused, and the message says of what', () => {
  const S = struct('S', {});
  expect(refusal(() => untyped.ref(i32))).toBe('ref: expected a struct, slice, array or map, got i32');
  expect(refusal(() => untyped.ref(ref(S)))).toMatch(/^ref: .*got ref$/);
  expect(refusal(() => untyped.ref(undefined))).toMatch(/got undefined \(declared further down\? Use a getter/);
  expect(refusal(() => untyped.slice('i32'))).toBe('slice: expected a type of elements, got "i32"');
  expect(refusal(() => untyped.slice({ kind: 'i32' }))).toMatch(/got an object that is no type/);
  expect(refusal(() => untyped.array(Number, 3))).toMatch(/^array: expected a type of elements, got a function$/);
  expect(refusal(() => untyped.map(f64, i32))).toBe('map: expected string, bytes or an integer type as key, got f64');
  expect(refusal(() => untyped.map(S, i32))).toMatch(/got the struct S$/);
  expect(refusal(() => untyped.map(string))).toMatch(/^map: expected a type of values, got undefined/);
  expect(refusal(() => untyped.map(string, atomic(u32)))).toMatch(/^map: a value cannot be atomic/);
  expect(refusal(() => untyped.atomic(f64))).toBe('atomic: expected an integer type, got f64');
  expect(refusal(() => untyped.atomic(atomic(u32)))).toMatch(/got atomic$/);
});

test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '3', 3n, undefined, null])(
  'an array of length %s is refused',
  (length) => {
    expect(refusal(() => untyped.array(i32, length))).toMatch(
      /^array: expected a length that is an integer from 0 to 2147483647, got /,
    );
  },
);

test('an array of length −0 has length 0', () => {
  expect(Object.is(array(i32, -0).length, 0)).toBe(true);
});

test('what is made of the same parts is the same object, so that types may be written in a loop', () => {
  const Own = struct('Own', { x: f64 });
  const makers = [
    () => ref(Own),
    () => ref(slice(Own)),
    () => slice(u32),
    () => slice(slice(ref(Own))),
    () => array(u8, 3),
    () => array(array(Own, 2), 0),
    () => map(string, u32),
    () => map(string, ref(Own)),
    () => map(i32, map(bytes, Own)),
    () => atomic(u32),
    () => slice(atomic(u32)),
  ];
  for (const make of makers) {
    expect(make()).toBe(make());
    expect(isKind(make())).toBe(true);
    expect(Object.isFrozen(make())).toBe(true);
  }
  expect(new Set(makers.map((make) => make())).size).toBe(makers.length);
  expect(array(u8, -0)).toBe(array(u8, 0));
  expect(array(u8, 4)).not.toBe(array(u8, 3));
  expect(map(string, u8)).not.toBe(map(bytes, u8));
  // A struct is another one each time: its fields are the program's.
  const Other = struct('Own', { x: f64 });
  expect(Other).not.toBe(Own);
  expect(slice(Other)).not.toBe(slice(Own));
  expect(slice(Other).elem).toBe(Other);
});

test('of arrays so many lengths are remembered, and all others made', () => {
  const Own = struct('Own', { x: f64 });
  const made = Array.from({ length: 1000 }, (_, i) => array(Own, i));
  expect(made.every((kind, i) => kind.length === i && kind.elem === Own && isKind(kind))).toBe(true);
  const same = made.filter((kind, i) => array(Own, i) === kind);
  expect(same.length).toBe(256);
  expect(array(Own, 0)).toBe(made[0]);
});

test('what is wrong is refused also after the right one was made', () => {
  map(string, u32);
  array(u8, 3);
  for (const wrong of [
    () => map(f64 as never, u32),
    () => map(string, atomic(u32) as never),
    () => array(u8, '3' as never),
    () => slice(null as never),
    () => ref(u32 as never),
    () => atomic(f64 as never),
  ]) {
    expect(wrong).toThrow(ArgumentError);
    expect(wrong).toThrow(ArgumentError);
  }
});
