/** One thread: what each operation does with each kind of key and value, and with what is wrong. */
import { describe, expect, test } from 'vitest';
import { createHeap, type Heap, OutOfMemoryError } from '../../../../src/index.ts';
import type { KeyName } from '../../../../src/types/kinds.ts';
import { checkMap } from '../../../../src/types/map/check.ts';
import { type At, testMap, type ValueName } from '../../../support/map-host.ts';

const MB = 2 ** 20;

function setUp(key: KeyName, value: ValueName = 'u32', options = {}) {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB, ...options });
  const map = testMap(heap, key, value);
  const { ops, host, h } = map;
  const call = <T>(fn: () => T): T => heap.scope(fn);
  return {
    ...{ heap, ops, host, h, call },
    get: (k: unknown) => call(() => ops.get(h, k)),
    has: (k: unknown) => call(() => ops.has(h, k)),
    set: (k: unknown, v: unknown) => call(() => ops.set(h, k, v)),
    del: (k: unknown) => call(() => ops.delete(h, k)),
    update: (k: unknown, fn: (old: unknown) => unknown) => call(() => ops.update(h, k, fn)),
    size: () => call(() => ops.size(h)),
    keys: () => call(() => keysOf(ops, h)),
    check: () => call(() => checkMap(host, ops.shape, h)),
  };
}

function keysOf(ops: ReturnType<typeof testMap>['ops'], h: number): unknown[] {
  const found: unknown[] = [];
  const it = ops.iterate(h, false);
  while (it.next()) found.push(it.key());
  return found;
}

const KEYS: Record<KeyName, unknown[]> = {
  string: [
    '',
    'a',
    'abcd',
    'eleven char',
    'twelve chars',
    'ü',
    'ünïcödé ☃',
    '😀😀😀',
    'x'.repeat(1000),
    'é'.repeat(5000),
  ],
  bytes: [
    [],
    [0],
    [0, 0],
    [0, 0, 0, 0],
    Array(11).fill(255),
    Array(12).fill(255),
    Array(12).fill(0),
    Array(5000).fill(7),
  ].map((b) => Uint8Array.from(b)),
  i8: [0, 1, -1, 127, -128],
  u8: [0, 1, 255],
  i16: [0, -1, 32767, -32768],
  u16: [0, 65535],
  i32: [0, -1, 2 ** 31 - 1, -(2 ** 31)],
  u32: [0, 1, 2 ** 31, 2 ** 32 - 1],
  i64: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, 2n ** 31n],
  u64: [0n, 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 32n],
};

const sorted = (list: unknown[]): string[] => list.map(String).sort();

describe.each(Object.entries(KEYS) as [KeyName, unknown[]][])('keys of kind %s', (name, keys) => {
  test('are found, told apart, listed, overwritten and deleted', () => {
    const m = setUp(name);
    expect(m.size()).toBe(0);
    expect(m.get(keys[0])).toBe(undefined);
    expect(m.del(keys[0])).toBe(false);
    for (const [i, k] of keys.entries()) m.set(k, i);
    for (const [i, k] of keys.entries()) expect(m.get(k)).toBe(i);
    expect(m.size()).toBe(keys.length);
    expect(sorted(m.keys())).toEqual(sorted(keys));
    for (const [i, k] of keys.entries()) m.set(k, i + 100);
    expect(m.check().entries).toBe(keys.length);
    for (const [i, k] of keys.entries()) {
      expect(m.get(k)).toBe(i + 100);
      expect(m.del(k)).toBe(true);
      expect(m.has(k)).toBe(false);
      expect(m.del(k)).toBe(false);
      m.check();
    }
    expect(m.size()).toBe(0);
  });
});

test('a lone surrogate is the same key as U+FFFD, as TextEncoder has it', () => {
  const m = setUp('string');
  m.set('a\ud800', 1);
  expect(m.get('a\ufffd')).toBe(1);
  expect(m.keys()).toEqual(['a\ufffd']);
});

