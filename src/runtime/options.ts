/** Options of `createHeap`, checked before anything is made. */
import { checkNames } from '../base/check.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import { MAX_ALLOC, MAX_PROCS, MIN_HEAP, PAGE_SIZE } from '../layout/constants.ts';
import { GC_DEBUG_CHECKMARK, GC_DEBUG_CLOBBER, GC_DEBUG_ZOMBIES } from '../layout/gc.ts';
import { MAX_PROFILE_RATE } from '../layout/profile.ts';
import { goSizeClasses, type SizeClass, type SizeClassTable, tableOf } from '../spans/size-classes.ts';

/** A `URL`. Named by what it has, so that programs without the types of browsers or of Node can be checked. */
export interface UrlLike {
  readonly href: string;
}

/** Options of `createHeap`, all of which have defaults. Wrong ones, and names that are none, are an ArgumentError. */
export interface HeapOptions {
  /**
   * Size of the reservation for objects in bytes: the most the heap can ever hold, rounded up to whole pages of 8 KiB.
   * At most 4 GiB. Costs address space, not memory. Default: 1 GiB.
   */
  readonly maxBytes?: number | undefined;
  /**
   * Whether other threads can attach. False works where SharedArrayBuffer does not exist, and needs no atomics.
   * Default: true.
   */
  readonly shared?: boolean | undefined;
  /** Which of Go's size class tables, or rows of `makeSizeClasses`. Default: 'go1.16', the current one. */
  readonly sizeClasses?: 'go1.14' | 'go1.16' | readonly SizeClass[] | undefined;
  /** Most threads attached at a time, 1 … 255. Default: 64. */
  readonly maxThreads?: number | undefined;
  /** Pack pointer-free objects below 16 bytes into shared blocks, as Go does. Default: true. */
  readonly tiny?: boolean | undefined;
  /**
   * 'on': a collector frees what nothing refers to any more. 'off': only `heap.raw.free` frees, and `heap.gc()` when it is
   * called. Default: 'on'.
   */
  readonly gc?: 'on' | 'off' | undefined;
  /**
   * How much the heap may grow over what the last cycle found alive until the next one is done, in percent (Go: GOGC).
   * −1: it may grow up to `memoryLimit`. Default: 100.
   */
  readonly gcPercent?: number | undefined;
  /**
   * Bytes of memory that the heap tries not to exceed, metadata included, by collecting more often (Go: GOMEMLIMIT). It
   * is no hard limit: `maxBytes` is. Default: none.
   */
  readonly memoryLimit?: number | undefined;
  /**
   * Whether a worker marks and sweeps in the background; it is started when the first cycle begins. A string or URL: where
   * its script `gc-worker.js` is, for pages that allow no worker made from text. Default: true for shared heaps.
   */
  readonly background?: boolean | string | UrlLike | undefined;
  /**
   * A line for each cycle in the format of Go's gctrace. True: whichever thread ends a cycle prints it to stderr. A function
   * is called on this thread, for cycles that it ends, and with them for those that others have ended since; it may use
   * the heap, also in the middle of a scope, whose references do not include those that it makes. Default: false.
   */
  readonly gctrace?: (boolean | ((line: string) => void)) | undefined;
  /**
   * The heap profile: on average one object in so many bytes that are allocated is noted with its stack (Go:
   * MemProfileRate). 1: every object; 0: none. `MEM_PROFILE_RATE`, 512 KiB, is the usual value: each sample costs some
   * 10 µs. From that rate on, a thread whose samples take more than 4 % of its time takes fewer; their records have its rate.
   * See `heap.memProfile`. Default: 0.
   */
  readonly memProfileRate?: number | undefined;
  /** Frames that the heap profile notes of a stack at most, 1 … 512. Default: 64. */
  readonly memProfileDepth?: number | undefined;
  /** After how many milliseconds a thread that reaches no safepoint is named in a warning. Default: 5000. */
  readonly stopWarning?: number | undefined;
  /**
   * Checks of the collector, for tests of programs that store pointers by address. `checkmark`: a second, slow marking at
   * the end of each cycle must agree. `zombies`: a pointer to freed memory is fatal. `clobberFree`: dead objects are
   * overwritten.
   */
  readonly debug?:
    | { readonly checkmark?: boolean; readonly zombies?: boolean; readonly clobberFree?: boolean }
    | undefined;
}

