// spanheap, as a user would call it who wants malloc and free: one heap without a collector, inside a scope.
import { createHeap, type Heap } from '../../src/index.ts';
import type { Peer } from './peer.ts';

export function openSpanheap(bytes: number): Peer {
  return peerOf(createHeap({ gc: 'off', maxBytes: bytes }));
}

export function peerOf(heap: Heap): Peer {
  const { raw, memory } = heap;
  return {
    malloc: (size) => raw.mallocgc(size, null, false),
    free: (ptr) => raw.free(ptr),
    zalloc: (size) => raw.mallocgc(size, null, true),
    scanAlloc: (size) => {
      const pointers = Array.from({ length: Math.ceil(size / 8) }, (_, i) => i * 8);
      const type = raw.type({ name: `scan${size}`, size, pointers });
      return (bytes) => raw.mallocgc(bytes, type, true);
    },
    words: () => memory.i32,
    run: (fn) => heap.scope(fn),
  };
}
