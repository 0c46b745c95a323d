/**
 * What `console.log(ref)` prints: a reference's name and address, with what is in the place, one level deep. It makes no
 * references and nothing in the heap, so it reads where the fields are by itself; and of what is large only the beginning.
 */
import { isBytes } from '../base/realm.ts';
import { SLICE_LEN, STRING_LEN } from '../layout/slice.ts';
import { Frame, HELD, STALE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion } from './env.ts';
import type { Place } from './reference.ts';
import type { BoundField } from './struct.ts';

export const inspectCustom = Symbol.for('nodejs.util.inspect.custom');

/** Node's `util.inspect`, which it passes to what prints itself. */
export type Inspect = (value: unknown, options: object) => string;
/** What the user has asked of it. Of the depth what is left. */
export interface InspectOptions {
  readonly maxArrayLength?: number | null;
  readonly breakLength?: number;
  readonly depth?: number | null | undefined;
}

/** Elements of a sequence and entries of a map, values in all, bytes of a text. */
const MAX_ELEMENTS = 100;
const MAX_VALUES = 2000;
const MAX_BYTES = 200;

/** What places have by their classes: a struct `$fields`, a sequence `$elem`, and a slice a capacity too. */
interface Shown extends Place {
  readonly $env: Env;
  readonly $codec: Codec;
  readonly $fields?: readonly BoundField[];
  readonly $elem?: Codec;
}

/** Printed as it is. */
class Word {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  [inspectCustom](): string {
    return this.text;
  }
}

/** The first entries of a map, and how many it has. */
class ShownMap {
  readonly entries: readonly [key: unknown, value: unknown][];
  readonly size: number;

  constructor(entries: ShownMap['entries'], size: number) {
    this.entries = entries;
    // While others write it may have been less.
    this.size = Math.max(size, entries.length);
  }
}

/** A reference as text: what it refers to, and where that is. */
export function showReference(ref: Pick<Shown, '$codec' | '$a'>): string {
  return nameAt(ref.$codec.name, addressIn(ref));
}

/** 0 of one that stands on null with its cursor, which refuses to be used. */
function addressIn(ref: Pick<Shown, '$a'>): number {
  try {
    return ref.$a;
  } catch {
    return 0;
  }
}

function nameAt(name: string, addr: number): string {
  return `${name} @0x${(addr >>> 0).toString(16)}`;
}

/** The same, and whether it has ended. Never throws. */
export function referenceText(ref: Shown): string {
  return showReference(ref) + endOf(ref);
}

/** Why a reference cannot be used, in words; empty if it can. */
function endOf({ $s, $env }: Shown): string {
  if ($s.live === STALE) return ' (stale)';
  return $env.t.attached ? '' : ' (of a heap that this thread was detached from)';
}

/** What Node is to print for a reference: text, or an object. Never throws. */
export function inspectReference(
  ref: Shown,
  depth?: number | null,
  options?: InspectOptions,
  inspect?: Inspect,
): unknown {
  const text = showReference(ref);
  const end = endOf(ref);
  if (end !== '') return text + end;
  const { $env: env, $codec: codec } = ref;
  try {
    const value = inRegion(env, () => new Viewer(env).place(codec, ref.$a, true));
    if (value instanceof Word) return value.text;
    if (!(value instanceof ShownMap)) return named(text, value as object);
    if (inspect === undefined) return `${text} (size ${value.size})`;
    return typeof depth === 'number' && depth < 0 ? `[${text}]` : mapText(text, value, { ...options, depth }, inspect);
  } catch {
    return text;
  }
}

/** A map as Node prints one, under another name, and with as many entries as there are, not only as were read. */
function mapText(name: string, { entries, size }: ShownMap, options: InspectOptions, inspect: Inspect): string {
  const shown = Math.max(0, Math.min(entries.length, options.maxArrayLength ?? MAX_ELEMENTS));
  const given = new Map<unknown, unknown>();
  for (const [key, value] of entries.slice(0, shown)) given.set(shortKey(key, options, inspect), value);
  const more = size - shown;
  // One that is none, in whose place is said how many more there are, be it printed or counted.
  const dots = new Word('...');
  if (more > 0) given.set(dots, dots);
  const breakLength = (options.breakLength ?? 80) - name.length;
  return inspect(given, { ...options, breakLength })
    .replace(/^Map\(\d+\)/, () => `${name}(${size})`)
    .replace(/\.\.\. (=> \.\.\.|1 more items?)(?=\s*\}$)/, () => `... ${more} more item${more === 1 ? '' : 's'}`);
}

function shortKey(key: unknown, options: InspectOptions, inspect: Inspect): unknown {
  if (isBytes(key)) return key.length > MAX_BYTES ? new Word(`bytes (length ${key.length})`) : key;
  if (typeof key !== 'string' || key.length <= MAX_BYTES) return key;
  // Several may begin alike: as objects they are several.
  return new Word(inspect(`${key.slice(0, MAX_BYTES)}…`, options));
}

