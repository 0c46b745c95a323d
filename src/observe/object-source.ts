/** What reading objects needs of a heap: its bytes, and from an address to the object. A living heap, or a snapshot. */
import type { Words } from '../base/brand.ts';
import type { HeapReader } from '../spans/heap-reader.ts';
import type { Buffer } from '../sys/mem.ts';
import { type LiveObject, objectAt } from './objects.ts';

export interface ObjectSource {
  readonly data: Buffer;
  readonly i32: Words;
  readonly u8: Uint8Array<ArrayBufferLike>;
  /** The live object that holds the byte at this address; null if none does. Its bytes are there afterwards. */
  objectAt(addr: number): LiveObject | null;
  /** Bytes of the smallest slot that holds so many. */
  roundupsize(size: number): number;
}

export function liveSource(heap: HeapReader): ObjectSource {
  const { data, i32, u8 } = heap.t.mem;
  return {
    data,
    i32,
    u8,
    objectAt: (addr) => objectAt(heap, addr),
    roundupsize: (size) => heap.classes.roundupsize(size),
  };
}
