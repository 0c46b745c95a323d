/**
 * The part of `heap.verify()` that checks what threads hold of the heap: shadow stacks and handle tables, and that all
 * manual spans are part of one. How they lie in memory stands in layout/proc.ts.
 */
import { NIL, type ProcRef, type SpanRef } from '../base/brand.ts';
import { PROC_HANDLES, PROC_ID, PROC_SHADOW_TOP, SEGMENT_MASK, SEGMENT_SLOTS, SEGMENT_WORDS } from '../layout/proc.ts';
import { SPAN_NPAGES, SPAN_OWNER, SPAN_STATE, SPAN_STATE_MANUAL } from '../layout/span.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanBase, spanOf } from '../spans/mspan.ts';
import { attachedProcs } from '../threads/stop-the-world.ts';
import { objectAt, whatIsAt } from './objects.ts';
import { fail, hex } from './verify.ts';

/** Segments that a thread keeps for its next references, when a scope is open and when none is: see shadow-stack.ts. */
const SPARE_IN_SCOPE = 1;
const SPARE_OUTSIDE = 2;

/** `logs`: manual spans that are none of this. `live`: slots must hold 0 or lead into live objects. */
export function verifyReferences(
  heap: MHeap,
  spans: readonly SpanRef[],
  logs: ReadonlySet<SpanRef>,
  live: boolean,
): void {
  const { mem } = heap.t;
  const { m } = mem;
  const listed = new Set<SpanRef>();
  const spare = new Map<number, number>();
  for (const p of attachedProcs(mem)) {
    const top = m[p + PROC_SHADOW_TOP];
    spare.set(m[p + PROC_ID], top === 0 ? SPARE_OUTSIDE : SPARE_IN_SCOPE);
    verifyShadowStack(heap, p, top, live, listed);
    verifyHandles(heap, p, live, listed);
  }
  for (const s of spans) {
    if (m[s + SPAN_STATE] !== SPAN_STATE_MANUAL || logs.has(s)) continue;
    const at = `manual span at ${hex(spanBase(m, s))}`;
    const owner = m[s + SPAN_OWNER];
    const left = spare.get(owner);
    if (left === undefined) fail('manual.owner', `${at} belongs to thread ${owner}, which is not attached`);
    if (listed.has(s)) continue;
    if (left === 0) fail('manual.lost', `${at} is in no shadow stack or handle table of thread ${owner}`);
    spare.set(owner, left - 1);
  }
}

/** From the top down; what is below the topmost segment is full. */
function verifyShadowStack(heap: MHeap, p: ProcRef, top: number, live: boolean, listed: Set<SpanRef>): void {
  const { i32, m } = heap.t.mem;
  if (top === 0) return;
  const at = `shadow stack of thread ${m[p + PROC_ID]}`;
  const used = top & SEGMENT_MASK;
  if (used !== 0 && used < SEGMENT_SLOTS) fail('shadow.top', `${at}: top ${hex(top)} is no slot`);
  let start = (top - 1) & ~SEGMENT_MASK;
  let end = top;
  do {
    claimSegment(heap, p, start, `${at}: segment`, 'shadow.segment', listed);
    if (live) verifySlots(heap, start, end, at, 'shadow.slot');
    start = i32[start]!;
    end = start + SEGMENT_WORDS;
  } while (start !== 0);
}

function verifyHandles(heap: MHeap, p: ProcRef, live: boolean, listed: Set<SpanRef>): void {
  const { i32, m } = heap.t.mem;
  const at = `handle table of thread ${m[p + PROC_ID]}`;
  for (let start = m[p + PROC_HANDLES]; start !== 0; start = i32[start]!) {
    claimSegment(heap, p, start, `${at}: segment`, 'handles.segment', listed);
    if (live) verifySlots(heap, start, start + SEGMENT_WORDS, at, 'handles.slot');
  }
}

/** The segment that begins at this word of object memory is a manual span of the thread, and in no other list. */
function claimSegment(
  heap: MHeap,
  p: ProcRef,
  start: number,
  what: string,
  invariant: string,
  listed: Set<SpanRef>,
): void {
  const { mem } = heap.t;
  const { m } = mem;
  const addr = (start << 2) >>> 0;
  const at = `${what} at ${hex(addr)}`;
  const s = start > 0 ? spanOf(mem, addr) : (NIL as SpanRef);
  if (s === NIL || m[s + SPAN_STATE] !== SPAN_STATE_MANUAL || spanBase(m, s) !== addr || m[s + SPAN_NPAGES] !== 1)
    fail(invariant, `${at} is no manual span`);
  if (m[s + SPAN_OWNER] !== m[p + PROC_ID]) fail(invariant, `${at} belongs to thread ${m[s + SPAN_OWNER]}`);
  if (listed.has(s)) fail(invariant, `${at} is linked twice`);
  listed.add(s);
}

function verifySlots(heap: MHeap, start: number, end: number, at: string, invariant: string): void {
  const { i32 } = heap.t.mem;
  for (let slot = start + SEGMENT_SLOTS; slot < end; slot++) {
    const to = i32[slot]! >>> 0;
    if (to === 0 || objectAt(heap, to) !== null) continue;
    fail(invariant, `${at}, slot at ${hex(slot << 2)}: leads to ${hex(to)}, which ${whatIsAt(heap, to)}`);
  }
}
