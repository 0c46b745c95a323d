/**
 * What a view of a heap tells (see view.ts): plain data, the same as JSON. Sizes and addresses are in bytes, times in
 * nanoseconds, unless a name says otherwise. Pages, chunks and arenas are numbers: page n is at address n × 8192, a chunk
 * is 512 pages, an arena 8192. What does not exist is null: no limit, no goal, no owner.
 *
 * All of it was read beside threads that change it. Each number was true at some moment of the call.
 */
import type { CycleRecord } from '../gc/stats.ts';

/** What never changes while a heap exists. */
export interface ViewInfo {
  /** Bytes and pages of the reservation. */
  readonly maxBytes: number;
  readonly pages: number;
  readonly pageSize: number;
  readonly chunkPages: number;
  readonly arenaPages: number;
  /** Most threads, that of the background worker included. */
  readonly maxThreads: number;
  readonly shared: boolean;
  /** Milliseconds since the epoch at which the heap was made: times of samples and cycles count from it. */
  readonly createdAt: number;
  /** By size class: index 0 stands for large objects. The last one is that of tiny blocks, if `tinySpanClass` is not −1. */
  readonly sizeClasses: readonly ViewSizeClass[];
  /** Span class of tiny blocks, −1 without tiny allocator. A span class is 2 × size class + 1 if free of pointers. */
  readonly tinySpanClass: number;
  /** Span classes are below this. */
  readonly spanClasses: number;
}

/** A row of the heap's size class table. */
export interface ViewSizeClass {
  /** Bytes of a slot, pages and slots of a span; the end of a span that is too short for a slot. 0 for large objects. */
  readonly size: number;
  readonly npages: number;
  readonly nelems: number;
  readonly tailBytes: number;
}

/** What changes all the time; cheap to read: no span is looked at. */
export interface ViewSample {
  /** Milliseconds since the heap was made. */
  readonly at: number;
  /** 'sweep': garbage of the last cycle is still to be swept. */
  readonly phase: 'off' | 'mark' | 'sweep';
  /** Cycles begun, and those whose marking is complete. */
  readonly cyclesStarted: number;
  readonly cycles: number;
  /** Bytes of objects, unswept garbage included; windows of threads count whole (Go: heapLive). */
  readonly liveBytes: number;
  /** The part that the marker looks into. */
  readonly scanBytes: number;
  /** Live heap by which marking should be done, and at which the next cycle begins; null: there is none. */
  readonly goalBytes: number | null;
  readonly triggerBytes: number | null;
  readonly limitBytes: number | null;
  /** Bytes that the last cycle found alive; that this cycle has marked so far, and the scan work it has done. */
  readonly markedBytes: number;
  readonly markedNowBytes: number;
  readonly scanWorkBytes: number;
  /** Pages in spans; pages the page allocator knows; those of them whose memory is not there; most ever in spans. Bytes. */
  readonly inUseBytes: number;
  readonly sysBytes: number;
  readonly releasedBytes: number;
  readonly peakBytes: number;
  /** Allocator memory in use. */
  readonly metadataBytes: number;
  /**
   * Bytes of objects ever allocated and freed, by hand or by sweeping; slots count whole. The growth of the first one is
   * the allocation rate.
   */
  readonly allocatedBytes: number;
  readonly freedBytes: number;
  /** Attached threads. */
  readonly threads: number;
  readonly pauses: number;
  readonly pauseTotalNs: number;
  /** CPU time: marking in the background or on request, marking by threads that allocate, sweeping. */
  readonly markNs: number;
  readonly assistNs: number;
  readonly sweepNs: number;
  /** Whether the collector is held at half of the CPU. */
  readonly limiting: boolean;
  /** Id of the thread that stops the world or wants to; 0: nobody. */
  readonly stopping: number;
  /** Registered types, named roots. */
  readonly types: number;
  readonly refills: number;
  readonly largeAllocs: number;
  readonly largeFrees: number;
  readonly remoteFrees: number;
}

