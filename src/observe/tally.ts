/**
 * Adds up what all threads have counted, as it was at one moment (Go: `consistentHeapStats.read`). Of any thread or of
 * none, inside a region or not; stops nobody and waits for nobody but threads that are inside a few stores. Why it is of
 * one moment: spans/heap-stats.ts.
 *
 * What lags. Nothing of a thread that is at rest, or of the calling one. Of one that allocates or frees just now: what it
 * did while it was looked at, at most a window of 32 slots a size class. A slot that is freed and handed out again from the
 * thread's reuse stack is counted in neither sum: `free` and `malloc` have no time to. Frees that are noted for another
 * thread count when that thread takes the notes, or when the span is swept.
 *
 * The slots on reuse stacks count as freed, so that sum falls when one is handed out again. Whoever reads twice shall not
 * see that: of each size class he is told the largest numbers yet, both raised by the same, so that the difference is
 * what is alive. Two readers may so differ by what the stacks hold, 8 KiB of slots a class and thread.
 */
import type { ProcRef } from '../base/brand.ts';
import { TINY_SIZE } from '../layout/constants.ts';
import { H_CLASS_TABLE, H_SIZE_CLASSES, H_STATS_EPOCH, H_STATS_READER } from '../layout/header.ts';
import {
  CUT_METERS,
  MT_CUT_ALLOCS,
  MT_CUT_FREES,
  PROC_DEAD,
  PROC_METERS,
  PROC_STATUS,
  TM_CUT,
  TM_MAPPED,
  TM_PREV,
  TM_SEQ,
  TM_TAG,
} from '../layout/proc.ts';
import { CUTTING, classMeter, slotsAllocated, slotsFreed, spanClassCount, threadMeter } from '../spans/heap-stats.ts';
import { fence } from '../sync/fence.ts';
import { parkWhile } from '../sync/park.ts';
import type { Mem } from '../sys/mem.ts';
import { usedProcs } from '../threads/stop-the-world.ts';

/** Sums since the heap was made, or as they are now. Bytes where nothing else is said. */
export interface Tally {
  /** Slots handed out and freed, by size class; a tiny block is one of 16 bytes. */
  readonly allocs: Float64Array;
  readonly frees: Float64Array;
  /** Known pages; those of them without memory; spans of objects; spans managed by hand. */
  readonly mapped: number;
  readonly released: number;
  readonly inHeap: number;
  readonly inStacks: number;
  readonly largeAllocBytes: number;
  readonly largeAllocs: number;
  readonly largeFreeBytes: number;
  readonly largeFrees: number;
  /** Objects put into tiny blocks, of spans that are used up or were swept since, and those that were freed by hand. */
  readonly tinyAllocs: number;
}

/** Looks at a thread that is inside a few stores, before sleeping; and how long at most, for it may have been killed there. */
const SPIN = 4000;
const NAP_MS = 5;
const GIVE_UP_MS = 50;
/** Looks at the other reader, before going on regardless. */
const READER_SPIN = 20_000;
/** Each new try needs another reader to have come in between. */
const TRIES = 100;

/** What a heap's readers of this JS thread remember. */
interface Memory {
  readonly allocs: Float64Array;
  readonly frees: Float64Array;
  /** Threads that were waited for in vain: record, and the word that did not change. */
  readonly stuck: Map<number, number>;
}

const memories = new WeakMap<object, Memory>();

function memoryOf(mem: Mem): Memory {
  let memory = memories.get(mem.meta);
  if (memory === undefined) {
    const classes = mem.m[H_SIZE_CLASSES];
    memory = { allocs: new Float64Array(classes), frees: new Float64Array(classes), stuck: new Map() };
    memories.set(mem.meta, memory);
  }
  return memory;
}

export function readTally(mem: Mem): Tally {
  const { m } = mem;
  for (let i = 0; i < READER_SPIN && Atomics.compareExchange(m, H_STATS_READER, 0, 1) !== 0; i++);
  let epoch = Atomics.add(m, H_STATS_EPOCH, 2) + 2;
  const memory = memoryOf(mem);
  const allocs = new Float64Array(spanClassCount(m));
  const frees = new Float64Array(allocs.length);
  const totals = new Float64Array(CUT_METERS);
  for (let left = TRIES; left > 0; left--) {
    for (const sums of [allocs, frees, totals]) sums.fill(0);
    const last = left === 1;
    if (usedProcs(mem).every((p) => addThread(mem, p, epoch, { allocs, frees, totals }, memory, last))) break;
    // Another reader has raised it since: that moment is as good.
    epoch = Atomics.load(m, H_STATS_EPOCH);
  }
  Atomics.store(m, H_STATS_READER, 0);
  const [mapped, released, inHeap, inStacks, largeAllocBytes, largeAllocs, largeFreeBytes, largeFrees, tinyAllocs] =
    totals as unknown as readonly [number, number, number, number, number, number, number, number, number];
  const of = bySizeClass(mem, allocs, frees, memory);
  const large = { largeAllocBytes, largeAllocs, largeFreeBytes, largeFrees };
  return { ...of, mapped, released, inHeap, inStacks, ...large, tinyAllocs };
}

