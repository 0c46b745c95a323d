/** Names that take more than a section of JSON has room for. */
import { expect, test } from 'vitest';
import { Snapshot } from '../../../src/analyze/snapshot.ts';
import { bytesSource } from '../../../src/analyze/source.ts';
import { createHeap, i32, struct } from '../../../src/index.ts';
import { MAX_JSON, META } from '../../../src/observe/snapshot/format.ts';
import { SectionWriter } from '../../../src/observe/snapshot/writer.ts';

test('types of long names come in sections of a few each', () => {
  const heap = createHeap({ maxBytes: 2 ** 30, background: false });
  const names = Array.from({ length: 20 }, (_, k) => `T${k}`.padEnd(2 ** 20, 'x'));
  heap.scope(() => {
    for (const name of names) heap.new(struct(name, { x: i32 }));
  });
  const pieces: Uint8Array[] = [];
  heap.snapshotSync((piece) => pieces.push(piece.slice()));
  const file = Buffer.concat(pieces);
  const { types } = new Snapshot(bytesSource(file));
  expect(types.map((type) => type.name)).toEqual(names);
  let sections = 0;
  for (let at = file.indexOf('TYPE'); at >= 0; at = file.indexOf('TYPE', at + 1)) sections++;
  expect(sections).toBe(20);
});

test('what no section has room for is refused, not written into a file that no reader takes', () => {
  const names = ['x'.repeat(MAX_JSON / 2), 'y'.repeat(MAX_JSON / 2)];
  expect(() => new SectionWriter().json(META, names)).toThrow(
    'snapshot: 268435463 bytes of names, of roots or of types, are more than a file has room for, 268435456',
  );
});
