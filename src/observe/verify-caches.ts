/**
 * The part of `heap.verify()` that checks where spans and free slots are: every span of small objects is on exactly one
 * list, and every free slot is in its span, in its owner's window, or once on its owner's reuse stack.
 */
import { popcount32 } from '../base/bits.ts';
import { NIL, type ProcRef, type SpanRef, type Words } from '../base/brand.ts';
import { hasDeferred, waitsForSweep } from '../cache/defer.ts';
import { MCache } from '../cache/mcache.ts';
import { grownBytes } from '../cache/reuse-stacks.ts';
import { centralRef } from '../central/mcentral.ts';
import { CENTRAL_FULL, CENTRAL_SETS, SET_COUNT, SET_WORDS } from '../layout/central.ts';
import { TINY_SIZE } from '../layout/constants.ts';
import { H_EMPTY_SPAN, H_ROOM_OWNER, H_WRITE_BARRIER } from '../layout/header.ts';
import {
  MC_FULL_COUNT,
  MC_FULL_FIRST,
  MC_PARTIAL_COUNT,
  MC_PARTIAL_FIRST,
  MC_SIZE,
  MC_SPAN,
  MC_TOP,
  MC_WIN,
  MC_WIN_ADDR,
  MC_WIN_WORD,
  PROC_EMPTY_PAGES,
  PROC_GROWN,
  PROC_ID,
  PROC_REMOTE_HEAD,
  PROC_ROOM_NEXT,
  PROC_SPAN_CACHE,
  PROC_SPAN_CACHE_LEN,
  PROC_STACKS,
  PROC_TINY,
  PROC_TINY_MASK,
  PROC_TINY_OFFSET,
  SPAN_CACHE_MAX,
  STACK_SHIFT,
  STACK_WORDS,
} from '../layout/proc.ts';
import {
  LIST_CACHED,
  LIST_CENTRAL,
  LIST_NAMES,
  LIST_PROC_FULL,
  LIST_PROC_PARTIAL,
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_CACHE,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_FREEINDEX,
  SPAN_LIST,
  SPAN_NELEMS,
  SPAN_NEXT,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_PREV,
  SPAN_REMOTE_NEXT,
  SPAN_REMOTE_QUEUED,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_STATE_DEAD,
  SPAN_STATE_IN_USE,
} from '../layout/span.ts';
import { isLargeClass } from '../layout/span-class.ts';
import type { MHeap } from '../spans/mheap.ts';
import { cacheTag, spanBase, spanOf } from '../spans/mspan.ts';
import { stackEnd, stackStart } from '../spans/reuse-stack.ts';
import { tinyMaskWord } from '../spans/tiny-mask.ts';
import { attachedProcs } from '../threads/stop-the-world.ts';
import { describeSpan, fail, hex } from './verify.ts';

export function verifyCaches(heap: MHeap, spans: readonly SpanRef[]): void {
  const { mem } = heap.t;
  const { m } = mem;
  const seen = new Set<SpanRef>();
  verifyCentrals(heap, seen);
  const procs = attachedProcs(mem);
  for (const p of procs) verifyProc(new MCache(heap, p), seen);
  const owner = m[H_ROOM_OWNER];
  if (owner !== 0 && !procs.some((p) => m[p + PROC_ID] === owner && m[p + PROC_ROOM_NEXT] !== 0))
    fail('header.roomOwner', `the reuse room is thread ${owner}'s, which does not use it`);
  for (const s of spans) {
    if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE && !seen.has(s))
      fail('span.list', `${describeSpan(m, s)} is on no list`);
  }
  verifyNotes(heap, spans, procs);
}

