/**
 * The shadow stack: the local references of this thread's open scopes, in shared memory, so that any thread can collect
 * for all. See layout/proc.ts for how it lies there.
 *
 * Only its thread writes it, plainly, and only inside a region; others read it while the thread is stopped or outside of
 * its region. A push stores the slot before it moves `top`, and no safepoint lies between, so what is below `top` is whole
 * whenever somebody looks. Pops are the end of a scope: one store.
 *
 * `top` is 0 while no scope is open, and until the first scope of a thread makes a reference: a thread that only uses
 * `heap.raw` needs no segment, and can open a scope to free something when no page is left. That makes an empty stack look
 * like a full segment, and so one test sends both to the slow path, where a reference made outside of all scopes becomes
 * a persistent one.
 */
import { NIL, type SpanRef, type Words } from '../base/brand.ts';
import { OutOfMemoryError } from '../base/errors.ts';
import { fatal } from '../base/fatal.ts';
import { PAGE_SIZE } from '../layout/constants.ts';
import { H_PAGES_IN_USE } from '../layout/header.ts';
import { PROC_SHADOW_TOP, SEGMENT_MASK, SEGMENT_SLOTS, SEGMENT_WORDS } from '../layout/proc.ts';
import { SPAN_BASE } from '../layout/span.ts';
import type { MHeap } from '../spans/mheap.ts';
import { Frame, NO_SCOPE, SCOPED, STALE } from './frame.ts';
import { manyHandles } from './handle-count.ts';
import { keeping } from './keep.ts';
import { reclaimCaches } from './reclaim.ts';

/**
 * A page for a shadow stack or handle table, zeroed. `addr` is to be noted there: nothing else may keep it alive yet. Throws
 * OutOfMemoryError. In a region, at a safepoint.
 */
export function allocSegment(heap: MHeap, addr: number): SpanRef {
  const { m, i32, plan } = heap.t.mem;
  const s = (heap.allocManual(1) || makeRoomFor(heap, addr)) as SpanRef;
  if (s === NIL) {
    const inUse = Atomics.load(m, H_PAGES_IN_USE) * PAGE_SIZE;
    throw new OutOfMemoryError(PAGE_SIZE, inUse, plan.pages * PAGE_SIZE, 0, manyHandles(heap.t));
  }
  const first = segmentStart(m, s);
  i32.fill(0, first, first + SEGMENT_WORDS);
  return s;
}

/** With garbage collected, and then with what threads hold in advance given back. */
function makeRoomFor(heap: MHeap, addr: number): SpanRef {
  return keeping(heap.t, addr, (isKept) => {
    let s = NIL as SpanRef;
    const take = (): boolean => {
      s = heap.allocManual(1);
      return s !== NIL;
    };
    if (!(isKept && heap.collect() && take())) reclaimCaches(heap, take);
    return s;
  });
}

/** First word of the segment, in object memory. */
export function segmentStart(m: Words, s: SpanRef): number {
  return m[s + SPAN_BASE] >>> 2;
}

export class ShadowStack {
  /** The innermost open scope; NO_SCOPE outside of all. */
  cur: Frame = NO_SCOPE;
  private readonly heap: MHeap;
  private readonly m: Words;
  private readonly i32: Words;
  private readonly top: number;
  /** This stack's segments, the lowest first. The topmost may be a spare, so that a scope at an edge does not thrash. */
  private readonly segments: SpanRef[] = [];

  constructor(heap: MHeap) {
    this.heap = heap;
    this.m = heap.t.mem.m;
    this.i32 = heap.t.mem.i32;
    this.top = heap.t.ref + PROC_SHADOW_TOP;
  }

  /** Begins a scope. In a region. Takes no memory before the first reference is made. */
  open(): Frame {
    const m = this.m;
    const first = this.segments[0];
    if (this.cur === NO_SCOPE && first !== undefined) m[this.top] = segmentStart(m, first) + SEGMENT_SLOTS;
    this.cur = new Frame(SCOPED, m[this.top], this.cur);
    return this.cur;
  }

  /**
   * What belongs to the innermost scope and ends with it, without a root of its own that stays: a reference that a
   * cursor moves. A reference whose frame is the scope itself is rooted until its end, wherever it leads.
   */
  moving(): Frame {
    this.cur.moving ??= new Frame(SCOPED, 0, null);
    return this.cur.moving;
  }

  /**
   * Ends a scope: its references are stale from here on. It is the innermost, unless the stack overflowed when that was
   * to end.
   */
  close(frame: Frame): void {
    if (frame !== this.cur) this.#closeInner(frame);
    frame.live = STALE;
    if (frame.moving !== null) frame.moving.live = STALE;
    this.cur = frame.outer!;
    this.m[this.top] = frame.outer === NO_SCOPE ? 0 : frame.base;
    if (this.segments.length > 2) this.#trim(frame.base);
  }

  #closeInner(frame: Frame): void {
    for (let inner = this.cur; inner !== frame; inner = inner.outer) {
      if (inner.outer === null) fatal('a scope ends that is not open');
      inner.live = STALE;
      if (inner.moving !== null) inner.moving.live = STALE;
    }
  }

  /** Roots an address until the innermost scope ends. Not outside of scopes. A safepoint. */
  push(addr: number): void {
    const m = this.m;
    const top = m[this.top];
    if ((top & SEGMENT_MASK) === 0) {
      this.pushSlow(addr);
      return;
    }
    this.i32[top] = addr;
    m[this.top] = top + 1;
  }

  /** For roots that end before their scope does: what `reset` takes. */
  mark(): number {
    return this.m[this.top];
  }

  /** Drops what was pushed since `mark`. No references may have been made of it. */
  reset(top: number): void {
    this.m[this.top] = top;
    if (this.segments.length > 2) this.#trim(top);
  }

  /** Drops the root that was pushed last before `mark` returned this, and none above it. */
  drop(after: number): void {
    this.i32[after - 1] = 0;
  }

  /** `push` when the segment is full, or there is none. Throws OutOfMemoryError. */
  pushSlow(addr: number): void {
    const m = this.m;
    const i32 = this.i32;
    let top = m[this.top];
    if ((top & SEGMENT_MASK) === 0) {
      let next = this.#after(top);
      if (next === undefined) this.segments.push((next = allocSegment(this.heap, addr)));
      const start = segmentStart(m, next);
      i32[start] = top === 0 ? 0 : top - SEGMENT_WORDS;
      top = start + SEGMENT_SLOTS;
    }
    i32[top] = addr;
    m[this.top] = top + 1;
    // Each 2046 roots at the latest, a loop that only makes references lets the world stop.
    this.heap.t.poll();
  }

  /** Frees all segments. No scope may be open. In a region. */
  release(): void {
    for (const s of this.segments.splice(0)) this.heap.freeManual(s);
  }

  /** The spare segment above the full one that ends at this word; the lowest of all, if `top` is 0. */
  #after(top: number): SpanRef | undefined {
    const m = this.m;
    const at = this.segments.findLastIndex((s) => segmentStart(m, s) === top - SEGMENT_WORDS);
    return this.segments[at + 1];
  }

  /** Frees the segments above the one in use, but for one. */
  #trim(top: number): void {
    const m = this.m;
    const start = (top - 1) & ~SEGMENT_MASK;
    const keep = this.segments.findLastIndex((s) => segmentStart(m, s) === start) + 2;
    while (this.segments.length > keep) this.heap.freeManual(this.segments.pop()!);
  }
}
