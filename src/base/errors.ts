/**
 * Every error a user can meet, each with a stable `code`. Three fates, decided by layer: inside the allocator "no
 * memory" is a nil return; at the public edge it is an `OutOfMemoryError`; misuse is a typed error thrown before
 * anything was written; a broken invariant is `fatal`.
 */

/** What went wrong, for programs: stable, whereas messages may change. */
export type ErrorCode =
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_ALLOCATION_SIZE'
  | 'ERR_MAKESLICE_LEN'
  | 'ERR_MAKESLICE_CAP'
  | 'ERR_GROWSLICE_LEN'
  | 'ERR_SLICE_BOUNDS'
  | 'ERR_BAD_POINTER'
  | 'ERR_DOUBLE_FREE'
  | 'ERR_TYPE_MISMATCH'
  | 'ERR_STALE_REF'
  | 'ERR_OUT_OF_RANGE'
  | 'ERR_WRONG_TYPE'
  | 'ERR_UNKNOWN_FIELD'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_NOT_A_HEAP'
  | 'ERR_LAYOUT_VERSION'
  | 'ERR_DETACHED'
  | 'ERR_TOO_MANY_THREADS'
  | 'ERR_CORRUPT'
  | 'ERR_SNAPSHOT'
  | 'ERR_NOT_A_SNAPSHOT'
  | 'ERR_SNAPSHOT_VERSION'
  | 'ERR_SNAPSHOT_TRUNCATED'
  | 'ERR_SNAPSHOT_CORRUPT'
  | 'ERR_LISTEN'
  | 'ERR_FATAL';

/**
 * What nearly all errors of the library are; `OutOfRangeError` and `WrongTypeError` alone are not. `name` is that of
 * the class: see the end of this file.
 */
export class SpanheapError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** No memory left for a request. The heap is intact and usable: free something and try again. */
export class OutOfMemoryError extends SpanheapError {
  /**
   * Bytes that were needed: what was asked for, of objects up to 32 KiB rounded up to the slot that they take
   * (`heap.raw.roundupsize`). The fast paths know no more of a request than its size class.
   */
  readonly requestedBytes: number;
  /** Bytes of object memory in use by spans when the request failed. */
  readonly inUseBytes: number;
  /** The heap's `maxBytes`. */
  readonly limitBytes: number;
  /**
   * `largestFree`: bytes of the longest run of free pages, if there are any: too short for what was needed. `handles`:
   * persistent references of this thread, if they are many.
   */
  constructor(requestedBytes: number, inUseBytes: number, limitBytes: number, largestFree = 0, handles = 0) {
    const figures = `${inUseBytes} in use, limit ${limitBytes}`;
    const pieces = largestFree === 0 ? '' : `, largest free piece ${largestFree}`;
    const held =
      handles === 0
        ? ''
        : `: this thread holds ${handles.toLocaleString('en-US')} persistent references; make them in heap.scope(…), or dispose() of them`;
    super(
      'ERR_OUT_OF_MEMORY',
      `runtime: out of memory: cannot allocate ${requestedBytes}-byte block (${figures}${pieces})${held}`,
    );
    this.requestedBytes = requestedBytes;
    this.inUseBytes = inUseBytes;
    this.limitBytes = limitBytes;
  }
}

/** A size or a count that no allocation can have: negative, fractional, NaN or over the limit. */
export class AllocationSizeError extends SpanheapError {}

/** `makeslice`, `growslice` or a slice operation got a length or capacity outside its range. */
export class SliceError extends SpanheapError {}

/** A pointer that is not the start of a live object of this heap. Nothing was changed. */
export class PointerError extends SpanheapError {}

/** Two element types that had to match do not, or one name was registered with two layouts. */
export class TypeMismatchError extends SpanheapError {}

/** A reference was used after its scope had ended, or after it was disposed of. Nothing was read or written. */
export class StaleRefError extends SpanheapError {}

/** A number outside of what its place can hold, or an index outside of a slice. Nothing was written. */
export class OutOfRangeError extends RangeError {
  readonly code: ErrorCode = 'ERR_OUT_OF_RANGE';
}

/** A value of another type than its place holds, or a field that a struct does not have. Nothing was written. */
export class WrongTypeError extends TypeError {
  readonly code: ErrorCode;
  constructor(message: string, code: ErrorCode = 'ERR_WRONG_TYPE') {
    super(message);
    this.code = code;
  }
}

/** An argument of the wrong kind. */
export class ArgumentError extends SpanheapError {}

/** What was given to `attachHeap` or `viewHeap` is not a heap, or has another layout. */
export class AttachError extends SpanheapError {}

/** `heap.verify()` found a broken invariant; the message names it with the addresses. */
export class VerifyError extends SpanheapError {
  /** Short stable name of the invariant, such as `span.allocCount`. */
  readonly invariant: string;
  constructor(invariant: string, detail: string) {
    super('ERR_CORRUPT', `${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}

/** A snapshot could not be taken, or was given up before its end; the message says why. The heap is as it was. */
export class SnapshotAbortedError extends SpanheapError {
  constructor(message: string) {
    super('ERR_SNAPSHOT', message);
  }
}

// Written down, because minifiers rename classes; and of the prototype, so that `stack` begins with it everywhere.
for (const [name, { prototype }] of Object.entries({
  SpanheapError,
  OutOfMemoryError,
  AllocationSizeError,
  SliceError,
  PointerError,
  TypeMismatchError,
  StaleRefError,
  ArgumentError,
  AttachError,
  VerifyError,
  SnapshotAbortedError,
}))
  prototype.name = name;