test('a byte order mark is part of a key', () => {
  const m = setUp('string');
  for (const k of ['\ufeffa', 'a', '\ufeffa long enough for memory of its own']) m.set(k, 1);
  expect(sorted(m.keys())).toEqual(sorted(['\ufeffa', 'a', '\ufeffa long enough for memory of its own']));
});

test('keys of bytes are copied, and may be any view of bytes', () => {
  const m = setUp('bytes');
  const key = Buffer.from('a key of more than eleven bytes');
  m.set(key, 1);
  key[0] = 0;
  expect(m.has(key)).toBe(false);
  expect(m.get(new TextEncoder().encode('a key of more than eleven bytes'))).toBe(1);
  const shared = new Uint8Array(new SharedArrayBuffer(3));
  m.set(shared, 2);
  expect(m.get(Uint8Array.of(0, 0, 0))).toBe(2);
});

test.each<[KeyName, unknown, string]>([
  ['string', 5, 'map(string, u32) key: expected a string, got 5'],
  ['string', undefined, 'map(string, u32) key: expected a string, got undefined'],
  ['bytes', 'abc', 'map(bytes, u32) key: expected a Uint8Array, got "abc"'],
  ['bytes', new Uint16Array(1), 'map(bytes, u32) key: expected a Uint8Array, got an object (Uint16Array)'],
  ['u8', 256, 'map(u8, u32) key: 256 is out of range of u8 (0 … 255)'],
  ['u8', -1, 'map(u8, u32) key: -1 is out of range of u8 (0 … 255)'],
  ['i32', 2 ** 31, 'map(i32, u32) key: 2147483648 is out of range of i32'],
  ['u32', 2 ** 32, 'map(u32, u32) key: 4294967296 is out of range of u32'],
  ['u32', 1.5, 'map(u32, u32) key: 1.5 is not an integer (u32)'],
  ['u32', Number.NaN, 'map(u32, u32) key: NaN is not an integer (u32)'],
  ['u32', '1', 'map(u32, u32) key: expected a number (u32), got "1"'],
  ['u32', 1n, 'map(u32, u32) key: expected a number (u32), got 1n'],
  ['i64', 1, 'map(i64, u32) key: expected a bigint (i64), got 1'],
  ['u64', -1n, 'map(u64, u32) key: -1n is out of range of u64'],
])('a key of kind %s that is %s is refused by every operation', (name, key, message) => {
  const m = setUp(name);
  const never = (): never => {
    throw new Error('called');
  };
  for (const call of [m.get, m.has, m.del, (k: unknown) => m.set(k, 1), (k: unknown) => m.update(k, never)]) {
    expect(() => call(key)).toThrow(message);
  }
  expect(m.check().entries).toBe(0);
});

test('a value that is refused changes nothing', () => {
  const m = setUp('string');
  m.set('a', 1);
  expect(() => m.set('a', 'x')).toThrow('map(string, u32) value');
  expect(() => m.set('b', 'x')).toThrow('map(string, u32) value');
  expect(() => m.update('a', () => 'x')).toThrow('map(string, u32) value');
  expect(m.get('a')).toBe(1);
  expect(m.check().entries).toBe(1);
});