export interface GcOptions {
  readonly enabled: boolean;
  readonly percent: number;
  readonly memoryLimit: number;
  /** A string: where the worker's script is. */
  readonly background: boolean | string;
  readonly trace: boolean | ((line: string) => void);
  readonly warnAfterMs: number;
  /** GC_DEBUG_ bits. */
  readonly debug: number;
}

export interface CheckedOptions {
  readonly pages: number;
  readonly shared: boolean;
  readonly classes: SizeClassTable;
  readonly maxThreads: number;
  readonly tiny: boolean;
  readonly gc: GcOptions;
  readonly profileRate: number;
  readonly profileDepth: number;
}

const KNOWN = [
  'maxBytes',
  'shared',
  'sizeClasses',
  'maxThreads',
  'tiny',
  'gc',
  'gcPercent',
  'memoryLimit',
  'background',
  'gctrace',
  'memProfileRate',
  'memProfileDepth',
  'stopWarning',
  'debug',
];
const DEBUG = { checkmark: GC_DEBUG_CHECKMARK, zombies: GC_DEBUG_ZOMBIES, clobberFree: GC_DEBUG_CLOBBER };
const MAX_PERCENT = 1_000_000;
const MAX_DEPTH = 512;

function bad(text: string): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', `createHeap: ${text}`);
}

export function checkOptions(options: HeapOptions): CheckedOptions {
  checkNames('createHeap', options, KNOWN);
  const maxBytes = options.maxBytes ?? 2 ** 30;
  if (!Number.isInteger(maxBytes) || maxBytes < MIN_HEAP || maxBytes > MAX_ALLOC) {
    bad(`maxBytes must be a whole number of bytes from ${MIN_HEAP} to ${MAX_ALLOC}, not ${describe(maxBytes)}`);
  }
  const maxThreads = options.maxThreads ?? 64;
  if (!Number.isInteger(maxThreads) || maxThreads < 1 || maxThreads > MAX_PROCS) {
    bad(`maxThreads must be a whole number from 1 to ${MAX_PROCS}, not ${describe(maxThreads)}`);
  }
  const shared = flag('shared', options.shared, true);
  if (shared && typeof SharedArrayBuffer === 'undefined') {
    bad('SharedArrayBuffer does not exist here; a page needs cross-origin isolation for it, or take shared: false');
  }
  return {
    pages: Math.ceil(maxBytes / PAGE_SIZE),
    shared,
    classes: classesOf(options.sizeClasses ?? 'go1.16'),
    maxThreads: shared ? maxThreads : 1,
    tiny: flag('tiny', options.tiny, true),
    gc: checkGc(options, shared),
    profileRate: checkProfileRate(options.memProfileRate ?? 0, 'createHeap: memProfileRate'),
    profileDepth: checkDepth(options.memProfileDepth ?? 64),
  };
}

/** `gcPercent` as a number of percent; −1 is off. Throws ArgumentError. */
export function checkPercent(value: unknown, where: string): number {
  if (typeof value === 'number' && ((value >= 0 && value <= MAX_PERCENT) || value === -1)) return value;
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    `${where} must be a number of percent from 0 to ${MAX_PERCENT}, or -1 for off, not ${describe(value)}`,
  );
}

/** Bytes between two samples. Throws ArgumentError. */
export function checkProfileRate(value: unknown, where: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_PROFILE_RATE)
    return value as number;
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    `${where} must be a whole number of bytes from 0 to ${MAX_PROFILE_RATE}, not ${describe(value)}`,
  );
}

function checkDepth(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_DEPTH) return value as number;
  return bad(`memProfileDepth must be a whole number from 1 to ${MAX_DEPTH}, not ${describe(value)}`);
}

