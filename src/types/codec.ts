/**
 * How values of one kind lie in the memory of one heap: what fields, elements of slices and entries of maps have in
 * common. A codec's functions are closures over the heap's views; they are made once a kind and heap, so whoever calls
 * them through a constant gets them inlined with addresses and lengths embedded.
 */
import type { RType } from '../malloc/rtype.ts';
import type { Place, PlaceClass } from './reference.ts';
import type { Near } from './scalars.ts';

export interface Codec<T = unknown> {
  /** The kind as written: `i32`, `ref(Node)`, `slice(ref(Post))`. Also the type's name in the heap's type table. */
  readonly name: string;
  /** Bytes of a value, a multiple of `align`. */
  readonly size: number;
  /** Bytes: 1, 2, 4 or 8. */
  readonly align: number;
  /** See plain.ts. */
  readonly code: number;
  /** Byte offsets of the pointers in a value. */
  readonly pointers: readonly number[];
  /** See Layout. A struct or array of such a kind is given as a literal only, and only when it is made. */
  readonly noCopy: boolean;
  /** The registered type of memory that holds values of this kind: what arrays of them are allocated with. */
  readonly rtype: () => RType;
  /** Reading makes a copy of the value; false for places, of which it makes a reference to where they are. */
  readonly isValue: boolean;
  /** What `read` makes references of: the place itself, or for `ref(T)` the object that the pointer leads to. */
  readonly place?: PlaceClass;
  /** The value is a pointer to such a place (`ref`), not the place itself. */
  readonly indirect: boolean;
  /** `write` may allocate, so it may be a safepoint. The caller keeps what `addr` is in alive. */
  readonly allocates: boolean;
  /**
   * The value at this byte address. Kinds with pointers return references, so the caller is in a region, or the codec
   * opens one itself.
   */
  readonly read: (addr: number) => T;
  /**
   * Throws when `value` is none of this kind: a RangeError or TypeError with a code, StaleRefError, TypeMismatchError.
   * `where` names the place for the message: `Node.key`. Changes nothing.
   */
  readonly check: (value: unknown, where: string) => void;
  /** Stores a value that `check` has passed. Pointers go through the write barrier. In a region if the kind has pointers. */
  readonly write: (addr: number, value: T) => void;
  /**
   * Of a field, by the address of its struct, if that is cheaper than by its own. `offset`: bytes, at most REACH
   * (sys/mem.ts).
   */
  readonly behind?: (offset: number) => Near<T>;
  /** The same into memory that is zero and nobody knows yet, if that is cheaper. */
  readonly initialise?: (addr: number, value: T) => void;
  /** Makes an empty object of this kind, if that takes more than zeroed memory. In a region. */
  readonly create?: () => number;
  /**
   * `heap.new` with an object of fields, if there is a faster way than check, make and initialise. Null, and nothing is made,
   * if this object is to go that way. In a region.
   */
  readonly construct?: (init: Record<string, unknown>) => Place | null;
}
