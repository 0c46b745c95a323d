/** A new heap's memory, and the check of one that exists. */
import { epochOfClock, nanotime } from '../base/clock.ts';
import { AttachError } from '../base/errors.ts';
import { isSharedBuffer } from '../base/realm.ts';
import { MAX_PROCS, MAX_SIZE_CLASSES, MAX_SPAN_CLASSES } from '../layout/constants.ts';
import { FIX_DEFERS, FIX_SPANS, FIX_SPECIALS, FIX_TABLES, FIX_TINY_TABLES, FIX_WORKBUFS } from '../layout/fixalloc.ts';
import {
  GC_DEBUG,
  GC_ENABLED,
  GC_RESERVED,
  GC_SWEEP_CLASS,
  GC_T_CREATED,
  GC_T_END,
  GC_T_EPOCH,
  GC_TRACE,
  WORKBUF_WORDS,
} from '../layout/gc.ts';
import {
  H_BITS_REGION_NEXT,
  H_CLASS_TABLE,
  H_EMPTY_SPAN,
  H_IDENTITY,
  H_MAGIC,
  H_MAX_PROCS,
  H_PAGES,
  H_PERSISTENT_NEXT,
  H_SIZE_CLASSES,
  H_SWEEPGEN,
  H_TINY,
  H_VERSION,
  H_ZEROBASE,
  HEADER_WORDS,
  LAYOUT_VERSION,
  MAGIC,
} from '../layout/header.ts';
import { planMeta } from '../layout/plan.ts';
import { H_PROFILE_DEPTH, H_PROFILE_RATE } from '../layout/profile.ts';
import { SPAN_PART_WORDS, SPAN_PARTS } from '../layout/span.ts';
import { SPECIAL_WORDS } from '../layout/special.ts';
import { PageAlloc } from '../pages/page-alloc.ts';
import { bitsWords } from '../spans/bits-arena.ts';
import { fixFirst, fixInit } from '../spans/fixalloc.ts';
import { SizeClassTable } from '../spans/size-classes.ts';
import { attachMem, type Buffer, bytesWithReach, type Mem, reserveMem } from '../sys/mem.ts';
import type { CheckedOptions } from './options.ts';
import { nameLocks } from './web-locks.ts';

/** All zero-size objects have this address: inside page 0, which is never handed out, and 16-byte aligned. */
const ZEROBASE = 16;
/** Generation 0 and 1 are left free, so that "two before" is never negative. */
const FIRST_SWEEPGEN = 2;

export function initMem(o: CheckedOptions): Mem {
  // The background worker is a thread of the heap like any other.
  const background = o.gc.background !== false && o.gc.enabled;
  const mem = reserveMem(o.pages, o.maxThreads + (background ? 1 : 0), o.shared);
  const { m, plan } = mem;
  m[H_VERSION] = LAYOUT_VERSION;
  m[H_IDENTITY] = Math.random() * 2 ** 32;
  if (o.shared) nameLocks(m);
  m[H_TINY] = o.tiny ? 1 : 0;
  m[GC_ENABLED] = o.gc.enabled ? 1 : 0;
  m[GC_DEBUG] = o.gc.debug;
  m[GC_TRACE] = o.gc.trace === true ? 1 : 0;
  m[H_PROFILE_RATE] = o.profileRate;
  m[H_PROFILE_DEPTH] = o.profileDepth;
  if (background) m[GC_RESERVED] = mem.plan.maxProcs;
  // Nothing to sweep yet.
  m[GC_SWEEP_CLASS] = MAX_SPAN_CLASSES;
  mem.mf[GC_T_CREATED >>> 1] = nanotime();
  mem.mf[GC_T_END >>> 1] = mem.mf[GC_T_CREATED >>> 1];
  mem.mf[GC_T_EPOCH >>> 1] = epochOfClock();
  m[H_SIZE_CLASSES] = o.classes.count;
  m[H_SWEEPGEN] = FIRST_SWEEPGEN;
  m[H_ZEROBASE] = ZEROBASE;
  m[H_PERSISTENT_NEXT] = plan.persistent;
  m[H_BITS_REGION_NEXT] = plan.gcBits;
  fixInit(mem, FIX_SPANS, SPAN_PART_WORDS, SPAN_PARTS);
  m[H_EMPTY_SPAN] = fixFirst(mem, FIX_SPANS);
  fixInit(mem, FIX_SPECIALS, SPECIAL_WORDS);
  for (let c = 1; c <= o.classes.count; c++) {
    const isTiny = c === o.classes.tinyClass;
    if (!isTiny) {
      m[H_CLASS_TABLE + 2 * c] = o.classes.size[c]!;
      m[H_CLASS_TABLE + 2 * c + 1] = o.classes.npages[c]!;
    }
    const nelems = o.classes.nelems[c]!;
    fixInit(mem, FIX_TABLES + c, (nelems + 1) >>> 1);
    fixInit(mem, FIX_DEFERS + c, bitsWords(nelems) + (isTiny ? nelems : 0));
    if (isTiny) fixInit(mem, FIX_TINY_TABLES, nelems);
  }
  fixInit(mem, FIX_WORKBUFS, WORKBUF_WORDS);
  new PageAlloc(mem).init();
  Atomics.store(m, H_MAGIC, MAGIC);
  return mem;
}

