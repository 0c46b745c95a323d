/**
 * What becomes of a sampled object (Go: `profilealloc`, `mProf_Malloc`, `setprofilebucket`): its stack, size, type and thread
 * are a bucket; it is counted there, and gets a special record, by which its death is counted too.
 *
 * Called by the allocator when the object is live and its address known to nobody. No safepoint is reached, so no sweep can
 * come before the record is linked; locks are leaf locks, one after the other. The order is bucket, count, record: a thread
 * that dies in between leaves one object too many in use (spans/profile.ts).
 *
 * A sample never fails the allocation that it is taken of: without memory for it, it is counted as lost. Only what says that
 * the heap is broken is thrown.
 */
import { NIL, type Ref } from '../base/brand.ts';
import { OutOfMemoryError } from '../base/errors.ts';
import { H_SPECIALS_LOCK } from '../layout/header.ts';
import { PROC_ID, PROC_THREAD } from '../layout/proc.ts';
import { H_PROFILE_DEPTH, H_PROFILE_LOST } from '../layout/profile.ts';
import { SPAN_CACHE, SPAN_CLASS, SPAN_LARGE_TYPE, SPAN_OWNER, SPAN_TYPES } from '../layout/span.ts';
import { isLargeClass, isNoscan } from '../layout/span-class.ts';
import { KIND_PROFILE, SPECIAL_ADDR, SPECIAL_KIND, SPECIAL_PROFILE_BUCKET } from '../layout/special.ts';
import { slotIndex, spanOf } from '../spans/mspan.ts';
import { countFreed, countSampled } from '../spans/profile.ts';
import { internBucket, internFrame, internStack, type StackFrame } from '../spans/profile-records.ts';
import { freeSpecials, linkSpecial, newSpecial, unlinkSpecial } from '../spans/special-list.ts';
import type { Proc } from '../sync/proc.ts';
import {
  type CallSite,
  captureStack,
  fileOfSite,
  frameOfSite,
  libraryOf,
  parseStack,
  publicName,
  withoutLibrary,
} from './js-stack.ts';

/** Frames of the library itself that there may be on top of those asked for. */
export const OWN_FRAMES = 24;
/** Places of which a thread keeps the records at hand. */
const PLACES_MAX = 10_000;

/** A frame as its stack needs it: the file, a name as far as it is needed, and its record. */
interface Place {
  readonly file: string;
  readonly functionName: string;
  readonly record: Ref;
}

/** One thread's part in the heap profile. */
export class Profiler {
  readonly #t: Proc;
  /** By file and by position in it: what V8 says of a call is expensive, and the same each time. */
  readonly #places = new Map<string, Map<number, Place>>();
  #count = 0;
  /** Undefined: not known yet. */
  #isLibrary: ((file: string) => boolean) | null | undefined;

  constructor(t: Proc) {
    this.#t = t;
  }

  /** Notes an object in a slot of `size` bytes that was sampled at this rate. */
  sample(addr: number, size: number, rate: number): void {
    const { m } = this.#t.mem;
    try {
      this.#note(addr, size, rate);
    } catch (error) {
      // No memory for the records, or no room left on the program's stack. A heap that is broken is another matter.
      if (!(error instanceof OutOfMemoryError || error instanceof RangeError)) throw error;
      Atomics.add(m, H_PROFILE_LOST, 1);
    }
  }

  #note(addr: number, size: number, rate: number): void {
    const t = this.#t;
    const { mem } = t;
    const { m } = mem;
    const stack = internStack(t, this.refs(m[H_PROFILE_DEPTH]));
    const thread = m[t.ref + PROC_THREAD];
    const bucket = stack === NIL ? stack : internBucket(t, { stack, size, type: this.#typeOf(addr), thread, rate });
    if (bucket === NIL) throw new RangeError('no memory for the heap profile');
    this.#link(addr, bucket, newSpecial(t));
  }

  /** Counts the object, and has its death noted; if anything throws, what was counted is so as dead too. */
  #link(addr: number, bucket: Ref, r: Ref): void {
    const t = this.#t;
    const { mem } = t;
    const { m } = mem;
    const s = spanOf(mem, addr);
    let isCounted = false;
    try {
      m[r + SPECIAL_ADDR] = addr;
      m[r + SPECIAL_KIND] = KIND_PROFILE;
      m[r + SPECIAL_PROFILE_BUCKET] = bucket;
      // From here on `free` takes the way on which it looks for specials.
      if (m[s + SPAN_OWNER] === m[t.ref + PROC_ID]) m[s + SPAN_CACHE] = 0;
      t.pause('profile.bucket');
      countSampled(m, bucket);
      isCounted = true;
      t.pause('profile.counted');
      t.locked(H_SPECIALS_LOCK, () => linkSpecial(mem, s, r));
    } catch (error) {
      t.locked(H_SPECIALS_LOCK, () => unlinkSpecial(mem, s, r));
      if (isCounted) countFreed(m, bucket);
      freeSpecials(t, [r]);
      throw error;
    }
  }

  /** Type number of an object with pointers; 0 for others, which the heap knows no type of. */
  #typeOf(addr: number): number {
    const { mem } = this.#t;
    const { m } = mem;
    const s = spanOf(mem, addr);
    const spanClass = m[s + SPAN_CLASS];
    if (isLargeClass(spanClass)) return m[s + SPAN_LARGE_TYPE];
    return isNoscan(spanClass) ? 0 : mem.m16[m[s + SPAN_TYPES] + slotIndex(m, s, addr)]!;
  }

  /** The records of the frames of this moment, the innermost first, `depth` at most. */
  refs(depth: number): Ref[] {
    const found = captureStack(depth + OWN_FRAMES);
    const stack = typeof found === 'string' ? parseStack(found) : found;
    if (this.#isLibrary === undefined && stack.length > 0) this.#isLibrary = libraryOf(fileOf(stack[0]!));
    const places = stack.map((at) => ('file' in at ? this.#noted(at) : this.#place(at)));
    // Where the library ends cannot be told: all is noted, for whoever has source maps.
    if (!this.#isLibrary) return places.map(({ record }) => record);
    return withoutLibrary(places, this.#isLibrary)
      .slice(0, depth)
      .map(({ record }) => record);
  }

  #place(site: CallSite): Place {
    const file = fileOfSite(site);
    let inFile = this.#places.get(file);
    if (inFile === undefined || this.#count > PLACES_MAX) {
      if (this.#count > PLACES_MAX) this.#places.clear();
      this.#count = this.#places.size === 0 ? 0 : this.#count;
      inFile = new Map();
      this.#places.set(file, inFile);
    }
    const position = site.getPosition();
    // Without a file, a position may be one in any of several scripts.
    const known = file === '' ? undefined : inFile.get(position);
    if (known !== undefined) return known;
    const place = this.#noted(frameOfSite(site));
    inFile.set(position, place);
    this.#count++;
    return place;
  }

  #noted(frame: StackFrame): Place {
    const { file } = frame;
    const isOurs = this.#isLibrary?.(file) === true;
    const functionName = isOurs ? publicName(frame.functionName) : frame.functionName;
    const record = internFrame(this.#t, { ...frame, functionName });
    if (record === NIL) throw new RangeError('no memory for the heap profile');
    return { file, functionName, record };
  }
}

function fileOf(at: CallSite | StackFrame): string {
  return 'file' in at ? at.file : fileOfSite(at);
}
