/**
 * The part of `heap.verify()` that checks the collector: the state of its cycle, mark bits, what threads have in their
 * write-barrier buffers, the work buffers, and the cycle that a snapshot holds open. World stopped, all spans swept.
 */
import { NIL, type SpanRef, type Words } from '../base/brand.ts';
import { MCache } from '../cache/mcache.ts';
import {
  GC_COMPLETE,
  GC_IDLE,
  GC_MARKED,
  GC_PAUSED,
  GC_STARTED,
  GC_WORK_COUNT,
  GC_WORK_FULL,
  GC_WORKING,
  WORKBUF_COUNT,
  WORKBUF_GREY,
  WORKBUF_ITEMS,
  WORKBUF_KIND,
  WORKBUF_NEXT,
  WORKBUF_ROOTS,
  WORKBUF_SEGMENTS,
  WORKBUF_WORDS,
} from '../layout/gc.ts';
import { H_GROWN_PAGES, H_PERSISTENT_NEXT, H_WRITE_BARRIER } from '../layout/header.ts';
import {
  MC_SPAN,
  MC_WIN,
  MC_WIN_WORD,
  PROC_ALLOCATING,
  PROC_AWAITING,
  PROC_ID,
  PROC_MARKING,
  PROC_PAUSES,
  PROC_WB_COUNT,
  WB_WORDS,
} from '../layout/proc.ts';
import { SPAN_ALLOC_BITS, SPAN_CLASS, SPAN_GCMARK_BITS, SPAN_STATE, SPAN_STATE_IN_USE } from '../layout/span.ts';
import { isNoscan } from '../layout/span-class.ts';
import { hasMarks } from '../spans/mark.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanBase, spanOf } from '../spans/mspan.ts';
import { attachedProcs } from '../threads/stop-the-world.ts';
import { describeSpan, fail, hex } from './verify.ts';

export function verifyGc(heap: MHeap, spans: readonly SpanRef[]): void {
  const { m } = heap.t.mem;
  verifyPhase(m);
  verifyThreads(heap);
  verifyBuffers(heap);
  for (const s of spans) if (m[s + SPAN_STATE] === SPAN_STATE_IN_USE) verifyMarks(heap, s);
  if (m[H_WRITE_BARRIER] !== 0) verifyWindows(heap);
}

function verifyPhase(m: Words): void {
  const marking = m[H_WRITE_BARRIER];
  if (marking !== 0 && marking !== 1) fail('gc.phase', `the write barrier is ${marking}`);
  const underWay = m[GC_STARTED] - m[GC_MARKED];
  if (underWay !== marking) {
    fail('gc.phase', `${m[GC_STARTED]} cycles begun, ${m[GC_MARKED]} marked, and the write barrier is ${marking}`);
  }
  if (m[GC_COMPLETE] > m[GC_MARKED]) {
    fail('gc.phase', `${m[GC_MARKED]} cycles marked, and the last that freed anything is ${m[GC_COMPLETE]}`);
  }
}

/** What is counted of all threads is the sum of what their own words say. */
function verifyThreads(heap: MHeap): void {
  const { mem } = heap.t;
  const { m } = mem;
  const sums = { working: 0, idle: 0, paused: 0 };
  for (const p of attachedProcs(mem)) {
    const at = `thread ${m[p + PROC_ID]}`;
    sums.working += m[p + PROC_MARKING];
    sums.idle += m[p + PROC_AWAITING];
    sums.paused += m[p + PROC_PAUSES];
    const noted = m[p + PROC_WB_COUNT];
    const most = m[H_WRITE_BARRIER] === 0 ? 0 : WB_WORDS;
    if (noted < 0 || noted > most) fail('barrier.buffer', `${at}: ${noted} words, at most ${most} can be there now`);
    const large = m[p + PROC_ALLOCATING] >>> 0;
    const s = spanOf(mem, large);
    if (large !== 0 && (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || m[s + SPAN_CLASS] > 1 || spanBase(m, s) !== large))
      fail('proc.allocating', `${at} clears ${hex(large)}, which is no large object`);
  }
  if (m[GC_WORKING] !== sums.working)
    fail('gc.working', `${m[GC_WORKING]} threads mark, ${sums.working} say that they do`);
  if (m[GC_IDLE] !== sums.idle) fail('gc.idle', `${m[GC_IDLE]} threads wait for work, ${sums.idle} say that they do`);
  if (m[GC_PAUSED] !== sums.paused)
    fail('gc.paused', `${m[GC_PAUSED]} times paused, threads hold ${sums.paused} pauses`);
}

