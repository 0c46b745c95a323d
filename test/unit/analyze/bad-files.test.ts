/** Files that are no whole snapshots: an error with its code each time, from whatever reads them. */
import { expect, test } from 'vitest';
import { SnapshotError, type SnapshotErrorCode } from '../../../src/analyze/errors.ts';
import { loadGraph } from '../../../src/analyze/load-graph.ts';
import { Snapshot } from '../../../src/analyze/snapshot.ts';
import { bytesSource } from '../../../src/analyze/source.ts';
import { SnapshotTypes } from '../../../src/analyze/types.ts';
import type { SnapshotType } from '../../../src/observe/snapshot/format.ts';
import { newSeed, random } from '../../support/random.ts';
import { SnapshotEdit, snapshotBytes } from '../../support/snapshot-edit.ts';
import { snapshotHeap } from '../../support/snapshot-heap.ts';

const good = snapshotBytes(snapshotHeap(200));

function errorOf(bytes: Uint8Array): SnapshotError {
  try {
    loadGraph(bytesSource(bytes));
  } catch (error) {
    if (error instanceof SnapshotError) return error;
    throw error;
  }
  throw new Error('it was read as if nothing were wrong');
}

const codeOf = (bytes: Uint8Array): SnapshotErrorCode => errorOf(bytes).code;

function flipped(at: number, bits: number): Uint8Array {
  const bytes = good.slice();
  bytes[at]! ^= bits;
  return bytes;
}

test('as it was written it is read', () => {
  expect(loadGraph(bytesSource(good)).nodes).toBeGreaterThan(1000);
});

test('each byte of the header, changed in each bit', () => {
  const codes = new Map<string, number>();
  for (let at = 0; at < 64; at++) {
    for (const bits of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
      const { code } = errorOf(flipped(at, bits));
      expect(code === 'ERR_NOT_A_SNAPSHOT', `byte ${at}`).toBe(at < 8);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  }
  expect([...codes.keys()].sort()).toEqual(['ERR_NOT_A_SNAPSHOT', 'ERR_SNAPSHOT_CORRUPT']);
});

test('1,000 changes elsewhere', () => {
  const rnd = random(newSeed('changed snapshots'));
  for (let i = 0; i < 1000; i++) {
    const at = 64 + rnd.below(good.length - 64);
    const error = errorOf(flipped(at, 1 << rnd.below(8)));
    expect(['ERR_SNAPSHOT_CORRUPT', 'ERR_SNAPSHOT_TRUNCATED'], `byte ${at}`).toContain(error.code);
    expect(error.offset).toBeGreaterThanOrEqual(0);
    expect(error.offset).toBeLessThanOrEqual(good.length);
  }
});

test('all bytes around sections, changed', () => {
  for (const boundary of new SnapshotEdit(good).boundaries.slice(0, -1)) {
    for (let at = boundary - 8; at < boundary + 16; at++) {
      if (at < 64) continue;
      expect(codeOf(flipped(at, 255)), `byte ${at}`).toBe('ERR_SNAPSHOT_CORRUPT');
    }
  }
});

test('cut off: between sections, and anywhere', () => {
  const rnd = random(newSeed('cut snapshots'));
  const { boundaries } = new SnapshotEdit(good);
  const places = [8, 9, 63, 64, 65, ...boundaries.slice(0, -1), good.length - 1];
  for (let i = 0; i < 300; i++) places.push(8 + rnd.below(good.length - 8));
  for (const at of places) {
    const error = errorOf(good.subarray(0, at));
    expect(error.code, `cut at ${at}`).toBe('ERR_SNAPSHOT_TRUNCATED');
    expect(error.message).toContain('cut off');
  }
});

test('what is none at all', () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(1000), new TextEncoder().encode('{"snapshot": {}}')]) {
    expect(codeOf(bytes)).toBe('ERR_NOT_A_SNAPSHOT');
  }
  const rnd = random(newSeed('random files'));
  for (let i = 0; i < 50; i++) {
    const bytes = Uint8Array.from({ length: 1 + rnd.below(4000) }, () => rnd.below(256));
    bytes[0] = 7;
    expect(codeOf(bytes)).toBe('ERR_NOT_A_SNAPSHOT');
  }
});

