/** Text by itself: against TextEncoder and TextDecoder at every length where another way through the code begins. */
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { array, createHeap, type Heap, string } from '../../../src/index.ts';
import { CallOuts } from '../../../src/sync/call-outs.ts';
import { NO_GATE } from '../../../src/sync/wired.ts';
import { makeText, type Text } from '../../../src/types/text.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed } from '../../support/random.ts';

/** As it is read back. (TypeScript does not know `toWellFormed` yet.) */
const wellFormed = (text: string): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text));

let heap: Heap;
let text: Text;
/** Room for any of these texts. */
let addr: number;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 26 });
  text = makeText({ mem: new Internals(heap).mem, callOuts: new CallOuts(() => NO_GATE) });
  addr = heap.raw.mallocgc(2 ** 23, null, false);
});

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function roundTrip(str: string, at = addr): string {
  const length = text.encode(str);
  heap.memory.u8.set(text.scratch.subarray(0, length), at);
  expect(Buffer.compare(text.scratch.subarray(0, length), encoder.encode(str))).toBe(0);
  return text.read(at, length);
}

/** UTF-16 units around: text built from its characters, the scratch buffer, the same for three bytes a unit. */
const LENGTHS = [
  0,
  1,
  2,
  3,
  55,
  56,
  57,
  63,
  64,
  65,
  21844,
  21845,
  21846,
  21847,
  65535,
  65536,
  65537,
  2 ** 20 - 1,
  2 ** 20,
];

test.each(LENGTHS)('%i units', (n) => {
  for (const last of ['', 'x', 'é', '€', '\u{10000}', '\0', '\ufeff', '\x7f', '\x80']) {
    const str = 'a'.repeat(Math.max(0, n - last.length)) + last;
    expect(roundTrip(str) === str).toBe(true);
    const front = last + 'a'.repeat(Math.max(0, n - last.length));
    expect(roundTrip(front) === front).toBe(true);
  }
  const wide = '€'.repeat(n);
  expect(roundTrip(wide) === wide).toBe(true);
});

test.each([
  ['\ud800', '\ufffd'],
  ['\udc00', '\ufffd'],
  ['a\ud800b', 'a\ufffdb'],
  ['\udc00\ud800', '\ufffd\ufffd'],
  ['\ud800\ud800\udc00', '\ufffd\u{10000}'],
  [`${'a'.repeat(70)}\udfff`, `${'a'.repeat(70)}\ufffd`],
])('lone surrogates: %j', (given, read) => {
  expect(roundTrip(given)).toBe(read);
});

test('bytes that are no UTF-8 are read as the decoder reads them', () => {
  for (const bytes of [
    [0xff],
    [0xc3],
    [0xe2, 0x82],
    [0x61, 0x80, 0x62],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
  ]) {
    for (const before of [0, 60]) {
      const all = Uint8Array.from([...new Array<number>(before).fill(0x61), ...bytes]);
      heap.memory.u8.set(all, addr);
      expect(text.read(addr, all.length)).toBe(decoder.decode(all));
    }
  }
});

test('any text, from any address', () => {
  const seed = newSeed('types/text');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.nat(64), (str, shift) => {
      expect(roundTrip(str, addr + shift)).toBe(wellFormed(str));
    }),
    { seed, numRuns: 500 },
  );
  const units = fc.array(fc.oneof(fc.integer({ min: 0xd7f0, max: 0xe010 }), fc.nat(0x7f)), { maxLength: 100 });
  fc.assert(
    fc.property(units, (codes) => {
      const str = String.fromCharCode(...codes);
      expect(roundTrip(str)).toBe(wellFormed(str));
    }),
    { seed, numRuns: 500 },
  );
});

test('a long text leaves nothing behind, in the buffer or in the next one', () => {
  text.encode('€'.repeat(2 ** 20));
  expect(roundTrip('short')).toBe('short');
  expect(text.scratch.length).toBeLessThanOrEqual(2 ** 16);
  expect(roundTrip('é'.repeat(2 ** 20)).length).toBe(2 ** 20);
  expect(roundTrip('')).toBe('');
});

test('a text that is longer than what is decoded at once, with a character on the seam', () => {
  const roomy = createHeap({ gc: 'off', maxBytes: 2 ** 27 });
  for (const [prefix, unit, count] of [
    ['', '€', 11_500_000],
    ['\ufeffab', '😀', 8_500_000],
  ] as const) {
    const str = prefix + unit.repeat(count);
    const read = roomy.new(array(string, 1), [str]).at(0);
    expect(read.length).toBe(str.length);
    // Not by the matcher, which would print them.
    expect(read === str).toBe(true);
  }
});
