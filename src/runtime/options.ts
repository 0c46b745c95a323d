/** Options of `createHeap`, checked before anything is made. */
import { ArgumentError } from '../base/errors.ts';
import { MAX_ALLOC, MAX_PROCS, PAGE_SIZE } from '../layout/constants.ts';
import { goSizeClasses, type SizeClass, type SizeClassTable, tableOf } from '../spans/size-classes.ts';

export interface HeapOptions {
  /**
   * Size of the reservation for objects in bytes: the most the heap can ever hold, rounded up to whole pages of 8 KiB.
   * At most 4 GiB. Costs address space, not memory. Default: 1 GiB.
   */
  readonly maxBytes?: number;
  /**
   * Whether other threads can attach. False works where SharedArrayBuffer does not exist, and needs no atomics.
   * Default: true.
   */
  readonly shared?: boolean;
  /** Which of Go's size class tables, or rows of `makeSizeClasses`. Default: 'go1.16', the current one. */
  readonly sizeClasses?: 'go1.14' | 'go1.16' | readonly SizeClass[];
  /** Most threads attached at a time, 1 … 255. Default: 64. */
  readonly maxThreads?: number;
  /** Pack pointer-free objects below 16 bytes into shared blocks, as Go does. Default: true. */
  readonly tiny?: boolean;
  /** 'off': memory is freed by hand, with `heap.raw.free`. The only mode so far, and the default. */
  readonly gc?: 'off';
}

export interface CheckedOptions {
  readonly pages: number;
  readonly shared: boolean;
  readonly classes: SizeClassTable;
  readonly maxThreads: number;
  readonly tiny: boolean;
}

const KNOWN = ['maxBytes', 'shared', 'sizeClasses', 'maxThreads', 'tiny', 'gc'];
/** Page 0 is nil, so a heap needs one more to hold anything. */
const MIN_BYTES = 2 * PAGE_SIZE;

function bad(text: string): never {
  throw new ArgumentError('ERR_INVALID_ARGUMENT', `createHeap: ${text}`);
}

export function checkOptions(options: HeapOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) bad('options must be an object');
  for (const key of Object.keys(options)) {
    if (!KNOWN.includes(key)) bad(`unknown option ${JSON.stringify(key)}; known are ${KNOWN.join(', ')}`);
  }
  const maxBytes = options.maxBytes ?? 2 ** 30;
  if (!Number.isInteger(maxBytes) || maxBytes < MIN_BYTES || maxBytes > MAX_ALLOC) {
    bad(`maxBytes must be a whole number from ${MIN_BYTES} to ${MAX_ALLOC}, not ${String(maxBytes)}`);
  }
  const maxThreads = options.maxThreads ?? 64;
  if (!Number.isInteger(maxThreads) || maxThreads < 1 || maxThreads > MAX_PROCS) {
    bad(`maxThreads must be a whole number from 1 to ${MAX_PROCS}, not ${String(maxThreads)}`);
  }
  if (options.gc !== undefined && options.gc !== 'off') bad(`gc must be 'off', not ${String(options.gc)}`);
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
  };
}

function flag(name: string, value: boolean | undefined, byDefault: boolean): boolean {
  if (value === undefined) return byDefault;
  if (typeof value !== 'boolean') bad(`${name} must be true or false, not ${String(value)}`);
  return value;
}

function classesOf(choice: NonNullable<HeapOptions['sizeClasses']>): SizeClassTable {
  if (choice === 'go1.14' || choice === 'go1.16') return goSizeClasses(choice);
  if (!Array.isArray(choice))
    bad(`sizeClasses must be 'go1.14', 'go1.16' or rows of makeSizeClasses, not ${String(choice)}`);
  return tableOf(choice as readonly SizeClass[]);
}
