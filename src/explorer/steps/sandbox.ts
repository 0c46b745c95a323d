/** A small heap of the page's own, for step mode: the library itself, in this thread. */
import { createHeap, type Heap } from '../../index.ts';
import type { Malloc } from '../../malloc/malloc.ts';
import type { StepHeap } from '../../observe/steps.ts';

export interface Sandbox extends StepHeap {
  readonly heap: Heap;
}

/** An empty heap. Throws OutOfMemoryError where the browser has no address space left for `maxBytes`. */
export function makeSandbox(maxBytes: number): Sandbox {
  const heap = createHeap({ shared: false, gc: 'off', maxBytes });
  return {
    heap,
    // The raw interface is the allocator itself.
    malloc: heap.raw as unknown as Malloc,
    collector: heap['collector'].collector,
    node: heap.raw.type({ name: 'node', size: 8, pointers: [0] }),
    writePointer: (slot, value) => heap.raw.writePointer(slot, value),
    pin: (address) => {
      heap.raw.pin(address);
    },
  };
}
