/** Spans as a view tells them: as lines of a list, and with each of their slots. */
import { NIL, type SpanRef, type Words } from '../../base/brand.ts';
import { isUnswept } from '../../central/sweep.ts';
import { CENTRAL_FULL } from '../../layout/central.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../../layout/constants.ts';
import { H_SWEEPGEN } from '../../layout/header.ts';
import { MC_SPAN, MC_WIN, MC_WIN_ADDR, PROC_FREE } from '../../layout/proc.ts';
import {
  LIST_CENTRAL,
  LIST_NAMES,
  LIST_PROC_PARTIAL,
  SPAN_ALLOC_BITS,
  SPAN_ALLOC_COUNT,
  SPAN_CLASS,
  SPAN_DEFER,
  SPAN_ELEMSIZE,
  SPAN_FREEINDEX,
  SPAN_GCMARK_BITS,
  SPAN_LARGE_SIZE,
  SPAN_LARGE_TYPE,
  SPAN_LIST,
  SPAN_NEEDZERO,
  SPAN_NPAGES,
  SPAN_OWNER,
  SPAN_SPECIALS,
  SPAN_STATE,
  SPAN_STATE_DEAD,
  SPAN_STATE_FREEING,
  SPAN_STATE_IN_USE,
  SPAN_STATE_MANUAL,
  SPAN_SWEEPGEN,
  SPAN_TYPES,
} from '../../layout/span.ts';
import { isLargeClass, isNoscan } from '../../layout/span-class.ts';
import { SPECIAL_ADDR, SPECIAL_NEXT } from '../../layout/special.ts';
import type { TypeList } from '../../malloc/rtype.ts';
import type { HeapReader } from '../../spans/heap-reader.ts';
import { MAX_SLOTS, slotsOf, spanBase } from '../../spans/mspan.ts';
import { tinyMaskWord } from '../../spans/tiny-mask.ts';
import { procRef } from '../../sync/proc-ref.ts';
import { stateOf } from '../../sync/status.ts';
import {
  SLOT_AHEAD,
  SLOT_LIVE,
  SLOT_MARKED,
  SLOT_NOTED,
  SLOT_SPECIAL,
  SLOT_STACK,
  SLOT_WINDOW,
  type SpanState,
  type SweepState,
  type ViewSpan,
  type ViewSpanDetail,
} from '../view-types.ts';
import { classRecord, stackSlots } from './caches.ts';
import { aheadOf, bitAt, countBits, eachLinked, firstPage } from './records.ts';

/** Slots in one answer. */
const SLOTS_AT_ONCE = 4096;
/** Special records of a span that are looked at. */
const MAX_SPECIALS = MAX_SLOTS;

const STATES: { readonly [state: number]: SpanState } = {
  [SPAN_STATE_DEAD]: 'free',
  [SPAN_STATE_IN_USE]: 'in use',
  [SPAN_STATE_MANUAL]: 'manual',
  [SPAN_STATE_FREEING]: 'freeing',
};

const SWEEPS: { readonly [ahead: number]: SweepState } = {
  [-2]: 'unswept',
  [-1]: 'sweeping',
  0: 'swept',
  1: 'cached, unswept',
  3: 'cached',
};

/** The thread that owns the span now; 0: nobody. */
function ownerNow(m: Words, s: SpanRef): number {
  const isManual = m[s + SPAN_STATE] === SPAN_STATE_MANUAL;
  return !isManual && isUnswept(m, s) ? 0 : m[s + SPAN_OWNER];
}

/** Lists of threads become sets of mcentral as they are when marking ends: their spans still say what they were on. */
function listNow(m: Words, s: SpanRef): string {
  const list = m[s + SPAN_LIST];
  if (list >= LIST_CENTRAL) return list >= LIST_CENTRAL + CENTRAL_FULL ? 'mcentral.full' : 'mcentral.partial';
  if (list !== 0 && isUnswept(m, s)) return list === LIST_PROC_PARTIAL ? 'mcentral.partial' : 'mcentral.full';
  return LIST_NAMES[list] ?? 'none';
}

/** A span in short. The record must be one that covers pages. */
export function viewSpan({ t }: HeapReader, s: SpanRef): ViewSpan {
  const { m } = t.mem;
  const nelems = slotsOf(m, s);
  const spanClass = m[s + SPAN_CLASS];
  const inUse = m[s + SPAN_STATE] === SPAN_STATE_IN_USE;
  return {
    page: firstPage(m, s),
    npages: m[s + SPAN_NPAGES],
    address: spanBase(m, s),
    state: STATES[m[s + SPAN_STATE]] ?? 'damaged',
    sweep: inUse ? (SWEEPS[aheadOf(m, s)] ?? 'none') : 'none',
    spanClass,
    elemsize: m[s + (inUse && isLargeClass(spanClass) ? SPAN_LARGE_SIZE : SPAN_ELEMSIZE)] >>> 0,
    nelems,
    freeindex: inUse ? m[s + SPAN_FREEINDEX] : 0,
    allocCount: inUse ? m[s + SPAN_ALLOC_COUNT] : 0,
    live: countBits(m, m[s + SPAN_ALLOC_BITS], nelems),
    marked: countBits(m, m[s + SPAN_GCMARK_BITS], nelems),
    owner: ownerNow(m, s),
    list: inUse ? listNow(m, s) : 'none',
  };
}

