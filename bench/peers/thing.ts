// @thi.ng/malloc: a pool with a sorted free list and a linked list of used blocks, which free() walks from its start.
import { MemPool } from '@thi.ng/malloc';
import type { Peer } from './peer.ts';

export function openThing(bytes: number): Peer {
  const pool = new MemPool({ size: bytes });
  const words = new Int32Array(pool.buf);
  return {
    malloc: (size) => pool.malloc(size),
    free: (ptr) => void pool.free(ptr),
    zalloc: (size) => pool.calloc(size),
    words: () => words,
    run: (fn) => fn(),
  };
}
