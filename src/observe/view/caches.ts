/** What threads hold for themselves, as a view tells it: mcache, page cache, tiny block, counters. */
import { popcount32 } from '../../base/bits.ts';
import type { ProcRef, Words } from '../../base/brand.ts';
import { PAGE_CACHE_PAGES } from '../../layout/constants.ts';
import { GC_RESERVED } from '../../layout/gc.ts';
import {
  MC_FULL_COUNT,
  MC_NEEDZERO,
  MC_PARTIAL_COUNT,
  MC_SIZE,
  MC_SPAN,
  MC_TOP,
  MC_WIN,
  MC_WIN_ADDR,
  MC_WORDS,
  PC_BASE,
  PC_FREE_HI,
  PC_FREE_LO,
  PC_SCAV_HI,
  PC_SCAV_LO,
  PROC_ASSIST,
  PROC_AWAITING,
  PROC_CLASSES,
  PROC_EMPTY_PAGES,
  PROC_FLUSH_GEN,
  PROC_HANDLES,
  PROC_ID,
  PROC_MARKING,
  PROC_METERS,
  PROC_PAGE_CACHE,
  PROC_PAUSES,
  PROC_REMOTE_HEAD,
  PROC_SHADOW_TOP,
  PROC_SPAN_CACHE_LEN,
  PROC_STATUS_NAMES,
  PROC_SWEEPING,
  PROC_THREAD,
  PROC_TINY,
  PROC_TINY_OFFSET,
  PROC_WB_COUNT,
  REUSE_MAX,
  SEGMENT_MASK,
  SEGMENT_SLOTS,
  SEGMENT_WORDS,
  TM_ASSIST_NS,
  TM_LARGE_ALLOCS,
  TM_LARGE_FREES,
  TM_MARK_NS,
  TM_REFILLS,
  TM_REMOTE_FREES,
  TM_SWEEP_NS,
  TM_SWEPT_BYTES,
  TM_SWEPT_OBJECTS,
} from '../../layout/proc.ts';
import { SPAN_REMOTE_NEXT } from '../../layout/span.ts';
import type { HeapReader } from '../../spans/heap-reader.ts';
import { stackEnd, stackStart } from '../../spans/reuse-stack.ts';
import { stateOf } from '../../sync/status.ts';
import type { Mem } from '../../sys/mem.ts';
import { attachedProcs } from '../../threads/stop-the-world.ts';
import type { ViewCacheClass, ViewThread } from '../view-types.ts';
import { eachLinked, pageOf } from './records.ts';

/** Pieces of a shadow stack or handle table, and spans with notes, that are counted. */
const MOST = 4096;

export function classRecord(p: ProcRef, spanClass: number): number {
  return p + PROC_CLASSES + spanClass * MC_WORDS;
}

/**
 * Addresses on the reuse stack of a class, the one that is reused first at the end: the topmost `most`, or those of the
 * `bytes` from `base` on.
 */
export function stackSlots(
  { m }: Mem,
  p: ProcRef,
  spanClass: number,
  most: number,
  base = 0,
  bytes = 2 ** 32,
): number[] {
  const from = stackStart(m, p, spanClass);
  const top = m[classRecord(p, spanClass) + MC_TOP];
  if (!(top > from && top <= stackEnd(m, p, spanClass))) return [];
  const slots: number[] = [];
  for (let at = top - 2; at >= from && m[at] !== 0 && slots.length < most; at -= 2) {
    const addr = m[at] >>> 0;
    if (addr >= base && addr - base < bytes) slots.push(addr);
  }
  return slots.reverse();
}

function viewClass(mem: Mem, p: ProcRef, spanClass: number): ViewCacheClass {
  const { m } = mem;
  const c = classRecord(p, spanClass);
  const stackAddresses = stackSlots(mem, p, spanClass, REUSE_MAX);
  const start = stackStart(m, p, spanClass);
  const stackLimit = (stackEnd(m, p, spanClass) - start) >>> 1;
  return {
    spanClass,
    size: m[c + MC_SIZE],
    span: pageOf(mem, m[c + MC_SPAN]),
    window: popcount32(m[c + MC_WIN]),
    windowAddress: m[c + MC_WIN_ADDR] >>> 0,
    windowBits: m[c + MC_WIN] >>> 0,
    // Of a stack that is being moved while this reads it, the two words may not be of the same place.
    stack: Math.min(stackLimit, Math.max(0, m[c + MC_TOP] - start) >>> 1),
    stackLimit,
    stackAddresses,
    partial: m[c + MC_PARTIAL_COUNT],
    full: m[c + MC_FULL_COUNT],
    needzero: m[c + MC_NEEDZERO] !== 0,
  };
}