test('another version, another byte order: said as such', () => {
  const edit = new SnapshotEdit(good);
  edit.header[2] = 99;
  expect(errorOf(edit.bytes())).toMatchObject({
    code: 'ERR_SNAPSHOT_VERSION',
    message: expect.stringContaining('version 99, this program reads version 2'),
  });
  const swapped = new SnapshotEdit(good);
  swapped.header[3] = 0x04030201;
  expect(errorOf(swapped.bytes())).toMatchObject({
    code: 'ERR_SNAPSHOT_VERSION',
    message: expect.stringContaining('byte order'),
  });
});

test('something behind the end', () => {
  const longer = new Uint8Array(good.length + 8);
  longer.set(good);
  expect(codeOf(longer)).toBe('ERR_SNAPSHOT_CORRUPT');
});

/** Changes that keep all checksums right. */
const LIES: readonly (readonly [what: string, change: (edit: SnapshotEdit) => void])[] = [
  ['sections in another order', (e) => e.sections.splice(1, 0, e.sections.pop()!)],
  [
    'a section less',
    (e) =>
      e.sections.splice(
        e.sections.findIndex((s) => s.type === 'PAGE'),
        1,
      ),
  ],
  ['a section twice', (e) => e.sections.splice(3, 0, e.sections[3]!)],
  ['no description', (e) => e.sections.shift()],
  ['a section of an unknown type', (e) => (e.sections[1]!.type = 'WHAT')],
  ['a description that is no JSON', (e) => (e.sections[0]!.payload = new TextEncoder().encode('{'))],
  ['a description of something else', (e) => e.json<object>('META', (meta) => Object.assign(meta, { format: 'x' }))],
  [
    'a description with wrong classes',
    (e) => e.json<object>('META', (meta) => Object.assign(meta, { sizeClasses: 5 })),
  ],
  ['a type with wrong pointers', (e) => e.json<{ pointers: number[] }[]>('TYPE', (t) => t[0]!.pointers.push(3))],
  ['types out of order', (e) => e.json<{ number: number }[]>('TYPE', (t) => (t[0]!.number = 9))],
  ['a root without name', (e) => (e.words('ROOT')[3] = 77)],
  ['half a root', (e) => (e.of('ROOT')[0]!.payload = e.of('ROOT')[0]!.payload.slice(0, -4))],
  ['a span in page 0', (e) => (e.words('SPAN')[0] = 0)],
  ['a span of too many pages', (e) => (e.words('SPAN')[1] = 100_000)],
  ['a span of no pages', (e) => (e.words('SPAN')[1] = 0)],
  ['a span of class 300', (e) => (e.words('SPAN')[2] = 300)],
  ['slots of 0 bytes', (e) => (e.words('SPAN')[3] = 0)],
  ['too many slots', (e) => (e.words('SPAN')[4] = 1 << 28)],
  ['a negative number of slots', (e) => (e.words('SPAN')[4] = -1)],
  ['spans cut off', (e) => (e.of('SPAN')[0]!.payload = e.of('SPAN')[0]!.payload.slice(0, 20))],
  ['pages somewhere else', (e) => (e.of('PAGE')[0]!.arg += 1)],
  ['pages beyond the heap', (e) => (e.of('PAGE').at(-1)!.arg = 1 << 20)],
  ['half a page', (e) => (e.of('PAGE')[0]!.payload = e.of('PAGE')[0]!.payload.slice(0, -4096))],
  [
    'a patch of no slot',
    (e) => e.sections.splice(-1, 0, { type: 'PTCH', arg: 0, payload: new Uint8Array([1, 32, 0, 0, 0, 0, 0, 0]) }),
  ],
  ['other totals', (e) => e.words('END ')[1]!++],
  ['a heap of more pages than there can be', (e) => (e.header[6] = 1 << 30)],
  ['more pages grown than there are', (e) => (e.header[7] = e.header[6]! + 1)],
  ['pages of another size', (e) => (e.header[5] = 4096)],
];