/** The same object or array as one of a class with this name, which is how Node prints it. */
function named(name: string, value: object): object {
  const Named = Array.isArray(value) ? class extends Array {} : class {};
  Object.defineProperty(Named, 'name', { value: name });
  return Object.setPrototypeOf(value, Named.prototype) as object;
}

/** Of references that are made to look at a place, and of which nobody knows. */
const LOOKING = new Frame(HELD, 0, null);

/** Looks at one place; make another for the next. In a region. */
class Viewer {
  readonly #env: Env;
  #left = MAX_VALUES;
  /** What it sees may be garbage, and will be looked at again if it is: nothing is followed. */
  #unsure = false;

  constructor(env: Env) {
    this.#env = env;
  }

  /** The value at an address. `whole`: that of a slice is its elements, not only how many there are. */
  place(codec: Codec, addr: number, whole = false): unknown {
    if (this.#left-- <= 0) return new Word('…');
    const { place, indirect, name, read } = codec;
    if (place === undefined) return name === 'string' || name === 'bytes' ? this.#text(name, addr) : read(addr);
    const shown = new place.Class(addr, LOOKING) as Shown;
    if (indirect) return this.#pointer(shown.$codec.name, addr);
    if (shown.$fields !== undefined) return this.#struct(shown.$fields, addr);
    if (shown.$elem !== undefined) return this.#sequence(shown as AnySequence, whole);
    if ('holder' in shown) return this.#mutex(shown as AnyMutex, whole);
    if ('load' in shown) return whole ? new Word(`${showReference(shown)} (${loaded(shown)})`) : loaded(shown);
    return whole ? this.#entries(shown as AnyMap) : this.#map(place.Class, name, this.#word(addr));
  }

  #word(addr: number): number {
    return this.#env.mem.i32[addr >>> 2]!;
  }

  #struct(fields: readonly BoundField[], addr: number): object {
    return Object.fromEntries(fields.map(({ name, offset, codec }) => [name, this.place(codec, (addr + offset) | 0)]));
  }

  #pointer(name: string, addr: number): Word | null {
    const to = this.#word(addr);
    return to === 0 ? null : new Word(nameAt(name, to));
  }

  #sequence(shown: AnySequence, whole: boolean): unknown {
    const { $codec, $elem: elem, $a } = shown;
    const length = 'capacity' in shown ? this.#word($a + SLICE_LEN) : shown.length;
    if (!whole && 'capacity' in shown) return new Word(`${nameAt($codec.name, $a)} (length ${length})`);
    const base = shown.$base();
    const values: unknown[] = [];
    while (values.length < Math.min(length, MAX_ELEMENTS)) {
      values.push(this.place(elem, (base + values.length * elem.size) | 0));
    }
    // As many as Node prints; of the others it says how many there are.
    values.length = length;
    return values;
  }

  #mutex(shown: AnyMutex, whole: boolean): Word {
    const { holder } = shown;
    const state = holder === 0 ? 'unlocked' : `locked by thread ${holder}`;
    return new Word(whole ? `${showReference(shown)} (${state})` : `mutex (${state})`);
  }

  #map(Class: new (a: number, s: Frame) => Place, name: string, addr: number): Word {
    if (addr === 0) return new Word(`${name} (size 0)`);
    if (this.#unsure) return new Word(nameAt(name, addr));
    const { size } = new Class(addr, LOOKING) as unknown as AnyMap;
    return new Word(`${nameAt(name, addr)} (size ${size})`);
  }

  #entries(shown: AnyMap): ShownMap {
    this.#unsure = true;
    const entries = shown.$first(MAX_ELEMENTS, (value, addr) => this.place(value, addr));
    return new ShownMap(entries, shown.size);
  }

  #text(kind: 'string' | 'bytes', addr: number): unknown {
    const { mem, text } = this.#env;
    const from = this.#word(addr) >>> 0;
    const length = this.#word(addr + STRING_LEN) >>> 0;
    if (kind === 'bytes') {
      return length > MAX_BYTES ? new Word(`bytes (length ${length})`) : mem.u8.slice(from, from + length);
    }
    if (length <= MAX_BYTES) return text.read(from, length);
    let cut = MAX_BYTES;
    // Not in the middle of a character.
    while (cut > 0 && (mem.u8[from + cut]! & 0xc0) === 0x80) cut--;
    return `${text.read(from, cut)}…`;
  }
}

interface AnyMutex extends Shown {
  readonly holder: number;
}

interface AnyMap extends Shown {
  readonly size: number;
  $first(max: number, show: (value: Codec, addr: number) => unknown): [key: unknown, value: unknown][];
}

interface AnySequence extends Shown {
  readonly $elem: Codec;
  readonly length: number;
  $base(): number;
}

const loaded = (shown: Place): unknown => (shown as Place & { load(): unknown }).load();
