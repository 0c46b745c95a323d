/**
 * The part of `heap.verify()` that checks the words of heap snapshots: who holds the cycle open, the log of stores, and the
 * bits of logged slots. How they hang together stands in threads/hold.ts. World stopped.
 */
import type { SpanRef } from '../base/brand.ts';
import { H_GROWN_PAGES, H_WRITE_BARRIER } from '../layout/header.ts';
import { PROC_ID } from '../layout/proc.ts';
import {
  LOG_COUNT,
  LOG_ENTRIES,
  LOG_NEXT,
  LOG_PAGES,
  LOG_ROOM,
  PHASE_ABORTED,
  PHASE_HELD,
  PHASE_SHIFT,
  PROC_SNAP_LOG,
  SNAP_BITS_PER_PAGE,
  SNAP_DIRTY,
  SNAP_LOGS,
  SNAP_OWNER_MASK,
  SNAP_STATE,
} from '../layout/snapshot.ts';
import { SPAN_NPAGES, SPAN_OWNER, SPAN_STATE, SPAN_STATE_MANUAL } from '../layout/span.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanBase, spanOf } from '../spans/mspan.ts';
import { attachedProcs } from '../threads/stop-the-world.ts';
import { fail, hex } from './verify.ts';

/** Returns the segments of the log: manual spans that belong to a thread, and are none of its references. */
export function verifySnapshotLog(heap: MHeap): Set<SpanRef> {
  const { mem } = heap.t;
  const { m } = mem;
  const state = m[SNAP_STATE];
  const phase = state >>> PHASE_SHIFT;
  const owner = state & SNAP_OWNER_MASK;
  const ids = new Set(attachedProcs(mem).map((p) => m[p + PROC_ID]));
  if (phase > PHASE_ABORTED || (phase === 0) !== (owner === 0) || (owner !== 0 && !ids.has(owner)))
    fail('snapshot.state', `phase ${phase}, of thread ${owner}`);
  if (phase === PHASE_HELD && m[H_WRITE_BARRIER] === 0) fail('snapshot.held', 'a cycle is held open that is none');
  const segments = listSegments(heap, owner);
  for (const p of attachedProcs(mem)) {
    const mine = m[p + PROC_SNAP_LOG];
    if (mine !== 0 && !segments.has(spanOf(mem, mine * 4) as SpanRef))
      fail('snapshot.segment', `thread ${m[p + PROC_ID]} writes to ${hex(mine * 4)}, which is not in the log`);
  }
  if (phase === 0 && segments.size > 0)
    fail('snapshot.log', `${segments.size} segments are left, and there is no snapshot`);
  if (phase === 0 && m[SNAP_DIRTY] === 0) verifyBits(heap);
  return segments;
}

function listSegments(heap: MHeap, owner: number): Set<SpanRef> {
  const { mem } = heap.t;
  const { m, i32 } = mem;
  const segments = new Set<SpanRef>();
  for (let segment = m[SNAP_LOGS]; segment !== 0; segment = i32[segment + LOG_NEXT]) {
    const at = `segment at ${hex(segment * 4)}`;
    const s = spanOf(mem, segment * 4) as SpanRef;
    if (m[s + SPAN_STATE] !== SPAN_STATE_MANUAL || spanBase(m, s) !== segment * 4 || m[s + SPAN_NPAGES] !== LOG_PAGES)
      fail('snapshot.log', `${at} is no manual span of ${LOG_PAGES} pages`);
    if (m[s + SPAN_OWNER] !== owner) fail('snapshot.log', `${at} belongs to thread ${m[s + SPAN_OWNER]}`);
    if (segments.has(s)) fail('snapshot.log', `${at} is twice in the log`);
    segments.add(s);
    const count = i32[segment + LOG_COUNT];
    if (count < 0 || count > LOG_ROOM || count % 2 !== 0) fail('snapshot.count', `${at} has ${count} words`);
    for (let i = segment + LOG_ENTRIES; i < segment + LOG_ENTRIES + count; i += 2) verifyEntry(heap, i, at);
  }
  return segments;
}

/** The bit of each slot that is logged is set. */
function verifyEntry(heap: MHeap, entry: number, at: string): void {
  const { m, i32, plan } = heap.t.mem;
  const slot = i32[entry] >>> 0;
  const isSlot = (slot & 3) === 0 && slot >>> 13 < m[H_GROWN_PAGES];
  if (!isSlot || (m[plan.snapshotBits + (slot >>> 7)] & (1 << (slot >>> 2))) === 0)
    fail('snapshot.bits', `${at} has slot ${hex(slot)}, whose bit is 0`);
}

function verifyBits(heap: MHeap): void {
  const { m, plan } = heap.t.mem;
  const end = plan.snapshotBits + m[H_GROWN_PAGES] * SNAP_BITS_PER_PAGE;
  for (let w = plan.snapshotBits; w < end; w++) {
    if (m[w] !== 0)
      fail('snapshot.bits', `a slot at ${hex((w - plan.snapshotBits) * 128)} is logged, and there is no log`);
  }
}