/** Walks a list and checks its links; calls `each` for its spans. */
function walk(m: Words, list: number, kind: number, seen: Set<SpanRef>, each: (s: SpanRef) => void): number {
  const name = LIST_NAMES[kind]!;
  let count = 0;
  let prev = NIL as SpanRef;
  for (let s = m[list] as SpanRef; s !== NIL; s = m[s + SPAN_NEXT] as SpanRef) {
    if (seen.has(s)) fail('span.lists', `${describeSpan(m, s)} is on two lists, or twice on ${name}`);
    seen.add(s);
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE)
      fail('span.state', `${describeSpan(m, s)} is on ${name} in state ${m[s + SPAN_STATE]}`);
    if (m[s + SPAN_PREV] !== prev)
      fail('span.prev', `${describeSpan(m, s)} on ${name} points back to ${hex(m[s + SPAN_PREV])}, not ${hex(prev)}`);
    if (m[s + SPAN_LIST] !== kind)
      fail('span.list', `${describeSpan(m, s)} is on ${name}, its record says ${LIST_NAMES[m[s + SPAN_LIST]]}`);
    each(s);
    prev = s;
    count++;
  }
  if (m[list + 1] !== prev)
    fail('list.last', `${name} at ${hex(list)} ends with ${hex(prev)}, its last word says ${hex(m[list + 1])}`);
  return count;
}

function verifyCentrals(heap: MHeap, seen: Set<SpanRef>): void {
  const { mem } = heap.t;
  const { m } = mem;
  for (let spanClass = 0; spanClass < heap.spanClasses; spanClass++) {
    for (let set = 0; set < 4; set++) {
      const at = centralRef(mem, spanClass) + CENTRAL_SETS + set * SET_WORDS;
      const name = LIST_NAMES[LIST_CENTRAL + set]!;
      const count = walk(m, at, LIST_CENTRAL + set, seen, (s) => {
        const where = `${describeSpan(m, s)} on ${name}`;
        if (m[s + SPAN_CLASS] !== spanClass) fail('mcentral.class', `${where} of class ${spanClass}`);
        if (m[s + SPAN_OWNER] !== 0) fail('mcentral.owner', `${where} is owned by thread ${m[s + SPAN_OWNER]}`);
        const full = m[s + SPAN_ALLOC_COUNT] === m[s + SPAN_NELEMS];
        if (full !== set >= CENTRAL_FULL)
          fail('mcentral.set', `${where} has ${m[s + SPAN_ALLOC_COUNT]} of ${m[s + SPAN_NELEMS]} slots taken`);
        if (!isLargeClass(spanClass) && m[s + SPAN_FREEINDEX] !== 0)
          fail('span.freeindex', `${where}: ${m[s + SPAN_FREEINDEX]}, without owner`);
      });
      if (m[at + SET_COUNT] !== count)
        fail('mcentral.count', `${name} of class ${spanClass} has ${count} spans, its count says ${m[at + SET_COUNT]}`);
    }
  }
}

function verifyProc(cache: MCache, seen: Set<SpanRef>): void {
  const { heap, ref } = cache;
  const { m } = heap.t.mem;
  let empty = 0;
  verifyAreas(cache);
  for (let spanClass = 2; spanClass < heap.spanClasses; spanClass++) empty += verifyClass(cache, spanClass, seen);
  if (m[ref + PROC_EMPTY_PAGES] !== empty)
    fail('mcache.emptyPages', `thread ${cache.id}: ${m[ref + PROC_EMPTY_PAGES]}, its empty spans have ${empty}`);
  verifyTiny(cache);
  const len = m[ref + PROC_SPAN_CACHE_LEN];
  if (len < 0 || len > SPAN_CACHE_MAX) fail('mcache.spanCache', `thread ${cache.id}: ${len} records`);
  for (let i = 0; i < len; i++) {
    const s = m[ref + PROC_SPAN_CACHE + i];
    if (m[s + SPAN_STATE] !== SPAN_STATE_DEAD)
      fail('mcache.spanCache', `thread ${cache.id}: record ${hex(s)} is in state ${m[s + SPAN_STATE]}`);
  }
}

