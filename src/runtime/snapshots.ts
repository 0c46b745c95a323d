/** `heap.snapshot()`: checks what is asked for, and turns the pieces of a snapshot into a stream. */
import { checkNames } from '../base/check.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import type { Collector } from '../gc/collector.ts';
import { GC_ENABLED } from '../layout/gc.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import { Capture, type SnapshotOptions } from '../observe/snapshot/capture.ts';
import { nextTurn } from './worker-threads.ts';

const KNOWN = ['collect', 'onProgress'];

function bad(text: string): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', `snapshot: ${text}`);
}

function checkOptions(c: Collector, options: SnapshotOptions): void {
  checkNames('snapshot', options, KNOWN);
  const { collect, onProgress } = options;
  if (collect !== undefined && typeof collect !== 'boolean')
    bad(`collect must be true or false, not ${describe(collect)}`);
  if (onProgress !== undefined && typeof onProgress !== 'function') bad('onProgress must be a function');
  if (collect === true && c.mem.m[GC_ENABLED] === 0) {
    bad(
      "collect: this heap was made with gc: 'off', and may hold objects that only the program knows the addresses of",
    );
  }
}

/** See HeapInside.snapshotSync. */
export function snapshotSync(
  c: Collector,
  table: TypeTable,
  write: (piece: Uint8Array) => void,
  options: SnapshotOptions,
): void {
  if (typeof write !== 'function') bad('write must be a function that takes the pieces');
  checkOptions(c, options);
  for (const piece of new Capture(c, table, options, true).pieces()) write(piece);
}

/** See HeapInside.snapshot. */
export function snapshot(c: Collector, table: TypeTable, options: SnapshotOptions): AsyncGenerator<Uint8Array, void> {
  checkOptions(c, options);
  refuseScope(c);
  return stream(c, new Capture(c, table, options, false));
}

async function* stream(c: Collector, capture: Capture): AsyncGenerator<Uint8Array, void> {
  const pieces = capture.pieces();
  try {
    for (;;) {
      refuseScope(c);
      const { done, value } = pieces.next();
      if (done === true) return;
      yield value;
      // Others in the event loop have their turn, whatever the consumer does.
      await nextTurn();
    }
  } finally {
    if (c.t.attached) pieces.return();
  }
}

/** A scope ends before the next piece is there. The only thread of an unshared heap is always in a region. */
function refuseScope({ t }: Collector): void {
  if (t.depth > (t.mem.shared ? 0 : 1))
    bad('cannot be called inside a scope, which ends before the snapshot does; use snapshotSync there');
}
