/** Each invariant, broken by hand: the check must name it. And locks whose owner is gone. */
import { expect, test, vi } from 'vitest';
import { attachHeap, createHeap, VerifyError } from '../../../../src/index.ts';
import {
  CTRL_DELETED,
  DIR_ENTRY_WORDS,
  DIR_SHIFT,
  DIR_TABLE,
  MAP_LOCK,
  MAP_ROOT,
  SEQ_DEAD,
  TABLE_DEPTH,
  TABLE_LEFT,
  TABLE_LO,
  TABLE_MASK,
  TABLE_PREFIX,
  TABLE_SEQ,
  TABLE_SPARE,
  TABLE_TAG,
  TABLE_USED,
  TABLE_WORDS,
} from '../../../../src/layout/map.ts';
import { type Locks, makeLocks } from '../../../../src/types/locks.ts';
import { checkMap } from '../../../../src/types/map/check.ts';
import type { MapHost } from '../../../../src/types/map/host.ts';
import { tablesOf } from '../../../../src/types/map/tables.ts';
import { mapHost, testMap } from '../../../support/map-host.ts';

const locksOf = (host: MapHost): Locks =>
  makeLocks(host, () => {
    throw new Error('mine');
  });

type Setup = ReturnType<typeof setUp>;

function setUp() {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24 });
  const { ops, host, h } = testMap(heap, 'string', 'pair');
  heap.scope(() => {
    for (let i = 0; i < 2000; i++) ops.set(h, `a key with memory of its own ${i}`, { a: i, b: 0, sum: i });
    for (let i = 0; i < 2000; i++) ops.set(h, `a key with memory of its own ${i}`, { a: i, b: 1, sum: i + 1 });
  });
  const { i32 } = host.mem;
  const { shape } = ops;
  const tables = tablesOf(host);
  /** First words of the directory, and of a table. */
  const root = i32[(h >>> 2) + MAP_ROOT]! >>> 2;
  const table = i32[root + DIR_TABLE]! >>> 2;
  /** The table of the last hashes, and room for one more. */
  const lastTable = i32[root + 3 * DIR_ENTRY_WORDS + DIR_TABLE]! >>> 2;
  const room = heap.raw.mallocgc(TABLE_WORDS * 4, null, true) >>> 2;
  // The numbers of a full slot and of an empty one, and their words.
  let fullNumber = 0;
  tables.eachSlot(table, shape, (_, n) => {
    fullNumber = n;
  });
  let emptyNumber = 0;
  while (tables.ctrlAt(table, emptyNumber, shape) !== 0) emptyNumber++;
  const full = tables.slotOf(table, fullNumber, shape);
  const empty = tables.slotOf(table, emptyNumber, shape);
  const setCtrl = (number: number, ctrl: number): void => tables.setCtrl(table, number, ctrl, shape);
  const ctrl = tables.ctrlAt(table, fullNumber, shape);
  const lock = (word: number): boolean => locksOf(host).tryLock(word);
  /** First word and control byte of a full slot of a table. */
  const anyOf = (of: number): { slot: number; ctrl: number } => {
    let found = { slot: 0, ctrl: 0 };
    tables.eachSlot(of, shape, (slot, n) => {
      found = { slot, ctrl: tables.ctrlAt(of, n, shape) };
    });
    return found;
  };
  const check = () => heap.scope(() => checkMap(host, shape, h));
  const map = h >>> 2;
  const slots = { fullNumber, emptyNumber, full, empty, setCtrl, ctrl, anyOf };
  return { i32, map, root, table, lastTable, room, lock, check, ...slots };
}

test('a map that is whole passes', () => {
  const { check } = setUp();
  expect(check()).toMatchObject({ entries: 2000, depth: 2, tables: 4 });
});

