/**
 * `spanheap verify FILE`: whether a snapshot is whole, and what it says of the heap holds together. Checks from the outside
 * in, each on what the ones before have found good, and stops at the first broken invariant.
 *
 * A snapshot's objects, types and pointers are those of one moment; numbers may be of a later one, unless the snapshot is
 * exact. So lengths that belong to a pointer which was stored to meanwhile are not checked, and of maps only what never
 * changes, unless it is exact.
 */
import { isPowerOfTwo } from '../base/bits.ts';
import { PAGE_SIZE, TINY_SIZE } from '../layout/constants.ts';
import { sizeClassOf } from '../layout/span-class.ts';
import { KIND_CLEANUP, KIND_FINALIZER } from '../layout/special.ts';
import { ROOT_KEEP, ROOT_NAMED, ROOT_TINY, type SnapshotType } from '../observe/snapshot/format.ts';
import { tinySize } from '../spans/tiny-mask.ts';
import type { Snapshot } from './snapshot.ts';
import type { SpanTable } from './span-table.ts';
import { SnapshotTypes } from './types.ts';
import { fail, hex } from './verify-fail.ts';
import { loadPages } from './verify-pages.ts';
import { checkValues } from './verify-values.ts';

/** What was checked, and how much there was of it. */
export interface VerifyRow {
  readonly what: string;
  readonly count: number;
}

/**
 * Checks an open snapshot. `report` is called with each group of checks that was passed. Throws VerifyError, which names the
 * first broken invariant with addresses, and SnapshotError for pages that are damaged.
 */
export function verifySnapshot(
  snapshot: Snapshot,
  report: (row: VerifyRow) => void = () => {},
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): void {
  const { spans } = snapshot;
  const passed = (what: string, count: number): void => report({ what, count });
  const pages = loadPages(snapshot, onProgress);
  passed('pages with their checksums', spans.pages);
  const types = new SnapshotTypes(snapshot.types);
  checkTypes(snapshot.types, types);
  passed('types', snapshot.types.length);
  for (let s = 0; s < spans.count; s++) checkSpan(snapshot, s);
  passed('spans', spans.count);
  passed('objects and their type numbers', spans.objects);
  checkRoots(snapshot);
  passed('roots', snapshot.roots.length);
  checkSpecials(snapshot);
  passed('finalizers, cleanups, weak references, interned text', snapshot.specials.length);
  checkPatches(snapshot);
  passed('slots that were stored to meanwhile', snapshot.patches.count);
  const counts = checkValues(snapshot, types, pages);
  passed('pointers', counts.pointers);
  passed('slices', counts.slices);
  passed('strings', counts.strings);
  passed(snapshot.exact ? 'maps, with all entries' : 'maps, as far as they cannot change', counts.maps);
  if (counts.passedOver > 0) passed('lengths passed over: their pointers changed meanwhile', counts.passedOver);
}

const describeType = (type: SnapshotType): string => `type ${type.number}, ${JSON.stringify(type.name)}`;

function checkTypes(registered: readonly SnapshotType[], types: SnapshotTypes): void {
  const names = new Set<string>();
  for (const type of registered) {
    const at = describeType(type);
    if (type.name === '' || names.has(type.name)) fail('types.name', `${at}: another type has the same name, or none`);
    names.add(type.name);
  }
  for (const type of registered) {
    const at = describeType(type);
    if (!isPowerOfTwo(type.align) || type.align > 8 || type.size % type.align !== 0)
      fail('types.align', `${at}: ${type.align}, of size ${type.size}`);
    if (type.definition !== '' && types.kindOf(type) === undefined)
      fail('types.definition', `${at} of ${type.size} bytes is not defined by ${type.definition}`);
  }
}

function describeSpan(spans: SpanTable, s: number): string {
  return `span at ${hex(spans.base(s))} (class ${spans.spanClass(s)})`;
}

function checkSpan(snapshot: Snapshot, s: number): void {
  const { spans, meta } = snapshot;
  const at = describeSpan(spans, s);
  const nelems = spans.nelems(s);
  if (spans.isLarge(s)) {
    if (spans.elemsize(s) !== (spans.npages(s) * PAGE_SIZE) >>> 0) fail('span.elemsize', `${at}: ${spans.elemsize(s)}`);
    if (spans.largeSize(s) === 0) fail('span.largeSize', `${at}: an object of 0 bytes`);
  } else {
    const sizeClass = sizeClassOf(spans.spanClass(s));
    const row = meta.sizeClasses.find((c) => c.class === sizeClass);
    if (row === undefined) fail('span.spanclass', `${at}: no such class`);
    if (spans.elemsize(s) !== row.size) fail('span.elemsize', `${at}: ${spans.elemsize(s)}, the class has ${row.size}`);
    if (spans.npages(s) !== row.npages) fail('span.npages', `${at}: ${spans.npages(s)}, the class has ${row.npages}`);
    const want = Math.floor((row.npages * PAGE_SIZE) / row.size);
    if (nelems !== want) fail('span.nelems', `${at}: ${nelems}, the class has ${want}`);
  }
  const last = spans.bits[spans.bitsAt(s) + ((nelems - 1) >>> 5)]!;
  if ((nelems & 31) !== 0 && last >>> nelems !== 0) {
    fail('span.allocBits', `${at}: a bit beyond its ${nelems} slots is set`);
  }
  if (spans.isTiny(s)) checkTinyMasks(spans, s, at);
  else checkTypeNumbers(snapshot, s, at);
}

