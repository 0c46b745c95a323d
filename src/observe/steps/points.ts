/**
 * The named points of the allocator's and the collector's slow paths (see `Proc.pause`), and what has just been done at
 * each: Go's function, the part of the allocator, and the name of the text that explains it.
 */

/** The parts of the picture, from the program down to the pages; and the collector. */
export const BOXES = ['thread', 'mcache', 'mcentral', 'mheap', 'pages', 'gc'] as const;
export type Box = (typeof BOXES)[number];

export interface Point {
  /** Go's name of the function. */
  readonly fn: string;
  readonly box: Box;
  /** Name of the text. */
  readonly text: string;
}

/** Points that a walk stops at. Others, and places where locks are taken, are passed by. */
export const POINTS: Readonly<Record<string, Point>> = {
  'malloc.nextFree': { fn: 'mcache.nextFree', box: 'mcache', text: 'nextFree' },
  'mcache.window': { fn: 'mspan.refillAllocCache', box: 'mcache', text: 'window' },
  'mcache.refill': { fn: 'mcache.refill', box: 'mcache', text: 'refill' },
  'mcache.keep': { fn: 'mcache.keep', box: 'mcache', text: 'keepEmpty' },
  'mcache.settle': { fn: 'mcache.giveBack', box: 'mcache', text: 'giveBack' },
  'mcache.release': { fn: 'mcache.releaseAll', box: 'mcache', text: 'release' },
  'mcentral.pop': { fn: 'mcentral.cacheSpan', box: 'mcentral', text: 'centralPop' },
  'mcentral.claim': { fn: 'sweepLocker.tryAcquire', box: 'mcentral', text: 'centralClaim' },
  'mcentral.push': { fn: 'spanSet.push', box: 'mcentral', text: 'centralPush' },
  sweep: { fn: 'sweepLocked.sweep', box: 'gc', text: 'sweepCount' },
  'sweep.renewed': { fn: 'sweepLocked.sweep', box: 'gc', text: 'sweepRenew' },
  'span.record': { fn: 'mheap.tryAllocMSpan', box: 'mheap', text: 'spanRecord' },
  'span.bits': { fn: 'newAllocBits', box: 'mheap', text: 'spanBits' },
  'span.publish': { fn: 'mheap.initSpan', box: 'mheap', text: 'spanInit' },
  'span.free': { fn: 'mheap.freeSpan', box: 'mheap', text: 'spanFree' },
  'span.forget': { fn: 'mheap.freeSpanLocked', box: 'mheap', text: 'spanForget' },
  'pageCache.alloc': { fn: 'pageCache.alloc', box: 'pages', text: 'pageCacheAlloc' },
  'pageCache.fill': { fn: 'pageAlloc.allocToCache', box: 'pages', text: 'pageCacheFill' },
  'pageCache.free': { fn: 'pageCache.free', box: 'pages', text: 'pageCacheFree' },
  'pageAlloc.alloc': { fn: 'pageAlloc.alloc', box: 'pages', text: 'pageAlloc' },
  'pageAlloc.free': { fn: 'pageAlloc.free', box: 'pages', text: 'pageFree' },
  'mheap.grow': { fn: 'mheap.grow', box: 'mheap', text: 'grow' },
  'large.alloc': { fn: 'mcache.allocLarge', box: 'mcache', text: 'largeOwn' },
  'large.free': { fn: 'free', box: 'thread', text: 'largeFree' },
  'malloc.outOfMemory': { fn: 'mallocgc', box: 'thread', text: 'outOfMemory' },
  reclaim: { fn: 'mcache.releaseAll', box: 'mcache', text: 'reclaim' },
  'gc.begin': { fn: 'gcStart', box: 'gc', text: 'gcBegin' },
  'gc.begun': { fn: 'gcStart', box: 'gc', text: 'gcBegun' },
  'gc.ragged': { fn: 'gcMarkDone', box: 'gc', text: 'gcRagged' },
  'gc.finish': { fn: 'gcMarkTermination', box: 'gc', text: 'gcFinish' },
};
