/**
 * Plants one fault of each kind in special records, queues of callbacks and the table of interned text: `verify` names it.
 * Then the word is put back, and the heap is good again.
 */
import { expect, test, vi } from 'vitest';
import { attachHeap, createHeap, i32, struct } from '../../../src/index.ts';
import { H_INTERN_BUCKETS, H_INTERN_COUNT, H_INTERN_SIZE, H_SPECIAL_IN_HAND } from '../../../src/layout/header.ts';
import { PROC_CALLBACKS, PROC_CALLBACKS_EPOCH } from '../../../src/layout/proc.ts';
import { SPAN_BASE, SPAN_SPECIALS } from '../../../src/layout/span.ts';
import {
  KIND_CLEANUP,
  KIND_FINALIZER,
  KIND_INTERNED,
  KIND_WEAK,
  SPECIAL_ADDR,
  SPECIAL_BUCKET_NEXT,
  SPECIAL_HASH,
  SPECIAL_KIND,
  SPECIAL_NEXT,
  SPECIAL_PROC,
  SPECIAL_QUEUE_NEXT,
} from '../../../src/layout/special.ts';
import { Internals } from '../../support/internals.ts';
import { expectNamed, type Plant } from '../../support/plant.ts';

const Thing = struct('Thing', { a: i32, wide: i32, c: i32, d: i32 });

// The timer by which a thread takes its callbacks must not fire between here and the tests.
vi.useFakeTimers({ toFake: ['setInterval'] });
const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, maxThreads: 4 });
const other = attachHeap(heap.share());
const x = new Internals(heap);
const { m } = x;
const proc = x.proc(heap.threadId);

const ignore = (): void => {};
const thing = heap.new(Thing);
const span = x.span(heap.addressOf(thing));
heap.weak(thing);
heap.cleanup(thing, ignore);
const weak = m[span + SPAN_SPECIALS]!;
const cleanup = m[weak + SPECIAL_NEXT]!;
/** Kept by this module, as their bytes are by the heap. */
const texts = ['one', 'two', 'three', 'four'].map((text) => heap.intern(text));

// A cleanup in the queue of this thread: another finds its object dead, and this one does not use the heap meanwhile.
heap.scope(() => heap.cleanup(heap.new(Thing), ignore));
other.gc();
const queued = m[proc + PROC_CALLBACKS]!;

const buckets = m[H_INTERN_BUCKETS]!;
/** A bucket with texts, and another. */
const bucket = Array.from({ length: m[H_INTERN_SIZE]! }, (_, i) => buckets + i).find((word) => m[word] !== 0)!;
const interned = m[bucket]!;
const pageBits = x.mem.plan.pageSpecials + (m[span + SPAN_BASE]! >>> 18);
const pageBit = 1 << (m[span + SPAN_BASE]! >>> 13);

test('the heap has what is to be broken', () => {
  expect([m[weak + SPECIAL_KIND], m[cleanup + SPECIAL_KIND]]).toEqual([KIND_WEAK, KIND_CLEANUP]);
  expect([m[queued + SPECIAL_KIND], m[interned + SPECIAL_KIND]]).toEqual([KIND_CLEANUP, KIND_INTERNED]);
  expect([texts.length, m[H_INTERN_COUNT]]).toEqual([4, 4]);
});

type Fault = readonly [invariant: string, says: string, plants: readonly Plant[]];

const SPECIALS: readonly Fault[] = [
  ['specials.hand', 'has not arrived', [[H_SPECIAL_IN_HAND, weak]]],
  ['specials.record', 'names 0x5, which is none', [[span + SPAN_SPECIALS, 5]]],
  ['specials.list', 'is listed twice', [[cleanup + SPECIAL_NEXT, weak]]],
  [
    'specials.order',
    'is out of order',
    [
      [span + SPAN_SPECIALS, cleanup],
      [cleanup + SPECIAL_NEXT, weak],
      [weak + SPECIAL_NEXT, 0],
    ],
  ],
  ['specials.addr', 'is outside', [[cleanup + SPECIAL_ADDR, m[cleanup + SPECIAL_ADDR]! + 2 ** 20]]],
  ['arena.pageSpecials', 'is 0', [[pageBits, m[pageBits]! & ~pageBit]]],
  ['arena.pageSpecials', 'is 1', [[pageBits + 10, 1]]],
];

const CALLBACKS: readonly Fault[] = [
  ['callbacks.epoch', 'is closed', [[proc + PROC_CALLBACKS_EPOCH, 0]]],
  ['callbacks.queue', 'twice', [[queued + SPECIAL_QUEUE_NEXT, queued]]],
  ['callbacks.kind', 'has a record of kind finalizer', [[queued + SPECIAL_KIND, KIND_FINALIZER]]],
  ['callbacks.list', 'cleanup', [[proc + PROC_CALLBACKS, cleanup]]],
  ['callbacks.proc', 'of another', [[queued + SPECIAL_PROC, other.threadId]]],
  ['specials.record', 'queue of thread', [[queued + SPECIAL_QUEUE_NEXT, 5]]],
];

const INTERNED: readonly Fault[] = [
  ['interned.count', '9, spans have 4', [[H_INTERN_COUNT, 9]]],
  ['interned.record', 'which is none', [[bucket, weak]]],
  ['interned.bucket', 'record', [[interned + SPECIAL_HASH, m[interned + SPECIAL_HASH]! ^ 1]]],
  ['interned.list', 'twice', [[interned + SPECIAL_BUCKET_NEXT, interned]]],
  ['interned.lost', 'are in no bucket', [[bucket, 0]]],
];

test.each([...SPECIALS, ...CALLBACKS, ...INTERNED])('%s: "%s"', (invariant, says, plants) => {
  heap.verify();
  expectNamed(heap, m, plants, invariant, says);
});
