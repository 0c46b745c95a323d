/** What tells two snapshots apart that are not of one heap. */
import { expect, test } from 'vitest';
import { Snapshot } from '../../../../src/analyze/snapshot.ts';
import { bytesSource } from '../../../../src/analyze/source.ts';
import { twoHeaps } from '../../../../src/cli/inspect/same-heap.ts';
import { createHeap, f64, type Heap, type HeapOptions, i32, makeSizeClasses, struct } from '../../../../src/index.ts';

const heapOf = (options: HeapOptions = {}): Heap => createHeap({ maxBytes: 2 ** 24, background: false, ...options });

function snapshotOf(heap: Heap): Snapshot {
  const pieces: Uint8Array[] = [];
  heap.snapshotSync((piece) => pieces.push(piece.slice()));
  return new Snapshot(bytesSource(Buffer.concat(pieces)));
}

/** What is said of a snapshot of one heap, compared with a later one of another. */
const comparing = (older: Heap, newer: Heap): string | undefined => twoHeaps(snapshotOf(older), snapshotOf(newer));

const Post = struct('Post', { x: i32 });
const Page = struct('Page', { x: i32 });

test('one heap, which has got more types meanwhile', () => {
  const heap = heapOf();
  heap.new(Post);
  const older = snapshotOf(heap);
  heap.new(Page);
  const newer = snapshotOf(heap);
  expect(twoHeaps(older, newer)).toBeUndefined();
  expect(twoHeaps(newer, older)).toBeUndefined();
});

test('another size, other size classes', () => {
  expect(comparing(heapOf(), heapOf({ maxBytes: 2 ** 25 }))).toBe('maxBytes is 16777216 in it, and 33554432 here');
  const sizeClasses = makeSizeClasses({ maxWaste: 1 / 16 });
  expect(comparing(heapOf(), heapOf({ sizeClasses }))).toBe('it has other size classes');
});

test('other types', async () => {
  const [a, b, c] = [heapOf(), heapOf(), heapOf()];
  a.new(Post);
  b.new(Page);
  c.new(struct('Post', { y: f64 }));
  expect(comparing(a, b)).toBe('type 1 is Post in it, and Page here');
  expect(comparing(a, c)).toBe('Post has another definition in it');
  const first = snapshotOf(a);
  await new Promise((resolve) => setTimeout(resolve, 2));
  expect(twoHeaps(first, snapshotOf(heapOf()))).toBe('the one that was taken first has 1 types, the other 0');
});
