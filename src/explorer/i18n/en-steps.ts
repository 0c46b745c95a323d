/** What the steps and lessons of step mode say. Names of texts are those of observe/steps. */
export const enSteps = {
  'lesson.tiny': 'Tiny: the block has room',
  'lesson.tinyFull': 'Tiny: the block is full',
  'lesson.reuse': 'A slot was freed just now',
  'lesson.window': 'The window has a free slot',
  'lesson.nextWindow': 'The window is used up',
  'lesson.ownPartial': 'The span is used up: one of the thread’s own',
  'lesson.mcentral': 'A span from mcentral',
  'lesson.sweep': 'A span that must be swept first',
  'lesson.newSpan': 'A new span, pages from the page cache',
  'lesson.pageCacheEmpty': 'The page cache is empty',
  'lesson.grow': 'The heap grows',
  'lesson.large': 'A large object: through the summaries',
  'lesson.outOfMemory': 'Out of memory',
  'lesson.freeStack': 'free: onto the reuse stack',
  'lesson.freeFlush': 'free: the reuse stack is full',
  'lesson.freeLarge': 'free: a large object',
  'lesson.gc': 'One cycle of the collector',
  'step.mallocTiny':
    'A request for {size} bytes without pointers. Below 16 bytes objects share blocks of 16, and this one is aligned to {align}. First look: has the thread’s current block room?',
  'step.tinyFull':
    'It does not fit: {offset} bytes of the block are taken. A new block is a slot of 16 bytes like any other, so the request goes on as one for that class.',
  'step.tinyNone': 'The thread has no block yet. A block is a slot of 16 bytes like any other, so it asks for one.',
  'step.tinyPack':
    'The object goes at byte {at} of the block: the offset moves on, and the block’s mask notes where the object begins and ends. No lock, no atomic.',
  'step.mallocNoscan':
    'A request for {size} bytes without pointers. A table turns the size into a class: slots of {slot} bytes, span class {spanClass}. Everything the thread needs for it is one record of 16 words.',
  'step.mallocScan':
    'A request for {size} bytes with pointers. A table turns the size into a class: slots of {slot} bytes, span class {spanClass}. The collector will look into these, so each slot has a type number.',
  'step.mallocLarge':
    'A request for {size} bytes: above 32 KiB there are no classes. The object gets whole pages of its own, {npages} of them.',
  'step.lookReuse':
    'On the reuse stack of the class is a slot that the thread freed before. It is taken first: its memory is still in the processor’s cache.',
  'step.lookWindow':
    'The reuse stack is empty. The window is a piece of 32 slots of the span; its bits that are 1 are free slots, and some are.',
  'step.lookNothing':
    'The reuse stack is empty, and so is the window: no bit is 1. The fast path ends here; this is the case in about one call of 32.',
  'step.reuse':
    'The top of the stack moves down by one slot, and slot {slot} gets its allocation bit back. That is all: no span was looked at.',
  'step.nextFreeFast':
    'The lowest 1 bit of the window is slot {slot}; its address is the window’s plus bit × size. The bit leaves the window and is set in the span’s allocation bits: from this store on the object exists.',
  'step.setType':
    'Before the object exists its type number is written into the span’s side table, so that a collector that finds the object always finds its type.',
  'step.returned': 'mallocgc returns {address}.',
  'step.nextFree':
    'The span has no further word with free slots: freeindex has reached nelems. Now the slow path: a safepoint, where another thread may stop this one, and frees that others noted are taken in.',
  'step.window':
    'The window moves on: the next 32 allocation bits of the span, turned round, so that free slots are 1. freeindex moves past them, and allocCount counts them as handed out.',
  'step.refill':
    'A span with free slots was found. Owner and sweep generation say that it is this thread’s, and was swept: from now on no other thread touches its bits.',
  'step.refillLink':
    'The old span goes on the thread’s list of full ones; unlike in Go it stays with its thread, so that free needs no lock. The new one becomes the span of the class.',
  'step.centralPop':
    'The thread has no span with free slots. mcentral has one that no thread owns, left behind by a thread that ended. Under mcentral’s lock it is taken off the set of partial, swept spans.',
  'step.centralClaim':
    'Since the last cycle these spans have not been swept: what the collector did not mark is garbage, but nobody has said so yet. Whoever takes such a span off its set, under the lock, must sweep it.',
  'step.centralPush':
    'The span goes on a set of mcentral, under its lock. Nobody owns it now: whoever frees in it, or sweeps it, takes it off again.',
  'step.sweepCount':
    'Sweeping looks at bits alone, never at objects: mark bits AND allocation bits are what is alive. The rest was garbage, and is counted as freed.',
  'step.sweepRenew':
    'The mark bits become the allocation bits, and fresh bits, all 0, become the mark bits. Every slot that was not marked is free by this exchange of two words.',
  'step.spanRecord':
    'No span anywhere. A new one begins with a record: the thread keeps some in reserve, so mostly no lock is needed.',
  'step.spanBits':
    'The span needs two bitmaps, for allocation and marks. They are cut from a block that the thread has for itself, so that two threads never write the same cache line.',
  'step.spanBitsKept': 'The record was used before, and has bitmaps that are large enough: nothing to do.',
  'step.pageCacheAlloc':
    'The thread’s page cache holds up to 64 pages in a row. The lowest run of {npages} is taken from its bits: no lock.',
  'step.pageCacheEmpty':
    'The thread’s page cache has no page left. It is to be filled from the page allocator, which needs the heap lock.',
  'step.pageCacheShort':
    'The page cache has no {npages} pages in a row. The page allocator is asked, under the heap lock.',
  'step.pageCacheFill':
    'All that is free in one aligned block of 64 pages becomes this thread’s at once. In the page allocator they count as in use from now on, and the summaries follow.',
  'step.pageCacheFree':
    'The pages lie in the block that the thread’s page cache holds: they go back there, without a lock.',
  'step.findHint':
    'searchAddr says that below it nothing is free. Its chunk has a run of {npages} pages or more: no need to walk the tree.',
  'step.findHintNone': 'searchAddr is at the end of the heap: no page is free at all.',
  'step.findDescend':
    'Level {level} of the tree: an entry stands for {pages} pages. Entry {entry} is the first whose longest free run, {max} pages, is enough for {npages}. Go down into its 8 entries.',
  'step.findBorder':
    'Level {level}: the run begins where entry {entry} has its first pages free, together with what is free before it. It begins at page {page}: found without going further down.',
  'step.findNone': 'No entry of level {level} has a run of {npages} pages: nothing in the known part of the heap fits.',
  'step.findBitmap':
    'In the end the bitmap of chunk {chunk} says exactly where: the lowest run of {npages} free pages begins at page {page}.',
  'step.pageAlloc':
    'The pages’ bits are set, and the summaries above are made to agree, as far up as they change. Whatever had been given back to the operating system counts as present again.',
  'step.pageFree':
    'The bits of the pages are cleared, and they join their free neighbours: the summaries show the longer run.',
  'step.grow':
    'The heap becomes larger: the next chunk, 4 MiB of address space, becomes known to the page allocator. Its pages are free, and no memory is behind them yet.',
  'step.spanInit':
    'The record says now which pages, which class and how many slots. Every page of the span points to it in the spans table: from an address, one load finds its span.',
  'step.largeOwn':
    'The span’s state was stored last: that published it. Until it is on its list the thread has it in hand.',
  'step.largeDone': 'The memory is known to be zero, or is cleared now, without locks. mallocgc returns {address}.',
  'step.outOfMemory':
    'No run of {npages} pages anywhere in the reservation. Before giving up, everything that threads hold in advance is taken back. With the collector on, it would run first.',
  'step.reclaim':
    'The world is stopped, and all that the threads’ caches hold goes back to where it can be had: windows, reuse stacks, empty spans, page caches.',
  'step.thrown': 'Tried once more, and still nothing. The call throws, and the heap is as it was before: {error}',
  'step.freeFind':
    'free({address}): page {page} leads to the span record, one multiplication to slot {slot}. One word of the record says whether this thread owns the span.',
  'step.freeStack':
    'The allocation bit is cleared, and slot {slot} goes on the reuse stack: the next malloc of this class takes it.',
  'step.freeStackFull':
    'The reuse stack of the class is full. It is kept short so that memory is not held back: all of it goes back to the spans, unless the thread has wanted again what it gave back.',
  'step.keepEmpty':
    'A span without objects is kept at the end of the thread’s list, since what was freed is often wanted again soon. Others get it before the heap grows.',
  'step.freeFlush':
    'Spans that were full have free slots again and move to the partial list; they are looked through from their start when it is their turn.',
  'step.freeWiden':
    'The stack has got more room in the thread’s record. The allocation bit is cleared, and slot {slot} goes on it.',
  'step.freeGrow':
    'The stack has got more room in the heap’s reuse room. The allocation bit is cleared, and slot {slot} goes on it.',
  'step.freeSpan': 'The slot lies behind freeindex: the span itself hands it out again. Only its bit is cleared.',
  'step.freeTiny': 'The object’s bits leave the mask of its tiny block. With the last object the block is free.',
  'step.freeDone': 'The record goes back into the thread’s reserve.',
  'step.largeFree':
    'A large object: whoever clears its allocation bit has freed it. Its span is taken off mcentral’s set.',
  'step.giveBack': 'The thread keeps enough empty spans. This one goes back to mheap.',
  'step.release': 'The thread gives its spans up: empty ones to mheap, the others to mcentral.',
  'step.spanFree':
    'The span is empty and on its way back, in this thread’s name: if the thread died now, whoever repairs would know.',
  'step.spanForget': 'Its pages are taken out of the spans table: an address in them leads to no span any more.',
  'step.gcDue':
    'Four objects: a, rooted, refers to b, and b to c. Nobody refers to d. Allocation has reached the trigger, so a cycle is due.',
  'step.gcBegin':
    'The world is stopped. Windows are marked, so that all that is allocated from now on is black; reuse stacks are emptied; the bit arenas move on by an epoch.',
  'step.gcBegun':
    'The roots were noted as they are, and the write barrier is on. The world goes on. What was reachable at this moment survives.',
  'step.gcBarrier':
    'Now the program stores nil over the pointer from b to c. The write barrier notes the old value: c was reachable when the cycle began, and somebody may hold it where no marker looks again.',
  'step.gcBlack': 'An object made while the collector marks is marked already: its slot was, with the whole window.',
  'step.gcMark':
    'Marking takes the root a, sets its mark bit, looks at its pointers, and marks b, which is grey now: marked, not looked into yet. d is not reached.',
  'step.gcRagged':
    'Nothing is grey any more, as it seems. Each thread empties its barrier buffer at a safepoint of its own: that marks c.',
  'step.gcFinish':
    'Really nothing is grey. The world is stopped for the second time, and the barrier is off. All spans of all threads go to mcentral’s unswept sets, list by list.',
  'step.gcEnd':
    'The sweep generation grows by 2, to {sweepgen}. With this one store every span is one that is still to be swept, and nobody’s.',
  'step.gcSwept': 'The span was swept. d is free: its allocation bit is 0. Its memory was not touched.',
} as const;

export type StepTextKey = keyof typeof enSteps;
