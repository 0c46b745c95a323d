import type { Addr } from '../../src/base/brand.ts';
import { createHeapForOracle, type Heap } from '../../src/runtime/heap.ts';
import type { TinyDriver } from './tiny.ts';

/** As in the Go that the vectors come from; it decides how 12 bytes are aligned. */
const POINTER_BYTES = 8;
/** Room beside the objects: spans that are not full. */
const ROOM_BYTES = 4 << 20;

/** The heap itself: a new one has no current tiny block. */
export function tinyDriver(): TinyDriver {
  const make = (bytes: number): Heap =>
    createHeapForOracle({ maxBytes: 2 * bytes + ROOM_BYTES, shared: false, gc: 'off' }, POINTER_BYTES);
  let heap = make(0);
  const pointer = { name: 'pointer', size: 8, pointers: [0] };
  return {
    reset(bytes) {
      heap = make(bytes);
    },
    mallocgc(size, pointers) {
      return heap.raw.mallocgc(size, pointers ? heap.raw.type(pointer) : null, true) as Addr;
    },
  };
}
