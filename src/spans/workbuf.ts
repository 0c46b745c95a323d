/**
 * The collector's work buffers (Go: `workbuf`, `work.full`): how threads pass each other what is still to be marked. 2 KiB
 * each, in allocator memory, so that they outlive the thread that filled them.
 *
 * The list of full buffers is guarded by the leaf lock GC_WORK_LOCK; a buffer that is on no list is its holder's. A thread
 * that dies with one, or in the lock, takes grey objects or roots with it; its reaper then has all marked objects scanned
 * again, and the roots taken again (GC_RESCAN).
 */
import { NIL, type Ref } from '../base/brand.ts';
import { FIX_WORKBUFS } from '../layout/fixalloc.ts';
import { GC_WORK_COUNT, GC_WORK_FULL, GC_WORK_LOCK, WORKBUF_COUNT, WORKBUF_KIND, WORKBUF_NEXT } from '../layout/gc.ts';
import { H_HEAP_LOCK } from '../layout/header.ts';
import type { Proc } from '../sync/proc.ts';
import { fixAlloc, fixFree } from './fixalloc.ts';

/** An empty buffer of the caller's; nil when metadata memory is used up. */
export function newBuffer(t: Proc, kind: number): Ref {
  t.lock(H_HEAP_LOCK);
  const b = fixAlloc(t, FIX_WORKBUFS);
  t.unlock(H_HEAP_LOCK);
  if (b === NIL) return b;
  t.mem.m[b + WORKBUF_COUNT] = 0;
  t.mem.m[b + WORKBUF_KIND] = kind;
  return b;
}

export function freeBuffer(t: Proc, b: Ref): void {
  t.lock(H_HEAP_LOCK);
  fixFree(t, FIX_WORKBUFS, b);
  t.unlock(H_HEAP_LOCK);
}

/** Gives a buffer to whoever takes it. */
export function putFull(t: Proc, b: Ref): void {
  const { m } = t.mem;
  t.lock(GC_WORK_LOCK);
  m[b + WORKBUF_NEXT] = m[GC_WORK_FULL];
  m[GC_WORK_FULL] = b;
  Atomics.store(m, GC_WORK_COUNT, m[GC_WORK_COUNT] + 1);
  t.unlock(GC_WORK_LOCK);
}

/** A buffer with work, now the caller's; nil if there is none. */
export function takeFull(t: Proc): Ref {
  const { m } = t.mem;
  if (Atomics.load(m, GC_WORK_COUNT) === 0) return NIL as Ref;
  t.lock(GC_WORK_LOCK);
  const b = m[GC_WORK_FULL] as Ref;
  if (b !== NIL) {
    m[GC_WORK_FULL] = m[b + WORKBUF_NEXT];
    Atomics.store(m, GC_WORK_COUNT, m[GC_WORK_COUNT] - 1);
  }
  t.unlock(GC_WORK_LOCK);
  return b;
}

/**
 * Drops the list; for repair, when its owner died in the lock, or its cycle did not begin. The buffers are lost until
 * the heap ends.
 */
export function forgetFull(t: Proc): void {
  t.mem.m[GC_WORK_FULL] = NIL;
  Atomics.store(t.mem.m, GC_WORK_COUNT, 0);
}
