/** The events of an allocation trace as a program sees them, and their decoding from the words of a ring. */
import { ctz32 } from '../base/bits.ts';
import type { Words } from '../base/brand.ts';
import { PAGE_SIZE } from '../layout/constants.ts';
import {
  EV_ALLOC,
  EV_ASSIST_BEGIN,
  EV_ASSIST_END,
  EV_ATTACH,
  EV_CYCLE_BEGIN,
  EV_DETACH,
  EV_FREE,
  EV_GROW,
  EV_LOST,
  EV_MARK,
  EV_MARK_TERMINATION,
  EV_REALLOC,
  EV_REAPED,
  EV_SPAN_ALLOC,
  EV_SPAN_FREE,
  EV_START,
  EV_STOP_BEGIN,
  EV_STOP_END,
  EV_SWEEP,
  EV_SWEEP_DONE,
  EV_SWEEP_TINY,
  EVENT_A,
  EVENT_B,
  EVENT_C,
  EVENT_D,
  EVENT_FLAGS_SHIFT,
  EVENT_HEAD,
  EVENT_THREAD_SHIFT,
  EVENT_TIME,
  FLAG_MANUAL,
  FLAG_ZEROED,
  SPAN_CLASS_SHIFT,
  WHY_MARK_SETUP,
  WHY_MARK_TERMINATION,
} from '../layout/trace.ts';

/**
 * What happened:
 *
 * - `start` the trace began; `alive` an object that was there then; `alloc`, `free` by hand, `sweep` an object that the
 *   collector freed, `realloc` an object that was moved or changed its size by `raw.realloc`
 * - `spanAlloc`, `spanFree` pages became a span or ceased to be one; `grow` more of the reservation is in use
 * - `cycleBegin`, `markTermination`, `sweepDone` the phases of a cycle of the collector; `assistBegin`, `assistEnd` a thread
 *   that allocates marks for it; `mark` a stretch of marking in the background, told at its end
 * - `stopBegin`, `stopEnd` a thread stops the world
 * - `attach`, `detach`, `reaped` threads come and go
 * - `lost` events of this thread that found no room
 */
export type AllocEventKind =
  | 'start'
  | 'alive'
  | 'alloc'
  | 'free'
  | 'sweep'
  | 'realloc'
  | 'spanAlloc'
  | 'spanFree'
  | 'grow'
  | 'cycleBegin'
  | 'markTermination'
  | 'sweepDone'
  | 'assistBegin'
  | 'assistEnd'
  | 'mark'
  | 'stopBegin'
  | 'stopEnd'
  | 'attach'
  | 'detach'
  | 'reaped'
  | 'lost';

/** Why the world was stopped: for one of the collector's two stops, or for anything else. */
export type StopReason = 'markSetup' | 'markTermination' | 'other';

/** One event. Fields that its kind has no use for are 0, false or 'other'. */
export class AllocEvent {
  kind: AllocEventKind = 'start';
  /** Place in the order of all threads' events, from 0. Objects that one sweep found dead may share one; `alive` has −1. */
  seq = 0;
  /** Nanoseconds since the trace began. Clocks of two threads may differ by microseconds: `seq` is the order. */
  time = 0;
  /** Id of the thread (`heap.threadId`): of `alive` the one that owns the span, 0 for none; of `attach` the new one. */
  thread = 0;
  /**
   * `alive`, `alloc`, `free`, `sweep`, `realloc` (where it is now): the object; `spanAlloc`, `spanFree`, `grow`: first
   * byte.
   */
  address = 0;
  /**
   * Bytes: `alloc`, `realloc`: asked for; `alive`: of its slot, or asked for if above 32 KiB or below 16; `sweep`: of its
   * slot, 0 in tiny blocks; spans, `grow`: of the pages; `assistBegin`: about to be allocated.
   */
  size = 0;
  /** `alive`, `alloc`, `realloc`: type number, 0 without pointers. */
  type = 0;
  /** `alloc`: the memory had to read as zero. */
  zeroed = false;
  /** `realloc`: where the object was. */
  oldAddress = 0;
  /** `spanAlloc`, `spanFree`: size class times 2, plus 1 without pointers (Go: `spanClass`). 0, 1: a large object. */
  spanClass = 0;
  /** `spanAlloc`, `spanFree`: pages that hold no objects, such as a shadow stack. */
  manual = false;
  /** `start`, spans, `cycleBegin`, `markTermination`: bytes that count as live (Go: `heapLive`). */
  heapLive = 0;
  /** `start`, `spanAlloc`, `spanFree`: bytes of pages in use. */
  heapInUse = 0;
  /** `start`, `cycleBegin`, `markTermination` (of the next cycle): the heap goal in bytes; Infinity without one. */
  heapGoal = 0;
  /** `markTermination`: bytes found alive. */
  heapMarked = 0;
  /** `cycleBegin`, `markTermination`, `sweepDone`: number of the cycle, from 1. */
  cycle = 0;
  /** `cycleBegin`: somebody asked for it. */
  forced = false;
  /** `stopEnd`, `assistEnd`, `mark`: nanoseconds from its begin until now. */
  duration = 0;
  /** `stopEnd`: nanoseconds of these until all threads stood. */
  stopping = 0;
  /** `stopBegin`, `stopEnd`. */
  reason: StopReason = 'other';
  /** `assistEnd`, `mark`: bytes scanned. */
  scanned = 0;
  /** `attach`: `threadId` of the worker, 0 for the main thread; −1 if unknown. `reaped`: id of the thread that has died. */
  worker = 0;
  /** `lost`: how many events. */
  count = 0;

