/**
 * The queues of callbacks: a cleanup whose object has died, a finalizer whose object was found dead, go to the thread that
 * registered them. A queue is a list through the records, the newest first, from a word of that thread's record on.
 * Specials lock; the thread looks at the first word without it.
 *
 * Whether a thread takes callbacks is a word of its record, which is cleared while the world is stopped, together with
 * the queue. Whoever asks is inside a region, and reaches no safepoint before the record is in the queue: so none gets
 * into the queue of a thread that has gone, nor into that of its successor.
 *
 * A record on its way from its span's list to a queue is in H_SPECIAL_IN_HAND, so that a callback is neither lost nor
 * queued twice when the thread that moves it dies.
 */
import { NIL, type ProcRef, type Ref, type SpanRef } from '../base/brand.ts';
import { H_SPECIAL_IN_HAND, H_SPECIALS_LOCK } from '../layout/header.ts';
import { PROC_CALLBACKS, PROC_CALLBACKS_EPOCH, TM_CLEANUPS_QUEUED, TM_FINALIZERS_QUEUED } from '../layout/proc.ts';
import {
  KIND_FINALIZER,
  KIND_PENDING,
  SPECIAL_EPOCH,
  SPECIAL_KIND,
  SPECIAL_PROC,
  SPECIAL_QUEUE_NEXT,
} from '../layout/special.ts';
import type { Proc } from '../sync/proc.ts';
import { procRef } from '../sync/proc-ref.ts';
import type { Mem } from '../sys/mem.ts';
import { count } from './heap-stats.ts';
import { freeSpecials, unlinkSpecial } from './special-list.ts';

/** Whether the thread that registered this callback is still there to be called. In a region. */
export function takesCallbacks(mem: Mem, r: Ref): boolean {
  const { m } = mem;
  return m[procRef(mem, m[r + SPECIAL_PROC]) + PROC_CALLBACKS_EPOCH] === m[r + SPECIAL_EPOCH];
}

/** Queues a record that is in no list. Its thread takes callbacks. Specials lock. */
export function pushCallback(mem: Mem, r: Ref): void {
  const { m } = mem;
  const word = procRef(mem, m[r + SPECIAL_PROC]) + PROC_CALLBACKS;
  m[r + SPECIAL_QUEUE_NEXT] = m[word];
  Atomics.store(m, word, r);
}

/**
 * A cleanup moves from its span's list to its queue; a finalizer becomes pending, and is in both. `from`: see
 * `unlinkSpecial`. Specials lock.
 */
export function queueCallback(t: Proc, s: SpanRef, r: Ref, from?: number): void {
  const { m } = t.mem;
  const meter = m[r + SPECIAL_KIND] === KIND_FINALIZER ? TM_FINALIZERS_QUEUED : TM_CLEANUPS_QUEUED;
  Atomics.store(m, H_SPECIAL_IN_HAND, r);
  t.pause('special.hand');
  leaveList(t.mem, s, r, from);
  t.pause('special.moved');
  pushCallback(t.mem, r);
  t.pause('special.queued');
  Atomics.store(m, H_SPECIAL_IN_HAND, NIL);
  count(t.mem, t.ref, meter, 1);
}

function leaveList(mem: Mem, s: SpanRef, r: Ref, from?: number): void {
  const { m } = mem;
  const kind = m[r + SPECIAL_KIND];
  if (kind === KIND_FINALIZER) m[r + SPECIAL_KIND] = KIND_PENDING;
  else if (kind !== KIND_PENDING) unlinkSpecial(mem, s, r, from);
}

/** Ends what a dead thread began with the record in its hand. Its lock is not released yet; world stopped. */
export function finishQueueing(mem: Mem, s: SpanRef, r: Ref): void {
  const { m } = mem;
  leaveList(mem, s, r);
  let queued = m[procRef(mem, m[r + SPECIAL_PROC]) + PROC_CALLBACKS];
  while (queued !== NIL && queued !== r) queued = m[queued + SPECIAL_QUEUE_NEXT];
  if (queued === NIL && takesCallbacks(mem, r)) pushCallback(mem, r);
  m[H_SPECIAL_IN_HAND] = NIL;
}

/** Empties a queue: the records, the newest first. */
export function takeCallbacks(t: Proc, p: ProcRef): Ref[] {
  const { m } = t.mem;
  const records: Ref[] = [];
  t.lock(H_SPECIALS_LOCK);
  for (let r = m[p + PROC_CALLBACKS] as Ref; r !== NIL; r = m[r + SPECIAL_QUEUE_NEXT] as Ref) records.push(r);
  m[p + PROC_CALLBACKS] = NIL;
  t.unlock(H_SPECIALS_LOCK);
  return records;
}

/** The thread takes no more callbacks, because it leaves or is gone. World stopped. */
export function closeCallbacks(t: Proc, p: ProcRef): void {
  const { m } = t.mem;
  m[p + PROC_CALLBACKS_EPOCH] = 0;
  // Pending finalizers are in their spans' lists as well, and freed when a sweep meets them.
  const records = takeCallbacks(t, p);
  freeSpecials(
    t,
    records.filter((r) => m[r + SPECIAL_KIND] !== KIND_PENDING),
  );
}
