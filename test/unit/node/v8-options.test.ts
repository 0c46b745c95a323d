import { expect, test } from 'vitest';
import { type V8Options, withoutOptions } from '../../../src/node/v8-options.ts';

/** Options by name, and a tag that is worked out anew after a change, unless it is stale. */
function fakeV8(options: Record<string, boolean>, staleAt: readonly number[] = []) {
  const tagOf = (): number => Number(Object.values(options).map(Number).join('')) + 7;
  let tag = tagOf();
  let changes = 0;
  const v8: V8Options = {
    cachedDataVersionTag: () => tag,
    setFlagsFromString: (flag) => {
      const on = !flag.startsWith('--no-');
      const name = flag.slice(on ? 2 : 5);
      if (options[name] === on) return;
      options[name] = on;
      if (!staleAt.includes(changes++)) tag = tagOf();
    },
  };
  return { v8, options, tag: tagOf() };
}

const NAMES = ['sparkplug', 'flush-bytecode'];

test.each([
  [true, true],
  [true, false],
  [false, true],
  [false, false],
])('options are off meanwhile, and afterwards as they were: %s, %s', (sparkplug, flush) => {
  const { v8, options, tag } = fakeV8({ sparkplug, 'flush-bytecode': flush, other: true });
  withoutOptions(NAMES, () => expect(options).toEqual({ sparkplug: false, 'flush-bytecode': false, other: true }), v8);
  expect(options).toEqual({ sparkplug, 'flush-bytecode': flush, other: true });
  expect(v8.cachedDataVersionTag()).toBe(tag);
});

test.each([[[2]], [[3]], [[2, 3]], [[3, 4, 5]]])('a tag that is stale after change %j does not stay', (staleAt) => {
  const { v8, options, tag } = fakeV8({ sparkplug: true, 'flush-bytecode': true }, staleAt);
  withoutOptions(NAMES, () => {}, v8);
  expect(options).toEqual({ sparkplug: true, 'flush-bytecode': true });
  expect(v8.cachedDataVersionTag()).toBe(tag);
});

test('they come back when what runs meanwhile throws', () => {
  const { v8, options } = fakeV8({ sparkplug: true, 'flush-bytecode': true });
  const fail = (): never => {
    throw new RangeError('meanwhile');
  };
  expect(() => withoutOptions(NAMES, fail, v8)).toThrow('meanwhile');
  expect(options).toEqual({ sparkplug: true, 'flush-bytecode': true });
});

test('a tag that never is what it was: an error says which options', () => {
  let tag = 1;
  const v8: V8Options = { cachedDataVersionTag: () => tag++, setFlagsFromString: () => {} };
  expect(() => withoutOptions(NAMES, () => {}, v8)).toThrow('sparkplug, flush-bytecode');
});
