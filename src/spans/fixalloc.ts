/**
 * Free-list allocator for metadata records of one size (Go: `fixalloc`). Lock: mheap.
 *
 * A freed record keeps its content except its first word, the link of the free list.
 */
import { NIL, type Ref, type Words } from '../base/brand.ts';
import { FIXALLOC_CHUNK } from '../layout/constants.ts';
import {
  FIX_CHUNK,
  FIX_CHUNK_WORDS,
  FIX_IN_USE,
  FIX_LIST,
  FIX_NCHUNK,
  FIX_PARTS,
  FIX_SIZE,
  FIX_SPANS,
  FIX_TAKEN,
  FIX_WORDS,
} from '../layout/fixalloc.ts';
import { H_HEAP_LOCK, H_PERSISTENT_NEXT, LINE } from '../layout/header.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { persistentAlloc } from './persistent.ts';

/** Records of the rarer kinds are taken in smaller chunks, so that a class that is hardly used costs little. */
const SMALL_CHUNK_WORDS = 256;

/** First word of the allocator's own record, FIX_…. */
export function fixRef(mem: Mem, index: number): Ref {
  return (mem.plan.fixallocs + index * FIX_WORDS) as Ref;
}

/** Sets the record size, in words of each part. Once, when the heap is made. */
export function fixInit(mem: Mem, index: number, words: number, parts = 1): void {
  const f = fixRef(mem, index);
  const record = words * parts;
  const unit = index === FIX_SPANS ? FIXALLOC_CHUNK >>> 2 : Math.max(SMALL_CHUNK_WORDS, record);
  mem.m[f + FIX_SIZE] = words;
  mem.m[f + FIX_PARTS] = parts;
  mem.m[f + FIX_CHUNK_WORDS] = Math.floor(unit / record) * record;
}

/** A record that is never freed, the first one of its kind: when the heap is made, and needs no lock yet. */
export function fixFirst(mem: Mem, index: number): Ref {
  const { m } = mem;
  const f = fixRef(mem, index);
  const record = m[H_PERSISTENT_NEXT];
  m[H_PERSISTENT_NEXT] = record + m[f + FIX_CHUNK_WORDS];
  beginChunk(m, f, record);
  takeFirst(m, f);
  return record as Ref;
}

function beginChunk(m: Words, f: number, chunk: number): void {
  const words = m[f + FIX_CHUNK_WORDS];
  m[f + FIX_TAKEN] = m[f + FIX_TAKEN] + words;
  m[f + FIX_CHUNK] = chunk;
  m[f + FIX_NCHUNK] = words / m[f + FIX_PARTS];
}

/** The first record of what is left of the chunk, which is not empty. */
function takeFirst(m: Words, f: number): number {
  const record = m[f + FIX_CHUNK];
  m[f + FIX_CHUNK] = record + m[f + FIX_SIZE];
  m[f + FIX_NCHUNK] = m[f + FIX_NCHUNK] - m[f + FIX_SIZE];
  return record;
}

/** A record, or nil when metadata memory is used up. Content: whatever it held when it was freed, at first zero. */
export function fixAlloc(t: Proc, index: number): Ref {
  t.assertHeld(H_HEAP_LOCK);
  const m = t.mem.m;
  const f = fixRef(t.mem, index);
  let record = m[f + FIX_LIST];
  if (record !== NIL) {
    m[f + FIX_LIST] = m[record];
  } else {
    if (m[f + FIX_NCHUNK] < m[f + FIX_SIZE]) {
      const chunk = persistentAlloc(t, m[f + FIX_CHUNK_WORDS], index === FIX_SPANS ? LINE : 2);
      if (chunk === NIL) return NIL as Ref;
      beginChunk(m, f, chunk);
    }
    record = takeFirst(m, f);
    // It is 0. But a page that is read before it is written costs two page faults.
    m[record] = 0;
  }
  m[f + FIX_IN_USE] = m[f + FIX_IN_USE] + 1;
  return record as Ref;
}

export function fixFree(t: Proc, index: number, record: Ref): void {
  t.assertHeld(H_HEAP_LOCK);
  const m = t.mem.m;
  const f = fixRef(t.mem, index);
  m[record] = m[f + FIX_LIST];
  m[f + FIX_LIST] = record;
  m[f + FIX_IN_USE] = m[f + FIX_IN_USE] - 1;
}

/**
 * Drops the free list and the rest of the chunk: after a thread died in the heap lock they may be half written. What
 * was on them is lost until the heap ends; never more than the records that were free at that moment. World stopped.
 */
export function fixForget(mem: Mem, index: number): void {
  const f = fixRef(mem, index);
  mem.m[f + FIX_LIST] = NIL;
  mem.m[f + FIX_NCHUNK] = 0;
}
