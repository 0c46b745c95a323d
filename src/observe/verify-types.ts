/**
 * The part of `heap.verify()` that checks what typed objects add to a heap: the table of types, the named roots, and the
 * pointers in live objects. Of references it is verify-references.ts.
 */
import { isPowerOfTwo } from '../base/bits.ts';
import type { SpanRef } from '../base/brand.ts';
import { MAX_TYPES, PTR_SIZE } from '../layout/constants.ts';
import { H_PERSISTENT_NEXT, H_TYPES } from '../layout/header.ts';
import {
  RTYPE_ALIGN,
  RTYPE_DEFINITION_BYTES,
  RTYPE_MASK,
  RTYPE_NAME_BYTES,
  RTYPE_PTR_BYTES,
  RTYPE_SIZE,
} from '../layout/rtype.ts';
import { SPAN_CLASS, SPAN_LARGE_TYPE, SPAN_STATE, SPAN_STATE_IN_USE } from '../layout/span.ts';
import { fnv1a, type RType, TypeTable } from '../malloc/rtype.ts';
import { wordsOf } from '../spans/meta-text.ts';
import type { MHeap } from '../spans/mheap.ts';
import { DefinedKinds } from '../types/definition.ts';
import { eachScanObject, type LiveObject, objectAt, whatIsAt } from './objects.ts';
import { describeSpan, fail, hex } from './verify.ts';
import { verifyMaps } from './verify-maps.ts';
import { verifyReferences } from './verify-references.ts';
import { verifyRoots } from './verify-roots.ts';

/** Options of `heap.verify`. */
export interface VerifyOptions {
  /**
   * Which addresses in objects and references must lead to live objects; invariant `pointer.live`. Undefined: the
   * pointers in objects of declared types, of maps, and references. True: also those in objects of types that were
   * registered with `heap.raw.type`. False: none, for programs that free objects by hand and leave dangling pointers behind.
   * Named roots are always checked.
   */
  readonly pointers?: boolean | undefined;
}

/** `logs`: manual spans that are no references. */
export function verifyTypes(
  heap: MHeap,
  spans: readonly SpanRef[],
  logs: ReadonlySet<SpanRef>,
  { pointers }: VerifyOptions,
): void {
  verifyRecords(heap);
  const table = new TypeTable(heap.t);
  const kinds = new DefinedKinds(table);
  verifyTable(table, kinds);
  verifyLargeTypes(heap, spans);
  verifyRoots(heap, table);
  verifyReferences(heap, spans, logs, pointers !== false);
  if (pointers === false) return;
  verifyPointers(heap, spans, table, (type) => pointers === true || kinds.isDeclared(type));
  verifyMaps(heap, spans, table, kinds);
}

/** Each record as words, before anything is believed of it. */
function verifyRecords(heap: MHeap): void {
  const { m, plan } = heap.t.mem;
  const count = m[H_TYPES];
  if (count < 0 || count > MAX_TYPES) fail('types.count', `${count} types, of at most ${MAX_TYPES}`);
  for (let number = 1; number <= count; number++) {
    const r = m[plan.types + number];
    const at = `type ${number} (record ${hex(r)})`;
    const isRecord = r >= plan.persistent && r + RTYPE_MASK <= m[H_PERSISTENT_NEXT];
    if (!isRecord) fail('types.record', `${at} is outside of persistent memory`);
    const size = m[r + RTYPE_SIZE] >>> 0;
    const align = m[r + RTYPE_ALIGN];
    if (!isPowerOfTwo(align) || align > 8 || size % align !== 0)
      fail('types.align', `${at}: ${align}, of size ${size}`);
    const ptrBytes = m[r + RTYPE_PTR_BYTES];
    if (ptrBytes < 0 || ptrBytes > size || ptrBytes % PTR_SIZE !== 0)
      fail('types.pointers', `${at}: the last one ends at byte ${ptrBytes} of ${size}`);
    const name = m[r + RTYPE_NAME_BYTES];
    const definition = m[r + RTYPE_DEFINITION_BYTES];
    const maskBits = ptrBytes / PTR_SIZE;
    const maskWords = (maskBits + 31) >>> 5;
    const end = r + RTYPE_MASK + maskWords + wordsOf(name) + wordsOf(definition);
    if (name < 1 || definition < 0 || end > m[H_PERSISTENT_NEXT])
      fail('types.record', `${at}: its name of ${name} bytes and definition of ${definition} do not fit`);
    // The last bit is set, as it is the last pointer's; those after it are not.
    for (let bit = Math.max(maskBits - 1, 0); bit < maskWords * 32; bit++) {
      const set = (m[r + RTYPE_MASK + (bit >>> 5)] & (1 << bit)) !== 0;
      if (set !== bit < maskBits) fail('types.pointers', `${at}: bit ${bit} of ${maskBits} is ${set ? 1 : 0}`);
    }
  }
}

function verifyTable(table: TypeTable, kinds: DefinedKinds): void {
  const names = new Set<string>();
  const describe = (type: RType): string => `type ${type.number}, ${JSON.stringify(type.name)}`;
  for (const type of table.all()) {
    const at = describe(type);
    if (names.has(type.name)) fail('types.name', `${at}: another type has the same name`);
    names.add(type.name);
    const hash = fnv1a(type.definition);
    if (hash !== type.fingerprint)
      fail('types.fingerprint', `${at}: ${hex(type.fingerprint)}, its definition has ${hex(hash)}`);
  }
  for (const type of table.all()) {
    if (type.definition !== '' && kinds.ofType(type) === undefined)
      fail('types.definition', `${describe(type)} of ${type.size} bytes is not defined by ${type.definition}`);
  }
}

/** Those of small objects are checked with their spans. */
function verifyLargeTypes(heap: MHeap, spans: readonly SpanRef[]): void {
  const { m } = heap.t.mem;
  for (const s of spans) {
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || m[s + SPAN_CLASS] > 1) continue;
    const type = m[s + SPAN_LARGE_TYPE];
    // 0 in a scan span: its memory is still being cleared.
    if (type < 0 || type > (m[s + SPAN_CLASS] === 0 ? m[H_TYPES] : 0))
      fail('span.largeType', `${describeSpan(m, s)} has type number ${type} of ${m[H_TYPES]}`);
  }
}

/** Every pointer of every live object of these types leads into a live object. */
function verifyPointers(
  heap: MHeap,
  spans: readonly SpanRef[],
  table: TypeTable,
  isChecked: (type: RType) => boolean,
): void {
  const checked = new Map<number, RType | null>();
  const typeOf = (number: number): RType | null => {
    let type = checked.get(number);
    if (type === undefined) {
      const registered = table.get(number);
      checked.set(number, (type = registered !== undefined && isChecked(registered) ? registered : null));
    }
    return type;
  };
  for (const s of spans) {
    eachScanObject(heap, s, (object) => {
      const type = typeOf(object.type);
      if (type !== null) verifyObject(heap, object, type);
    });
  }
}

function verifyObject(heap: MHeap, { start, size }: LiveObject, type: RType): void {
  const { i32 } = heap.t.mem;
  for (let at = start; at + type.size <= start + size; at += type.size) {
    for (const p of type.pointers) {
      const to = i32[(at + p) >>> 2]! >>> 0;
      if (to === 0 || objectAt(heap, to) !== null) continue;
      fail('pointer.live', `${type.name} at ${hex(at)}, byte ${p}: points to ${hex(to)}, which ${whatIsAt(heap, to)}`);
    }
  }
}
