/**
 * Types as the allocator needs them: how large, and which words are pointers (Go: `abi.Type`). Registered in the heap
 * itself, so that every thread, and a program without the user's code, gives a number the same meaning.
 */
import { ctz32, isPowerOfTwo } from '../base/bits.ts';
import { NIL, type Ref } from '../base/brand.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError, TypeMismatchError } from '../base/errors.ts';
import { fatal } from '../base/fatal.ts';
import { MAX_TYPES, PTR_SIZE } from '../layout/constants.ts';
import { H_HEAP_LOCK, H_IDENTITY, H_PERSISTENT_NEXT, H_TYPES } from '../layout/header.ts';
import {
  RTYPE_ALIGN,
  RTYPE_DEFINITION_BYTES,
  RTYPE_FINGERPRINT,
  RTYPE_MASK,
  RTYPE_NAME_BYTES,
  RTYPE_PTR_BYTES,
  RTYPE_SIZE,
} from '../layout/rtype.ts';
import { readText, wordsOf, writeText } from '../spans/meta-text.ts';
import { outOfMetadata, persistentAlloc } from '../spans/persistent.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';

/** What a user says of a type. */
export interface RTypeSpec {
  readonly name: string;
  /** Bytes of a value; a multiple of `align`. */
  readonly size: number;
  /** Bytes, a power of two up to 8. Default: the largest that divides the size, up to 8. */
  readonly align?: number | undefined;
  /** Byte offsets of the pointers in a value, multiples of 4. Default: none, the type is noscan. */
  readonly pointers?: readonly number[] | undefined;
  /** What a value consists of, in the words of types/layout-of.ts; registered with it. Default: nothing is said. */
  readonly definition?: string | undefined;
}

/** A registered type. */
export interface RType {
  readonly name: string;
  /** Number in the heap's type table, 1 … 65535. */
  readonly number: number;
  readonly size: number;
  readonly align: number;
  readonly pointers: readonly number[];
  /** Bytes of the prefix that holds all pointers; 0 for a noscan type (Go: `PtrBytes`). */
  readonly ptrBytes: number;
  /** What a value consists of, as JSON; empty if nothing was said. */
  readonly definition: string;
  /** Hash of the definition. */
  readonly fingerprint: number;
  /**
   * What the allocator knows its types by: two numbers for each heap, the same in all threads, one of types with pointers and
   * one of types without.
   */
  readonly tag: number;
}

/** Says how two definitions of one name differ: the name, the definition of this program, the one in the heap. */
export type ExplainDifference = (name: string, ours: string, theirs: string) => string;

/** Largest size of a type: a value must fit in one allocation of the smallest heap anybody makes. */
const MAX_TYPE_SIZE = 2 ** 31 - 1;

function check(spec: RTypeSpec): { align: number; pointers: number[]; ptrBytes: number } {
  if (typeof spec !== 'object' || spec === null)
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `type: expected a name and a size, got ${describe(spec)}`);
  const bad = (what: string): never => {
    throw new ArgumentError('ERR_INVALID_ARGUMENT', `type ${JSON.stringify(spec.name)}: ${what}`);
  };
  if (typeof spec.name !== 'string' || spec.name === '') bad('name must be a string that is not empty');
  if (!Number.isInteger(spec.size) || spec.size < 0 || spec.size > MAX_TYPE_SIZE)
    bad(`size ${spec.size} is out of range`);
  let natural = 8;
  while (spec.size % natural !== 0) natural >>= 1;
  const align = spec.align ?? natural;
  if (!Number.isInteger(align) || !isPowerOfTwo(align) || align > 8 || spec.size % align !== 0)
    bad(`align ${align} does not fit size ${spec.size}`);
  const given = spec.pointers ?? [];
  if (!Array.isArray(given)) bad(`pointers must be an array of offsets, not ${describe(given)}`);
  const pointers = Array.from(given, (p) => (typeof p === 'number' ? p : Number.NaN)).sort((a, b) => a - b);
  for (const [i, p] of pointers.entries()) {
    if (!Number.isInteger(p) || p < 0 || p % PTR_SIZE !== 0 || p + PTR_SIZE > spec.size)
      bad(`pointer offset ${p} is out of range`);
    if (i > 0 && pointers[i - 1] === p) bad(`pointer offset ${p} stands twice`);
  }
  if (pointers.length > 0 && align < PTR_SIZE) bad(`align ${align} is too small for pointers`);
  return { align, pointers, ptrBytes: pointers.length === 0 ? 0 : pointers[pointers.length - 1]! + PTR_SIZE };
}