/** What `heap.share()` returns: structured-cloneable, nothing in it is copied. */
export interface SharedHeap {
  readonly spanheap: number;
  /** Options of `createHeap` that hold for all threads. */
  readonly gc?: { readonly background: boolean | string; readonly stopWarning: number };
  readonly data: SharedArrayBuffer;
  readonly meta: SharedArrayBuffer;
}

/**
 * Views of a shared heap, after everything that can be checked was checked. `call`: what it was given to. Throws
 * AttachError.
 */
export function checkShared(shared: unknown, call: string): Mem {
  const notHeap = (why: string): never => {
    throw new AttachError('ERR_NOT_A_HEAP', `${call}: this is not a heap: ${why}`);
  };
  if (typeof shared !== 'object' || shared === null)
    notHeap(`expected what heap.share() returns, got ${shared === null ? 'null' : typeof shared}`);
  const { spanheap, data, meta } = shared as { spanheap: unknown; data: Buffer; meta: Buffer };
  if (typeof spanheap !== 'number') notHeap('it has no version; pass what heap.share() returns');
  if (spanheap !== LAYOUT_VERSION) versionMismatch(call, spanheap as number);
  for (const [name, buffer] of Object.entries({ data, meta })) {
    if (!isSharedBuffer(buffer)) notHeap(`${name} is not a SharedArrayBuffer`);
  }
  if (meta.byteLength < HEADER_WORDS * 4) notHeap(`meta has ${meta.byteLength} bytes, too few for a header`);
  const header = new Int32Array(meta, 0, HEADER_WORDS);
  if (header[H_MAGIC] !== MAGIC)
    notHeap(`meta begins with 0x${(header[H_MAGIC]! >>> 0).toString(16)}, not 0x${MAGIC.toString(16)}`);
  if (header[H_VERSION] !== LAYOUT_VERSION) versionMismatch(call, header[H_VERSION]!);
  const pages = header[H_PAGES]!;
  const procs = header[H_MAX_PROCS]!;
  const classes = header[H_SIZE_CLASSES]!;
  if (procs < 1 || procs > MAX_PROCS + 1 || classes < 2 || classes > MAX_SIZE_CLASSES) notHeap('its header is damaged');
  if (bytesWithReach(pages) !== data.byteLength)
    notHeap(`data has ${data.byteLength} bytes, the header asks for ${bytesWithReach(pages)}`);
  if (planMeta(pages, procs).words * 4 !== meta.byteLength)
    notHeap(`meta has ${meta.byteLength} bytes, the header asks for another size`);
  return attachMem(data, meta);
}

function versionMismatch(call: string, version: number): never {
  throw new AttachError(
    'ERR_LAYOUT_VERSION',
    `${call}: the heap has layout version ${version}, this copy of spanheap reads version ${LAYOUT_VERSION}; use the same version of spanheap in all threads`,
  );
}

/** The class table that the heap was made with. */
export function readClasses(mem: Mem): SizeClassTable {
  const { m } = mem;
  const count = m[H_SIZE_CLASSES];
  const size = new Int32Array(count);
  const npages = new Int32Array(count);
  for (let c = 1; c < count; c++) {
    size[c] = m[H_CLASS_TABLE + 2 * c];
    npages[c] = m[H_CLASS_TABLE + 2 * c + 1];
  }
  return new SizeClassTable(size, npages);
}