test.each<[string, (s: Setup) => void]>([
  ['header.root', ({ i32, map }) => (i32[map + MAP_ROOT] = -4)],
  ['header.lock', ({ map, lock }) => lock(map + MAP_LOCK)],
  ['directory.depth', ({ i32, root }) => (i32[root + DIR_SHIFT] = 5)],
  ['directory.entry', ({ i32, table }) => (i32[table + TABLE_TAG] = -2)],
  [
    'table.tag',
    ({ i32, table, room }) => {
      i32.copyWithin(room, table, table + TABLE_WORDS);
      i32[room + TABLE_TAG] = -2;
      i32[table + TABLE_LO] = room * 4;
      i32[table + TABLE_SEQ] = SEQ_DEAD;
    },
  ],
  ['table.range', ({ i32, table }) => (i32[table + TABLE_PREFIX] = 1)],
  ['slot.key', ({ i32, full }) => (i32[full + 3] = -16)],
  [
    'slot.table',
    ({ i32, lastTable, anyOf, empty, emptyNumber, setCtrl }) => {
      const { slot, ctrl } = anyOf(lastTable);
      i32.copyWithin(empty, slot, slot + 7);
      setCtrl(emptyNumber, ctrl);
    },
  ],
  ['table.depth', ({ i32, table }) => (i32[table + TABLE_DEPTH] = 40)],
  ['directory.walk', ({ i32, table }) => (i32[table + TABLE_DEPTH] = 0)],
  ['directory.range', ({ i32, table }) => (i32[table + TABLE_PREFIX] = 1 << 30)],
  ['table.mask', ({ i32, table }) => (i32[table + TABLE_MASK] = 100)],
  ['table.seq', ({ i32, table }) => i32[table + TABLE_SEQ]!++],
  ['table.successor', ({ i32, table }) => (i32[table + TABLE_LO] = 8192)],
  ['table.spare', ({ i32, table }) => (i32[(i32[table + TABLE_SPARE]! >>> 2) + 1] = 5)],
  ['table.used', ({ i32, table }) => i32[table + TABLE_USED]!++],
  ['table.left', ({ i32, table }) => i32[table + TABLE_LEFT]!--],
  [
    'table.used',
    ({ setCtrl, fullNumber, i32, full }) => {
      setCtrl(fullNumber, CTRL_DELETED);
      i32.fill(0, full, full + 4);
    },
  ],
  ['group.ctrl', ({ setCtrl, emptyNumber }) => setCtrl(emptyNumber, 3)],
  ['slot.ctrl', ({ setCtrl, fullNumber, ctrl }) => setCtrl(fullNumber, ctrl ^ 1)],
  ['slot.hash', ({ i32, full }) => i32[full + 1]!++],
  ['slot.hash', ({ i32, full }) => (i32[i32[full + 3]! >>> 2] = 0x41414141)],
  [
    'slot.found',
    ({ i32, full, empty, setCtrl, emptyNumber, ctrl }) => {
      i32.copyWithin(empty, full, full + 7);
      setCtrl(emptyNumber, ctrl);
    },
  ],
  ['slot.free', ({ i32, empty }) => (i32[empty + 3] = 8192)],
  ['directory.shift', ({ i32, root }) => (i32[root + DIR_ENTRY_WORDS + DIR_SHIFT] = 20)],
  ['directory.entry', ({ i32, root }) => (i32[root + DIR_ENTRY_WORDS + DIR_TABLE] = 16)],
  ['directory.range', ({ i32, root, table }) => (i32[root + 2 * DIR_ENTRY_WORDS + DIR_TABLE] = table * 4)],
])('%s', (invariant, damage) => {
  const scene = setUp();
  damage(scene);
  let error: unknown;
  try {
    scene.check();
  } catch (e) {
    error = e;
  }
  expect(error).toBeInstanceOf(VerifyError);
  expect((error as VerifyError).invariant).toBe(`map.${invariant}`);
});

test('locks: taken once, given up, told apart by thread, recognised when their owner is gone', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 22, maxThreads: 3 });
  const other = attachHeap(heap.share());
  const [mine, theirs] = [locksOf(mapHost(heap)), locksOf(mapHost(other))];
  const word = heap.raw.mallocgc(16, null, true) >>> 2;
  expect(theirs.tryLock(word)).toBe(true);
  expect(theirs.tryLock(word)).toBe(false);
  expect(mine.tryLock(word)).toBe(false);
  expect([theirs.isMine(word), mine.isMine(word)]).toEqual([true, false]);
  expect(mine.isAbandoned(word)).toBe(false);
  expect(() => theirs.wait(word, () => {})).toThrow('mine');
  expect(heap.reap(other.threadId)).toBe(true);
  expect(mine.isAbandoned(word)).toBe(true);
  let repaired = 0;
  mine.wait(word, () => {
    expect(mine.isMine(word)).toBe(true);
    repaired++;
    mine.unlock(word, false);
  });
  expect(repaired).toBe(1);
  expect(mine.tryLock(word)).toBe(true);
  mine.unlock(word, false);
  expect(heap.memory.i32[word]).toBe(0);
});

test('who has slept takes the lock as one that others may sleep on, whoever was faster meanwhile', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 22, maxThreads: 3 });
  const [mine, theirs] = [locksOf(mapHost(heap)), locksOf(mapHost(attachHeap(heap.share())))];
  const word = heap.raw.mallocgc(16, null, true) >>> 2;
  const contended = (): boolean => (heap.memory.i32[word]! & 0x100) !== 0;
  theirs.tryLock(word);
  mine.wait(word, () => {});
  theirs.unlock(word, false);
  // The lock is free: nothing to wait for.
  mine.wait(word, () => {});
  expect([mine.tryLock(word), contended()]).toEqual([true, true]);
  mine.unlock(word, false);
  expect([mine.tryLock(word), contended()]).toEqual([true, false]);
});

test('a thread that waits for a lock is outside of its region', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 22, maxThreads: 3 });
  const other = attachHeap(heap.share());
  const host = mapHost(heap);
  const [mine, theirs] = [locksOf(host), locksOf(mapHost(other))];
  const release = vi.spyOn(host.t, 'release');
  const acquire = vi.spyOn(host.t, 'resume');
  const word = heap.raw.mallocgc(16, null, true) >>> 2;
  theirs.tryLock(word);
  heap.scope(() => {
    const before = [release.mock.calls.length, acquire.mock.calls.length];
    mine.wait(word, () => {});
    expect(release.mock.calls.length).toBe(before[0]! + 1);
    expect(acquire.mock.calls.length).toBe(before[1]! + 1);
    // Marked, so that the holder wakes it.
    expect(heap.memory.i32[word]! & 0x100).toBe(0x100);
  });
  theirs.unlock(word, false);
  expect(heap.memory.i32[word]).toBe(0);
});