/** The tag of this heap's types, with pointers or without. 30 bits and a sign: V8 needs no object for such a number. */
export function tagOfTypes({ m }: Mem, withPointers: boolean): number {
  const identity = m[H_IDENTITY] >>> 2;
  return withPointers ? identity : ~identity;
}

/** Throws: `type` is of another heap, or none at all. `op`: the call it was given to. */
export function refuseType(op: string, type: unknown): never {
  const known = typeof type === 'object' && type !== null && typeof (type as RType).tag === 'number';
  const what = known
    ? `type ${JSON.stringify((type as RType).name)} is of another heap; types are registered in each heap, by raw.type`
    : `expected a type that raw.type has returned, got ${describe(type)}`;
  throw new TypeMismatchError('ERR_TYPE_MISMATCH', `${op}: ${what}`);
}

/** The types of one heap, for reading: needs no thread, and believes no record that cannot be one. */
export class TypeList {
  protected readonly mem: Mem;
  readonly #known: RType[] = [];
  readonly #byName = new Map<string, RType>();
  /** Words of the records read so far: together no more than there are. */
  #words = 0;

  constructor(mem: Mem) {
    this.mem = mem;
  }

  /** Type number → type; undefined when no such type is registered. */
  get(number: number): RType | undefined {
    this.#readNew();
    return this.#known[number - 1];
  }

  all(): readonly RType[] {
    this.#readNew();
    return this.#known;
  }

  /** Name → type; undefined when no such type is registered. */
  find(name: string): RType | undefined {
    this.#readNew();
    return this.#byName.get(name);
  }

  #readNew(): void {
    const { m, plan } = this.mem;
    const count = Math.min(Atomics.load(m, H_TYPES), MAX_TYPES);
    while (this.#known.length < count) {
      const number = this.#known.length + 1;
      const record = m[plan.types + number] as Ref;
      const words = wordsAt(this.mem, record);
      const isWhole = words !== 0 && this.#words + words <= plan.end - plan.persistent;
      const type = isWhole ? readType(this.mem, number, record) : damagedType(this.mem, number);
      if (isWhole) this.#words += words;
      this.#known.push(type);
      this.#byName.set(type.name, type);
    }
  }
}

/** The types of one heap, as one thread knows them. */
export class TypeTable extends TypeList {
  readonly #t: Proc;

  constructor(t: Proc) {
    super(t.mem);
    this.#t = t;
  }

