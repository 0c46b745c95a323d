/**
 * Size classes: which sizes a small object can have, and how many pages a span of each takes.
 *
 *   request 1 … 32768 bytes ──sizeToClass8 / sizeToClass128──▶ class c ──▶ slot of size[c] bytes
 *                                                                          in a span of npages[c] pages
 *
 * Two halves. `makeSizeClasses` argues for a table: it is the rule by which Go's `mksizeclasses` made the one in its
 * source, and runs when that table is generated (scripts/generate.ts) or a heap is made with a table of its own.
 * `SizeClassTable` is what every thread looks things up in; each makes its own from the sizes in the heap's header.
 *
 * Invariants: class 0 is the pseudo-class of large objects; sizes ascend; a size up to 1024 is a multiple of 8, a
 * larger one of 128 (the steps of the two lookups); the last is MAX_SMALL_SIZE. Immutable once made: no lock.
 */
import { ctz32, isPowerOfTwo, roundUp } from '../base/bits.ts';
import { checkNames } from '../base/check.ts';
import { describe as describeValue } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import {
  LARGE_SIZE_DIV,
  MAX_SIZE_CLASSES,
  MAX_SMALL_SIZE,
  PAGE_SIZE,
  SMALL_SIZE_DIV,
  SMALL_SIZE_MAX,
  TINY_SIZE,
} from '../layout/constants.ts';
import { DIV_SHIFT } from '../layout/span.ts';
import { GO_1_14, GO_1_16 } from './size-classes.gen.ts';

/** Which of Go's two tables: `go1.14` (up to 1.15, 67 classes with class 0) or `go1.16` (24-byte class added, 68). */
export type Generation = 'go1.14' | 'go1.16';

/** Options of `makeSizeClasses`. Wrong ones, and names that are none, are an ArgumentError. */
export interface SizeClassOptions {
  /** Whose smallest sizes: with the class of 24 bytes or without. Default: 'go1.16'. */
  readonly generation?: Generation | undefined;
  /** Bytes of a page, a power of two. Heaps have pages of 8192 bytes, the default, and take no other rows. */
  readonly pageSize?: number | undefined;
  /** Largest part of a span that may be left over behind its last slot; steers the distance of classes too. */
  readonly maxWaste?: number | undefined;
  /** Sizes to use as they are, instead of those of the rule. */
  readonly classes?: readonly number[] | undefined;
}

/** A row of the table; what the columns mean is what Go's `sizeclasses.go` shows. */
export interface SizeClass {
  readonly class: number;
  readonly size: number;
  readonly npages: number;
  readonly objects: number;
  /** Bytes behind the last slot. */
  readonly tailWaste: number;
  /** Part of a span that is wasted when every object has the least size that takes this class. */
  readonly maxWaste: number;
  /** Alignment that every slot has. */
  readonly minAlign: number;
  /**
   * Go's 32-bit reciprocal: `off / size` is `(off * divMagic) >> 32` in 64-bit arithmetic, for every offset in a span.
   * 0 where there is none, as can happen in tables that are not Go's; `SizeClassTable.div` does not need it.
   */
  readonly divMagic: number;
}

const DEFAULT_MAX_WASTE = 1 / 8;
/** Most slots that a span of small objects may have (Go counts them in 16 bits). */
const MAX_SPAN_OBJECTS = 65535;
/** From this size on, the distance of sizes grows no more. */
const LAST_STEP_SIZE = 2048;