/** The collector: its settings, what it did. */
export interface ViewGC {
  readonly enabled: boolean;
  readonly phase: 'off' | 'mark' | 'sweep';
  readonly background: boolean;
  /** −1: off. */
  readonly gcPercent: number;
  readonly memoryLimit: number | null;
  readonly forcedCycles: number;
  readonly freedBytes: number;
  readonly freedObjects: number;
  readonly limiting: boolean;
  readonly lastLimitedCycle: number;
  /** The last 64 cycles and 256 pauses (ns), the latest last. `at` of a cycle: ns since the heap was made. */
  readonly cycles: readonly CycleRecord[];
  readonly pausesNs: readonly number[];
  /** The mark of now: threads that mark, threads that wait for work, full work buffers, root jobs begun and in all. */
  readonly working: number;
  readonly idle: number;
  readonly workBuffers: number;
  readonly rootJobs: number;
  readonly rootJobsDone: number;
  /** Pages swept in this cycle; span class from which on unswept spans may be left. */
  readonly pagesSwept: number;
  readonly sweepClass: number;
  readonly sweepgen: number;
}

/**
 * A page of the page map, 16 bits:
 *
 *   bits 0 … 7    span class, for PAGE_SMALL and PAGE_UNSWEPT of small objects; else 0, or 1 for large objects without
 *                 pointers
 *   bits 8 … 11   state: one of the PAGE_ values
 *   bit 12        first page of its span
 *   bits 13 … 15  how full the span is, in sevenths: slots that it cannot hand out (Go: allocCount). 7: full
 */
export const PAGE_CLASS_MASK = 0xff;
/** `(page >>> PAGE_STATE_SHIFT) & PAGE_STATE_MASK` is the state. */ export const PAGE_STATE_SHIFT = 8;
/** See PAGE_STATE_SHIFT. */ export const PAGE_STATE_MASK = 0xf;
/** Set in the first page of a span. */ export const PAGE_FIRST = 1 << 12;
/** `page >>> PAGE_FILL_SHIFT` is how full the span is, in sevenths. */ export const PAGE_FILL_SHIFT = 13;

/** Beyond what the page allocator knows. */ export const PAGE_UNKNOWN = 0;
/** Free, with memory behind it. */ export const PAGE_IDLE = 1;
/** Free, its memory never touched or given back. */ export const PAGE_SCAVENGED = 2;
/** Free, in a thread's page cache. */ export const PAGE_CACHED = 3;
/** In a span of small objects: with pointers if the span class is even. */ export const PAGE_SMALL = 4;
/** In a span of tiny blocks. */ export const PAGE_TINY = 5;
/** In a large object. */ export const PAGE_LARGE = 6;
/** Managed by hand: shadow stacks, handle tables, work buffers. */ export const PAGE_MANUAL = 7;
/** In a span of objects that is still to be swept. */ export const PAGE_UNSWEPT = 8;
/** In a span on its way back. */ export const PAGE_FREEING = 9;
/** In use by nobody that can be named: page 0, or it changed hands just now. */ export const PAGE_OTHER = 10;
/** Names, by state. */
export const PAGE_STATES = [
  'unknown',
  'free',
  'scavenged',
  'page cache',
  'small',
  'tiny',
  'large',
  'manual',
  'unswept',
  'freeing',
  'other',
] as const;

/** What a span is used for; `damaged`: its record says what cannot be. */
export type SpanState = 'free' | 'in use' | 'manual' | 'freeing' | 'damaged';
/** What a span's sweep generation says: swept, to be swept, being swept; 'cached': swept and a thread's. */
export type SweepState = 'swept' | 'unswept' | 'sweeping' | 'cached' | 'cached, unswept' | 'none';

/** A span, as in lists. */
export interface ViewSpan {
  /** First page, and how many. */
  readonly page: number;
  readonly npages: number;
  readonly address: number;
  readonly state: SpanState;
  readonly sweep: SweepState;
  readonly spanClass: number;
  /** Bytes of a slot; of a large object what was asked for. */
  readonly elemsize: number;
  readonly nelems: number;
  /** Slots passed by the scan for free ones; slots the span cannot hand out; slots with objects. */
  readonly freeindex: number;
  readonly allocCount: number;
  readonly live: number;
  readonly marked: number;
  /** Thread that owns it; 0: nobody. */
  readonly owner: number;
  /** The list it is on: 'none', 'mcache.alloc', 'mcache.partial', 'mcache.full', 'mcentral.partial', 'mcentral.full'. */
  readonly list: string;
}

