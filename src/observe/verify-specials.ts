/** `heap.verify()`: special records, the queues of callbacks, the table of interned text, the heap profile. */
import { NIL, type SpanRef, type Words } from '../base/brand.ts';
import { PAGE_SHIFT } from '../layout/constants.ts';
import {
  H_GROWN_PAGES,
  H_INTERN_BUCKETS,
  H_INTERN_COUNT,
  H_INTERN_SIZE,
  H_PERSISTENT_NEXT,
  H_SPECIAL_IN_HAND,
} from '../layout/header.ts';
import { PROC_CALLBACKS, PROC_CALLBACKS_EPOCH, PROC_EPOCH, PROC_ID } from '../layout/proc.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_CLASS,
  SPAN_NPAGES,
  SPAN_SPECIAL_SLOTS,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
} from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import {
  KIND_CLEANUP,
  KIND_DROPPED,
  KIND_FINALIZER,
  KIND_INTERNED,
  KIND_NAMES,
  KIND_PENDING,
  KIND_PROFILE,
  SPECIAL_ADDR,
  SPECIAL_BUCKET_NEXT,
  SPECIAL_HASH,
  SPECIAL_KIND,
  SPECIAL_NEXT,
  SPECIAL_PROC,
  SPECIAL_QUEUE_NEXT,
} from '../layout/special.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanBase } from '../spans/mspan.ts';
import { maySpecial, slotOf } from '../spans/special-list.ts';
import { attachedProcs } from '../threads/stop-the-world.ts';
import { describeSpan, fail, hex } from './verify.ts';
import { verifyProfile } from './verify-profile.ts';

/** World stopped. */
export function verifySpecials(heap: MHeap, spans: readonly SpanRef[]): void {
  const { m } = heap.t.mem;
  if (m[H_SPECIAL_IN_HAND] !== NIL) fail('specials.hand', `record ${hex(m[H_SPECIAL_IN_HAND])} has not arrived`);
  /** Kinds of all records in lists of spans. */
  const listed = new Map<number, number>();
  for (const s of spans) {
    if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE) verifyList(heap, s, listed);
  }
  verifyPageSpecials(heap);
  verifyQueues(heap, listed);
  verifyInterned(m, listed);
  verifyProfile(heap.t.mem, listed);
}

function checkRecord(heap: MHeap, r: number, at: string): void {
  const { m, plan } = heap.t.mem;
  if (r < plan.persistent || r >= m[H_PERSISTENT_NEXT]) fail('specials.record', `${at} names ${hex(r)}, which is none`);
}

function verifyList(heap: MHeap, s: SpanRef, listed: Map<number, number>): void {
  const { m } = heap.t.mem;
  const at = describeSpan(m, s);
  let lastAddr = 0;
  let lastKind = 0;
  for (let r = m[s + SPAN_SPECIALS]; r !== NIL; r = m[r + SPECIAL_NEXT]) {
    checkRecord(heap, r, at);
    if (listed.has(r)) fail('specials.list', `record ${hex(r)} is listed twice`);
    const addr = m[r + SPECIAL_ADDR] >>> 0;
    const kind = m[r + SPECIAL_KIND];
    const what = `${at}: ${KIND_NAMES[kind] ?? kind} of ${hex(addr)}`;
    listed.set(r, kind);
    const isKnown = (kind >= KIND_FINALIZER && kind <= KIND_CLEANUP) || kind === KIND_PROFILE;
    if (!isKnown) fail('specials.kind', what);
    if (addr < lastAddr || (addr === lastAddr && kind < lastKind)) fail('specials.order', `${what} is out of order`);
    if (addr - spanBase(m, s) >= m[s + SPAN_NPAGES] * 2 ** PAGE_SHIFT) fail('specials.addr', `${what} is outside`);
    const slot = slotOf(m, s, addr);
    if (!isLargeClass(m[s + SPAN_CLASS]) && !maySpecial(m, s, slot))
      fail('specials.slots', `${what}: bit of slot ${slot} is 0`);
    const bit = m[s + SPAN_ALLOC_BITS] + slot;
    if ((m[bit >>> 5] & (1 << bit)) === 0) fail('specials.object', `${what}, where there is no object`);
    lastAddr = addr;
    lastKind = kind;
  }
  if (!isLargeClass(m[s + SPAN_CLASS]) && m[s + SPAN_SPECIALS] === NIL && m[s + SPAN_SPECIAL_SLOTS] !== 0)
    fail('specials.slots', `${at}: ${hex(m[s + SPAN_SPECIAL_SLOTS])}, without specials`);
}

