/**
 * `heap.raw`: the allocator for those who want malloc, with Go's names, meanings and error texts. Addresses are byte
 * offsets into `heap.memory`.
 */
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import type { MCache } from '../cache/mcache.ts';
import { type Barrier, makeBarrier } from '../gc/barrier.ts';
import { H_WRITE_BARRIER } from '../layout/header.ts';
import { checkAddress, findObject, realloc, usableSize } from '../malloc/free.ts';
import { Malloc } from '../malloc/malloc.ts';
import { type RType, type RTypeSpec, TypeTable } from '../malloc/rtype.ts';
import { type RawSlice, SliceOps } from '../malloc/slices.ts';
import { NO_SCOPE } from '../threads/frame.ts';
import { HandleTable } from '../threads/handles.ts';
import { ShadowStack } from '../threads/shadow-stack.ts';

/** `heap.raw` as its users see it. */
export type RawHeap = Pick<
  RawAllocator,
  | 'mallocgc'
  | 'free'
  | 'realloc'
  | 'usableSize'
  | 'roundupsize'
  | 'type'
  | 'types'
  | 'typeOf'
  | 'newobject'
  | 'newarray'
  | 'makeslice'
  | 'growslice'
  | 'copy'
  | 'writePointer'
  | 'keepAlive'
  | 'pin'
>;

/** A root of its own: the object stays alive until `unpin` (Go: `runtime.Pinner`). */
export interface Pin {
  readonly addr: number;
  /** Gives the root up; a second call does nothing. */
  unpin(): void;
}

/** Extends the allocator itself: one object less between a caller and the fast path. */
export class RawAllocator extends Malloc {
  readonly typeTable: TypeTable;
  readonly barrier: Barrier;
  readonly shadow: ShadowStack;
  readonly handles: HandleTable;
  /**
   * Stores a pointer into an object (Go: what `*slot = p` compiles to). `slot` and `p` are addresses, `p` 0 is nil. While
   * the collector is on, every pointer must be stored by this, by `copy`, or through a typed reference.
   */
  readonly writePointer: (slot: number, p: number) => void;
  readonly #slices: SliceOps;

  constructor(cache: MCache, ptrSize: number) {
    super(cache, ptrSize);
    const { mem } = this.t;
    this.typeTable = new TypeTable(this.t);
    const barrier = makeBarrier(mem);
    this.barrier = barrier;
    this.shadow = new ShadowStack(cache.heap);
    this.handles = new HandleTable(cache.heap, (slot, old, value) => {
      if (mem.m[H_WRITE_BARRIER] !== 0) barrier.onWrite(slot, old, value);
    });
    const { t } = this;
    this.writePointer = (slot, p) => {
      // What is no number at all shows where it is first used, and a `catch` costs nothing as long as nothing is thrown.
      try {
        if (t.depth === 0) this.#inRegion(() => barrier.storePointer(slot, p));
        else barrier.storePointer(slot, p);
      } catch (error) {
        checkAddress('writePointer', slot);
        checkAddress('writePointer', p);
        throw error;
      }
    };
    this.#slices = new SliceOps(this, barrier.bulkBarrier);
  }

  /**
   * Roots the object at an address until the innermost scope ends, and returns the address. An address in a JS variable
   * alone keeps nothing alive: any call that allocates may collect. Throws ArgumentError outside of all scopes, PointerError
   * for what is no address.
   */
  keepAlive(addr: number): number {
    checkAddress('keepAlive', addr);
    if (this.shadow.cur === NO_SCOPE) {
      throw new ArgumentError(
        'ERR_INVALID_ARGUMENT',
        'keepAlive: only inside a scope; pin() roots an object beyond it',
      );
    }
    this.shadow.push(addr | 0);
    return addr;
  }

  /** Roots the object at an address until `unpin`, whatever scopes end. There is nothing to root of one without size. */
  pin(addr: number): Pin {
    if (addr === this.zerobase) return { addr, unpin: () => {} };
    return this.#inRegion(() => {
      const found = findObject(this, addr, 'pin').addr;
      const frame = this.handles.add(found | 0);
      return { addr, unpin: () => this.handles.remove(frame) };
    });
  }

  /**
   * Changes an object's size, keeping its content up to the smaller one and its type; returns its address, which may
   * be another. `ptr` 0 allocates pointer-free memory; size 0 frees. Bytes beyond the smaller of both sizes are 0, but not
   * in pointer-free objects. Throws as `mallocgc` and `free` do; the object is as it was then.
   */
  realloc(ptr: number, size: number): number {
    return this.#inRegion(() => realloc(this, ptr, size, this.barrier.storePointer));
  }

  /** Bytes that may be used of the object at `ptr`: what was asked for, rounded up as the allocator rounds. */
  usableSize(ptr: number): number {
    return this.#inRegion(() => usableSize(this, ptr));
  }

  /** Bytes that a request of `size` bytes takes (Go: `roundupsize`). */
  roundupsize(size: number): number {
    if (!Number.isInteger(size) || size < 0) {
      throw new ArgumentError('ERR_INVALID_ARGUMENT', `roundupsize: ${describe(size)} is not a size`);
    }
    return this.roundup(size);
  }

  /**
   * Registers a type in the heap, or finds it. Every thread gets the same number for it. Throws TypeMismatchError when
   * the name has another layout already.
   */
  type(spec: RTypeSpec): RType {
    return this.#inRegion(() => this.typeTable.register(spec));
  }

  /** All types registered in the heap, by any thread. */
  types(): readonly RType[] {
    return this.typeTable.all();
  }

  /** The type of the object at `ptr`, as this heap knows it; null for pointer-free memory, and for objects without size. */
  typeOf(ptr: number): RType | null {
    if (ptr === this.zerobase) return null;
    return this.#inRegion(() => this.typeTable.get(findObject(this, ptr, 'typeOf').type) ?? null);
  }

  /** `n` zeroed values in a row (Go: `newarray`, reflect's `unsafe_NewArray`). */
  newarray(type: RType, n: number): number {
    return this.#slices.newarray(type, n);
  }

  /** A zeroed slice (Go: `makeslice`). Throws SliceError with Go's texts. */
  makeslice(type: RType, len: number, cap: number = len): RawSlice {
    return this.#slices.makeslice(type, len, cap);
  }

  /**
   * A slice with room for `num` more elements and its length raised by them (Go: `growslice`). The old elements are
   * copied if they had to move; the old array stays. The new elements are zero.
   */
  growslice(slice: RawSlice, num: number): RawSlice {
    return this.#inRegion(() => this.#slices.growslice(slice, num));
  }

  /**
   * Copies elements, as many as both slices have, and returns how many (Go: `reflect.Copy`). The slices may overlap.
   * Throws TypeMismatchError if their element types are not the same.
   */
  copy(dst: RawSlice, src: RawSlice): number {
    return this.#inRegion(() => this.#slices.copy(dst, src));
  }

  #inRegion<T>(fn: () => T): T {
    const { t } = this;
    t.enter();
    try {
      return fn();
    } finally {
      t.leave();
    }
  }
}
