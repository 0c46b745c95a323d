/**
 * Plants one fault of each kind in a good snapshot file, checksums and all: `verifySnapshot` names it. Then the command,
 * as a user has it: what it prints, its exit codes, its JSON.
 */
import { expect, test } from 'vitest';
import { loadGraph } from '../../../src/analyze/load-graph.ts';
import { Snapshot } from '../../../src/analyze/snapshot.ts';
import { bytesSource } from '../../../src/analyze/source.ts';
import { type VerifyRow, verifySnapshot } from '../../../src/analyze/verify-snapshot.ts';
import { VerifyError } from '../../../src/index.ts';
import { MAP_ROOT, TABLE_GROUPS, TABLE_MASK, TABLE_TAG, TABLE_USED } from '../../../src/layout/map.ts';
import { SnapshotEdit, snapshotBytes } from '../../support/snapshot-edit.ts';
import { snapshotHeap, Thing } from '../../support/snapshot-heap.ts';

const heap = snapshotHeap(100);
const gone = heap.raw.mallocgc(100, null, true);
heap.raw.pin(gone);
heap.weak(heap.roots.get('things', Thing)!);
const thing = heap.addressOf(heap.roots.get('things', Thing)!);
const good = snapshotBytes(heap);
const snapshot = new Snapshot(bytesSource(good));
const graph = loadGraph(bytesSource(good));
const { spans } = snapshot;

function word(addr: number): number {
  const { page, words } = snapshot.pagesAround(addr >>> 13)!;
  return words[(addr - page * 8192) >>> 2]! >>> 0;
}

/** The pointer to a key that is not in its slot, in some map from strings to numbers. */
function longKey(): number {
  const [control, slot, perGroup] = [8, 20, 8];
  const group = control + perGroup * slot;
  for (let i = 1; i < graph.nodes; i++) {
    if (graph.types[graph.type[i]!]!.name !== 'map(string, u32) group') continue;
    // Which of the groups it is in depends on the map's seed.
    for (let n = 0; n < perGroup * Math.floor(graph.size[i]! / group); n++) {
      const at = graph.address[i]! + Math.floor(n / perGroup) * group + control + (n % perGroup) * slot;
      if (word(at + 12) !== 0) return at + 12;
    }
  }
  throw new Error('no long key');
}

/** Word in the SPAN section at which the span of an address begins. */
function spanAt(edit: SnapshotEdit, addr: number): { words: Int32Array; at: number; bits: number; side: number } {
  const words = edit.words('SPAN');
  for (let at = 0; ; ) {
    const [page, npages, spanClass, , nelems] = words.subarray(at, at + 5) as unknown as number[];
    const bits = at + 8;
    const side = bits + ((nelems! + 31) >>> 5);
    const isTiny = spanClass === snapshot.meta.tinySpanClass;
    if (addr >>> 13 >= page! && addr >>> 13 < page! + npages!) return { words, at, bits, side };
    at = side + (isTiny ? nelems! : spanClass! >= 2 && spanClass! % 2 === 0 ? (nelems! + 1) >>> 1 : 0);
  }
}

const offsetOf = (field: string): number => {
  const type = graph.types.find((t) => t.name === 'Thing')!;
  return type.fields.find((f) => f.name === field)!.offset;
};
const tiny = [...Array(spans.count).keys()].find((s) => spans.isTiny(s))!;
const large = [...Array(spans.count).keys()].find((s) => spans.isLarge(s) && spans.isScan(s))!;
/** The map of numbers: its header, directory, and a table. */
const counts = word(thing + offsetOf('counts'));
const words = word(thing + offsetOf('words'));
const directory = word(counts + 4 * MAP_ROOT);
const table = word(directory);

type Change = (edit: SnapshotEdit) => void;
const set =
  (addr: number, value: number): Change =>
  (edit) => {
    const { words, index } = edit.at(addr);
    words[index] = value;
  };
const inSpan = (addr: number, change: (words: Int32Array, at: number, bits: number, side: number) => void): Change => {
  return (edit) => {
    const { words, at, bits, side } = spanAt(edit, addr);
    change(words, at, bits, side);
  };
};
const types = (
  change: (types: { name: string; align: number; size: number; definition: string }[]) => void,
): Change => {
  return (edit) => edit.json('TYPE', change);
};
/** A page that no span has. */
const NOWHERE = 0x00000ff0;

