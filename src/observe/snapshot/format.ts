/**
 * The format of heap snapshots: docs/snapshot-format.md. All numbers are 32-bit words in the byte order of the machine that
 * wrote the file, and begin at multiples of 4; sections at multiples of 8.
 */

/** "SPHSNAP1". */
export const MAGIC_BYTES = [0x53, 0x50, 0x48, 0x53, 0x4e, 0x41, 0x50, 0x31] as const;
export const FORMAT_VERSION = 2;
/** As the reader's machine must see it. */
export const BYTE_ORDER_MARK = 0x01020304;

// Words of the file header. Its last word is the checksum of those before it, in every version.
export const FILE_VERSION = 2;
export const FILE_BYTE_ORDER = 3;
export const FILE_HEADER_BYTES = 4;
export const FILE_PAGE_SIZE = 5;
/** Pages of the reservation, and pages below which all spans are. */
export const FILE_PAGES = 6;
export const FILE_GROWN_PAGES = 7;
/** Milliseconds since 1970 when the heap stood still: a double. */
export const FILE_TIME = 8;
export const FILE_CHECKSUM = 15;
export const FILE_HEADER_WORDS = 16;

// Words of a section's header; the payload follows, filled up with zeroes to a multiple of 8 bytes.
export const SECTION_TYPE = 0;
/** Bytes of the payload, without what it is filled up with. */
export const SECTION_BYTES = 1;
/** Of pages: the number of the first one. Else 0. */
export const SECTION_ARG = 2;
/** Checksum of the words before it, seeded with the section's number in the file. */
export const SECTION_CHECK = 3;
export const SECTION_WORDS = 4;
/** After the payload: its checksum, with what it is filled up with; the section's number. */
export const TRAILER_CHECK = 0;
export const TRAILER_NUMBER = 1;
export const TRAILER_WORDS = 2;

const fourcc = (text: string): number => [...text].reduce((word, c, i) => word | (c.charCodeAt(0) << (8 * i)), 0);

/** Types of sections, in the order in which they come. META and END_ come once, the others as often as need be. */
export const META = fourcc('META');
export const TYPE = fourcc('TYPE');
export const ROOT = fourcc('ROOT');
export const SPEC = fourcc('SPEC');
export const SPAN = fourcc('SPAN');
export const PAGE = fourcc('PAGE');
export const PTCH = fourcc('PTCH');
export const END_ = fourcc('END ');
export const SECTION_ORDER: readonly number[] = [META, TYPE, ROOT, SPEC, SPAN, PAGE, PTCH, END_];

/** Most bytes of a payload: of JSON, and of everything else. */
export const MAX_JSON = 256 << 20;
export const MAX_BINARY = 1 << 20;

// A span: these words, then its allocation bits; of small objects with pointers their type numbers, two to a word; of
// tiny blocks their masks (spans/tiny-mask.ts). No bit is set from `nelems` on.
export const SNAP_SPAN_PAGE = 0;
export const SNAP_SPAN_NPAGES = 1;
export const SNAP_SPAN_CLASS = 2;
export const SNAP_SPAN_ELEMSIZE = 3;
export const SNAP_SPAN_NELEMS = 4;
/** Bytes that were asked for, and type number, of a large object. The number is 0 while it was being cleared. */
export const SNAP_SPAN_LARGE_SIZE = 5;
export const SNAP_SPAN_LARGE_TYPE = 6;
export const SNAP_SPAN_WORDS = 8;

// A root. Its name is an index in the names of META, of named roots; its type that of a named root's reference.
export const SNAP_ROOT_KIND = 0;
export const SNAP_ROOT_THREAD = 1;
export const SNAP_ROOT_ADDR = 2;
export const SNAP_ROOT_NAME = 3;
export const SNAP_ROOT_TYPE = 4;
export const SNAP_ROOT_WORDS = 6;
export const ROOT_NAMED = 1;
export const ROOT_HANDLE = 2;
export const ROOT_STACK = 3;
export const ROOT_TINY = 4;
export const ROOT_ALLOCATING = 5;
export const ROOT_KEEP = 6;

// A special record: kind (layout/special.ts), the address it was made for, the thread of its callback; 0: it has none.
export const SNAP_SPEC_KIND = 0;
export const SNAP_SPEC_ADDR = 1;
export const SNAP_SPEC_THREAD = 2;
export const SNAP_SPEC_WORDS = 4;

// The last section: totals.
export const TOTAL_SPANS = 0;
export const TOTAL_OBJECTS = 1;
export const TOTAL_PAGES = 2;
export const TOTAL_ROOTS = 3;
export const TOTAL_SPECIALS = 4;
export const TOTAL_PATCHES = 5;
/** 1: numbers are of the same moment as pointers: no other thread was there, and no page changed before it was copied. */
export const TOTAL_EXACT = 6;
export const TOTAL_WORDS = 8;

/** What META holds, as JSON. */
export interface SnapshotMeta {
  readonly format: 'spanheap snapshot';
  /** When the heap stood still: ISO 8601. */
  readonly time: string;
  /** A random number that this heap has, and hardly another: an unsigned 32-bit integer. */
  readonly heap: number;
  /** Bytes of the reservation. */
  readonly maxBytes: number;
  /** Whether the collector was on: otherwise objects that nothing leads to are in use all the same. */
  readonly gc: 'on' | 'off';
  /** The size class table: class, bytes of a slot, pages of a span. */
  readonly sizeClasses: readonly { readonly class: number; readonly size: number; readonly npages: number }[];
  /** Span class of tiny blocks; −1: there are none. */
  readonly tinySpanClass: number;
  readonly threads: readonly SnapshotThread[];
  /** Names of the named roots. */
  readonly rootNames: readonly string[];
  /** What `heap.stats()` said right after. */
  readonly stats: unknown;
}

export interface SnapshotThread {
  readonly id: number;
  /** Id of the worker thread; −1: not known. */
  readonly worker: number;
  readonly role: 'snapshot' | 'collector' | 'program';
}

/** A registered type, as TYPE lists them: JSON arrays. */
export interface SnapshotType {
  readonly name: string;
  readonly number: number;
  readonly size: number;
  readonly align: number;
  readonly pointers: readonly number[];
  readonly definition: string;
}