test.each(LIES)('with right checksums, but %s', (_, change) => {
  const edit = new SnapshotEdit(good);
  change(edit);
  expect(codeOf(edit.bytes())).toMatch(/^ERR_SNAPSHOT_(CORRUPT|TRUNCATED)$/);
});

test('a length that is not there takes no memory', () => {
  const edit = new SnapshotEdit(good);
  const bytes = edit.bytes();
  const words = new Int32Array(bytes.buffer);
  const at = edit.boundaries[0]! >>> 2;
  words[at + 1] = 0x7ffffff0;
  const before = process.memoryUsage().arrayBuffers;
  expect(codeOf(bytes)).toBe('ERR_SNAPSHOT_CORRUPT');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26);
});

/** Types of 4 bytes of which each is the only field of the next. */
function nested(names: readonly string[], first: number): SnapshotType[] {
  return names.map((name, i) => {
    const fields = [{ name: 'f', type: names[i - 1] ?? 'ref(Nothing)', offset: 0 }];
    const definition = JSON.stringify({ kind: 'struct', fields });
    return { name, number: first + i, size: 4, align: 4, pointers: [0], definition };
  });
}

const DEEP = 400;
const STRUCTS = Array.from({ length: DEEP }, (_, i) => `S${i}`);

test.each([
  ['structs in structs', (first: number) => nested(STRUCTS, first)],
  ['the same, the largest first', (first: number) => nested(STRUCTS, first).reverse()],
  [
    'slices of slices',
    (first: number) => {
      const type = `${'slice('.repeat(DEEP)}u8${')'.repeat(DEEP)}`;
      const definition = JSON.stringify({ kind: 'struct', fields: [{ name: 'f', type, offset: 0 }] });
      return [{ name: 'Deep', number: first, size: 12, align: 4, pointers: [0], definition }];
    },
  ],
  [
    'arrays of arrays',
    (first: number) => {
      const type = `${'array('.repeat(DEEP)}ref(Nothing)${', 1)'.repeat(DEEP)}`;
      const definition = JSON.stringify({ kind: 'struct', fields: [{ name: 'f', type, offset: 0 }] });
      return [{ name: 'Deep', number: first, size: 4, align: 4, pointers: [0], definition }];
    },
  ],
])('types nested beyond all measure have no fields, and do no harm: %s', (_, types) => {
  const edit = new SnapshotEdit(good);
  edit.json<SnapshotType[]>('TYPE', (known) => {
    const first = known.length + 1;
    known.push(...types(first).map((type, i) => ({ ...type, number: first + i })));
  });
  const snapshot = new Snapshot(bytesSource(edit.bytes()));
  const read = new SnapshotTypes(snapshot.types);
  for (let number = 1; number <= snapshot.types.length; number++) read.scan(number);
  const deepest = snapshot.types.find(({ name }) => name === 'Deep' || name === `S${DEEP - 1}`)!;
  expect(read.types[deepest.number]).toMatchObject({ kind: 'raw', fields: [] });
});

test('empty sections, as many as fit', () => {
  const edit = new SnapshotEdit(good);
  const at = edit.sections.findIndex((section) => section.type === 'ROOT');
  edit.sections.splice(at, 0, { type: 'ROOT', arg: 0, payload: new Uint8Array(0) });
  expect(errorOf(edit.bytes()).message).toContain('an empty section');
});

test('more sections than any heap has', () => {
  const edit = new SnapshotEdit(good);
  const at = edit.sections.findIndex((section) => section.type === 'ROOT');
  const root = edit.sections[at]!;
  const many = Array.from({ length: 2 ** 20 }, () => ({ ...root, payload: root.payload.subarray(0, 24) }));
  edit.sections = edit.sections.slice(0, at).concat(many, edit.sections.slice(at));
  expect(errorOf(edit.bytes()).message).toContain('more sections than');
});
