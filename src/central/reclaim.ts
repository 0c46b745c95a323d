/**
 * The page reclaimer (Go: `mheap.reclaim`): before new pages are taken while spans are still to be swept, it looks for
 * spans without a single marked object, by two bitmaps and without their records, and sweeps those first: as many pages as
 * are about to be taken. So a heap full of garbage does not grow only because nobody has swept it yet.
 *
 * Chunks of 512 pages are claimed by an atomic add; pages that were found beyond what was needed are a credit for the
 * next.
 */
import { ctz32 } from '../base/bits.ts';
import { NIL } from '../base/brand.ts';
import { GC_RECLAIM_CREDIT, GC_RECLAIM_INDEX } from '../layout/gc.ts';
import { H_GROWN_PAGES, H_WRITE_BARRIER } from '../layout/header.ts';
import type { MHeap } from '../spans/mheap.ts';
import { spanOfPage } from '../spans/mspan.ts';
import { isAllSwept, trySweep } from './sweep.ts';

/** Pages that are looked through at a time (Go: `pagesPerReclaimerChunk`). */
const CHUNK = 512;

/** Frees about `npages` pages of spans that are wholly dead, if some are left to sweep. In a region, no lock held. */
export function reclaimPages(heap: MHeap, npages: number): void {
  const { m } = heap.t.mem;
  if (isAllSwept(m) || m[H_WRITE_BARRIER] !== 0) return;
  let wanted = npages;
  while (wanted > 0) {
    const credit = Atomics.load(m, GC_RECLAIM_CREDIT);
    if (credit > 0) {
      const take = Math.min(credit, wanted);
      if (Atomics.compareExchange(m, GC_RECLAIM_CREDIT, credit, credit - take) === credit) wanted -= take;
      continue;
    }
    const from = Atomics.add(m, GC_RECLAIM_INDEX, 1) * CHUNK;
    if (from < 0 || from >= m[H_GROWN_PAGES]) {
      // Undone, so that the index cannot creep towards overflow.
      Atomics.sub(m, GC_RECLAIM_INDEX, 1);
      return;
    }
    const found = reclaimChunk(heap, from);
    if (found > wanted) Atomics.add(m, GC_RECLAIM_CREDIT, found - wanted);
    wanted -= Math.min(found, wanted);
  }
}

function reclaimChunk(heap: MHeap, from: number): number {
  const { mem } = heap.t;
  const { m, plan } = mem;
  let found = 0;
  for (let page = from; page < from + CHUNK && page < plan.pages; page += 32) {
    const word = page >>> 5;
    let dead = Atomics.load(m, plan.pageInUse + word) & ~Atomics.load(m, plan.pageMarks + word);
    for (; dead !== 0; dead &= dead - 1) {
      const s = spanOfPage(mem, page + ctz32(dead));
      if (s !== NIL) found += trySweep(heap, s);
    }
  }
  return found;
}