/** Reuse stacks lie in their thread's record, or apart from each other in the part of the room that it uses. */
function verifyAreas(cache: MCache): void {
  const { heap, ref, id } = cache;
  const { m, plan } = heap.t.mem;
  let bytes = 0;
  const next = m[ref + PROC_ROOM_NEXT];
  const owner = m[H_ROOM_OWNER];
  if (next !== 0 && owner !== id) fail('mcache.area', `thread ${id} uses the reuse room, which is thread ${owner}'s`);
  const areas: [from: number, to: number, spanClass: number][] = [];
  for (let spanClass = 2; spanClass < heap.spanClasses; spanClass++) {
    const start = stackStart(m, ref, spanClass);
    const end = stackEnd(m, ref, spanClass);
    bytes += grownBytes(cache, spanClass);
    if (end === ref + PROC_STACKS + ((spanClass + 1) << STACK_SHIFT) && start <= end && end - start < STACK_WORDS)
      continue;
    if (start < plan.reuseRoom + 2 || end > next || start >= end)
      fail('mcache.area', `thread ${id}, class ${spanClass}: its reuse stack is from ${hex(start)} to ${hex(end)}`);
    areas.push([start - 2, end, spanClass]);
  }
  if (next !== 0 && areas.length === 0) fail('mcache.area', `thread ${id} has no stack in the reuse room it uses`);
  areas.sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < areas.length; i++) {
    if (areas[i]![0] < areas[i - 1]![1])
      fail('mcache.area', `thread ${id}: the reuse stacks of classes ${areas[i - 1]![2]} and ${areas[i]![2]} overlap`);
  }
  if (m[ref + PROC_GROWN] !== bytes)
    fail('mcache.grown', `thread ${id}: ${m[ref + PROC_GROWN]}, its reuse stacks have grown by ${bytes} bytes`);
}

/** Returns the pages of the empty spans that the class keeps. */
function verifyClass(cache: MCache, spanClass: number, seen: Set<SpanRef>): number {
  const { heap, ref } = cache;
  const { m } = heap.t.mem;
  const c = cache.classRef(spanClass);
  const at = `thread ${cache.id}, class ${spanClass}`;
  let held = 0;
  const own = (s: SpanRef): void => {
    if (m[s + SPAN_OWNER] !== m[ref + PROC_ID])
      fail('mcache.owner', `${at}: ${describeSpan(m, s)} is owned by thread ${m[s + SPAN_OWNER]}`);
    if (m[s + SPAN_CLASS] !== spanClass) fail('mcache.class', `${at}: ${describeSpan(m, s)}`);
    const isSlow = spanClass === heap.tinySpanClass || m[s + SPAN_DEFER] !== NIL || m[s + SPAN_SPECIALS] !== NIL;
    // 0 is right for any span: a thread that adds its first special, or has taken out its last, may wait for a lock, or died.
    const word = isSlow ? 0 : c | cacheTag(m);
    if (m[s + SPAN_CACHE] !== word && m[s + SPAN_CACHE] !== 0) {
      fail('span.cache', `${at}: ${describeSpan(m, s)} has ${hex(m[s + SPAN_CACHE])}, not ${hex(word)}`);
    }
    held += clearBelowFreeindex(m, s);
  };
  const current = m[c + MC_SPAN] as SpanRef;
  if (current !== m[H_EMPTY_SPAN]) {
    if (seen.has(current)) fail('span.lists', `${at}: ${describeSpan(m, current)} is allocated from, and on a list`);
    if (m[current + SPAN_LIST] !== LIST_CACHED)
      fail(
        'span.list',
        `${at}: ${describeSpan(m, current)} is allocated from, its record says ${LIST_NAMES[m[current + SPAN_LIST]]}`,
      );
    seen.add(current);
    own(current);
  }
  let empty = 0;
  const partial = walk(m, c + MC_PARTIAL_FIRST, LIST_PROC_PARTIAL, seen, (s) => {
    own(s);
    if (m[s + SPAN_ALLOC_COUNT] === 0) empty += m[s + SPAN_NPAGES];
    else if (empty !== 0) fail('mcache.partial', `${at}: ${describeSpan(m, s)} comes after an empty one`);
    if (m[s + SPAN_FREEINDEX] !== 0 || m[s + SPAN_ALLOC_COUNT] >= m[s + SPAN_NELEMS]) {
      fail(
        'mcache.partial',
        `${at}: ${describeSpan(m, s)} has freeindex ${m[s + SPAN_FREEINDEX]} and ${m[s + SPAN_ALLOC_COUNT]} of ${m[s + SPAN_NELEMS]} slots taken`,
      );
    }
  });
  if (m[c + MC_PARTIAL_COUNT] !== partial)
    fail('mcache.partialCount', `${at}: ${m[c + MC_PARTIAL_COUNT]}, the list has ${partial}`);
  const full = walk(m, c + MC_FULL_FIRST, LIST_PROC_FULL, seen, (s) => {
    own(s);
    if (m[s + SPAN_FREEINDEX] !== m[s + SPAN_NELEMS])
      fail('mcache.full', `${at}: ${describeSpan(m, s)} has freeindex ${m[s + SPAN_FREEINDEX]}`);
  });
  if (m[c + MC_FULL_COUNT] !== full) fail('mcache.fullCount', `${at}: ${m[c + MC_FULL_COUNT]}, the list has ${full}`);
  const inWindow = verifyWindow(cache, c, at);
  const onStack = verifyStack(cache, c, at);
  // While the collector marks, slots that were freed since are free and in neither (see mcache.ts).
  const passed = m[H_WRITE_BARRIER] !== 0 && held > inWindow + onStack;
  if (held !== inWindow + onStack && !passed) {
    fail(
      'mcache.slots',
      `${at}: ${held} free slots below freeindex, but ${inWindow} in the window and ${onStack} on the reuse stack`,
    );
  }
  return empty;
}