function checkTypeNumbers({ spans, types }: Snapshot, s: number, at: string): void {
  if (spans.isLarge(s)) {
    // 0 in a scan span: its memory was being cleared.
    const type = spans.largeType(s);
    if (type < 0 || type > (spans.isScan(s) ? types.length : 0))
      fail('span.largeType', `${at} has type number ${type} of ${types.length}`);
    return;
  }
  if (!spans.isScan(s)) return;
  for (let i = 0; i < spans.nelems(s); i++) {
    const type = spans.types[spans.sideAt(s) + i]!;
    if (spans.isLive(s, i) && (type === 0 || type > types.length))
      fail(
        'span.types',
        `${at}: the object at ${hex(spans.base(s) + i * spans.elemsize(s))} has type number ${type} of ${types.length}`,
      );
  }
}

function checkTinyMasks(spans: SpanTable, s: number, at: string): void {
  for (let i = 0; i < spans.nelems(s); i++) {
    const mask = spans.masks[spans.sideAt(s) + i]!;
    const block = `${at}: block at ${hex(spans.base(s) + i * TINY_SIZE)}`;
    if ((mask !== 0) !== spans.isLive(s, i)) fail('span.tinyMask', `${block} has mask ${hex(mask)}`);
    let ends = mask >>> 16;
    let from = 0;
    for (let start = 0; start < TINY_SIZE; start++) {
      if ((mask & (1 << start)) === 0) continue;
      const size = tinySize(mask, start);
      if (start < from || start + size > TINY_SIZE)
        fail('span.tinyMask', `${block}: mask ${hex(mask)} has overlapping objects`);
      from = start + size;
      ends &= ~(1 << (from - 1));
    }
    if (ends !== 0) fail('span.tinyMask', `${block}: mask ${hex(mask)} ends objects that never began`);
  }
}

function checkRoots({ roots, spans, types, meta }: Snapshot): void {
  const names = new Set<string>();
  const threads = new Set(meta.threads.map((t) => t.id));
  for (const { kind, address, name, type, thread } of roots) {
    const at = kind === ROOT_NAMED ? `root ${JSON.stringify(name)}` : `a reference of thread ${thread}`;
    if (kind < ROOT_NAMED || kind > ROOT_KEEP) fail('roots.kind', `${at} is of kind ${kind}`);
    // A block of tiny objects that is being filled need not hold one.
    if (kind === ROOT_TINY) continue;
    if (spans.find(address) === 0 && address !== TINY_SIZE)
      fail('roots.addr', `${at} leads to ${hex(address)}, which is no object`);
    if (kind !== ROOT_NAMED) {
      if (!threads.has(thread) && thread <= 0)
        fail('roots.thread', `a reference to ${hex(address)} is of thread ${thread}`);
      continue;
    }
    if (names.has(name)) fail('roots.name', `${at}: another root has the same name`);
    names.add(name);
    if (type < 1 || type > types.length) fail('roots.type', `${at} has type number ${type} of ${types.length}`);
  }
}

function checkSpecials({ specials, spans }: Snapshot): void {
  let last = 0;
  for (const { kind, address } of specials) {
    const at = `special record of ${hex(address)}`;
    if (kind < KIND_FINALIZER || kind > KIND_CLEANUP) fail('specials.kind', `${at} is of kind ${kind}`);
    // Of a tiny block, any of whose objects may be gone.
    const s = (spans.byPage[address >>> 13] ?? 0) - 1;
    const isBlock = s >= 0 && spans.isTiny(s) && spans.isLive(s, Math.floor((address - spans.base(s)) / TINY_SIZE));
    if (!isBlock && spans.find(address) === 0) fail('specials.object', `${at}, where there is no object`);
    if (address < last) fail('specials.order', `${at} is out of order`);
    last = address;
  }
}

function checkPatches({ patches, spans }: Snapshot): void {
  patches.each((slot) => {
    const s = (spans.byPage[slot >>> 13] ?? 0) - 1;
    if (s < 0) fail('patches.slot', `the slot at ${hex(slot)} is in no span`);
  });
}
