/**
 * The kinds of number that must not be mixed. Brands exist only in the type checker; at run time each is a number.
 *
 * `Addr` counts bytes in object memory (`data`); `Ref` counts 32-bit words in allocator memory (`meta`). Object
 * memory and allocator memory are two buffers, so an `Addr` can never reach a record, nor a `Ref` an object.
 */

/** Byte address in object memory, 0 … 2³²−1; 0 is nil. */
export type Addr = number & { readonly __kind: 'Addr' };
/** Page number in object memory: `addr >>> PAGE_SHIFT`. */
export type PageNo = number & { readonly __kind: 'PageNo' };
/** Word index of a record in allocator memory; 0 is nil. */
export type Ref = number & { readonly __kind: 'Ref' };
/** Word index of a span record (`mspan`). */
export type SpanRef = Ref & { readonly __record: 'span' };
/** Word index of a thread's record (`proc`). */
export type ProcRef = Ref & { readonly __record: 'proc' };
/** Size class × 2 + noscan, as Go's `spanClass`. */
export type SpanClass = number & { readonly __kind: 'SpanClass' };

export const NIL = 0;

/** 32-bit words of allocator or object memory. */
export type Words = Int32Array<ArrayBufferLike>;
