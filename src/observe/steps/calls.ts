/**
 * The steps of one `mallocgc` and of one `free`. Their fast paths have no points to stop at and need none: what they look
 * at is told from the state before, and of what they wrote each word says which store it was.
 */
import type { Words } from '../../base/brand.ts';
import { MAX_SMALL_SIZE, PAGE_SHIFT, PAGE_SIZE, TINY_SIZE } from '../../layout/constants.ts';
import { MC_SPAN, MC_TOP, MC_WIN, PROC_TINY, PROC_TINY_MASK, PROC_TINY_OFFSET } from '../../layout/proc.ts';
import { SPAN_ALLOC_BITS, SPAN_CACHE, SPAN_CLASS, SPAN_FREEINDEX, SPAN_NELEMS } from '../../layout/span.ts';
import { isLargeClass, makeSpanClass, sizeClassOf } from '../../layout/span-class.ts';
import type { Malloc } from '../../malloc/malloc.ts';
import type { RType } from '../../malloc/rtype.ts';
import { tinyAlign } from '../../malloc/tiny.ts';
import { slotIndex, spanBase, spanOf } from '../../spans/mspan.ts';
import { stackEnd, stackStart } from '../../spans/reuse-stack.ts';
import { Recorder, type Step } from './recorder.ts';
import type { WordChange } from './tape.ts';
import { WordNames } from './words.ts';

/** A walk: its steps, and allocator memory before the first. */
export interface Walk {
  readonly steps: readonly Step[];
  readonly start: Words;
  /** What `mallocgc` returned; 0 for calls that return nothing, or when it threw. */
  readonly address: number;
  /** What it threw, in words. */
  readonly error: string | null;
}

/** Which way a request of this size goes. `spanClass` −1: whole pages. */
export function spanClassOf(malloc: Malloc, size: number, scan: boolean): number {
  const { classes, tinySpanClass } = malloc.cache.heap;
  if (!scan && size < TINY_SIZE && tinySpanClass >= 0) return tinySpanClass;
  if (size > MAX_SMALL_SIZE) return -1;
  const slot = malloc.roundup(size);
  const sizeClass = classes.size.indexOf(slot, 1);
  return makeSpanClass(sizeClass, !scan);
}

/** Allocates an object and takes down how. `size` from 1 byte; `type` null: free of pointers. */
export function recordMalloc(malloc: Malloc, size: number, type: RType | null): Walk {
  const recorder = new Recorder(malloc);
  const spanClass = spanClassOf(malloc, size, type !== null);
  const { classes } = malloc.cache.heap;
  recorder.npages = spanClass < 0 ? Math.ceil(size / PAGE_SIZE) : classes.npages[sizeClassOf(spanClass)]!;
  lookBefore(malloc, recorder, size, spanClass, type !== null);
  let address = 0;
  let error: string | null = null;
  recorder.run(() => {
    try {
      address = malloc.mallocgc(size, type, true);
    } catch (thrown) {
      error = thrown instanceof Error ? thrown.message : String(thrown);
    }
  });
  if (error !== null) recorder.cut('mallocgc', 'thread', 'thrown', { error });
  else if (spanClass < 0) recorder.cut('mallocgcLarge', 'thread', 'largeDone', { address });
  else cutFast(malloc, recorder, spanClass, address, size);
  return { steps: recorder.steps, start: recorder.tape.start, address, error };
}

/** What the fast path looks at before it goes anywhere. */
function lookBefore(malloc: Malloc, r: Recorder, size: number, spanClass: number, scan: boolean): void {
  const { cache, t } = malloc;
  const { m } = t.mem;
  if (spanClass < 0) {
    r.look('mallocgc', 'thread', 'mallocLarge', { size, npages: r.npages }, []);
    return;
  }
  const c = cache.classRef(spanClass);
  const slot = cache.heap.classes.size[sizeClassOf(spanClass)]!;
  if (spanClass === cache.heap.tinySpanClass) {
    const words = [t.ref + PROC_TINY, t.ref + PROC_TINY_OFFSET, t.ref + PROC_TINY_MASK];
    const offset = m[t.ref + PROC_TINY_OFFSET];
    const align = tinyAlign(size, 4);
    const at = (offset + align - 1) & -align;
    r.look('mallocgc', 'thread', 'mallocTiny', { size, align }, words);
    if (m[t.ref + PROC_TINY] !== 0 && at + size <= TINY_SIZE) return;
    r.look('mallocgc', 'mcache', m[t.ref + PROC_TINY] === 0 ? 'tinyNone' : 'tinyFull', { size, offset }, words);
  } else {
    r.look('mallocgc', 'thread', scan ? 'mallocScan' : 'mallocNoscan', { size, slot, spanClass }, []);
  }
  const top = m[c + MC_TOP];
  const looks = [c + MC_TOP, top - 2, c + MC_WIN];
  if (m[top - 2] !== 0) r.look('mcache.small', 'mcache', 'lookReuse', { slots: (top - cache.stackOf(c)) / 2 }, looks);
  else if (m[c + MC_WIN] !== 0) r.look('mcache.small', 'mcache', 'lookWindow', {}, looks);
  else r.look('mcache.small', 'mcache', 'lookNothing', {}, [...looks, c + MC_SPAN]);
}