/** Rows of classes 1, 2, …; class 0 has none. Throws `ArgumentError` on options that give no usable table. */
export function makeSizeClasses(options: SizeClassOptions = {}): SizeClass[] {
  checkNames('makeSizeClasses', options, ['generation', 'pageSize', 'maxWaste', 'classes']);
  const { generation = 'go1.16', pageSize = PAGE_SIZE, maxWaste = DEFAULT_MAX_WASTE } = options;
  if (generation !== 'go1.14' && generation !== 'go1.16') badTable(`generation is ${describeValue(generation)}`);
  if (!isPowerOfTwo(pageSize) || pageSize < SMALL_SIZE_MAX || pageSize > 1 << 20) {
    badTable(`pageSize is ${pageSize}; it must be a power of two from ${SMALL_SIZE_MAX} to ${1 << 20}`);
  }
  if (!(maxWaste > 0 && maxWaste <= 0.5)) badTable(`maxWaste is ${maxWaste}; it must be above 0 and at most 0.5`);
  if (options.classes !== undefined && !Array.isArray(options.classes)) {
    badTable(`classes must be an array of sizes, not ${describeValue(options.classes)}`);
  }
  const chosen =
    options.classes === undefined
      ? chooseSizes(generation, pageSize, maxWaste)
      : options.classes.map((size) => ({ size, npages: spanPages(size, pageSize, maxWaste) }));
  checkSizes(chosen);
  return chosen.map(({ size, npages }, i) => describe(i + 1, size, chosen[i - 1]?.size ?? 0, npages, pageSize));
}

interface Choice {
  readonly size: number;
  readonly npages: number;
}

function badTable(message: string): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', `size classes: ${message}`);
}

/** Fewest pages that leave at most `maxWaste` of the span behind the last slot. */
function spanPages(size: number, pageSize: number, maxWaste: number): number {
  let npages = 1;
  while ((npages * pageSize) % size > npages * pageSize * maxWaste) npages++;
  return npages;
}

/**
 * Distance from the class of `size`, a power of two, to the next. Rounding a request up to its class should waste as
 * little as a span's tail may, which asks for `size * maxWaste`; below 128 bytes that would be finer than 16 bytes,
 * the alignment that objects of a cache line's size deserve, and above 1024 `sizeToClass128` needs multiples of 128.
 */
function stepAfter(size: number, generation: Generation, maxWaste: number): number {
  if (size < (generation === 'go1.14' ? 16 : 32)) return SMALL_SIZE_DIV;
  const wanted = 2 ** Math.floor(Math.log2(Math.min(size, LAST_STEP_SIZE) * maxWaste));
  return Math.max(wanted, size >= SMALL_SIZE_MAX ? LARGE_SIZE_DIV : 16);
}

function chooseSizes(generation: Generation, pageSize: number, maxWaste: number): Choice[] {
  const chosen: Choice[] = [];
  let step = SMALL_SIZE_DIV;
  for (let size = step; size <= MAX_SMALL_SIZE; size += step) {
    if (isPowerOfTwo(size)) step = stepAfter(size, generation, maxWaste);
    const npages = spanPages(size, pageSize, maxWaste);
    const last = chosen.at(-1);
    const objects = Math.floor((npages * pageSize) / size);
    // As many objects in as many pages as the size before: then the larger size can serve both.
    if (last !== undefined && npages === last.npages && objects === Math.floor((npages * pageSize) / last.size)) {
      chosen.pop();
    }
    chosen.push({ size, npages });
  }
  // What is left behind the last slot is better spread over all of them, as far as the lookup's step allows.
  const widened = chosen.map(({ size, npages }) => {
    const spanBytes = npages * pageSize;
    const widest = Math.floor(spanBytes / Math.floor(spanBytes / size));
    return { size: Math.max(size, widest - (widest % LARGE_SIZE_DIV)), npages };
  });
  // With large pages a class can grow up to the one after it; with Go's page size none does.
  return widened.filter(({ size }, i) => size < (widened[i + 1]?.size ?? Infinity));
}

function checkSizes(chosen: readonly Choice[]): void {
  if (chosen.length >= MAX_SIZE_CLASSES) {
    badTable(`${chosen.length} classes; at most ${MAX_SIZE_CLASSES - 1} are possible`);
  }
  let before = 0;
  for (const { size } of chosen) {
    const step = size > SMALL_SIZE_MAX ? LARGE_SIZE_DIV : SMALL_SIZE_DIV;
    if (!Number.isInteger(size) || size <= 0 || size % step !== 0) {
      badTable(`size ${size} is not a positive multiple of ${step}`);
    }
    if (size <= before) badTable(`size ${size} comes after ${before}; sizes must ascend`);
    before = size;
  }
  if (before !== MAX_SMALL_SIZE) badTable(`the last size is ${before}; it must be ${MAX_SMALL_SIZE}`);
}

