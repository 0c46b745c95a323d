/** Whether two snapshots can be of one heap. A file does not say which it is of; but what never changes in a heap can tell them apart. */
import type { Snapshot } from '../../analyze/snapshot.ts';
import { printable } from '../errors.ts';

/** What a snapshot says of its heap that all others of that heap say too. */
export type HeapMarks = Pick<Snapshot, 'meta' | 'types'>;

/** Why they are of two heaps; undefined if they may be of one. */
export function twoHeaps(older: HeapMarks, newer: HeapMarks): string | undefined {
  const [was, is] = [older.meta.maxBytes, newer.meta.maxBytes];
  if (was !== is) return `maxBytes is ${was} in it, and ${is} here`;
  if (JSON.stringify(older.meta.sizeClasses) !== JSON.stringify(newer.meta.sizeClasses))
    return 'it has other size classes';
  // Types are numbered as they come, and none goes.
  const [first, second] = older.meta.time <= newer.meta.time ? [older, newer] : [newer, older];
  if (first.types.length > second.types.length)
    return `the one that was taken first has ${first.types.length} types, the other ${second.types.length}`;
  for (let i = 0; i < Math.min(older.types.length, newer.types.length); i++) {
    const [a, b] = [older.types[i]!, newer.types[i]!];
    if (a.name !== b.name) return `type ${i + 1} is ${printable(a.name)} in it, and ${printable(b.name)} here`;
    if (a.definition !== b.definition) return `${printable(a.name)} has another definition in it`;
  }
  return undefined;
}
