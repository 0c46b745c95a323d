/** Numbers and booleans by a code, against the functions of their kinds. */
import { beforeAll, expect, test } from 'vitest';
import { createHeap } from '../../../src/index.ts';
import type { KindName } from '../../../src/types/kinds.ts';
import { codeOf, fits, makeStore } from '../../../src/types/plain.ts';
import { makeScalar, type Scalar, type ScalarName } from '../../../src/types/scalars.ts';
import { Internals } from '../../support/internals.ts';

const NAMES: readonly ScalarName[] = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'f32', 'f64', 'bool'];
const EDGES = [0, 7, 8, 15, 16, 31, 32, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]);
const VALUES: readonly unknown[] = [
  ...[...EDGES, ...EDGES.map((n) => -n), -0, 0.5, -1.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY],
  ...[true, false, null, undefined, '1', 1n, {}, [1], Symbol.iterator],
];
const AT = 64;
let scalars: Record<ScalarName, Scalar>;
let store: ReturnType<typeof makeStore>;
let bytes: Uint8Array;

beforeAll(() => {
  const { mem } = new Internals(createHeap({ maxBytes: 2 ** 22, gc: 'off', shared: false }));
  scalars = Object.fromEntries(NAMES.map((name) => [name, makeScalar(mem, name)])) as typeof scalars;
  store = makeStore(mem);
  bytes = new Uint8Array(mem.data, AT, 16);
});

function isChecked(name: ScalarName, value: unknown): boolean {
  try {
    scalars[name].check(value, 'here');
    return true;
  } catch {
    return false;
  }
}

test.each(NAMES)('%s: the same values fit, and are stored as the same bytes', (name) => {
  const code = codeOf(name);
  let stored = 0;
  for (const value of VALUES) {
    expect(fits(code, value), String(value)).toBe(isChecked(name, value));
    if (!fits(code, value)) continue;
    bytes.fill(0xaa);
    scalars[name].write(AT, value);
    const expected = bytes.slice();
    bytes.fill(0xaa);
    expect(store(code, AT, value)).toBe(true);
    expect(bytes).toEqual(expected);
    stored++;
  }
  expect(stored).toBeGreaterThan(1);
});

test.each(['i64', 'u64', 'string', 'ref', 'struct', 'map'] satisfies KindName[])('%s has no code', (name) => {
  bytes.fill(0xaa);
  expect(VALUES.some((value) => fits(codeOf(name), value))).toBe(false);
  expect(store(codeOf(name), AT, 1)).toBe(false);
  expect(bytes.every((b) => b === 0xaa)).toBe(true);
});
