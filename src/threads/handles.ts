/**
 * The handle table: the persistent references of this thread, one slot each, in shared memory. Only its thread writes it.
 * A slot is 0 or the address of an object; which slots are free is known to the thread alone, since a table is dropped
 * whole with its thread.
 *
 * The collector reads tables while their threads run. So what is put into one, and what is taken out, goes through the
 * write barrier as a pointer in an object would: what is only held by a table that was read already, or is not any more
 * before it is read, would be lost otherwise.
 */
import type { SpanRef } from '../base/brand.ts';
import { PROC_HANDLES, SEGMENT_SLOTS, SEGMENT_WORDS } from '../layout/proc.ts';
import type { MHeap } from '../spans/mheap.ts';
import { Frame, HELD, STALE } from './frame.ts';
import { allocSegment, segmentStart } from './shadow-stack.ts';

/** Told what the slot at this address held and will hold. Called in a region, no lock held. */
export type HandleHook = (slot: number, old: number, value: number) => void;

export class HandleTable {
  private readonly heap: MHeap;
  private readonly onChange: HandleHook;
  private readonly segments: SpanRef[] = [];
  /** Word indices of slots that were given up. */
  private readonly free: number[] = [];
  /** The slots of the newest segment that were never used: the first, and where they end. */
  private fresh = 0;
  private end = 0;
  /** Frames by slot, to end them all when the thread is detached. */
  private readonly frames = new Map<number, Frame>();

  constructor(heap: MHeap, onChange: HandleHook) {
    this.heap = heap;
    this.onChange = onChange;
  }

  /** Handles in use. */
  get size(): number {
    return this.frames.size;
  }

  /**
   * A handle for the object at this address (interior addresses as well). In a region, at a safepoint. Throws
   * OutOfMemoryError.
   */
  add(addr: number): Frame {
    let slot = this.free.pop();
    if (slot === undefined) {
      if (this.fresh === this.end) this.#grow(addr);
      slot = this.fresh++;
    }
    this.onChange(slot * 4, 0, addr >>> 0);
    this.heap.t.mem.i32[slot] = addr;
    const frame = new Frame(HELD, slot, null);
    this.frames.set(slot, frame);
    return frame;
  }

  /** Whether this is the frame of a handle. */
  owns(frame: Frame): boolean {
    return this.frames.get(frame.base) === frame;
  }

  /** Gives a handle up; does nothing if that was done before. Any time. */
  remove(frame: Frame): void {
    if (frame.live === STALE) return;
    frame.live = STALE;
    this.frames.delete(frame.base);
    // The pages are somebody else's if this thread was reaped.
    const { t } = this.heap;
    if (!t.attached) return;
    t.enter();
    this.onChange(frame.base * 4, t.mem.i32[frame.base] >>> 0, 0);
    t.mem.i32[frame.base] = 0;
    t.leave();
    this.free.push(frame.base);
  }

  /** Ends all handles and frees the table. In a region. */
  release(): void {
    for (const frame of this.frames.values()) frame.live = STALE;
    this.frames.clear();
    this.free.length = 0;
    this.fresh = this.end = 0;
    this.heap.t.mem.m[this.heap.t.ref + PROC_HANDLES] = 0;
    for (const s of this.segments.splice(0)) this.heap.freeManual(s);
  }

  #grow(addr: number): void {
    const { t } = this.heap;
    const { m, i32 } = t.mem;
    const s = allocSegment(this.heap, addr);
    this.segments.push(s);
    const start = segmentStart(m, s);
    i32[start] = m[t.ref + PROC_HANDLES];
    m[t.ref + PROC_HANDLES] = start;
    // None, but for handles that the program made while this waited for memory.
    while (this.fresh < this.end) this.free.push(this.fresh++);
    this.fresh = start + SEGMENT_SLOTS;
    this.end = start + SEGMENT_WORDS;
  }
}
