/**
 * Where marking begins (Go: `gcPrepareMarkRoots`, `markroot`).
 *
 * Shadow stacks have no write barrier, so the world is stopped while they are copied, as they are, into work buffers: that
 * is the snapshot. Handle tables and named roots have one, on what is added and what is removed, so they are read while
 * the threads run; only which pieces a table has is noted in the stop.
 */
import { NIL, type ProcRef, type Ref } from '../base/brand.ts';
import { LOG_CHUNK_PAGES, PAGE_SHIFT, PAGE_SIZE } from '../layout/constants.ts';
import {
  GC_RESCAN,
  GC_ROOT_JOBS,
  GC_ROOT_NEXT,
  GC_ROOT_RESCAN,
  GC_STACK_SCAN,
  WORKBUF_COUNT,
  WORKBUF_ITEMS,
  WORKBUF_ROOTS,
  WORKBUF_SEGMENTS,
  WORKBUF_WORDS,
} from '../layout/gc.ts';
import { H_GROWN_PAGES, H_ROOTS } from '../layout/header.ts';
import {
  PROC_ALLOCATING,
  PROC_HANDLES,
  PROC_KEEP,
  PROC_SHADOW_TOP,
  PROC_TINY,
  SEGMENT_MASK,
  SEGMENT_SLOTS,
  SEGMENT_WORDS,
} from '../layout/proc.ts';
import { ROOT_ADDR, ROOT_NEXT } from '../layout/root.ts';
import { SPAN_CLASS } from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import { setMarked } from '../spans/mark.ts';
import { eachSpan, spanBase } from '../spans/mspan.ts';
import { newBuffer, putFull } from '../spans/workbuf.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { attachedProcs } from '../threads/stop-the-world.ts';
import type { Marker } from './marker.ts';
import { specialRoots } from './special-roots.ts';

/** Pieces of handle tables in one buffer: one is 2046 addresses, and buffers are what threads share. */
const SEGMENTS_PER_BUFFER = 16;

/** Words `from` to `end` of object memory, where each holds the address of a root or 0. */
type RootRange = (from: number, end: number) => void;

/** The pieces of a thread's shadow stack: its open scopes' references. The thread is stopped. */
export function eachStackRange({ m, i32 }: Mem, p: ProcRef, visit: RootRange): void {
  let top = m[p + PROC_SHADOW_TOP];
  while (top !== 0) {
    const start = (top - 1) & ~SEGMENT_MASK;
    visit(start + SEGMENT_SLOTS, top);
    top = i32[start] === 0 ? 0 : i32[start] + SEGMENT_WORDS;
  }
}

/**
 * What a thread keeps alive by words of its record: an unfinished large object, the one that a call goes on to use, and the
 * block of tiny objects that it fills.
 */
export function eachProcRoot({ m }: Mem, p: ProcRef, visit: (addr: number) => void): void {
  if (m[p + PROC_ALLOCATING] !== 0) visit(m[p + PROC_ALLOCATING]);
  if (m[p + PROC_KEEP] !== 0) visit(m[p + PROC_KEEP]);
  if (m[p + PROC_TINY] !== 0) visit(m[p + PROC_TINY]);
}

/** First word, in object memory, of each piece of a thread's handle table. */
export function eachHandleSegment({ m, i32 }: Mem, p: ProcRef, visit: (start: number) => void): void {
  for (let start = m[p + PROC_HANDLES]; start !== 0; start = i32[start]) visit(start);
}

/** Each named root's address. */
export function eachNamedRoot({ m }: Mem, visit: (addr: number) => void): void {
  for (let r = Atomics.load(m, H_ROOTS); r !== NIL; r = m[r + ROOT_NEXT]) {
    const addr = Atomics.load(m, r + ROOT_ADDR);
    if (addr !== 0) visit(addr);
  }
}

/** Fills work buffers of one kind. */
class RootBuffers {
  readonly #t: Proc;
  readonly #kind: number;
  readonly #room: number;
  #buffer = NIL as Ref;
  #count = 0;

  constructor(t: Proc, kind: number, room: number) {
    this.#t = t;
    this.#kind = kind;
    this.#room = room;
  }