/** Bits of `slots[i]`. */ export const SLOT_LIVE = 1;
/** Found alive by the collector, in the cycle under way or in the last one. */ export const SLOT_MARKED = 2;
/** Free, and in the owner's window: the next mallocs take it. */ export const SLOT_WINDOW = 4;
/** Free, and on the owner's reuse stack. */ export const SLOT_STACK = 8;
/** Freed by another thread; the owner has yet to take note. */ export const SLOT_NOTED = 16;
/** Not reached by the scan yet: index at or above freeindex. */ export const SLOT_AHEAD = 32;
/** The object has a finalizer, cleanup, weak reference or the like. */ export const SLOT_SPECIAL = 64;

/** A span with its slots. */
export interface ViewSpanDetail extends ViewSpan {
  /** Word index of its record in allocator memory. */
  readonly record: number;
  readonly noscan: boolean;
  readonly tiny: boolean;
  readonly large: boolean;
  readonly needzero: boolean;
  /** Its sweep generation and the heap's. */
  readonly sweepgen: number;
  readonly heapSweepgen: number;
  /** Bytes at the end that are no slot; bytes of slots without object. */
  readonly tailBytes: number;
  readonly freeBytes: number;
  /** The first slot in this answer; at most 4096 follow. */
  readonly from: number;
  /** SLOT_ bits, slot by slot. */
  readonly slots: readonly number[];
  /** Type numbers, slot by slot; 0: none (free of pointers). Empty in spans without pointers. */
  readonly types: readonly number[];
  /** Names of those numbers. */
  readonly typeNames: { readonly [number: string]: string };
  /** Of tiny blocks: objects in each slot. */
  readonly tinyObjects: readonly number[];
}

/** Values as text and structure, bounded: at most 100 elements of a sequence, 64 KiB of a text, 10,000 values in all. */
export type ViewValue =
  | { readonly is: 'number'; readonly text: string }
  | { readonly is: 'boolean'; readonly value: boolean }
  | { readonly is: 'string'; readonly text: string }
  /** `length` bytes, the first 1024 of them in hexadecimal. */
  | { readonly is: 'bytes'; readonly hex: string; readonly length: number }
  | { readonly is: 'nil' }
  | { readonly is: 'ref'; readonly type: string; readonly address: number }
  | {
      readonly is: 'slice';
      readonly address: number;
      readonly length: number;
      readonly capacity: number;
      readonly elements: readonly ViewValue[];
    }
  | { readonly is: 'array'; readonly length: number; readonly elements: readonly ViewValue[] }
  | {
      readonly is: 'map';
      readonly address: number;
      readonly size: number;
      readonly entries: readonly (readonly [ViewValue, ViewValue])[];
    }
  | { readonly is: 'struct'; readonly fields: readonly ViewField[] }
  /** A pointer that leads to no live object. */
  | { readonly is: 'invalid'; readonly text: string };

/** A field of a struct, with what is in it. */
export interface ViewField {
  readonly name: string;
  readonly value: ViewValue;
}

/** A pointer in an object. */
export interface ViewPointer {
  /** Bytes from the start of the object. */
  readonly offset: number;
  /** Where it leads to, and the object there: its start, size and type; null if there is none that is live. */
  readonly to: number;
  readonly target: ViewTarget | null;
}

/** The live object that a pointer leads to. */
export interface ViewTarget {
  readonly start: number;
  readonly size: number;
  /** Name of the type it carries; null for objects free of pointers. */
  readonly type: string | null;
}

