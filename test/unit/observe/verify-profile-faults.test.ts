/** Plants one fault of each kind in the records of a heap profile: `verify` names it. */
import { test } from 'vitest';
import { createHeap } from '../../../src/index.ts';
import {
  BUCKET_ALLOCS,
  BUCKET_FREES,
  BUCKET_FREES_BASE,
  BUCKET_SIZE,
  BUCKET_STACK,
  CHAIN_BUCKETS,
  CHAIN_FRAMES,
  CHAIN_STACKS,
  CHAIN_TEXTS,
  CHAINS,
  FRAME_FILE,
  H_PROFILE_BUCKETS,
  H_PROFILE_HEADS,
  NODE_HASH,
  NODE_NEXT,
  STACK_FRAMES,
  STACK_LENGTH,
  TEXT_BYTES,
} from '../../../src/layout/profile.ts';
import { SPAN_SPECIAL_SLOTS, SPAN_SPECIALS } from '../../../src/layout/span.ts';
import { SPECIAL_ADDR, SPECIAL_KIND, SPECIAL_PROFILE_BUCKET } from '../../../src/layout/special.ts';
import { Internals } from '../../support/internals.ts';
import { expectNamed, type Plant } from '../../support/plant.ts';

const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, memProfileRate: 1 });
const x = new Internals(heap);
const { m } = x;
const addr = heap.raw.mallocgc(64, null, false);
const plain = (() => {
  heap.setMemProfileRate(0);
  return heap.raw.mallocgc(2048, null, false);
})();
const span = x.span(addr);
const special = m[span + SPAN_SPECIALS]!;
const bucket = m[H_PROFILE_BUCKETS]!;
const stack = m[bucket + BUCKET_STACK]!;
const frame = m[stack + STACK_FRAMES]!;
const text = m[frame + FRAME_FILE]!;
/** Head of the chain that a record is in. */
const head = (kind: number, record: number): number =>
  m[H_PROFILE_HEADS]! + kind * CHAINS + (m[record + NODE_HASH]! & (CHAINS - 1));

const FAULTS: readonly (readonly [invariant: string, says: string, plants: readonly Plant[]])[] = [
  ['profile.record', 'text', [[head(CHAIN_TEXTS, text), 12]]],
  ['profile.record', 'stack', [[stack + STACK_LENGTH, 100_000]]],
  ['profile.record', 'text', [[text + TEXT_BYTES, -1]]],
  ['profile.chain', 'is there twice', [[bucket + NODE_NEXT, bucket]]],
  ['profile.chain', 'has hash', [[frame + NODE_HASH, m[frame + NODE_HASH]! ^ 1]]],
  ['profile.frame', 'names text', [[frame + FRAME_FILE, frame]]],
  ['profile.stack', 'has frame', [[stack + STACK_FRAMES, text]]],
  ['profile.bucket', 'has stack', [[bucket + BUCKET_STACK, frame]]],
  ['profile.bucket', '0 bytes', [[bucket + BUCKET_SIZE, 0]]],
  ['profile.bucket', 'is no record', [[H_PROFILE_BUCKETS, 77]]],
  ['profile.buckets', 'is not in the list', [[H_PROFILE_BUCKETS, 0]]],
  ['profile.stack', 'which is none', [[head(CHAIN_FRAMES, frame), 0]]],
  ['profile.bucket', 'has stack', [[head(CHAIN_STACKS, stack), 0]]],
  ['profile.special', 'names bucket', [[special + SPECIAL_PROFILE_BUCKET, stack]]],
  ['profile.counts', '1 sampled, 1 freed, 1 alive', [[bucket + BUCKET_FREES, 1]]],
  ['profile.counts', '0 sampled', [[bucket + BUCKET_ALLOCS, 0]]],
  ['profile.base', 'below its base', [[bucket + BUCKET_FREES_BASE, 1]]],
  ['specials.kind', 'dropped', [[special + SPECIAL_KIND, 6]]],
  [
    'specials.object',
    'where there is no object',
    [
      [special + SPECIAL_ADDR, addr + 64],
      [span + SPAN_SPECIAL_SLOTS, -1],
    ],
  ],
  ['specials.slots', 'bit of slot', [[span + SPAN_SPECIAL_SLOTS, 0]]],
  ['specials.slots', 'without specials', [[x.span(plain) + SPAN_SPECIAL_SLOTS, 4]]],
];

test.each(FAULTS)('%s: "%s"', (invariant, says, plants) => {
  heap.verify();
  expectNamed(heap, m, plants, invariant, says);
});

test('a bucket that is in the list but in no chain is what a dead thread leaves, and no fault', () => {
  const word = head(CHAIN_BUCKETS, bucket);
  const first = m[word]!;
  m[word] = m[bucket + NODE_NEXT]!;
  heap.verify();
  m[word] = first;
});
