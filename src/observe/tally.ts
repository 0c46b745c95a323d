/**
 * Adds up what all threads have counted, as it was at one moment (Go: `consistentHeapStats.read`). Of any thread or of
 * none, inside a region or not; stops nobody and waits for nobody but threads that are inside a few stores. Why it is of
 * one moment: spans/heap-stats.ts.
 *
 * What lags. Nothing of a thread that is at rest, or of the calling one. Of one that allocates or frees just now: what it
 * did while it was looked at, at most a window of 32 slots a size class. Frees that are noted for another thread count when
 * that thread takes the notes, or when the span is swept.
 *
 * Of a thread that runs, words that belong together are read one after the other, so what it has freed may seem less than a
 * moment ago. Whoever reads twice shall not see that: of each size class he is told the largest numbers yet, both raised by
 * the same, so that the difference is what is alive.
 */
import type { ProcRef } from '../base/brand.ts';
import { millitime } from '../base/clock.ts';
import { TINY_SIZE } from '../layout/constants.ts';
import { H_CLASS_TABLE, H_SIZE_CLASSES, H_STATS_EPOCH, H_STATS_READER } from '../layout/header.ts';
import {
  CUT_METERS,
  MT_CUT_ALLOCS,
  MT_CUT_FREES,
  PROC_DEAD,
  PROC_METERS,
  TM_CUT,
  TM_IN_HEAP,
  TM_IN_STACKS,
  TM_LARGE_ALLOC,
  TM_LARGE_ALLOCS,
  TM_LARGE_FREE,
  TM_LARGE_FREES,
  TM_MAPPED,
  TM_PREV,
  TM_RELEASED,
  TM_SEQ,
  TM_TAG,
  TM_TINY_ALLOCS,
} from '../layout/proc.ts';
import { sizeClassOf } from '../layout/span-class.ts';
import {
  CUTTING,
  classMeter,
  slotsAllocated,
  slotsFreed,
  slotsReused,
  spanClassCount,
  threadMeter,
} from '../spans/heap-stats.ts';
import { fence } from '../sync/fence.ts';
import { parkWhile } from '../sync/park.ts';
import { stateOf } from '../sync/status.ts';
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
  /** The largest numbers yet, by size class. */
  readonly allocs: Float64Array;
  readonly frees: Float64Array;
  /** Threads that were waited for in vain: the word that did not change, and its value. */
  readonly stuck: Map<number, number>;
  /** Numbers of one thread, and sums: slots allocated by span class, slots freed, then the meters TM_MAPPED …. */
  readonly own: Float64Array;
  readonly sums: Float64Array;
}

const memories = new WeakMap<object, Memory>();

function memoryOf(mem: Mem): Memory {
  let memory = memories.get(mem.meta);
  if (memory === undefined) {
    const classes = mem.m[H_SIZE_CLASSES];
    const numbers = 2 * spanClassCount(mem.m) + CUT_METERS;
    memory = {
      allocs: new Float64Array(classes),
      frees: new Float64Array(classes),
      stuck: new Map(),
      own: new Float64Array(numbers),
      sums: new Float64Array(numbers),
    };
    memories.set(mem.meta, memory);
  }
  return memory;
}

export function readTally(mem: Mem): Tally {
  const { m } = mem;
  const memory = memoryOf(mem);
  for (let i = 0; i < READER_SPIN && Atomics.compareExchange(m, H_STATS_READER, 0, 1) !== 0; i++);
  let epoch = Atomics.add(m, H_STATS_EPOCH, 2) + 2;
  for (let left = TRIES; left > 0; left--) {
    memory.sums.fill(0);
    const force = left === 1;
    if (usedProcs(mem).every((p) => addThread(mem, p, epoch, memory, force))) break;
    // Another reader has raised it since: that moment is as good.
    epoch = Atomics.load(m, H_STATS_EPOCH);
  }
  Atomics.store(m, H_STATS_READER, 0);
  const total = (meter: number): number => memory.sums[2 * spanClassCount(m) + ((meter - TM_MAPPED) >>> 1)]!;
  return {
    ...bySizeClass(mem, memory),
    mapped: total(TM_MAPPED),
    released: total(TM_RELEASED),
    inHeap: total(TM_IN_HEAP),
    inStacks: total(TM_IN_STACKS),
    largeAllocBytes: total(TM_LARGE_ALLOC),
    largeAllocs: total(TM_LARGE_ALLOCS),
    largeFreeBytes: total(TM_LARGE_FREE),
    largeFrees: total(TM_LARGE_FREES),
    tinyAllocs: total(TM_TINY_ALLOCS),
  };
}