function verifyBuffers(heap: MHeap): void {
  const { m, plan } = heap.t.mem;
  const seen = new Set<number>();
  for (let b = m[GC_WORK_FULL]; b !== NIL; b = m[b + WORKBUF_NEXT]) {
    if (b < plan.persistent || b + WORKBUF_WORDS > m[H_PERSISTENT_NEXT] || seen.has(b))
      fail('workbuf.list', `work buffer ${hex(b)} is none, or twice on the list`);
    seen.add(b);
    const count = m[b + WORKBUF_COUNT];
    const kind = m[b + WORKBUF_KIND];
    const known = kind === WORKBUF_GREY || kind === WORKBUF_ROOTS || kind === WORKBUF_SEGMENTS;
    const odd = kind === WORKBUF_GREY && count % 2 !== 0;
    if (!known || odd || count < 0 || count > WORKBUF_WORDS - WORKBUF_ITEMS)
      fail('workbuf.count', `work buffer ${hex(b)} of kind ${kind} has ${count} words`);
    if (kind === WORKBUF_GREY) verifyGrey(heap, b, count);
  }
  if (m[GC_WORK_COUNT] !== seen.size)
    fail('workbuf.count', `${seen.size} full work buffers, the count is ${m[GC_WORK_COUNT]}`);
  if (m[H_WRITE_BARRIER] === 0 && seen.size > 0) fail('workbuf.idle', `${seen.size} are left, and nobody marks`);
}

/** Grey objects are marked, and may hold pointers. */
function verifyGrey(heap: MHeap, b: number, count: number): void {
  const { mem } = heap.t;
  const { m } = mem;
  for (let i = b + WORKBUF_ITEMS; i < b + WORKBUF_ITEMS + count; i += 2) {
    const s = spanOf(mem, m[i] >>> 0);
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || isNoscan(m[s + SPAN_CLASS]))
      fail('workbuf.grey', `work buffer ${hex(b)} has ${hex(m[i])}, which can have no pointers`);
  }
}

/** Outside of a cycle nothing is marked; in one, spans with marks are known to the page reclaimer. */
function verifyMarks(heap: MHeap, s: SpanRef): void {
  const { m, plan } = heap.t.mem;
  if (!hasMarks(m, s)) return;
  if (m[H_WRITE_BARRIER] === 0) fail('span.marks', `${describeSpan(m, s)} has marks, and no cycle is under way`);
  const page = spanBase(m, s) >>> 13;
  if ((m[plan.pageMarks + (page >>> 5)] & (1 << page)) === 0 && page < m[H_GROWN_PAGES])
    fail('arena.pageMarks', `bit of page ${page} is 0, the ${describeSpan(m, s)} has marks`);
}

/** What is allocated from windows while a cycle marks is black: the slots are marked before. */
function verifyWindows(heap: MHeap): void {
  const { mem } = heap.t;
  const { m } = mem;
  for (const p of attachedProcs(mem)) {
    const cache = new MCache(heap, p);
    for (let spanClass = 2; spanClass < heap.spanClasses; spanClass++) {
      const c = cache.classRef(spanClass);
      const window = m[c + MC_WIN];
      if (window === 0) continue;
      const s = m[c + MC_SPAN];
      const word = (m[s + SPAN_GCMARK_BITS] >>> 5) + m[c + MC_WIN_WORD] - (m[s + SPAN_ALLOC_BITS] >>> 5);
      if ((window & ~m[word]) !== 0)
        fail('mcache.black', `thread ${cache.id}, class ${spanClass}: slots ${hex(window & ~m[word])} are not marked`);
    }
  }
}