function viewPageCache({ m }: Mem, p: ProcRef): ViewThread['pageCache'] {
  const at = p + PROC_PAGE_CACHE;
  const free = popcount32(m[at + PC_FREE_LO]) + popcount32(m[at + PC_FREE_HI]);
  if (free === 0) return null;
  const has = (lo: number, hi: number, i: number): boolean => (m[at + (i < 32 ? lo : hi)] & (1 << i)) !== 0;
  const bits = Array.from({ length: PAGE_CACHE_PAGES }, (_, i) => {
    if (!has(PC_FREE_LO, PC_FREE_HI, i)) return '.';
    return has(PC_SCAV_LO, PC_SCAV_HI, i) ? 's' : 'f';
  });
  return { page: m[at + PC_BASE], free, bits: bits.join('') };
}

/** References of open scopes: slots of the pieces of the shadow stack below its top. */
function shadowSlots({ m, i32 }: Mem, p: ProcRef): number {
  let slots = 0;
  let top = m[p + PROC_SHADOW_TOP];
  for (let n = 0; n < MOST && top > 0 && top <= i32.length; n++) {
    const start = (top - 1) & ~SEGMENT_MASK;
    slots += top - start - SEGMENT_SLOTS;
    top = i32[start] === 0 ? 0 : i32[start]! + SEGMENT_WORDS;
  }
  return Math.max(0, slots);
}

function handleSegments({ m, i32 }: Mem, p: ProcRef): number {
  let n = 0;
  for (let start = m[p + PROC_HANDLES]; start > 0 && start < i32.length && n < MOST; start = i32[start]!) n++;
  return n;
}

function remoteSpans(mem: Mem, p: ProcRef): number {
  let n = 0;
  eachLinked(mem, mem.m[p + PROC_REMOTE_HEAD], SPAN_REMOTE_NEXT, MOST, () => n++);
  return n;
}

/** All attached threads. */
export function viewThreads(heap: HeapReader): ViewThread[] {
  return attachedProcs(heap.t.mem).map((p) => viewThread(heap, p));
}

export function viewThreadStates({ t: { mem } }: HeapReader): [id: number, status: string][] {
  const { m } = mem;
  return attachedProcs(mem).map((p) => [m[p + PROC_ID], statusOf(m, p)]);
}

function statusOf(m: Words, p: ProcRef): string {
  return PROC_STATUS_NAMES[stateOf(m, p)] ?? 'UNKNOWN';
}

function viewThread({ t: { mem }, spanClasses }: HeapReader, p: ProcRef): ViewThread {
  const { m, mf } = mem;
  const double = (word: number): number => mf[(p + word) >>> 1];
  const all = Array.from({ length: Math.max(0, spanClasses - 2) }, (_, i) => viewClass(mem, p, i + 2));
  const classes = all.filter((c) => c.span !== null || c.stack + c.window + c.partial + c.full !== 0);
  const thread = m[p + PROC_THREAD];
  const tiny = m[p + PROC_TINY] >>> 0;
  return {
    id: m[p + PROC_ID],
    status: statusOf(m, p),
    threadId: thread > 0 ? thread - 1 : null,
    background: m[p + PROC_ID] === m[GC_RESERVED],
    flushGen: m[p + PROC_FLUSH_GEN],
    marking: m[p + PROC_MARKING] !== 0,
    awaiting: m[p + PROC_AWAITING] !== 0,
    sweeping: m[p + PROC_SWEEPING] !== 0,
    pausing: m[p + PROC_PAUSES],
    assistBytes: double(PROC_ASSIST),
    writeBarrier: m[p + PROC_WB_COUNT],
    tiny: tiny === 0 ? null : { address: tiny, offset: m[p + PROC_TINY_OFFSET] },
    pageCache: viewPageCache(mem, p),
    spanRecords: m[p + PROC_SPAN_CACHE_LEN],
    emptyPages: m[p + PROC_EMPTY_PAGES],
    shadowSlots: shadowSlots(mem, p),
    handleSegments: handleSegments(mem, p),
    remoteSpans: remoteSpans(mem, p),
    freeSlots: classes.reduce((n, c) => n + c.window + c.stack, 0),
    freeBytes: classes.reduce((n, c) => n + (c.window + c.stack) * c.size, 0),
    largeAllocs: double(PROC_METERS + TM_LARGE_ALLOCS),
    largeFrees: double(PROC_METERS + TM_LARGE_FREES),
    refills: double(PROC_METERS + TM_REFILLS),
    remoteFrees: double(PROC_METERS + TM_REMOTE_FREES),
    markNs: double(PROC_METERS + TM_MARK_NS),
    assistNs: double(PROC_METERS + TM_ASSIST_NS),
    sweepNs: double(PROC_METERS + TM_SWEEP_NS),
    sweptBytes: double(PROC_METERS + TM_SWEPT_BYTES),
    sweptObjects: double(PROC_METERS + TM_SWEPT_OBJECTS),
    classes,
  };
}
