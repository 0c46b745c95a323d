/** Placement of small pointer-free objects in a tiny block (Go: the tiny allocator in `mallocgc`). */

/**
 * Alignment in bytes of an object of 1 … 15 bytes: by its size alone, since its type is not known here. Objects of 12
 * bytes are aligned to 8 where pointers have 4 bytes, so that 64-bit atomics work on a struct of a pointer and a u64.
 */
export function tinyAlign(size: number, ptrSize: number): number {
  if ((size & 7) === 0) return 8;
  if (ptrSize === 4 && size === 12) return 8;
  if ((size & 3) === 0) return 4;
  return (size & 1) === 0 ? 2 : 1;
}