  /** A copy, to be kept. */
  clone(): AllocEvent {
    return Object.assign(new AllocEvent(), this);
  }
}

/** Gets the events of a trace, in order. It is one object, which the next event overwrites: copy what is to be kept. */
export type EventVisitor = (event: AllocEvent) => void;

const UNIT = 8;
const NO_GOAL = 0x7fffffff;

const KINDS: Readonly<Record<number, AllocEventKind>> = {
  [EV_START]: 'start',
  [EV_ALLOC]: 'alloc',
  [EV_FREE]: 'free',
  [EV_SWEEP]: 'sweep',
  [EV_SWEEP_TINY]: 'sweep',
  [EV_REALLOC]: 'realloc',
  [EV_SPAN_ALLOC]: 'spanAlloc',
  [EV_SPAN_FREE]: 'spanFree',
  [EV_GROW]: 'grow',
  [EV_CYCLE_BEGIN]: 'cycleBegin',
  [EV_MARK_TERMINATION]: 'markTermination',
  [EV_SWEEP_DONE]: 'sweepDone',
  [EV_STOP_BEGIN]: 'stopBegin',
  [EV_STOP_END]: 'stopEnd',
  [EV_ASSIST_BEGIN]: 'assistBegin',
  [EV_ASSIST_END]: 'assistEnd',
  [EV_MARK]: 'mark',
  [EV_ATTACH]: 'attach',
  [EV_DETACH]: 'detach',
  [EV_REAPED]: 'reaped',
  [EV_LOST]: 'lost',
};

/** Words of events, seen as integers and as doubles. */
export interface EventWords {
  readonly m: Words;
  readonly mf: Float64Array<ArrayBufferLike>;
}

const reasonOf = (why: number): StopReason =>
  why === WHY_MARK_SETUP ? 'markSetup' : why === WHY_MARK_TERMINATION ? 'markTermination' : 'other';

/**
 * Tells `visit` what the event at word `w` says: once, or for a sweep once an object. Always with the same event object,
 * whose fields are its own only during the call.
 */
export class EventDecoder {
  readonly #e = new AllocEvent();
  readonly #blank = new AllocEvent();