function describe(sizeClass: number, size: number, before: number, npages: number, pageSize: number): SizeClass {
  const spanBytes = npages * pageSize;
  const objects = Math.floor(spanBytes / size);
  const tailWaste = spanBytes - objects * size;
  return {
    class: sizeClass,
    size,
    npages,
    objects,
    tailWaste,
    maxWaste: ((size - before - 1) * objects + tailWaste) / spanBytes,
    minAlign: Math.min(size & -size, pageSize),
    divMagic: divMagic(size, objects),
  };
}

function divMagic(size: number, objects: number): number {
  const magic = Math.floor(0xffffffff / size) + 1;
  for (let i = 1; i <= objects; i++) {
    // The last byte of a slot is where a reciprocal that is too large shows first.
    if (Math.floor(((i * size - 1) * magic) / 2 ** 32) !== i - 1) return 0;
  }
  return magic;
}

/** Above this the index arithmetic of SizeClassTable.div would not fit in 32 bits. */
const MAX_SPAN_BYTES = 128 << 10;

/** The lookups, as typed arrays by class; index 0 is the pseudo-class of large objects. */
export class SizeClassTable {
  /** Number of classes, class 0 included (Go: `_NumSizeClasses`). */
  readonly count: number;
  readonly pageSize: number;
  /** Bytes of a slot (Go: `class_to_size`). */
  readonly size: Int32Array;
  /** Pages of a span (Go: `class_to_allocnpages`). */
  readonly npages: Int32Array;
  /** Slots of a span. */
  readonly nelems: Int32Array;
  /**
   * Division by the slot size in 32-bit integers, for offsets that are multiples of 8: `imul(off >>> 3, div >>> DIV_SHIFT)
   * >>> div` is the index of the slot that byte `off` of a span lies in. The shift is in the low bits, which is where
   * `>>>` looks for it, the factor above.
   */
  readonly div: Int32Array;
  /**
   * Division by the slot size for byte offsets that should be a multiple of it: with `p = imul(off, inverse & INVERSE_MASK)`,
   * `(p >>> inverse) | (p << (32 - inverse))` is the index of the slot that begins at byte `off` of a span, and as an unsigned
   * number more than any index if none begins there. See `exactInverse`.
   */
  readonly inverse: Int32Array;
  /**
   * One class more than the table has, for the blocks of the tiny allocator: 16 bytes, a page. No size maps to it. Go
   * takes the class of 16-byte objects for both; apart, only the blocks need a side table.
   */
  readonly tinyClass: number;
  /** Class of `(size + 7) >>> 3`, for sizes up to 1016. */
  readonly sizeToClass8: Uint8Array;
  /** Class of `(size - 1024 + 127) >>> 7`, for sizes from 1017. */
  readonly sizeToClass128: Uint8Array;

  /** From sizes and pages by class, as in the heap's header; entry 0 of both is for class 0 and must be 0. */
  constructor(size: ArrayLike<number>, npages: ArrayLike<number>, pageSize: number = PAGE_SIZE) {
    const count = size.length;
    this.count = count;
    this.tinyClass = count;
    this.pageSize = pageSize;
    this.size = Int32Array.of(...Array.from(size), TINY_SIZE);
    this.npages = Int32Array.of(...Array.from(npages), 1);
    this.nelems = new Int32Array(count + 1);
    this.div = new Int32Array(count + 1);
    this.inverse = this.size.map(exactInverse);
    for (let c = 1; c <= count; c++) {
      const bytes = this.npages[c] * pageSize;
      if (bytes > MAX_SPAN_BYTES) {
        throw new ArgumentError(
          'ERR_INVALID_ARGUMENT',
          `size class ${c}: a span of ${bytes} bytes is over ${MAX_SPAN_BYTES}`,
        );
      }
      this.nelems[c] = Math.floor(bytes / this.size[c]);
      this.div[c] = divisor(bytes >>> 3, this.size[c] >>> 3);
    }
    this.sizeToClass8 = new Uint8Array(SMALL_SIZE_MAX / SMALL_SIZE_DIV + 1);
    this.sizeToClass128 = new Uint8Array((MAX_SMALL_SIZE - SMALL_SIZE_MAX) / LARGE_SIZE_DIV + 1);
    fillLookup(this.sizeToClass8, this.size, 0, SMALL_SIZE_DIV);
    fillLookup(this.sizeToClass128, this.size, SMALL_SIZE_MAX, LARGE_SIZE_DIV);
  }