/**
 * Adds what one thread had counted at the moment of `epoch`. False: its copy is of a later moment only. `force`: then that
 * is taken, and whatever else is there.
 */
function addThread(mem: Mem, p: ProcRef, epoch: number, memory: Memory, force: boolean): boolean {
  const { m } = mem;
  const { own, sums } = memory;
  const tagWord = p + PROC_METERS + TM_TAG;
  const seqWord = p + PROC_METERS + TM_SEQ;
  for (;;) {
    const seq = Atomics.load(m, seqWord);
    const tag = Atomics.load(m, tagWord);
    const hasCopy = ((tag - epoch) | 0) >= 0;
    if ((tag & CUTTING) !== 0) {
      if (awaitChange(mem, p, tagWord, tag, memory)) continue;
    } else if (!hasCopy && (seq & 1) !== 0) {
      if (awaitChange(mem, p, seqWord, seq, memory)) continue;
    }
    if (hasCopy && ((m[p + PROC_METERS + TM_PREV] - epoch) | 0) >= 0 && !force) return false;
    readThread(mem, p, hasCopy, own);
    fence();
    // A copy that is there is not touched by what its owner counts meanwhile.
    const same = Atomics.load(m, tagWord) === tag && (hasCopy || Atomics.load(m, seqWord) === seq);
    if (!same && !force) continue;
    for (let i = 0; i < own.length; i++) sums[i] = sums[i]! + own[i]!;
    return true;
  }
}

/** What is freed is read before what is allocated, so that nothing is freed that was not allocated. */
function readThread(mem: Mem, p: ProcRef, copy: boolean, own: Float64Array): void {
  const { mf } = mem;
  const classes = spanClassCount(mem.m);
  for (let spanClass = 2; spanClass < classes; spanClass++) {
    const reused = copy ? 0 : slotsReused(mem, p, spanClass);
    own[classes + spanClass] = copy
      ? mf[classMeter(p, spanClass, MT_CUT_FREES)]
      : slotsFreed(mem, p, spanClass) + reused;
    own[spanClass] = copy ? mf[classMeter(p, spanClass, MT_CUT_ALLOCS)] : slotsAllocated(mem, p, spanClass) + reused;
  }
  const from = threadMeter(p, copy ? TM_CUT : TM_MAPPED);
  for (let i = 0; i < CUT_METERS; i++) own[2 * classes + i] = mf[from + i];
}

/**
 * Waits until a thread has left the few stores it is in. False: it is dead, or does not run; what it has counted so far is
 * to be taken. It is not waited for again then.
 */
function awaitChange(mem: Mem, p: ProcRef, word: number, value: number, memory: Memory): boolean {
  const { m } = mem;
  if (memory.stuck.get(word) === value) return Atomics.load(m, word) !== value;
  for (let i = 0; i < SPIN; i++) if (Atomics.load(m, word) !== value) return true;
  const until = millitime() + GIVE_UP_MS;
  while (millitime() < until && stateOf(m, p) !== PROC_DEAD) {
    parkWhile(m, word, value, NAP_MS);
    if (Atomics.load(m, word) !== value) return true;
  }
  memory.stuck.set(word, value);
  return false;
}

/** Span classes put together, and numbers that never fall for this reader. */
function bySizeClass(mem: Mem, { allocs, frees, sums }: Memory): Pick<Tally, 'allocs' | 'frees'> {
  const { m } = mem;
  const classes = m[H_SIZE_CLASSES];
  const spanClasses = spanClassCount(m);
  let tiny = 1;
  while (tiny < classes - 1 && m[H_CLASS_TABLE + 2 * tiny] < TINY_SIZE) tiny++;
  const made = new Float64Array(classes);
  const gone = new Float64Array(classes);
  for (let spanClass = 2; spanClass < spanClasses; spanClass++) {
    // The span class of tiny blocks is beyond those of the size classes.
    const c = sizeClassOf(spanClass) < classes ? sizeClassOf(spanClass) : tiny;
    made[c] = made[c]! + sums[spanClass]!;
    gone[c] = gone[c]! + sums[spanClasses + spanClass]!;
  }
  for (let c = 1; c < classes; c++) {
    const more = Math.max(0, allocs[c]! - made[c]!, frees[c]! - gone[c]!);
    allocs[c] = made[c] = made[c]! + more;
    frees[c] = gone[c] = gone[c]! + more;
  }
  return { allocs: made, frees: gone };
}