/** An object, as `view.object(address)` tells it. */
export interface ViewObject {
  /** The address that was asked for. */
  readonly address: number;
  readonly start: number;
  readonly size: number;
  readonly type: string | null;
  /** How the type is known: carried by the object, given, from a named root or a pointer (`typeVia`) that leads to it. */
  readonly typeFrom: 'allocated' | 'given' | 'root' | 'pointer' | null;
  readonly typeVia: string | number | null;
  /** Declared fields with their types and offsets, of a struct. */
  readonly fields: readonly { readonly name: string; readonly type: string; readonly offset: number }[];
  /** Values of the type in a row, null for one; where the first one is; the value, or the array of values. */
  readonly count: number | null;
  readonly valueAt: number;
  readonly value: ViewValue;
  /**
   * Its pointers that are not nil, by the type it carries: at most 1000, of `pointerCount` among the first 65,536 places
   * for pointers. To follow one, ask for `to` with `via` = start + offset: what is there is then known from the pointer.
   */
  readonly pointers: readonly ViewPointer[];
  readonly pointerCount: number;
  /** Where it lies: first page of its span, slot, SLOT_ bits. */
  readonly page: number;
  readonly spanClass: number;
  readonly slot: number;
  readonly bits: number;
  /** Neighbours with objects in the span, for walking on; null at the ends. */
  readonly previous: number | null;
  readonly next: number | null;
}

/** No object is at an address: why. */
export interface ViewNothing {
  readonly address: number;
  /** As in "address 0x10 <nothing>": 'is in a free page'. */
  readonly nothing: string;
  /** First page of the span around it; null: none. */
  readonly page: number | null;
}

/** A thread's hold on one span class; those with nothing at all are left out. */
export interface ViewCacheClass {
  readonly spanClass: number;
  readonly size: number;
  /** First page of the span it allocates from, null: none. */
  readonly span: number | null;
  /** Free slots in the window, the window's address, and its 32 bits (as unsigned number). */
  readonly window: number;
  readonly windowAddress: number;
  readonly windowBits: number;
  /** Slots on the reuse stack, and how many it can hold. */
  readonly stack: number;
  readonly stackLimit: number;
  /** Slots on the stack, the one to be reused first at the end: at most the topmost 127. */
  readonly stackAddresses: readonly number[];
  readonly partial: number;
  readonly full: number;
  readonly needzero: boolean;
}

/** An attached thread, and what it holds. */
export interface ViewThread {
  readonly id: number;
  /** 'IDLE', 'RUNNING', 'STOPPED', 'DEAD', 'BLOCKED', 'HALTED'. */
  readonly status: string;
  /** Node's thread id; null: not known. */
  readonly threadId: number | null;
  /** Whether it is the collector's background worker. */
  readonly background: boolean;
  readonly flushGen: number;
  readonly marking: boolean;
  readonly awaiting: boolean;
  readonly sweeping: boolean;
  /** How often it holds the collector back (`pauseGC`). */
  readonly pausing: number;
  /** Bytes it may allocate before it must help to mark; negative: debt. */
  readonly assistBytes: number;
  /** Words in its write-barrier buffer, of 512. */
  readonly writeBarrier: number;
  /** The tiny block it fills; null: none. */
  readonly tiny: { readonly address: number; readonly offset: number } | null;
  /** Block of 64 pages: the first one, and 64 characters: '.' not its own, 'f' free, 's' free and scavenged. */
  readonly pageCache: { readonly page: number; readonly free: number; readonly bits: string } | null;
  /** Span records in reserve; pages of empty spans that it keeps. */
  readonly spanRecords: number;
  readonly emptyPages: number;
  /** Local and persistent references: slots in use of its shadow stack, segments of its handle table. */
  readonly shadowSlots: number;
  readonly handleSegments: number;
  /** Spans of its own in which other threads have freed. */
  readonly remoteSpans: number;
  readonly freeSlots: number;
  readonly freeBytes: number;
  /** Counters since it attached. */
  readonly largeAllocs: number;
  readonly largeFrees: number;
  readonly refills: number;
  readonly remoteFrees: number;
  readonly markNs: number;
  readonly assistNs: number;
  readonly sweepNs: number;
  readonly sweptBytes: number;
  readonly sweptObjects: number;
  readonly classes: readonly ViewCacheClass[];
}

