/**
 * The table of interned text (Go: `unique`, whose table is a map of weak pointers): buckets of special records, which are
 * in the lists of their spans as well, and vanish from both when a sweep finds their bytes dead. Specials lock.
 *
 * The buckets are metadata that is never given back; there are twice as many when there is a text for each, so old ones
 * are at most as large as the new.
 */
import { NIL, type Ref, type Words } from '../base/brand.ts';
import { H_HEAP_LOCK, H_INTERN_BUCKETS, H_INTERN_COUNT, H_INTERN_SIZE, H_SPECIALS_LOCK } from '../layout/header.ts';
import { SPECIAL_ADDR, SPECIAL_BUCKET_NEXT, SPECIAL_BYTES, SPECIAL_HASH, SPECIAL_SERIAL } from '../layout/special.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { persistentAlloc } from './persistent.ts';

export const FIRST_SIZE = 64;

/** Word of the bucket that a hash belongs to. There must be buckets. */
function bucketOf(m: Words, hash: number): number {
  return m[H_INTERN_BUCKETS] + (hash & (m[H_INTERN_SIZE] - 1));
}

/** The record of a text, nil if there is none; `same` compares the bytes at an address with it. Specials lock. */
export function findInterned(m: Words, hash: number, length: number, same: (addr: number) => boolean): Ref {
  if (m[H_INTERN_SIZE] === 0) return NIL as Ref;
  for (let r = m[bucketOf(m, hash)]; r !== NIL; r = m[r + SPECIAL_BUCKET_NEXT]) {
    // Without serial: its sweeper died, and the next sweep removes it.
    const alike = m[r + SPECIAL_HASH] === hash && m[r + SPECIAL_BYTES] === length && m[r + SPECIAL_SERIAL] !== 0;
    if (alike && same(m[r + SPECIAL_ADDR] >>> 0)) return r as Ref;
  }
  return NIL as Ref;
}

/** Adds a record that has its hash. There must be buckets. Specials lock. */
export function linkInterned(m: Words, r: Ref): void {
  const bucket = bucketOf(m, m[r + SPECIAL_HASH]);
  m[r + SPECIAL_BUCKET_NEXT] = m[bucket];
  m[bucket] = r;
  m[H_INTERN_COUNT] = m[H_INTERN_COUNT] + 1;
}

/** Specials lock. */
export function unlinkInterned(m: Words, r: Ref): void {
  let word = bucketOf(m, m[r + SPECIAL_HASH]);
  while (m[word] !== r) word = m[word] + SPECIAL_BUCKET_NEXT;
  m[word] = m[r + SPECIAL_BUCKET_NEXT];
  m[H_INTERN_COUNT] = m[H_INTERN_COUNT] - 1;
}

/** Room for one text more. False: there are no buckets, and no memory for any. No lock held. */
export function growInterned(t: Proc): boolean {
  const { m } = t.mem;
  const size = Atomics.load(m, H_INTERN_SIZE);
  if (m[H_INTERN_COUNT] < size) return true;
  const wanted = size === 0 ? FIRST_SIZE : size * 2;
  t.lock(H_HEAP_LOCK);
  const buckets = persistentAlloc(t, wanted);
  t.unlock(H_HEAP_LOCK);
  if (buckets === NIL) return size > 0;
  t.lock(H_SPECIALS_LOCK);
  // Of two threads that had the same idea the second one's buckets are left over.
  if (m[H_INTERN_SIZE] === size) moveInterned(m, buckets, wanted);
  t.unlock(H_SPECIALS_LOCK);
  return true;
}

function moveInterned(m: Words, buckets: Ref, size: number): void {
  const from = m[H_INTERN_BUCKETS];
  const old = m[H_INTERN_SIZE];
  for (let i = 0; i < old; i++) {
    for (let r = m[from + i]; r !== NIL; ) {
      const next = m[r + SPECIAL_BUCKET_NEXT];
      const bucket = buckets + (m[r + SPECIAL_HASH] & (size - 1));
      m[r + SPECIAL_BUCKET_NEXT] = m[bucket];
      m[bucket] = r;
      r = next;
    }
  }
  m[H_INTERN_BUCKETS] = buckets;
  Atomics.store(m, H_INTERN_SIZE, size);
}

/** Empties the table, for a repair that fills it again. World stopped. */
export function clearInterned({ m }: Mem): void {
  const from = m[H_INTERN_BUCKETS];
  m.fill(NIL, from, from + m[H_INTERN_SIZE]);
  m[H_INTERN_COUNT] = 0;
}
