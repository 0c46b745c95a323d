/**
 * The lessons of step mode: each makes a situation on an empty heap, with ordinary calls, and then takes down the one
 * call that shows what happens in it.
 */
import { releaseAll } from '../../cache/release.ts';
import { sweepOne } from '../../central/sweep.ts';
import type { Collector } from '../../gc/collector.ts';
import { begin } from '../../gc/cycle.ts';
import { PAGE_SIZE } from '../../layout/constants.ts';
import { GC_STARTED } from '../../layout/gc.ts';
import { H_SWEEPGEN } from '../../layout/header.ts';
import type { Malloc } from '../../malloc/malloc.ts';
import type { RType } from '../../malloc/rtype.ts';
import { recordFree, recordMalloc, type Walk } from './calls.ts';
import { Recorder } from './recorder.ts';

/** A heap of its own to step through: unshared, without automatic collection. */
export interface StepHeap {
  readonly malloc: Malloc;
  readonly collector: Collector;
  /** A type of 8 bytes, the first 4 of them a pointer. */
  readonly node: RType;
  /** Stores a pointer into an object, through the write barrier. */
  writePointer(slot: number, value: number): void;
  /** Roots an object. */
  pin(address: number): void;
}

export interface Lesson {
  readonly id: string;
  /** Bytes of the reservation that it wants. */
  readonly maxBytes: number;
  run(heap: StepHeap): Walk;
}

const MIB = 1 << 20;
/** Slots of 1 KiB: 8 in a span of one page, so that all of it can be seen. */
const KIB = 1024;

function noscan({ malloc }: StepHeap, size: number, count = 1): number[] {
  return Array.from({ length: count }, () => malloc.mallocgc(size, null, true));
}

/** A lesson that allocates one object of `size` bytes after `prepare`. */
function mallocLesson(id: string, size: number, prepare: (h: StepHeap) => void, maxBytes = 16 * MIB): Lesson {
  return {
    id,
    maxBytes,
    run(heap) {
      prepare(heap);
      return recordMalloc(heap.malloc, size, null);
    },
  };
}

/** Fills chunks 0 to 7 so that the longest free run in them has 40 pages, and makes chunk 8 known. */
function holesInChunks(heap: StepHeap): void {
  const pages = (n: number): number => noscan(heap, n * PAGE_SIZE)[0]!;
  // Page 0 is nobody's, so 511 are left of the first chunk.
  pages(450);
  const small = pages(20);
  pages(41);
  for (let chunk = 1; chunk < 8; chunk++) {
    if (chunk !== 3) {
      pages(512);
      continue;
    }
    pages(400);
    const hole = pages(40);
    pages(72);
    heap.malloc.free(hole);
  }
  pages(100);
  heap.malloc.free(small);
}

/** Uses up chunk 0, with the thread's page cache empty, and leaves chunks 1 and 2 known and free. */
function fullChunk(heap: StepHeap): void {
  noscan(heap, PAGE_SIZE, 63);
  const [beyond] = noscan(heap, 700 * PAGE_SIZE);
  heap.malloc.free(beyond!);
  noscan(heap, 448 * PAGE_SIZE);
}

/** One cycle, piece by piece. a → b → c, and d that nobody refers to. */
function gcLesson(heap: StepHeap): Walk {
  const { malloc, collector, node } = heap;
  const make = (): number => malloc.mallocgc(KIB, node, true);
  const [a, b, c, d] = [make(), make(), make(), make()];
  heap.writePointer(a, b);
  heap.writePointer(b, c);
  heap.pin(a);
  const recorder = new Recorder(malloc);
  const { m } = malloc.t.mem;
  recorder.look('gcTrigger.test', 'gc', 'gcDue', { a, b, c, d }, []);
  recorder.run(() => {
    begin(collector, 'forced', () => true);
    heap.writePointer(b, 0);
    recorder.cut('gcWriteBarrier', 'thread', 'gcBarrier', { b, c });
    const e = make();
    recorder.cut('mallocgc', 'thread', 'gcBlack', { e });
    collector.mark(1);
    recorder.cut('gcDrain', 'gc', 'gcMark', { a, b, c });
    collector.markToEnd(m[GC_STARTED]);
    recorder.cut('gcMarkTermination', 'gc', 'gcEnd', { sweepgen: m[H_SWEEPGEN] });
    while (sweepOne(malloc.cache.heap) >= 0);
    recorder.cut('sweepone', 'gc', 'gcSwept', { d });
  });
  return { steps: recorder.steps, start: recorder.tape.start, address: 0, error: null };
}

/** A full span and one with free slots of the same class, all of it garbage that the last cycle found but for some. */
function unswept(heap: StepHeap): void {
  const [kept] = noscan(heap, KIB, 8);
  heap.pin(kept!);
  begin(heap.collector, 'forced', () => true);
  heap.collector.markToEnd(heap.malloc.t.mem.m[GC_STARTED]);
}

export const LESSONS: readonly Lesson[] = [
  mallocLesson('tiny', 3, (h) => noscan(h, 5)),
  mallocLesson('tinyFull', 12, (h) => noscan(h, 9)),
  mallocLesson('reuse', KIB, (h) => h.malloc.free(noscan(h, KIB, 3)[1]!)),
  mallocLesson('window', KIB, (h) => noscan(h, KIB, 3)),
  mallocLesson('nextWindow', 48, (h) => noscan(h, 48, 32)),
  mallocLesson('ownPartial', KIB, (h) => {
    const all = noscan(h, KIB, 24);
    // One more than the reuse stack holds: it goes back to the spans.
    for (const addr of [...all.slice(0, 5), ...all.slice(8, 12)]) h.malloc.free(addr);
  }),
  mallocLesson('mcentral', KIB, (h) => {
    noscan(h, KIB, 3);
    releaseAll(h.malloc.cache);
  }),
  mallocLesson('sweep', KIB, unswept),
  mallocLesson('newSpan', KIB, (h) => {
    // The first span grows the heap, the second one fills the page cache.
    noscan(h, 48);
    noscan(h, 64);
  }),
  mallocLesson('pageCacheEmpty', PAGE_SIZE, fullChunk),
  mallocLesson('grow', 48, () => {}),
  mallocLesson('large', 64 * PAGE_SIZE, holesInChunks, 64 * MIB),
  mallocLesson('outOfMemory', 8 * MIB, (h) => noscan(h, 12 * MIB)),
  { id: 'freeStack', maxBytes: 16 * MIB, run: (h) => recordFree(h.malloc, noscan(h, KIB, 3)[1]!) },
  {
    id: 'freeFlush',
    maxBytes: 16 * MIB,
    run(h) {
      const all = noscan(h, KIB, 20);
      for (const addr of all.slice(0, 8)) h.malloc.free(addr);
      return recordFree(h.malloc, all[9]!);
    },
  },
  { id: 'freeLarge', maxBytes: 16 * MIB, run: (h) => recordFree(h.malloc, noscan(h, 100 * PAGE_SIZE)[0]!) },
  { id: 'gc', maxBytes: 16 * MIB, run: gcLesson },
];
