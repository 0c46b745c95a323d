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

export class Mem {
  /** Allocator memory. */
  readonly m: Words;
  /**
   * The same from word 0, 1, 2, 3, 4 on, for the words of records that the fast paths read most: `from[k][i]` is `m[i + k]`.
   * All are as long as each other: V8 makes sure once that `i` lies within, where `m[i + 1]` after `m[i]` is another check.
   */
  readonly from: readonly [Words, Words, Words, Words, Words];
  readonly m16: Uint16Array<ArrayBufferLike>;
  readonly mf: Float64Array<ArrayBufferLike>;
  /** Object memory. */
  readonly i32: Words;
  readonly u8: Uint8Array<ArrayBufferLike>;
  readonly f64: Float64Array<ArrayBufferLike>;
  readonly plan: MetaPlan;
  readonly shared: boolean;
  readonly data: Buffer;
  readonly meta: Buffer;

  constructor(data: Buffer, meta: Buffer, plan: MetaPlan) {
    const from = (word: number): Words => new Int32Array(meta, word * 4, plan.end);
    this.from = [from(0), from(1), from(2), from(3), from(4)];
    this.m = this.from[0];
    this.m16 = new Uint16Array(meta);
    this.mf = new Float64Array(meta);
    this.i32 = new Int32Array(data);
    this.u8 = new Uint8Array(data);
    this.f64 = new Float64Array(data);
    this.plan = plan;
    this.shared = isSharedBuffer(data);
    this.data = data;
    this.meta = meta;
  }
}

/** Reserves the memory of a new heap. Costs address space, not memory. */
export function reserveMem(pages: number, maxProcs: number, shared: boolean): Mem {
  const plan = planMeta(pages, maxProcs);
  const reserve = (bytes: number): Buffer => (shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
  const mem = new Mem(reserve(pages * PAGE_SIZE), reserve(plan.words * 4), plan);
  mem.m[H_PAGES] = pages;
  mem.m[H_MAX_PROCS] = maxProcs;
  return mem;
}

/** Views of a heap that exists already; its header must have been checked. */
export function attachMem(data: Buffer, meta: Buffer): Mem {
  const header = new Int32Array(meta, 0, HEADER_WORDS);
  return new Mem(data, meta, planMeta(header[H_PAGES], header[H_MAX_PROCS]));
}
