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
import { PROC_HANDLES, SEGMENT_MASK, SEGMENT_SLOTS, SEGMENT_WORDS } from '../layout/proc.ts';
import type { MHeap } from '../spans/mheap.ts';
import { Frame, HELD, STALE } from './frame.ts';
import { allocSegment, segmentStart } from './shadow-stack.ts';

/** Told what the slot at this address held and will hold. Called in a region, no lock held. */
export type HandleHook = (slot: number, old: number, value: number) => void;

/** Bits of a handle's number that say where in its segment the slot is; those above number the segment. */
const SEGMENT_BITS = 31 - Math.clz32(SEGMENT_WORDS);

/**
 * Handles are known by their numbers: which segment of this table, which word in it. So what belongs to one is in an array
 * of its segment. (In a Map by slot, adding and deleting one key again and again made a chain that each look-up walked, since
 * V8 keeps what was deleted until it makes the table anew; and a Map ends at 2²⁴ entries.)
 */
export class HandleTable {
  private readonly heap: MHeap;
  private readonly onChange: HandleHook;
  private readonly segments: SpanRef[] = [];
  /** By segment its first word. */
  private readonly starts: number[] = [];
  /** By segment, and in it by word, the frames of handles in use: to end them all when the thread is detached. */
  private readonly frames: (Frame | null)[][] = [];
  /** Numbers that were given up. */
  private readonly free: number[] = [];
  /** The numbers of the newest segment that were never used: the first, and where they end. */
  private fresh = 0;
  private end = 0;
  private used = 0;

  constructor(heap: MHeap, onChange: HandleHook) {
    this.heap = heap;
    this.onChange = onChange;
  }

  /** Handles in use. */
  get size(): number {
    return this.used;
  }

  /**
   * A handle for the object at this address (interior addresses as well). In a region, at a safepoint. Throws
   * OutOfMemoryError.
   */
  add(addr: number): Frame {
    let number = this.free.pop();
    if (number === undefined) {
      if (this.fresh === this.end) this.#grow(addr);
      number = this.fresh++;
    }
    const slot = this.#slot(number);
    this.onChange(slot * 4, 0, addr >>> 0);
    this.heap.t.mem.i32[slot] = addr;
    const frame = new Frame(HELD, number, null);
    this.frames[number >>> SEGMENT_BITS]![number & SEGMENT_MASK] = frame;
    this.used++;
    return frame;
  }

  /** Whether this is the frame of a handle. */
  owns(frame: Frame): boolean {
    return frame.live === HELD && this.frames[frame.base >>> SEGMENT_BITS]?.[frame.base & SEGMENT_MASK] === frame;
  }

  /** Gives a handle up; does nothing if that was done before. Any time. */
  remove(frame: Frame): void {
    if (frame.live === STALE) return;
    const number = frame.base;
    frame.live = STALE;
    this.frames[number >>> SEGMENT_BITS]![number & SEGMENT_MASK] = null;
    this.used--;
    // The pages are somebody else's if this thread was reaped.
    const { t } = this.heap;
    if (!t.attached) return;
    t.enter();
    const slot = this.#slot(number);
    this.onChange(slot * 4, t.mem.i32[slot] >>> 0, 0);
    t.mem.i32[slot] = 0;
    t.leave();
    this.free.push(number);
  }

  /** Ends all handles and frees the table. In a region. */
  release(): void {
    for (const segment of this.frames.splice(0)) {
      for (const frame of segment) if (frame) frame.live = STALE;
    }
    this.used = 0;
    this.free.length = this.starts.length = 0;
    this.fresh = this.end = 0;
    this.heap.t.mem.m[this.heap.t.ref + PROC_HANDLES] = 0;
    for (const s of this.segments.splice(0)) this.heap.freeManual(s);
  }

  /** Word index of a handle's slot. */
  #slot(number: number): number {
    return this.starts[number >>> SEGMENT_BITS]! + (number & SEGMENT_MASK);
  }

  #grow(addr: number): void {
    const { t } = this.heap;
    const { m, i32 } = t.mem;
    const s = allocSegment(this.heap, addr);
    const first = this.segments.length << SEGMENT_BITS;
    const start = segmentStart(m, s);
    this.segments.push(s);
    this.starts.push(start);
    this.frames.push([]);
    i32[start] = m[t.ref + PROC_HANDLES];
    m[t.ref + PROC_HANDLES] = start;
    // None, but for handles that the program made while this waited for memory.
    while (this.fresh < this.end) this.free.push(this.fresh++);
    this.fresh = first + SEGMENT_SLOTS;
    this.end = first + SEGMENT_WORDS;
  }
}