describe('values', () => {
  test('of several words', () => {
    const m = setUp('u32', 'pair');
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++) m.set(i, { a: i, b: round, sum: i + round });
    }
    for (let i = 0; i < 100; i++) expect(m.get(i)).toEqual({ a: i, b: 2, sum: i + 2 });
    m.check();
  });

  test('of 8 bytes beside keys of 4 are aligned', () => {
    const m = setUp('u8', 'f64');
    for (let i = 0; i < 200; i++) m.set(i, i / 3);
    for (let i = 0; i < 200; i++) expect(m.get(i)).toBe(i / 3);
    m.set(7, Math.PI);
    expect(m.get(7)).toBe(Math.PI);
    m.check();
  });

  test('strings, also overwritten ones', () => {
    const m = setUp('i64', 'string');
    m.set(1n, 'one');
    m.set(1n, 'eins, und das ist länger');
    m.set(2n, '');
    expect(m.get(1n)).toBe('eins, und das ist länger');
    expect(m.get(2n)).toBe('');
    m.check();
  });

  test('references, also null', () => {
    const m = setUp('string', 'ref');
    const to = m.heap.raw.mallocgc(16, null, true);
    m.set('a', { $a: to });
    m.set('b', null);
    expect((m.get('a') as At).$a).toBe(to);
    expect(m.get('b')).toBe(null);
    expect(m.get('c')).toBe(undefined);
  });

  test('places are copied out, each time anew', () => {
    const m = setUp('string', 'place');
    const { i32 } = m.host.mem;
    const to = m.heap.raw.mallocgc(16, null, true);
    m.set('a', [1, to, 3]);
    const words = (at: unknown): number[] => [...i32.slice((at as At).$a >>> 2, ((at as At).$a >>> 2) + 3)];
    const first = m.get('a');
    expect(words(first)).toEqual([1, to, 3]);
    i32[(first as At).$a >>> 2] = 99;
    expect(words(m.get('a'))).toEqual([1, to, 3]);
    m.update('a', (old) => {
      expect(words(old)).toEqual([1, to, 3]);
      return [4, 0, 6];
    });
    expect(words(m.get('a'))).toEqual([4, 0, 6]);
    expect(m.get('b')).toBe(undefined);
    m.check();
  });

  test('whose making fails half way leave the old one', () => {
    const m = setUp('string', 'place');
    const broken = {
      *[Symbol.iterator]() {
        yield 7;
        throw new Error('enough');
      },
    };
    m.set('a', [1, 0, 3]);
    expect(() => m.set('a', broken)).toThrow('enough');
    expect(() => m.set('b', broken)).toThrow('enough');
    expect(m.host.mem.i32[(m.get('a') as At).$a >>> 2]).toBe(1);
    expect(m.check().entries).toBe(1);
  });

  test('whose making uses the map: reading it is fine, changing it is an error', () => {
    const m = setUp('string', 'place');
    const making = (fn: () => void) => ({
      *[Symbol.iterator]() {
        fn();
        yield* [1, 0, 3];
      },
    });
    m.set(
      'a',
      making(() => expect(m.get('a')).toBe(undefined)),
    );
    expect(() =>
      m.set(
        'b',
        making(() => m.set('c', [1, 0, 3])),
      ),
    ).toThrow('used inside its own update');
    expect(m.check().entries).toBe(1);
  });

  test('so large that a table of 1024 slots would be huge', () => {
    const m = setUp('u32', 'u32');
    const { shape } = m.ops;
    expect(shape.maxGroups).toBe(128);
    expect(shape.maxGroups * shape.groupWords * 4).toBeLessThan(64 << 10);
  });
});