interface Sums {
  readonly allocs: Float64Array;
  readonly frees: Float64Array;
  readonly totals: Float64Array;
}

/** Adds what one thread had counted at the moment of `epoch`. False: its copy is of a later moment only. */
function addThread(mem: Mem, p: ProcRef, epoch: number, sums: Sums, memory: Memory, force: boolean): boolean {
  const { m } = mem;
  const tagWord = p + PROC_METERS + TM_TAG;
  const seqWord = p + PROC_METERS + TM_SEQ;
  const own: Sums = {
    allocs: new Float64Array(sums.allocs.length),
    frees: new Float64Array(sums.frees.length),
    totals: new Float64Array(CUT_METERS),
  };
  for (;;) {
    const seq = Atomics.load(m, seqWord);
    const tag = Atomics.load(m, tagWord);
    const cut = ((tag - epoch) | 0) >= 0;
    // A copy that is there is not touched by what its owner does meanwhile.
    const busy = (tag & CUTTING) !== 0 ? tagWord : (seq & 1) !== 0 && !cut ? seqWord : -1;
    const waited = busy < 0 || awaitChange(mem, p, busy, busy === tagWord ? tag : seq, memory);
    if (busy >= 0 && waited) continue;
    if (cut && ((m[p + PROC_METERS + TM_PREV] - epoch) | 0) >= 0 && !force) return false;
    if (cut) readCopy(mem, p, own);
    else readMeters(mem, p, own);
    fence();
    const same = Atomics.load(m, tagWord) === tag && (cut || Atomics.load(m, seqWord) === seq);
    if (!same && !force) continue;
    for (const key of ['allocs', 'frees', 'totals'] as const) own[key].forEach((n, i) => (sums[key][i]! += n));
    return true;
  }
}

/** What is freed is read before what is allocated, so that nothing is freed that was not allocated. */
function readMeters(mem: Mem, p: ProcRef, own: Sums): void {
  const { mf } = mem;
  for (let spanClass = 2; spanClass < own.allocs.length; spanClass++) {
    own.frees[spanClass] = slotsFreed(mem, p, spanClass);
    own.allocs[spanClass] = slotsAllocated(mem, p, spanClass);
  }
  const from = threadMeter(p, TM_MAPPED);
  for (let i = 0; i < CUT_METERS; i++) own.totals[i] = mf[from + i];
}

function readCopy(mem: Mem, p: ProcRef, own: Sums): void {
  const { mf } = mem;
  for (let spanClass = 2; spanClass < own.allocs.length; spanClass++) {
    own.frees[spanClass] = mf[classMeter(p, spanClass, MT_CUT_FREES)];
    own.allocs[spanClass] = mf[classMeter(p, spanClass, MT_CUT_ALLOCS)];
  }
  const from = threadMeter(p, TM_CUT);
  for (let i = 0; i < CUT_METERS; i++) own.totals[i] = mf[from + i];
}

/**
 * Waits until a thread has left the few stores it is in. False: it is dead, or does not run; what it has counted so far is
 * to be taken. It is not waited for again then.
 */
function awaitChange(mem: Mem, p: ProcRef, word: number, value: number, memory: Memory): boolean {
  const { m } = mem;
  if (memory.stuck.get(word) === value) return Atomics.load(m, word) !== value;
  for (let i = 0; i < SPIN; i++) if (Atomics.load(m, word) !== value) return true;
  const until = performance.now() + GIVE_UP_MS;
  while (performance.now() < until && Atomics.load(m, p + PROC_STATUS) !== PROC_DEAD) {
    parkWhile(m, word, value, NAP_MS);
    if (Atomics.load(m, word) !== value) return true;
  }
  memory.stuck.set(word, value);
  return false;
}

/** Span classes put together, and numbers that never fall for this reader. */
function bySizeClass(
  mem: Mem,
  allocs: Float64Array,
  frees: Float64Array,
  memory: Memory,
): Pick<Tally, 'allocs' | 'frees'> {
  const { m } = mem;
  const classes = m[H_SIZE_CLASSES];
  let tiny = 1;
  while (tiny < classes - 1 && m[H_CLASS_TABLE + 2 * tiny] < TINY_SIZE) tiny++;
  const made = new Float64Array(classes);
  const gone = new Float64Array(classes);
  allocs.forEach((n, spanClass) => {
    const sizeClass = spanClass >>> 1;
    made[sizeClass < classes ? sizeClass : tiny]! += n;
    gone[sizeClass < classes ? sizeClass : tiny]! += frees[spanClass]!;
  });
  for (let c = 0; c < classes; c++) {
    const more = Math.max(0, memory.allocs[c]! - made[c]!, memory.frees[c]! - gone[c]!);
    memory.allocs[c] = made[c]! += more;
    memory.frees[c] = gone[c]! += more;
  }
  return { allocs: made, frees: gone };
}