/** SLOT_ bits of the slots `from` … `end` − 1. */
export function slotBits({ t }: HeapReader, s: SpanRef, from: number, end: number): number[] {
  const { mem } = t;
  const { m } = mem;
  const live = m[s + SPAN_ALLOC_BITS];
  const marks = m[s + SPAN_GCMARK_BITS];
  const defer = m[s + SPAN_DEFER];
  const freeindex = m[s + SPAN_FREEINDEX];
  const bits: number[] = [];
  for (let i = from; i < end; i++) {
    bits.push(
      (bitAt(m, live + i) ? SLOT_LIVE : 0) |
        (bitAt(m, marks + i) ? SLOT_MARKED : 0) |
        (defer !== NIL && (m[defer + (i >>> 5)] & (1 << i)) !== 0 ? SLOT_NOTED : 0) |
        (i >= freeindex ? SLOT_AHEAD : 0),
    );
  }
  const base = spanBase(m, s);
  const elemsize = m[s + SPAN_ELEMSIZE] >>> 0;
  const set = (addr: number, bit: number): void => {
    const i = Math.floor((addr - base) / elemsize) - from;
    if (bits[i] !== undefined) bits[i] |= bit;
  };
  for (const addr of heldSlots(mem, s, elemsize)) set(addr.at, addr.bit);
  eachLinked(mem, m[s + SPAN_SPECIALS], SPECIAL_NEXT, MAX_SPECIALS, (r) =>
    set(m[r + SPECIAL_ADDR] >>> 0, SLOT_SPECIAL),
  );
  return bits;
}

/** Addresses of the free slots that the owner's window and reuse stack hold. */
function heldSlots(mem: HeapReader['t']['mem'], s: SpanRef, elemsize: number): { at: number; bit: number }[] {
  const { m, plan } = mem;
  const owner = ownerNow(m, s);
  const spanClass = m[s + SPAN_CLASS];
  if (!(owner > 0 && owner <= plan.maxProcs && !isLargeClass(spanClass) && spanClass < 256)) return [];
  const p = procRef(mem, owner);
  if (stateOf(m, p) === PROC_FREE) return [];
  const c = classRecord(p, spanClass);
  const bytes = m[s + SPAN_NPAGES] * PAGE_SIZE;
  const held = stackSlots(mem, p, spanClass, Infinity, spanBase(m, s), bytes).map((at) => ({
    at,
    bit: SLOT_STACK,
  }));
  if (m[c + MC_SPAN] !== s) return held;
  for (let i = 0; i < 32; i++) {
    const at = (m[c + MC_WIN_ADDR] >>> 0) + i * elemsize;
    if ((m[c + MC_WIN] & (1 << i)) !== 0) held.push({ at, bit: SLOT_WINDOW });
  }
  return held;
}

/** Type numbers of the slots, as they stand in the side table; [] for spans without. */
function slotTypes({ t }: HeapReader, s: SpanRef, from: number, end: number, bits: readonly number[]): number[] {
  const { m, m16 } = t.mem;
  const spanClass = m[s + SPAN_CLASS];
  if (isNoscan(spanClass) || m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return [];
  const types: number[] = [];
  for (let i = from; i < end; i++) {
    const type = (isLargeClass(spanClass) ? m[s + SPAN_LARGE_TYPE] : m16[m[s + SPAN_TYPES] + i]) ?? 0;
    types.push((bits[i - from]! & SLOT_LIVE) === 0 ? 0 : type);
  }
  return types;
}

/** Objects in each tiny block. */
function tinyObjects({ t }: HeapReader, s: SpanRef, from: number, end: number): number[] {
  const { m } = t.mem;
  const counts: number[] = [];
  for (let i = from; i < end; i++) {
    let n = 0;
    for (let mask = m[tinyMaskWord(m, s, i)]! & 0xffff; mask !== 0; mask &= mask - 1) n++;
    counts.push(n);
  }
  return counts;
}

/** A span with its slots, at most 4096 from slot `first` on. The record must be one that covers pages. */
export function viewSpanDetail(heap: HeapReader, table: TypeList, s: SpanRef, first: number): ViewSpanDetail {
  const { m } = heap.t.mem;
  const span = viewSpan(heap, s);
  const from = Math.max(0, Math.min(first, span.nelems));
  const end = Math.min(span.nelems, from + SLOTS_AT_ONCE);
  const inUse = span.state === 'in use';
  const slots = inUse ? slotBits(heap, s, from, end) : [];
  const types = slotTypes(heap, s, from, end, slots);
  const isTiny = inUse && span.spanClass === heap.tinySpanClass;
  const names = [...new Set(types)]
    .map((n) => [n, table.get(n)?.name] as const)
    .filter(([, name]) => name !== undefined);
  const bytes = span.npages * PAGE_SIZE;
  const tailBytes = inUse ? Math.max(0, bytes - span.nelems * span.elemsize) : 0;
  return {
    ...span,
    record: s,
    noscan: isNoscan(span.spanClass),
    tiny: isTiny,
    large: inUse && isLargeClass(span.spanClass),
    needzero: m[s + SPAN_NEEDZERO] !== 0,
    sweepgen: m[s + SPAN_SWEEPGEN],
    heapSweepgen: m[H_SWEEPGEN],
    tailBytes,
    freeBytes: inUse ? Math.max(0, (span.nelems - span.live) * span.elemsize) : 0,
    from,
    slots,
    types,
    typeNames: Object.fromEntries(names) as Record<string, string>,
    tinyObjects: isTiny ? tinyObjects(heap, s, from, end) : [],
  };
}

/** Index of the slot at an address. */
export function slotAt(m: Words, s: SpanRef, addr: number): number {
  const elemsize = m[s + SPAN_ELEMSIZE] >>> 0;
  const slot = isLargeClass(m[s + SPAN_CLASS]) ? 0 : Math.floor((addr - spanBase(m, s)) / elemsize);
  return slot >= 0 && slot < slotsOf(m, s) ? slot : 0;
}

export function pageOfAddress(addr: number): number {
  return addr >>> PAGE_SHIFT;
}