const FAULTS: readonly (readonly [invariant: string, says: string, change: Change])[] = [
  ['types.name', 'another type has the same name', types((t) => (t[1]!.name = t[0]!.name))],
  ['types.align', ': 3, of size', types((t) => (t[0]!.align = 3))],
  ['types.definition', 'is not defined by', types((t) => (t.find((x) => x.name === 'Thing')!.definition = '{}'))],
  ['span.spanclass', 'no such class', inSpan(thing, (w, at) => (w[at + 2] = 252))],
  ['span.elemsize', ', the class has', inSpan(thing, (w, at) => (w[at + 2]! += 4))],
  ['span.nelems', ', the class has', inSpan(gone, (w, at) => (w[at + 4]! -= 1))],
  [
    'span.allocBits',
    'a bit beyond its',
    (e) => {
      inSpan(thing, (w, _, __, side) => (w[side - 1]! |= 1 << 31))(e);
      e.words('END ')[1]!++;
    },
  ],
  ['span.largeSize', 'an object of 0 bytes', inSpan(spans.base(large), (w, at) => (w[at + 5] = 0))],
  ['span.largeType', 'has type number 999', inSpan(spans.base(large), (w, at) => (w[at + 6] = 999))],
  ['span.types', 'has type number 0 of', inSpan(thing, (w, _, __, side) => w.fill(0, side, side + 8))],
  ['span.types', 'has type number 65535', inSpan(thing, (w, _, __, side) => w.fill(-1, side, side + 8))],
  ['span.tinyMask', 'has mask 0x0', inSpan(spans.base(tiny), (w, _, __, side) => (w[side] = 0))],
  ['span.tinyMask', 'overlapping objects', inSpan(spans.base(tiny), (w, _, __, side) => (w[side] = 0x80000003 | 0))],
  ['span.tinyMask', 'never began', inSpan(spans.base(tiny), (w, _, __, side) => (w[side] = 0x80030001 | 0))],
  ['roots.addr', 'which is no object', (e) => (e.words('ROOT')[2] = NOWHERE)],
  ['roots.kind', 'is of kind 9', (e) => e.words('ROOT').set([9], 6 * (snapshot.roots.length - 1))],
  ['roots.type', 'has type number 0 of', (e) => (e.words('ROOT')[4] = 0)],
  [
    'roots.name',
    'another root has the same name',
    (e) => {
      const roots = e.words('ROOT');
      roots[9] = roots[3]!;
    },
  ],
  ['specials.kind', 'is of kind 77', (e) => (e.words('SPEC')[0] = 77)],
  ['specials.object', 'where there is no object', (e) => (e.words('SPEC')[1] = NOWHERE)],
  [
    'patches.slot',
    'is in no span',
    (e) => {
      const payload = new Uint8Array(Int32Array.of((snapshot.header.grownPages - 1) * 8192, 0).buffer);
      e.sections.splice(-1, 0, { type: 'PTCH', arg: 0, payload });
      e.words('END ')[5] = 1;
    },
  ],
  [
    'pointer.live',
    `Thing at 0x${thing.toString(16)}, byte ${offsetOf('next')}: points to`,
    set(thing + offsetOf('next'), NOWHERE),
  ],
  ['slice.len', 'has length 100, capacity', set(thing + offsetOf('kids') + 4, 100)],
  [
    'slice.cap',
    'elements of the slice at',
    (e) => {
      set(thing + offsetOf('kids') + 4, 100_000)(e);
      set(thing + offsetOf('kids') + 8, 100_000)(e);
    },
  ],
  ['string.len', 'bytes of the string at', set(thing + offsetOf('name') + 4, 1_000_000)],
  ['string.utf8', 'are no UTF-8', set(word(thing + offsetOf('name')), 0xffffffff | 0)],
  ['map.header.root', 'is no object', set(counts + 4 * MAP_ROOT, spans.base(tiny))],
  ['map.table.used', 'slots are full, the count is', set(table + 4 * TABLE_USED, 0)],
  ['map.table.groups', 'groups of table', set(word(words + 4 * MAP_ROOT) + 4 * TABLE_MASK, 127)],
  ['map.directory.entry', 'leads to', set(table + 4 * TABLE_TAG, -2)],
  ['map.slot.hash', 'has hash', set(word(longKey()), 0x41414141)],
];

function errorOf(bytes: Uint8Array): unknown {
  try {
    verifySnapshot(new Snapshot(bytesSource(bytes)));
    return null;
  } catch (error) {
    return error;
  }
}

test('a good one: everything is counted', () => {
  const rows: VerifyRow[] = [];
  verifySnapshot(snapshot, (row) => rows.push(row));
  const count = (what: string): number => rows.find((row) => row.what.startsWith(what))!.count;
  expect(count('objects')).toBe(spans.objects);
  expect(count('maps')).toBe(2);
  expect(count('strings')).toBe(200);
  expect(count('slices')).toBe(201);
  expect(count('pointers')).toBeGreaterThan(20_000);
  expect(errorOf(new SnapshotEdit(good).bytes())).toBe(null);
  expect(new SnapshotEdit(good).bytes()).toEqual(good);
});

test.each(FAULTS)('%s: "%s"', (invariant, says, change) => {
  const edit = new SnapshotEdit(good);
  change(edit);
  const error = errorOf(edit.bytes());
  expect(error).toBeInstanceOf(VerifyError);
  expect((error as VerifyError).message).toContain(says);
  expect((error as VerifyError).invariant).toBe(invariant);
});

test('numbers of a later moment are no fault where the program went on', () => {
  const edit = new SnapshotEdit(good);
  const slot = thing + offsetOf('kids');
  set(slot + 4, 100)(edit);
  set(table + 4 * TABLE_USED, 0)(edit);
  edit.sections.splice(-1, 0, {
    type: 'PTCH',
    arg: 0,
    payload: new Uint8Array(Int32Array.of(slot, word(slot)).buffer),
  });
  const totals = edit.words('END ');
  totals[5] = 1;
  expect(errorOf(edit.bytes())).toBeInstanceOf(VerifyError);
  totals[6] = 0;
  expect(errorOf(edit.bytes())).toBe(null);
  // What is not of a slot that was stored to counts all the same.
  set(thing + offsetOf('numbers') + 4, 100)(edit);
  expect(errorOf(edit.bytes())).toMatchObject({ invariant: 'slice.len' });
  expect(word(table + 4 * TABLE_GROUPS)).toBeGreaterThan(0);
});