describe('update', () => {
  test('adds, changes, deletes, and returns what the function did', () => {
    const m = setUp('string');
    expect(m.update('a', (old) => (old === undefined ? 1 : 0))).toBe(1);
    expect(m.update('a', (old) => (old as number) + 1)).toBe(2);
    expect(m.get('a')).toBe(2);
    expect(m.update('b', () => undefined)).toBe(undefined);
    expect(m.update('a', () => undefined)).toBe(undefined);
    expect(m.size()).toBe(0);
    m.check();
  });

  test('the function runs once, also when the map has to grow', () => {
    const m = setUp('u32');
    let calls = 0;
    for (let i = 0; i < 5000; i++) m.update(i, () => calls++);
    expect(calls).toBe(5000);
    expect(m.check().entries).toBe(5000);
  });

  test('a function that throws changes nothing, and leaves no lock', () => {
    const m = setUp('string');
    m.set('a', 1);
    for (const k of ['a', 'b']) {
      expect(() =>
        m.update(k, () => {
          throw new Error('no');
        }),
      ).toThrow('no');
    }
    m.set('a', 2);
    expect(m.check().entries).toBe(1);
  });

  test('the function may read the map', () => {
    const m = setUp('string');
    for (let i = 0; i < 3000; i++) m.set(`k${i}`, i);
    m.update('k5', (old) => {
      expect(m.get('k5')).toBe(old);
      expect(m.has('k6')).toBe(true);
      expect(m.size()).toBe(3000);
      expect(m.keys().length).toBe(3000);
      return m.get('k7');
    });
    expect(m.get('k5')).toBe(7);
  });

  test('the function may not change the map: an error, no deadlock, and all is as before', () => {
    const m = setUp('string');
    for (let i = 0; i < 3000; i++) m.set(`k${i}`, i);
    const changes = [
      () => m.set('k5', 1),
      () => m.set('other', 1),
      () => m.del('k9'),
      () => m.call(() => m.ops.clear(m.h)),
      () => m.update('k3', () => 1),
    ];
    for (const change of changes) {
      const fn = (): number => {
        change();
        return 0;
      };
      expect(() => m.update('k5', fn)).toThrow('map: used inside its own update');
    }
    expect(m.get('k5')).toBe(5);
    expect(m.check().entries).toBe(3000);
  });

  test('the function may change other maps of the same kind', () => {
    const m = setUp('string');
    const other = m.call(() => m.ops.create());
    m.update('a long key that has memory of its own', () => {
      m.call(() => m.ops.set(other, 'another one, which takes the same scratch memory', 5));
      return 1;
    });
    expect(m.keys()).toEqual(['a long key that has memory of its own']);
    m.check();
  });

  test('a key of bytes that the function changes stays what it was', () => {
    const m = setUp('bytes');
    const key = Uint8Array.of(1, 2, 3);
    m.update(key, () => {
      key[0] = 9;
      return 5;
    });
    expect(m.get(Uint8Array.of(1, 2, 3))).toBe(5);
    m.check();
  });

  test('wants a function', () => {
    const m = setUp('string');
    expect(() => m.update('a', 5 as unknown as () => unknown)).toThrow('expected a function');
  });
});

test('maps of one thread without shared memory', () => {
  const m = setUp('string', 'pair', { shared: false });
  for (let i = 0; i < 3000; i++) m.set(`k${i}`, { a: i, b: 1, sum: i + 1 });
  for (let i = 0; i < 3000; i++) m.set(`k${i}`, { a: i, b: 2, sum: i + 2 });
  expect(() => m.update('k1', () => m.set('k1', 0))).toThrow();
  expect(m.check().entries).toBe(3000);
});

test('maps do not share keys, and have seeds of their own', () => {
  const m = setUp('u32');
  const { ops, host, h } = m;
  const other = m.call(() => ops.create());
  m.set(1, 1);
  expect(m.call(() => ops.has(other, 1))).toBe(false);
  const seeds = (at: number): number[] => [...host.mem.i32.slice((at >>> 2) + 2, (at >>> 2) + 4)];
  expect(seeds(h)).not.toEqual(seeds(other));
});

function fillUp(heap: Heap): void {
  for (let size = 32768; size >= 8; size >>>= 1) {
    try {
      for (;;) heap.raw.mallocgc(size, null, false);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }
}

test.each<ValueName>(['u32', 'string', 'pair'])(
  'out of memory, values %s: an error, and the map is as it was',
  (kind) => {
    const value = (i: number): unknown =>
      kind === 'pair' ? { a: i, b: 1, sum: i + 1 } : kind === 'string' ? `the value number ${i}` : i;
    for (const entries of [0, 8, 896, 1500]) {
      const m = setUp('string', kind, { maxBytes: 4 * MB });
      for (let i = 0; i < entries; i++) m.set(`a key of this number: ${i}`, value(i));
      fillUp(m.heap);
      let added = entries;
      expect(() => {
        for (; added < 5000; added++) m.set(`a key of this number: ${added}`, value(added));
      }).toThrow(OutOfMemoryError);
      expect(m.check().entries).toBe(added);
      for (let i = 0; i < added; i++) expect(m.get(`a key of this number: ${i}`)).toEqual(value(i));
      for (let i = 0; i < added; i++) expect(m.del(`a key of this number: ${i}`)).toBe(true);
      m.call(() => m.ops.clear(m.h));
      expect(m.check().entries).toBe(0);
      m.heap.verify();
    }
  },
);
