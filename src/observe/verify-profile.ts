/** `heap.verify()`: the records of the heap profile, and the special records that lead to them. World stopped. */
import { NIL, type Ref, type Words } from '../base/brand.ts';
import { H_PERSISTENT_NEXT, H_TYPES } from '../layout/header.ts';
import {
  BUCKET_ALLOCS,
  BUCKET_COUNTERS,
  BUCKET_WORDS,
  CHAIN_BUCKETS,
  CHAIN_FRAMES,
  CHAIN_KINDS,
  CHAIN_STACKS,
  CHAIN_TEXTS,
  CHAINS,
  FRAME_FILE,
  FRAME_FUNCTION,
  FRAME_WORDS,
  H_PROFILE_DEPTH,
  H_PROFILE_HEADS,
  NODE_HASH,
  NODE_NEXT,
  STACK_FRAMES,
  STACK_LENGTH,
  TEXT_BYTES,
  TEXT_WORDS,
} from '../layout/profile.ts';
import { KIND_PROFILE, SPECIAL_PROFILE_BUCKET } from '../layout/special.ts';
import { wordsOf } from '../spans/meta-text.ts';
import { readCounts } from '../spans/profile.ts';
import { eachBucket, readBucket } from '../spans/profile-records.ts';
import type { Mem } from '../sys/mem.ts';
import { OWN_FRAMES } from './profiler.ts';
import { fail, hex } from './verify.ts';

const NAMES = ['text', 'frame', 'stack', 'bucket'];
const BYTES_MAX = 2 ** 16;

/** `listed`: kinds of all special records in spans' lists. */
export function verifyProfile(mem: Mem, listed: ReadonlyMap<number, number>): void {
  const { m } = mem;
  const chains = Array.from({ length: CHAIN_KINDS }, (_, kind) => verifyChains(mem, kind));
  for (const r of chains[CHAIN_FRAMES]!) {
    for (const text of [m[r + FRAME_FUNCTION], m[r + FRAME_FILE]]) {
      if (!chains[CHAIN_TEXTS]!.has(text)) fail('profile.frame', `${hex(r)} names text ${hex(text)}, which is none`);
    }
  }
  for (const r of chains[CHAIN_STACKS]!) {
    for (let i = 0; i < m[r + STACK_LENGTH]; i++) {
      const frame = m[r + STACK_FRAMES + i];
      if (!chains[CHAIN_FRAMES]!.has(frame)) fail('profile.stack', `${hex(r)} has frame ${hex(frame)}, which is none`);
    }
  }
  verifyBuckets(mem, chains, listed);
}

/** The records of one kind. */
function verifyChains(mem: Mem, kind: number): Set<number> {
  const { m } = mem;
  const found = new Set<number>();
  const heads = m[H_PROFILE_HEADS];
  for (let i = 0; heads !== NIL && i < CHAINS; i++) {
    for (let r = m[heads + kind * CHAINS + i]; r !== NIL; r = m[r + NODE_NEXT]) {
      const at = `${NAMES[kind]} ${hex(r)} in chain ${i}`;
      if (!isInside(mem, kind, r)) fail('profile.record', `${at} is no record`);
      if (found.has(r)) fail('profile.chain', `${at} is there twice`);
      if ((m[r + NODE_HASH] & (CHAINS - 1)) !== i) fail('profile.chain', `${at} has hash ${hex(m[r + NODE_HASH])}`);
      found.add(r);
    }
  }
  return found;
}

function isInside({ m, plan }: Mem, kind: number, r: number): boolean {
  const isRoom = (words: number): boolean => r >= plan.persistent && r + words <= m[H_PERSISTENT_NEXT];
  return isRoom(FRAME_WORDS) && wordsAt(m, kind, r) > 0 && isRoom(wordsAt(m, kind, r));
}

/** Words of a record; 0: it says of itself what cannot be. */
function wordsAt(m: Words, kind: number, r: number): number {
  if (kind === CHAIN_BUCKETS) return BUCKET_WORDS;
  if (kind === CHAIN_FRAMES) return FRAME_WORDS;
  const isText = kind === CHAIN_TEXTS;
  const count = m[r + (isText ? TEXT_BYTES : STACK_LENGTH)];
  const most = isText ? BYTES_MAX : m[H_PROFILE_DEPTH] + OWN_FRAMES;
  if (count < 0 || count > most) return 0;
  return isText ? TEXT_WORDS + wordsOf(count) : STACK_FRAMES + count;
}

function verifyBuckets(mem: Mem, chains: readonly Set<number>[], listed: ReadonlyMap<number, number>): void {
  const { m, plan } = mem;
  const alive = new Map<number, number>();
  for (const [r, kind] of listed) {
    const b = m[r + SPECIAL_PROFILE_BUCKET];
    if (kind === KIND_PROFILE) alive.set(b, (alive.get(b) ?? 0) + 1);
  }
  const all = new Set<number>();
  for (const b of eachBucket(m)) {
    const at = `bucket ${hex(b)}`;
    if (b < plan.persistent || b + BUCKET_WORDS > m[H_PERSISTENT_NEXT]) fail('profile.bucket', `${at} is no record`);
    if (all.has(b)) fail('profile.buckets', `${at} is in the list twice`);
    all.add(b);
    verifyBucket(m, b, at, chains[CHAIN_STACKS]!, alive.get(b) ?? 0);
  }
  for (const b of chains[CHAIN_BUCKETS]!)
    if (!all.has(b)) fail('profile.buckets', `bucket ${hex(b)} is not in the list`);
  for (const b of alive.keys())
    if (!all.has(b)) fail('profile.special', `a record names bucket ${hex(b)}, which is none`);
}

function verifyBucket(m: Words, b: Ref, at: string, stacks: ReadonlySet<number>, alive: number): void {
  const { stack, type, size, rate } = readBucket(m, b);
  if (!stacks.has(stack)) fail('profile.bucket', `${at} has stack ${hex(stack)}, which is none`);
  if (type < 0 || type > m[H_TYPES] || size === 0 || rate <= 0) {
    fail('profile.bucket', `${at}: type ${type}, ${size} bytes, rate ${rate}`);
  }
  const { allocs, frees } = readCounts(m, b, 0);
  // More than its counts say are never alive; fewer may be, when a thread has died: see spans/profile.ts.
  if (allocs - frees < alive) fail('profile.counts', `${at}: ${allocs} sampled, ${frees} freed, ${alive} alive`);
  for (let word = b + BUCKET_ALLOCS; word < b + BUCKET_ALLOCS + BUCKET_COUNTERS; word += 2) {
    const behind = m[word + 1] - m[word + 1 + BUCKET_COUNTERS] || (m[word] >>> 0) - (m[word + BUCKET_COUNTERS] >>> 0);
    if (behind < 0) fail('profile.base', `${at}: word ${word - b} is below its base`);
  }
}