function clearBelowFreeindex(m: Words, s: SpanRef): number {
  const bits = m[s + SPAN_ALLOC_BITS];
  let n = 0;
  for (let i = 0; i < m[s + SPAN_FREEINDEX]; i++) if ((m[(bits + i) >>> 5] & (1 << (bits + i))) === 0) n++;
  return n;
}

function verifyWindow(cache: MCache, c: number, at: string): number {
  const { m } = cache.heap.t.mem;
  const window = m[c + MC_WIN];
  if (window === 0) return 0;
  const s = m[c + MC_SPAN] as SpanRef;
  const word = m[c + MC_WIN_WORD];
  const first = (word << 5) - m[s + SPAN_ALLOC_BITS];
  const top = first + 32 - Math.clz32(window);
  if (first < 0 || top > m[s + SPAN_FREEINDEX])
    fail(
      'mcache.window',
      `${at}: slots ${first} to ${top} of the ${describeSpan(m, s)} with freeindex ${m[s + SPAN_FREEINDEX]}`,
    );
  if (m[c + MC_WIN_ADDR] >>> 0 !== spanBase(m, s) + first * m[c + MC_SIZE])
    fail('mcache.window', `${at}: address ${hex(m[c + MC_WIN_ADDR])} is not that of slot ${first}`);
  if ((m[word] & window) !== 0)
    fail('mcache.window', `${at}: slots ${hex(m[word] & window)} of word ${hex(word)} hold live objects`);
  return popcount32(window);
}