  /** False: no memory is left for buffers. */
  add(value: number): boolean {
    if (!this.#open()) return false;
    this.#t.mem.m[this.#buffer + WORKBUF_ITEMS + this.#count++] = value;
    return true;
  }

  /** As many of the words as the buffer has room for; 0: no memory is left for buffers. */
  copy(from: number, end: number): number {
    if (!this.#open()) return 0;
    const { m, i32 } = this.#t.mem;
    const n = Math.min(end - from, this.#room - this.#count);
    m.set(i32.subarray(from, from + n), this.#buffer + WORKBUF_ITEMS + this.#count);
    this.#count += n;
    return n;
  }

  /** A buffer with room for one more. */
  #open(): boolean {
    if (this.#count === this.#room) this.flush();
    if (this.#buffer === NIL) this.#buffer = newBuffer(this.#t, this.#kind);
    return this.#buffer !== NIL;
  }

  flush(): void {
    if (this.#count === 0) return;
    this.#t.mem.m[this.#buffer + WORKBUF_COUNT] = this.#count;
    putFull(this.#t, this.#buffer);
    this.#buffer = NIL as Ref;
    this.#count = 0;
  }
}

/** Notes all roots of a cycle that begins. World stopped. */
export function prepareRoots(t: Proc): void {
  const { mem } = t;
  const { m, i32 } = mem;
  const roots = new RootBuffers(t, WORKBUF_ROOTS, WORKBUF_WORDS - WORKBUF_ITEMS);
  const segments = new RootBuffers(t, WORKBUF_SEGMENTS, SEGMENTS_PER_BUFFER);
  let slots = 0;
  Atomics.store(m, GC_RESCAN, 0);
  // Without memory for buffers a root is marked here, and scanned later with all that is marked.
  const markHere = (addr: number): void => {
    if (setMarked(mem, addr >>> 0)) Atomics.store(m, GC_RESCAN, 1);
  };
  const addRange: RootRange = (from, end) => {
    slots += end - from;
    for (let w = from; w < end; ) {
      const n = roots.copy(w, end);
      if (n === 0) markHere(i32[w]);
      w += Math.max(n, 1);
    }
  };
  for (const p of attachedProcs(mem)) {
    eachProcRoot(mem, p, (addr) => roots.add(addr) || markHere(addr));
    eachStackRange(mem, p, addRange);
    eachHandleSegment(mem, p, (start) => {
      slots += SEGMENT_WORDS;
      if (!segments.add(start)) addRange(start + SEGMENT_SLOTS, start + SEGMENT_WORDS);
    });
  }
  roots.flush();
  segments.flush();
  m[GC_STACK_SCAN] = slots >>> 1;
  const chunks = chunkCount(mem);
  m[GC_ROOT_RESCAN] = 1 + chunks;
  Atomics.store(m, GC_ROOT_JOBS, 1 + chunks);
  Atomics.store(m, GC_ROOT_NEXT, 0);
}

function chunkCount({ m }: Mem): number {
  return (m[H_GROWN_PAGES] + (1 << LOG_CHUNK_PAGES) - 1) >>> LOG_CHUNK_PAGES;
}

/** All marked objects are to be scanned once more, after the root jobs that `prepareRoots` has just set up. World stopped. */
export function scheduleRescan(mem: Mem): void {
  const { m } = mem;
  Atomics.store(m, GC_RESCAN, 0);
  const first = Math.max(1, m[GC_ROOT_JOBS]);
  m[GC_ROOT_RESCAN] = first;
  Atomics.store(m, GC_ROOT_JOBS, first + chunkCount(mem));
}

export function rootJobsLeft({ m }: Mem): boolean {
  return Atomics.load(m, GC_ROOT_NEXT) < Atomics.load(m, GC_ROOT_JOBS);
}

/** Does one root job. False: there is none left to begin. Not a safepoint. */
export function doRootJob(t: Proc, marker: Marker): boolean {
  const { mem } = t;
  const { m } = mem;
  if (!rootJobsLeft(mem)) return false;
  const job = Atomics.add(m, GC_ROOT_NEXT, 1);
  const rescan = m[GC_ROOT_RESCAN];
  if (job >= m[GC_ROOT_JOBS]) return false;
  if (job === 0) {
    eachNamedRoot(mem, marker.shade);
    return true;
  }
  const chunk = job < rescan ? job - 1 : job - rescan;
  const first = chunk << LOG_CHUNK_PAGES;
  const end = Math.min(m[H_GROWN_PAGES], first + (1 << LOG_CHUNK_PAGES));
  if (job < rescan) specialRoots(t, first, end, marker.scanObject);
  else rescanPages(mem, marker, first, end);
  return true;
}

/** A span is scanned where it begins; a large object in each of its chunks, a part at a time. */
function rescanPages(mem: Mem, marker: Marker, first: number, end: number): void {
  const { m } = mem;
  eachSpan(
    mem,
    end,
    (s, page) => {
      const isHere = isLargeClass(m[s + SPAN_CLASS]) || spanBase(m, s) >>> PAGE_SHIFT === page;
      if (isHere) marker.rescanSpan(s, first * PAGE_SIZE, end * PAGE_SIZE);
    },
    first,
  );
}