  /** Class that serves `size`, 0 … MAX_SMALL_SIZE; 0 for size 0. */
  classOf(size: number): number {
    return size <= SMALL_SIZE_MAX - SMALL_SIZE_DIV
      ? this.sizeToClass8[(size + SMALL_SIZE_DIV - 1) >>> 3]
      : this.sizeToClass128[(size - SMALL_SIZE_MAX + LARGE_SIZE_DIV - 1) >>> 7];
  }

  /** Bytes that an object of `size` bytes really takes; whole pages above MAX_SMALL_SIZE. Any size up to 2⁵³. */
  roundupsize(size: number): number {
    return size <= MAX_SMALL_SIZE ? this.size[this.classOf(size)] : roundUp(size, this.pageSize);
  }
}

/**
 * Factor and shift that divide every n < `count` by `d`: ceil(2^k / d) is exact if 2^k ≥ count × d. The factor is below
 * 2 × count + 1, so below 2¹⁶, and the product below 2³².
 */
function divisor(count: number, d: number): number {
  const shift = Math.ceil(Math.log2(count * d));
  return (Math.ceil(2 ** shift / d) << DIV_SHIFT) | shift;
}

/**
 * The inverse of the odd part of `d` modulo 2²⁷, and below it 5 + the number k of its factors of two. Multiplying by an
 * odd number changes neither the low zero bits of an offset nor whether two of them are equal, modulo 2²⁷; so a
 * multiple i × d becomes i × 2^k, and rotated i. Any other offset becomes no small i × 2^k, for that is what i × d
 * does; if one of its low k bits is set, one of the top k bits is in the end: at least 2¹⁷, as d is at most 2¹⁵.
 * (Hacker's Delight, 10-17: test for zero remainder after division by a constant.)
 */
function exactInverse(d: number): number {
  if (d === 0) return 0;
  const twos = ctz32(d);
  const odd = d >>> twos;
  // Newton's iteration doubles the number of right bits; three are right to begin with.
  let inverse = odd;
  for (let bits = 3; bits < 32; bits *= 2) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return (inverse << 5) | (5 + twos);
}

/** Entry i is the class of size `from + i * step`. */
function fillLookup(lookup: Uint8Array, sizes: Int32Array, from: number, step: number): void {
  let c = 0;
  for (let i = 0; i < lookup.length; i++) {
    while (sizes[c] < from + i * step) c++;
    lookup[i] = c;
  }
}

/** Go's own table: `go1.14` up to Go 1.15, `go1.16` since. Throws `ArgumentError` for another name. */
export function goSizeClasses(generation: Generation): SizeClassTable {
  if (generation !== 'go1.14' && generation !== 'go1.16')
    throw new ArgumentError(
      'ERR_INVALID_ARGUMENT',
      `goSizeClasses: expected 'go1.14' or 'go1.16', got ${describeValue(generation)}`,
    );
  const { size, npages } = generation === 'go1.14' ? GO_1_14 : GO_1_16;
  return new SizeClassTable(size, npages);
}

/** The table of rows that `makeSizeClasses` made. Throws `ArgumentError` for rows that no heap can use. */
export function tableOf(rows: readonly SizeClass[], pageSize: number = PAGE_SIZE): SizeClassTable {
  checkSizes(rows);
  for (const { size, npages } of rows) {
    const objects = Math.floor((npages * pageSize) / size);
    if (!Number.isInteger(npages) || !(objects >= 1 && objects <= MAX_SPAN_OBJECTS)) {
      badTable(`${npages} pages of ${pageSize} bytes make no span for size ${size}`);
    }
  }
  return new SizeClassTable([0, ...rows.map((r) => r.size)], [0, ...rows.map((r) => r.npages)], pageSize);
}