/** The spans of one class that no thread owns. Classes without any are left out. */
export interface ViewCentral {
  readonly spanClass: number;
  readonly size: number;
  readonly partialSwept: number;
  readonly partialUnswept: number;
  readonly fullSwept: number;
  readonly fullUnswept: number;
  /** Thread that holds its lock now; 0: nobody. */
  readonly lockedBy: number;
  /** First pages of the first spans of each set, at most 16. */
  readonly partial: readonly number[];
  readonly full: readonly number[];
}

/** Where the memory of one span class goes. spanBytes = liveBytes + freeBytes + tailBytes. */
export interface ViewClassUse {
  /** Size class 0: large objects. `tiny`: blocks of the tiny allocator. */
  readonly spanClass: number;
  readonly size: number;
  readonly spans: number;
  readonly spanBytes: number;
  readonly objects: number;
  readonly liveBytes: number;
  readonly freeSlots: number;
  readonly freeBytes: number;
  readonly tailBytes: number;
  /** Spans nobody has swept yet: what is dead in them counts as live. */
  readonly unswept: number;
}

/** Objects of one type, counted. */
export interface ViewType {
  /** Type number and name; 0 and '': objects free of pointers, which carry none, all those of one size together. */
  readonly number: number;
  readonly name: string;
  /** Bytes of their slots, when the number is 0; 0: large objects, −1: in tiny blocks. Else null. */
  readonly slotSize: number | null;
  readonly objects: number;
  readonly bytes: number;
}

/** Objects and bytes by type. Made in pieces, each far below 5 ms, so it is of the time between `startedAt` and `endedAt`. */
export interface ViewTypes {
  /** Milliseconds since the heap was made; null: not yet. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Pages that the walk under way has done, and of how many. */
  readonly walkedPages: number;
  readonly pages: number;
  readonly objects: number;
  readonly bytes: number;
  /** The largest first, at most 200; `others`: what the rest has together. */
  readonly types: readonly ViewType[];
  readonly others: { readonly types: number; readonly objects: number; readonly bytes: number };
}

/** A named root, and where it leads. */
export interface ViewRoot {
  readonly name: string;
  readonly type: string;
  readonly address: number;
  readonly target: ViewTarget | null;
}

/** One entry of a summary level: free pages at its beginning, longest run, at its end. */
export type ViewSummary = readonly [start: number, max: number, end: number];

/** The page allocator: its summary tree, and what it has in hand. */
export interface ViewPageAlloc {
  /** Pages known, and in spans. */
  readonly grownPages: number;
  readonly inUsePages: number;
  readonly peakPages: number;
  readonly releasedPages: number;
  /** No page below is free (Go: searchAddr); null: none is free. */
  readonly searchPage: number | null;
  /** Nothing to scavenge above. */
  readonly scavPage: number;
  readonly ranges: readonly (readonly [firstPage: number, limitPage: number])[];
  /** Known part of each level, the root first; `pages`: how many pages an entry is for. At most 1024 entries a level. */
  readonly levels: readonly { readonly pages: number; readonly entries: readonly ViewSummary[] }[];
  /** Thread that holds the heap lock; 0: nobody. */
  readonly heapLock: number;
}

/** A chunk's spans and free pages: the page map as a table. */
export interface ViewChunk {
  readonly chunk: number;
  readonly firstPage: number;
  readonly pages: number;
  /** Pages by state, in the order of PAGE_STATES. */
  readonly states: readonly number[];
  /** Runs of pages of one kind, in order; spans have `span`. */
  readonly runs: readonly {
    readonly page: number;
    readonly pages: number;
    readonly state: number;
    readonly span: ViewSpan | null;
  }[];
}

/** A registered type. */
export interface ViewTypeInfo {
  readonly number: number;
  readonly name: string;
  readonly size: number;
  readonly kind: string;
  readonly fields: readonly { readonly name: string; readonly type: string; readonly offset: number }[];
  readonly pointers: readonly number[];
}