  decode({ m, mf }: EventWords, w: number, seq: number, visit: EventVisitor): void {
    const head = m[w + EVENT_HEAD];
    const kind = head & 0xff;
    const flags = head >>> EVENT_FLAGS_SHIFT;
    const e = this.#e;
    const known = KINDS[kind];
    if (known === undefined) return;
    const { kind: last } = e;
    // Allocations and frees follow each other mostly; all else leaves fields behind.
    if (last !== 'alloc' && last !== 'free') Object.assign(e, this.#blank);
    e.kind = known;
    e.seq = seq;
    e.time = mf[(w + EVENT_TIME) >>> 1];
    e.thread = (head >>> EVENT_THREAD_SHIFT) & 0xff;
    const a = m[w + EVENT_A];
    e.address = a >>> 0;
    e.size = 0;
    e.type = 0;
    e.zeroed = false;
    if (kind === EV_ALLOC) {
      e.size = m[w + EVENT_B] >>> 0;
      e.type = m[w + EVENT_C];
      e.zeroed = (flags & FLAG_ZEROED) !== 0;
    } else if (kind === EV_SWEEP || kind === EV_SWEEP_TINY) {
      sweep(e, kind, m[w + EVENT_B] >>> 0, m[w + EVENT_C], visit);
      return;
    } else if (kind !== EV_FREE) {
      e.address = 0;
      fill(e, kind, flags, m, w);
      fillTimes(e, kind, flags, mf, w);
    }
    visit(e);
  }

  /** An object that was alive when the trace began. */
  alive(addr: number, size: number, type: number, thread: number, visit: EventVisitor): void {
    const e = this.#e;
    if (e.kind !== 'alive') Object.assign(e, this.#blank);
    e.kind = 'alive';
    e.seq = -1;
    e.thread = thread;
    e.address = addr;
    e.size = size;
    e.type = type;
    visit(e);
  }
}

function sweep(e: AllocEvent, kind: number, size: number, mask: number, visit: EventVisitor): void {
  const first = e.address;
  e.size = size;
  for (let bits = mask; bits !== 0; bits &= bits - 1) {
    e.address = first + ctz32(bits) * (kind === EV_SWEEP ? size : 1);
    visit(e);
  }
}

function fill(e: AllocEvent, kind: number, flags: number, m: Words, w: number): void {
  const a = m[w + EVENT_A];
  const b = m[w + EVENT_B];
  const c = m[w + EVENT_C];
  const d = m[w + EVENT_D];
  if (kind === EV_REALLOC) {
    e.oldAddress = a >>> 0;
    e.size = b >>> 0;
    e.type = c;
    e.address = d >>> 0;
  } else if (kind === EV_SPAN_ALLOC || kind === EV_SPAN_FREE) {
    e.address = a >>> 0;
    e.size = (b & ((1 << SPAN_CLASS_SHIFT) - 1)) * PAGE_SIZE;
    e.spanClass = b >>> SPAN_CLASS_SHIFT;
    e.manual = (flags & FLAG_MANUAL) !== 0;
    e.heapLive = Math.max(0, c) * UNIT;
    e.heapInUse = d * PAGE_SIZE;
  } else if (kind === EV_START) {
    e.heapInUse = a * PAGE_SIZE;
    e.heapLive = Math.max(0, b) * UNIT;
    e.heapGoal = goal(c);
  } else if (kind === EV_GROW) {
    e.address = a * PAGE_SIZE;
    e.size = b * PAGE_SIZE;
  } else if (kind === EV_CYCLE_BEGIN || kind === EV_MARK_TERMINATION) {
    e.cycle = a;
    e.heapLive = Math.max(0, b) * UNIT;
    e.heapGoal = goal(c);
    if (kind === EV_CYCLE_BEGIN) e.forced = d !== 0;
    else e.heapMarked = d * UNIT;
  } else if (kind === EV_SWEEP_DONE) {
    e.cycle = a;
  } else if (kind === EV_ASSIST_BEGIN) {
    e.size = a >>> 0;
  } else if (kind === EV_ATTACH) {
    e.thread = b;
    e.worker = a - 1;
  } else if (kind === EV_REAPED) {
    e.worker = a;
  } else if (kind === EV_LOST) {
    e.count = a >>> 0;
  }
}

const goal = (units: number): number => (units === NO_GOAL ? Number.POSITIVE_INFINITY : units * UNIT);

function fillTimes(e: AllocEvent, kind: number, flags: number, mf: Float64Array<ArrayBufferLike>, w: number): void {
  if (kind === EV_STOP_BEGIN || kind === EV_STOP_END) e.reason = reasonOf(flags);
  if (kind !== EV_STOP_END && kind !== EV_ASSIST_END && kind !== EV_MARK) return;
  e.duration = mf[(w + EVENT_A) >>> 1];
  const second = mf[(w + EVENT_C) >>> 1];
  if (kind === EV_STOP_END) e.stopping = second;
  else e.scanned = second;
}