  /**
   * Registers a type, or finds it when a thread registered the same one before. Throws a TypeMismatchError when the
   * name is taken by another layout, with the text of `explain` when the definitions differ.
   */
  register(spec: RTypeSpec, explain?: ExplainDifference): RType {
    const { align, pointers, ptrBytes } = check(spec);
    const t = this.#t;
    const found = this.#find(spec, align, pointers, explain);
    if (found !== undefined) return found;
    t.lock(H_HEAP_LOCK);
    try {
      // Again under the lock: another thread may have been faster.
      const again = this.#find(spec, align, pointers, explain);
      if (again !== undefined) return again;
      const { name, size, definition = '' } = spec;
      const fingerprint = fnv1a(definition);
      return this.#add({
        name,
        number: t.mem.m[H_TYPES] + 1,
        size,
        align,
        pointers,
        ptrBytes,
        definition,
        fingerprint,
        tag: tagOfTypes(t.mem, ptrBytes !== 0),
      });
    } finally {
      t.unlock(H_HEAP_LOCK);
    }
  }

  #find(
    spec: RTypeSpec,
    align: number,
    pointers: readonly number[],
    explain: ExplainDifference | undefined,
  ): RType | undefined {
    const known = this.find(spec.name);
    if (known === undefined) return undefined;
    const { definition = '' } = spec;
    if (explain !== undefined && (known.fingerprint !== fnv1a(definition) || known.definition !== definition)) {
      throw new TypeMismatchError('ERR_TYPE_MISMATCH', explain(spec.name, definition, known.definition));
    }
    const differ = (field: string, ours: unknown, theirs: unknown): never => {
      throw new TypeMismatchError(
        'ERR_TYPE_MISMATCH',
        `type ${JSON.stringify(spec.name)} is registered with another ${field}: ${theirs}, not ${ours}`,
      );
    };
    if (known.size !== spec.size) differ('size', spec.size, known.size);
    if (known.align !== align) differ('align', align, known.align);
    if (known.pointers.join() !== pointers.join()) differ('set of pointers', `[${pointers}]`, `[${known.pointers}]`);
    return known;
  }

  #add(type: RType): RType {
    const t = this.#t;
    const { m, plan } = t.mem;
    const name = new TextEncoder().encode(type.name);
    const definition = new TextEncoder().encode(type.definition);
    const mask = maskWords(type.ptrBytes);
    const words = RTYPE_MASK + mask + wordsOf(name.length) + wordsOf(definition.length);
    if (type.number > MAX_TYPES) {
      const text = `type ${JSON.stringify(type.name)}: the heap has ${MAX_TYPES} types, and no room for more`;
      throw new ArgumentError('ERR_INVALID_ARGUMENT', text);
    }
    const record = persistentAlloc(t, words);
    if (record === NIL) throw outOfMetadata(t.mem, words);
    m[record + RTYPE_SIZE] = type.size;
    m[record + RTYPE_PTR_BYTES] = type.ptrBytes;
    m[record + RTYPE_ALIGN] = type.align;
    m[record + RTYPE_NAME_BYTES] = name.length;
    m[record + RTYPE_DEFINITION_BYTES] = definition.length;
    m[record + RTYPE_FINGERPRINT] = type.fingerprint;
    for (const p of type.pointers) m[record + RTYPE_MASK + (p >>> 7)] |= 1 << (p >>> 2);
    const text = record + RTYPE_MASK + mask;
    writeText(t.mem, text, name);
    writeText(t.mem, text + wordsOf(name.length), definition);
    m[plan.types + type.number] = record;
    // Published last: whoever reads the count finds a complete record.
    Atomics.store(m, H_TYPES, type.number);
    return this.get(type.number) ?? fatal('a registered type is not in the table');
  }
}

/** Words of a record's pointer mask. */
function maskWords(ptrBytes: number): number {
  return (ptrBytes / PTR_SIZE + 31) >>> 5;
}

/** Words of a record; 0 when it does not lie in what is handed out of persistent memory. */
function wordsAt({ m, plan }: Mem, record: Ref): number {
  const ptrBytes = m[record + RTYPE_PTR_BYTES] >>> 0;
  const bytes = [m[record + RTYPE_NAME_BYTES] >>> 0, m[record + RTYPE_DEFINITION_BYTES] >>> 0];
  const words = bytes.reduce((sum, n) => sum + Math.ceil(n / 4), RTYPE_MASK + maskWords(ptrBytes));
  const isInside = record >= plan.persistent && record + words <= Math.min(m[H_PERSISTENT_NEXT], plan.end);
  return isInside && ptrBytes <= m[record + RTYPE_SIZE] >>> 0 ? words : 0;
}

/** What stands for a record that cannot be one. */
function damagedType(mem: Mem, number: number): RType {
  const name = `damaged type ${number}`;
  const tag = tagOfTypes(mem, false);
  return { name, number, size: 0, align: 1, pointers: [], ptrBytes: 0, definition: '', fingerprint: 0, tag };
}

function readType(mem: Mem, number: number, record: Ref): RType {
  const { m } = mem;
  const ptrBytes = m[record + RTYPE_PTR_BYTES];
  const pointers: number[] = [];
  const mask = record + RTYPE_MASK;
  const text = mask + maskWords(ptrBytes);
  for (let w = mask; w < text; w++) {
    for (let bits = m[w]; bits !== 0; bits &= bits - 1) pointers.push(((w - mask) * 32 + ctz32(bits)) * PTR_SIZE);
  }
  const nameBytes = m[record + RTYPE_NAME_BYTES];
  return Object.freeze({
    name: readText(mem, text, nameBytes),
    number,
    size: m[record + RTYPE_SIZE] >>> 0,
    align: m[record + RTYPE_ALIGN],
    pointers: Object.freeze(pointers),
    ptrBytes,
    definition: readText(mem, text + wordsOf(nameBytes), m[record + RTYPE_DEFINITION_BYTES]),
    fingerprint: m[record + RTYPE_FINGERPRINT] >>> 0,
    tag: tagOfTypes(mem, ptrBytes !== 0),
  });
}

/** FNV-1a, 32 bits, over UTF-16 units. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
