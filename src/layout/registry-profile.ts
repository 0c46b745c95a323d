/** The declarations of the heap profile's records; part of registry.ts. */
import { defineStruct } from './define.ts';
import { H_PROFILE } from './header.ts';
import {
  BUCKET_ALL_NEXT,
  BUCKET_ALLOCS,
  BUCKET_ALLOCS_BASE,
  BUCKET_COUNTERS,
  BUCKET_FREES,
  BUCKET_FREES_BASE,
  BUCKET_RATE,
  BUCKET_SIZE,
  BUCKET_STACK,
  BUCKET_THREAD,
  BUCKET_TYPE,
  BUCKET_WORDS,
  FRAME_COLUMN,
  FRAME_FILE,
  FRAME_FUNCTION,
  FRAME_LINE,
  FRAME_WORDS,
  H_PROFILE_BUCKETS,
  H_PROFILE_DEPTH,
  H_PROFILE_HEADS,
  H_PROFILE_LOST,
  H_PROFILE_PERIOD,
  H_PROFILE_RATE,
  NODE_HASH,
  NODE_NEXT,
  STACK_FRAMES,
  STACK_LENGTH,
  STAGES,
  TEXT_BYTES,
  TEXT_WORDS,
} from './profile.ts';

// The header's line of the profile, from its first word on.
defineStruct('profile', 'MemProfileRate, mProfCycle, buckhash', 16, {
  rate: [H_PROFILE_RATE - H_PROFILE, 'u32', 'atomic'],
  depth: [H_PROFILE_DEPTH - H_PROFILE, 'u32', 'immutable'],
  heads: [H_PROFILE_HEADS - H_PROFILE, 'ref', 'racy'],
  buckets: [H_PROFILE_BUCKETS - H_PROFILE, 'ref', 'racy'],
  period: [H_PROFILE_PERIOD - H_PROFILE, 'u32', 'racy'],
  lost: [H_PROFILE_LOST - H_PROFILE, 'u32', 'atomic'],
});

const node = { next: [NODE_NEXT, 'ref', 'immutable'], hash: [NODE_HASH, 'u32', 'immutable'] } as const;

defineStruct('profileText', '', TEXT_WORDS, { ...node, bytes: [TEXT_BYTES, 'u32', 'immutable'] });

defineStruct('profileFrame', '', FRAME_WORDS, {
  ...node,
  function: [FRAME_FUNCTION, 'ref', 'immutable'],
  file: [FRAME_FILE, 'ref', 'immutable'],
  line: [FRAME_LINE, 'u32', 'immutable'],
  column: [FRAME_COLUMN, 'u32', 'immutable'],
});

defineStruct('profileStack', '', STACK_FRAMES, { ...node, length: [STACK_LENGTH, 'u32', 'immutable'] });

defineStruct('profileBucket', 'bucket, memRecord', BUCKET_WORDS, {
  ...node,
  stack: [BUCKET_STACK, 'ref', 'immutable'],
  size: [BUCKET_SIZE, 'u32', 'immutable'],
  type: [BUCKET_TYPE, 'u32', 'immutable'],
  thread: [BUCKET_THREAD, 'u32', 'immutable'],
  rate: [BUCKET_RATE, 'u32', 'immutable'],
  allNext: [BUCKET_ALL_NEXT, 'ref', 'immutable'],
  allocs: [BUCKET_ALLOCS, 'words', 'atomic', 2 * STAGES],
  frees: [BUCKET_FREES, 'words', 'atomic', 2 * STAGES],
  allocsBase: [BUCKET_ALLOCS_BASE, 'words', 'racy', 2 * STAGES],
  freesBase: [BUCKET_FREES_BASE, 'words', 'racy', 2 * STAGES],
});

const agree =
  H_PROFILE_RATE === H_PROFILE &&
  BUCKET_FREES - BUCKET_ALLOCS === 2 * STAGES &&
  BUCKET_ALLOCS_BASE - BUCKET_ALLOCS === BUCKET_COUNTERS &&
  BUCKET_FREES_BASE - BUCKET_FREES === BUCKET_COUNTERS;
if (!agree) throw new Error('layout: the heap profile’s words are not where layout/profile.ts has them');
