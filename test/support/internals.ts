/**
 * The tests' door to a heap's internals: views of its allocator memory, made from its buffers, and the
 * records in it by name. Nothing of this is in the package's interface.
 */
import type { ProcRef, SpanRef } from '../../src/base/brand.ts';
import type { Heap } from '../../src/index.ts';
import { CENTRAL_LOCK, CENTRAL_WORDS } from '../../src/layout/central.ts';
import { MAX_SPAN_CLASSES } from '../../src/layout/constants.ts';
import { H_HEAP_LOCK, H_SPECIALS_LOCK, H_WORLD_LOCK } from '../../src/layout/header.ts';
import { MC_WORDS, PROC_CLASSES } from '../../src/layout/proc.ts';
import type { Malloc } from '../../src/malloc/malloc.ts';
import { spanOf } from '../../src/spans/mspan.ts';
import { LOCK_OWNER } from '../../src/sync/proc.ts';
import { procRef } from '../../src/sync/proc-ref.ts';
import { changeState, stateOf } from '../../src/sync/status.ts';
import { attachMem, type Mem } from '../../src/sys/mem.ts';

/** Gives whoever has a record another state, and returns the one that it had. */
export function setState(m: Int32Array<ArrayBufferLike>, p: ProcRef, state: number): number {
  return changeState(m, p, stateOf(m, p), state);
}

export class Internals {
  readonly mem: Mem;
  readonly m: Int32Array<ArrayBufferLike>;

  constructor(heap: Heap) {
    const { mem } = (heap.raw as unknown as Malloc).t;
    // Views of its own, where there can be any.
    this.mem = mem.shared ? attachMem(mem.data, mem.meta) : mem;
    this.m = this.mem.m;
  }

  span(addr: number): SpanRef {
    return spanOf(this.mem, addr);
  }

  proc(id: number): ProcRef {
    return procRef(this.mem, id);
  }

  status(id: number): number {
    return stateOf(this.m, this.proc(id));
  }

  setStatus(id: number, state: number): void {
    setState(this.m, this.proc(id), state);
  }

  /** Class record of a thread. */
  classOf(id: number, spanClass: number): number {
    return this.proc(id) + PROC_CLASSES + spanClass * MC_WORDS;
  }

  /** All lock words with their names. */
  locks(): [word: number, name: string][] {
    const locks: [number, string][] = [
      [H_WORLD_LOCK, 'world'],
      [H_HEAP_LOCK, 'mheap'],
      [H_SPECIALS_LOCK, 'specials'],
    ];
    for (let c = 0; c < MAX_SPAN_CLASSES; c++) {
      locks.push([this.mem.plan.centrals + c * CENTRAL_WORDS + CENTRAL_LOCK, 'mcentral']);
    }
    return locks;
  }

  /** Names of the locks that the thread with this id holds. */
  locksHeldBy(id: number): string[] {
    return this.locks()
      .filter(([word]) => (Atomics.load(this.m, word) & LOCK_OWNER) === id)
      .map(([, name]) => name);
  }
}