function verifyStack(cache: MCache, c: number, at: string): number {
  const { mem } = cache.heap.t;
  const { m } = mem;
  const stack = cache.stackOf(c);
  const top = m[c + MC_TOP];
  const used = top - stack;
  const most = stackEnd(m, cache.ref, cache.classOf(c)) - stack;
  if (used < 0 || used > most || used % 2 !== 0) fail('mcache.stack', `${at}: ${used} words of ${most}`);
  if ((m[stack - 2] | m[stack - 1]) !== 0) fail('mcache.stack', `${at}: no zeros below the reuse stack`);
  const slots = new Set<number>();
  for (let i = stack; i < top; i += 2) {
    const addr = m[i] >>> 0;
    const bit = m[i + 1];
    const s = spanOf(mem, addr);
    const index = s === NIL ? -1 : (addr - spanBase(m, s)) / m[c + MC_SIZE];
    const entry = `${at}: reuse stack names ${hex(addr)}`;
    if (s === NIL || m[s + SPAN_OWNER] !== cache.id || cache.classRef(m[s + SPAN_CLASS]) !== c)
      fail('mcache.stack', `${entry}, which is not in an own span of the class`);
    if (!Number.isInteger(index) || m[s + SPAN_ALLOC_BITS] + index !== bit)
      fail('mcache.stack', `${entry} with bit ${hex(bit)}, which is another slot's`);
    if ((m[bit >>> 5] & (1 << bit)) !== 0) fail('mcache.stack', `${entry}, a live object`);
    if (index >= m[s + SPAN_FREEINDEX]) fail('mcache.stack', `${entry}, which its span hands out too`);
    if (bit >>> 5 === m[c + MC_WIN_WORD] && (m[c + MC_WIN] & (1 << bit)) !== 0)
      fail('mcache.stack', `${entry}, which is in the window too`);
    if (slots.has(bit)) fail('mcache.stack', `${entry} twice`);
    slots.add(bit);
  }
  return slots.size;
}

function verifyTiny(cache: MCache): void {
  const { heap, ref } = cache;
  const { mem } = heap.t;
  const { m } = mem;
  const block = m[ref + PROC_TINY] >>> 0;
  if (block === 0) return;
  const at = `thread ${cache.id}: tiny block ${hex(block)}`;
  const s = spanOf(mem, block);
  if (s === NIL || m[s + SPAN_OWNER] !== cache.id || m[s + SPAN_CLASS] !== heap.tinySpanClass)
    fail('mcache.tiny', `${at} is not in an own span of the tiny class`);
  const index = (block - spanBase(m, s)) / TINY_SIZE;
  const bit = m[s + SPAN_ALLOC_BITS] + index;
  if (!Number.isInteger(index) || (m[bit >>> 5] & (1 << bit)) === 0) fail('mcache.tiny', `${at} is not a live slot`);
  const word = tinyMaskWord(m, s, index);
  if (m[ref + PROC_TINY_MASK] !== word)
    fail('mcache.tiny', `${at}: mask word ${hex(m[ref + PROC_TINY_MASK])}, not ${hex(word)}`);
  const end = 32 - Math.clz32(m[word] >>> 16);
  if (m[ref + PROC_TINY_OFFSET] < end || m[ref + PROC_TINY_OFFSET] > TINY_SIZE)
    fail('mcache.tiny', `${at}: offset ${m[ref + PROC_TINY_OFFSET]}, objects end at ${end}`);
}

/** Spans with notes are on their owner's stack. */
function verifyNotes(heap: MHeap, spans: readonly SpanRef[], procs: readonly ProcRef[]): void {
  const { m } = heap.t.mem;
  const queued = new Map<number, number>();
  for (const p of procs) {
    for (let s = m[p + PROC_REMOTE_HEAD]; s !== NIL; s = m[s + SPAN_REMOTE_NEXT]) {
      if (queued.has(s)) fail('defer.queue', `record ${hex(s)} is twice on the stacks of deferred frees`);
      queued.set(s, m[p + PROC_ID]);
      if (m[s + SPAN_REMOTE_QUEUED] !== 1)
        fail('defer.queue', `record ${hex(s)} is on a stack of deferred frees, but not marked so`);
    }
  }
  for (const s of spans) {
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || m[s + SPAN_OWNER] === 0) continue;
    if (hasDeferred(m, s) && !queued.has(s) && !waitsForSweep(heap, s))
      fail('defer.lost', `${describeSpan(m, s)} has deferred frees, but is on no thread's stack`);
  }
}
