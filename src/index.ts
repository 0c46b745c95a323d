/** spanheap: Go's memory manager for JavaScript. The package's one door. */
export {
  AllocationSizeError,
  ArgumentError,
  AttachError,
  type ErrorCode,
  OutOfMemoryError,
  PointerError,
  SliceError,
  SpanheapError,
  TypeMismatchError,
  VerifyError,
} from './base/errors.ts';
export type { AllocHooks } from './malloc/hooks.ts';
export type { RType, RTypeSpec } from './malloc/rtype.ts';
export type { RawSlice } from './malloc/slices.ts';
export type { ClassStats, HeapStats } from './observe/stats.ts';
export type { VerifyReport } from './observe/verify.ts';
export { attachHeap, createHeap, type Heap, type HeapMemory } from './runtime/heap.ts';
export type { SharedHeap } from './runtime/init.ts';
export type { HeapOptions } from './runtime/options.ts';
export type { RawHeap } from './runtime/raw.ts';
export { goSizeClasses, makeSizeClasses, type SizeClass, SizeClassTable } from './spans/size-classes.ts';
