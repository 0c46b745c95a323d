/** spanheap: Go's memory manager for JavaScript. The package's one door. */
export {
  AllocationSizeError,
  ArgumentError,
  AttachError,
  type ErrorCode,
  OutOfMemoryError,
  OutOfRangeError,
  PointerError,
  SliceError,
  SnapshotAbortedError,
  SpanheapError,
  StaleRefError,
  TypeMismatchError,
  VerifyError,
  WrongTypeError,
} from './base/errors.ts';
export { MEM_PROFILE_RATE } from './cache/sampling.ts';
export type { CycleRecord } from './gc/stats.ts';
export type { AllocHooks } from './malloc/hooks.ts';
export type { RType, RTypeSpec } from './malloc/rtype.ts';
export type { RawSlice } from './malloc/slices.ts';
export type { AllocTrace, TraceOptions } from './observe/alloc-trace.ts';
export type {
  InspectedMap,
  InspectedRef,
  InspectedSlice,
  InspectedValue,
  InvalidValue,
} from './observe/decode.ts';
export type { GCStats } from './observe/gc-stats.ts';
export type { ObjectInfo, TypeField, TypeInfo } from './observe/inspect.ts';
export type { MemProfile, MemProfileRecord } from './observe/mem-profile.ts';
export type { BySize, MemStats } from './observe/mem-stats.ts';
export type { Float64Histogram, MetricKind } from './observe/metric-list.ts';
export type { MetricDescription, MetricValues } from './observe/metrics.ts';
export type { SnapshotOptions } from './observe/snapshot/capture.ts';
export type { ClassStats, HeapStats } from './observe/stats.ts';
export type { AllocEvent, AllocEventKind, EventVisitor, StopReason } from './observe/trace-events.ts';
export type { VerifyReport } from './observe/verify.ts';
export type { VerifyOptions } from './observe/verify-types.ts';
export type { ObjectOptions } from './observe/view/object.ts';
export type { PageMap } from './observe/view/page-map.ts';
export type { HeapView } from './observe/view.ts';
export * from './observe/view-types.ts';
export { attachHeap, createHeap, type Heap, type HeapMemory, type Roots } from './runtime/heap.ts';
export type { GCPause } from './runtime/heap-gc.ts';
export type { SharedHeap } from './runtime/init.ts';
export type { HeapOptions } from './runtime/options.ts';
export type { RawHeap } from './runtime/raw.ts';
export { viewHeap } from './runtime/view-heap.ts';
/** @internal For the door of Node (node/library.ts). */
export { whenFirstShared } from './runtime/worker-threads.ts';
export type { StackFrame } from './spans/profile-records.ts';
export {
  type Generation,
  goSizeClasses,
  makeSizeClasses,
  type SizeClass,
  type SizeClassOptions,
  SizeClassTable,
} from './spans/size-classes.ts';
export type {
  ArrayKind,
  AtomicKind,
  IntKind,
  KeyKind,
  Kind,
  MapKind,
  OfKind,
  ReferableKind,
  RefKind,
  SliceKind,
  StringKind,
  StructKind,
} from './types/kinds.ts';
export {
  array,
  atomic,
  bool,
  bytes,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  map,
  mutex,
  ref,
  slice,
  string,
  struct,
  u8,
  u16,
  u32,
  u64,
} from './types/kinds.ts';
export type {
  ArrayRef,
  Atomic,
  Cleanup,
  Cursor,
  Given,
  Infer,
  Init,
  Interned,
  LinkFields,
  Mutex,
  NodeCursor,
  Ref,
  Reference,
  SharedMap,
  Slice,
  SmallAtomic,
  Synchronous,
  WeakReference,
} from './types/values.ts';
