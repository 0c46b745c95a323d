/**
 * The two memories of a heap and their views. Views are made once, for the whole reservation, and never change: every
 * access is one typed-array element with a constant view.
 */
import type { Words } from '../base/brand.ts';
import { isSharedBuffer } from '../base/realm.ts';
import { PAGE_SIZE } from '../layout/constants.ts';
import { H_MAX_PROCS, H_PAGES, HEADER_WORDS } from '../layout/header.ts';
import { type MetaPlan, planMeta } from '../layout/plan.ts';

export type Buffer = SharedArrayBuffer | ArrayBuffer;

/**
 * Bytes that lie behind object memory and hold nothing: a view may begin that much later, and is as long as the first. Behind
 * 4 GiB there is nothing, the longest buffer that all engines make: views that begin later are shorter there.
 */
export const REACH = 1024;

const LONGEST = 2 ** 32;

/** A kind of view. */
export interface ViewKind<V> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): V;
}

/**
 * Views that begin later in the same memory, all as long as each other. V8 makes sure of each index and each length once:
 * of `m[i]`, `m[i + 1]` and `m[i + 2]` all three, of the words `i` of three such views one, and nothing is added. So hot
 * code may have a view for each field of a record, and has one for each offset of a field in objects. Each costs two registers.
 */
export class Mem {
  /** Allocator memory. */
  readonly m: Words;
  /** The same from word 0, 1, 2, 3, 4 on: `mFrom[k][i]` is `m[i + k]`. */
  readonly mFrom: readonly [Words, Words, Words, Words, Words];
  readonly m16: Uint16Array<ArrayBufferLike>;
  readonly mf: Float64Array<ArrayBufferLike>;
  /** Object memory. */
  readonly i32: Words;
  readonly u8: Uint8Array<ArrayBufferLike>;
  readonly f64: Float64Array<ArrayBufferLike>;
  /** Bytes of it. */
  readonly bytes: number;
  readonly plan: MetaPlan;
  readonly shared: boolean;
  /** With REACH bytes behind it, or none: `bytesWithReach`. */
  readonly data: Buffer;
  readonly meta: Buffer;
  readonly #views = new Map<unknown, unknown[]>();

  constructor(data: Buffer, meta: Buffer, plan: MetaPlan) {
    const mFrom = (word: number): Words => new Int32Array(meta, word * 4, plan.end);
    this.mFrom = [mFrom(0), mFrom(1), mFrom(2), mFrom(3), mFrom(4)];
    this.m = this.mFrom[0];
    this.m16 = new Uint16Array(meta);
    this.mf = new Float64Array(meta);
    this.bytes = data.byteLength === LONGEST ? LONGEST : data.byteLength - REACH;
    this.data = data;
    this.i32 = this.from(Int32Array, 0);
    this.u8 = this.from(Uint8Array, 0);
    this.f64 = this.from(Float64Array, 0);
    this.plan = plan;
    this.shared = isSharedBuffer(data);
    this.meta = meta;
  }

  /** Object memory from this byte on, at most REACH: `from(Int32Array, 8)[a >>> 2]` is what lies 8 bytes behind address `a`. */
  from<V>(View: ViewKind<V>, offset: number): V {
    let views = this.#views.get(View) as V[] | undefined;
    if (views === undefined) this.#views.set(View, (views = []));
    const { bytes, data } = this;
    const length = Math.min(bytes, data.byteLength - offset);
    return (views[offset] ??= new View(data, offset, Math.floor(length / View.BYTES_PER_ELEMENT)));
  }
}

/** Bytes of the buffer for so many pages of object memory. */
export function bytesWithReach(pages: number): number {
  const bytes = pages * PAGE_SIZE;
  return bytes === LONGEST ? bytes : bytes + REACH;
}

/** Reserves the memory of a new heap. Costs address space, not memory. */
export function reserveMem(pages: number, maxProcs: number, shared: boolean): Mem {
  const plan = planMeta(pages, maxProcs);
  const reserve = (bytes: number): Buffer => (shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
  const mem = new Mem(reserve(bytesWithReach(pages)), reserve(plan.words * 4), plan);
  mem.m[H_PAGES] = pages;
  mem.m[H_MAX_PROCS] = maxProcs;
  return mem;
}

/** Views of a heap that exists already; its header must have been checked. */
export function attachMem(data: Buffer, meta: Buffer): Mem {
  const header = new Int32Array(meta, 0, HEADER_WORDS);
  return new Mem(data, meta, planMeta(header[H_PAGES], header[H_MAX_PROCS]));
}