/** The stores of the fast path, in their order: type number, then window or stack and the allocation bit, then tiny. */
function cutFast(malloc: Malloc, r: Recorder, spanClass: number, address: number, size: number): void {
  const { cache, t } = malloc;
  const { mem } = t;
  const c = cache.classRef(spanClass);
  const changes = r.tape.changes();
  const names = new WordNames(mem, cache.heap.tinySpanClass, mem.m);
  const groups: Record<'type' | 'slot' | 'tiny', WordChange[]> = { type: [], slot: [], tiny: [] };
  let reused = false;
  for (const change of changes) {
    const { kind, field } = names.name(change.word);
    if (change.word === c + MC_TOP) reused = true;
    if (kind === 'span' && field.startsWith('types')) groups.type.push(change);
    else if (kind === 'tiny' || field.startsWith('tinyMasks')) groups.tiny.push(change);
    else groups.slot.push(change);
  }
  const s = spanOf(mem, address);
  const slot = slotIndex(mem.m, s, address);
  if (groups.type.length > 0) r.add({ fn: 'heapBitsSetType', box: 'thread', text: 'setType' }, { slot }, groups.type);
  if (groups.slot.length > 0) {
    const point = reused
      ? { fn: 'mcache.reuse', box: 'mcache' as const, text: 'reuse' }
      : { fn: 'nextFreeFast', box: 'mcache' as const, text: 'nextFreeFast' };
    r.add(point, { slot, address }, groups.slot);
  }
  if (groups.tiny.length > 0) {
    r.add({ fn: 'mallocgc', box: 'mcache', text: 'tinyPack' }, { size, address, at: address % TINY_SIZE }, groups.tiny);
  }
  r.look('mallocgc', 'thread', 'returned', { address }, []);
}

/** Frees the object at an address, which must be live, and takes down how. */
export function recordFree(malloc: Malloc, address: number): Walk {
  const recorder = new Recorder(malloc);
  const { cache, t } = malloc;
  const { mem } = t;
  const { m, plan } = mem;
  const s = spanOf(mem, address);
  const spanClass = m[s + SPAN_CLASS];
  const large = isLargeClass(spanClass);
  const index = large ? 0 : slotIndex(m, s, address);
  const bit = m[s + SPAN_ALLOC_BITS] + index;
  const looks = [plan.spans + (address >>> PAGE_SHIFT), s + SPAN_CACHE, s + SPAN_FREEINDEX, bit >>> 5];
  recorder.look('free', 'thread', 'freeFind', { address, page: spanBase(m, s) >>> PAGE_SHIFT, slot: index }, looks);
  const top = large ? 0 : m[cache.classRef(spanClass) + MC_TOP];
  const tiny = spanClass === cache.heap.tinySpanClass;
  const end = stackEnd(m, t.ref, spanClass);
  const roomOf = (): number => stackEnd(m, t.ref, spanClass) - stackStart(m, t.ref, spanClass);
  const room = roomOf();
  const full = !large && !tiny && top === end && index < m[s + SPAN_FREEINDEX];
  if (full) recorder.look('free', 'mcache', 'freeStackFull', {}, [cache.classRef(spanClass) + MC_TOP]);
  const ahead = !large && index >= m[s + SPAN_FREEINDEX];
  recorder.run(() => malloc.free(address));
  const changes = recorder.tape.changes();
  let text = 'freeStack';
  if (large) text = 'freeDone';
  else if (tiny) text = 'freeTiny';
  else if (roomOf() > room) text = stackEnd(m, t.ref, spanClass) === end ? 'freeWiden' : 'freeGrow';
  else if (full || roomOf() < room) text = 'freeFlush';
  else if (ahead) text = 'freeSpan';
  if (changes.length > 0 || !large) {
    recorder.add(
      { fn: 'free', box: large ? 'mheap' : 'mcache', text },
      { slot: index, nelems: m[s + SPAN_NELEMS] },
      changes,
    );
  }
  return { steps: recorder.steps, start: recorder.tape.start, address: 0, error: null };
}