function verifyPageSpecials(heap: MHeap): void {
  const { m, plan } = heap.t.mem;
  for (let page = 0; page < m[H_GROWN_PAGES]; page++) {
    const s = m[plan.spans + page] as SpanRef;
    const first = s !== NIL && m[s + SPAN_STATE] === SPAN_STATE_IN_USE && spanBase(m, s) >>> PAGE_SHIFT === page;
    const want = first && m[s + SPAN_SPECIALS] !== NIL;
    const bit = (m[plan.pageSpecials + (page >>> 5)] & (1 << page)) !== 0;
    if (want !== bit) fail('arena.pageSpecials', `bit of page ${page} (${hex(page << PAGE_SHIFT)}) is ${bit ? 1 : 0}`);
  }
}

function verifyQueues(heap: MHeap, listed: ReadonlyMap<number, number>): void {
  const { mem } = heap.t;
  const { m } = mem;
  const queued = new Set<number>();
  for (const p of attachedProcs(mem)) {
    const at = `queue of thread ${m[p + PROC_ID]}`;
    const head = m[p + PROC_CALLBACKS];
    if (head !== NIL && m[p + PROC_CALLBACKS_EPOCH] !== m[p + PROC_EPOCH]) fail('callbacks.epoch', `${at} is closed`);
    for (let r = head; r !== NIL; r = m[r + SPECIAL_QUEUE_NEXT]) {
      checkRecord(heap, r, at);
      if (queued.has(r)) fail('callbacks.queue', `${at} has record ${hex(r)} twice`);
      queued.add(r);
      const kind = m[r + SPECIAL_KIND];
      if (kind !== KIND_PENDING && kind !== KIND_CLEANUP && kind !== KIND_DROPPED) {
        fail('callbacks.kind', `${at} has a record of kind ${KIND_NAMES[kind] ?? kind}`);
      }
      if (listed.has(r) !== (kind === KIND_PENDING))
        fail('callbacks.list', `${at}: record ${hex(r)}, ${KIND_NAMES[kind]}`);
      if (m[r + SPECIAL_PROC] !== m[p + PROC_ID]) fail('callbacks.proc', `${at} has record ${hex(r)} of another`);
    }
  }
}

function verifyInterned(m: Words, listed: ReadonlyMap<number, number>): void {
  let left = [...listed.values()].filter((kind) => kind === KIND_INTERNED).length;
  if (m[H_INTERN_COUNT] !== left) fail('interned.count', `${m[H_INTERN_COUNT]}, spans have ${left}`);
  for (let i = 0; i < m[H_INTERN_SIZE]; i++) {
    for (let r = m[m[H_INTERN_BUCKETS] + i]; r !== NIL; r = m[r + SPECIAL_BUCKET_NEXT], left--) {
      if (listed.get(r) !== KIND_INTERNED) fail('interned.record', `bucket ${i} has record ${hex(r)}, which is none`);
      if ((m[r + SPECIAL_HASH] & (m[H_INTERN_SIZE] - 1)) !== i) fail('interned.bucket', `record ${hex(r)} in ${i}`);
      if (left <= 0) fail('interned.list', `bucket ${i} has a record twice`);
    }
  }
  if (left !== 0) fail('interned.lost', `${left} texts are in no bucket`);
}