/** Bytes, or Infinity. Throws ArgumentError. */
export function checkLimit(value: unknown, where: string): number {
  if (typeof value === 'number' && value > 0 && (Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY)) {
    return value;
  }
  throw new ArgumentError(
    'ERR_INVALID_ARGUMENT',
    `${where} must be a whole number of bytes above 0, or Infinity for none, not ${describe(value)}`,
  );
}

/** Of any realm: those of test runners have a class of their own. */
function isUrl(value: unknown): value is UrlLike {
  return typeof value === 'object' && value !== null && typeof (value as UrlLike).href === 'string';
}

function checkGc(o: HeapOptions, shared: boolean): GcOptions {
  if (o.gc !== undefined && o.gc !== 'on' && o.gc !== 'off') bad(`gc must be 'on' or 'off', not ${describe(o.gc)}`);
  const background = o.background ?? shared;
  if (typeof background !== 'boolean' && typeof background !== 'string' && !isUrl(background)) {
    bad(`background must be true, false, or where gc-worker.js is, not ${describe(background)}`);
  }
  if (background !== false && !shared) bad('background needs a shared heap');
  const trace = o.gctrace ?? false;
  if (typeof trace !== 'boolean' && typeof trace !== 'function') {
    bad(`gctrace must be true, false, or a function that gets each line, not ${describe(trace)}`);
  }
  const warnAfterMs = o.stopWarning ?? 5000;
  if (typeof warnAfterMs !== 'number' || !(warnAfterMs > 0)) {
    bad(`stopWarning must be a number of milliseconds above 0, not ${describe(warnAfterMs)}`);
  }
  return {
    enabled: o.gc !== 'off',
    percent: checkPercent(o.gcPercent ?? 100, 'createHeap: gcPercent'),
    memoryLimit: checkLimit(o.memoryLimit ?? Number.POSITIVE_INFINITY, 'createHeap: memoryLimit'),
    background: isUrl(background) ? background.href : background,
    trace,
    warnAfterMs,
    debug: checkDebug(o.debug),
  };
}

function checkDebug(debug: unknown): number {
  if (debug === undefined) return 0;
  if (typeof debug !== 'object' || debug === null || Array.isArray(debug)) {
    bad(`debug must be an object, not ${describe(debug)}`);
  }
  let bits = 0;
  for (const [name, value] of Object.entries(debug as object)) {
    if (!Object.hasOwn(DEBUG, name))
      bad(`debug has no ${JSON.stringify(name)}; it knows ${Object.keys(DEBUG).join(', ')}`);
    if (flag(`debug.${name}`, value as boolean, false)) bits |= DEBUG[name as keyof typeof DEBUG];
  }
  return bits;
}

function flag(name: string, value: boolean | undefined, byDefault: boolean): boolean {
  if (value === undefined) return byDefault;
  if (typeof value !== 'boolean') bad(`${name} must be true or false, not ${describe(value)}`);
  return value;
}

/** Rows say how many objects a span has: those of another page size have more, or fewer, than the pages of a heap hold. */
function checkRowPages(rows: readonly SizeClass[]): void {
  const at = rows.findIndex(
    ({ size, npages, objects }) => Number.isInteger(objects) && objects !== Math.floor((npages * PAGE_SIZE) / size),
  );
  if (at < 0) return;
  const { size, npages, objects } = rows[at]!;
  bad(
    `sizeClasses[${at}] is made for other pages than a heap's ${PAGE_SIZE} bytes: ${objects} objects of ${size} bytes in ${npages} pages`,
  );
}

function classesOf(choice: NonNullable<HeapOptions['sizeClasses']>): SizeClassTable {
  if (choice === 'go1.14' || choice === 'go1.16') return goSizeClasses(choice);
  if (!Array.isArray(choice))
    bad(`sizeClasses must be 'go1.14', 'go1.16' or rows of makeSizeClasses, not ${describe(choice)}`);
  Array.from<unknown>(choice).forEach((row, i) => {
    if (typeof row !== 'object' || row === null)
      bad(`sizeClasses[${i}] must be a row of makeSizeClasses, not ${describe(row)}`);
  });
  checkRowPages(choice as readonly SizeClass[]);
  return tableOf(choice as readonly SizeClass[]);
}
