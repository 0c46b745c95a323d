/**
 * What `console.log(ref)` prints: a reference's name and address, with what is in the place, one level deep. It makes no
 * references and nothing in the heap, so it reads where the fields are by itself; and of what is large only the beginning.
 */
import { SLICE_LEN, STRING_LEN } from '../layout/slice.ts';
import { Frame, HELD, STALE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion } from './env.ts';
import type { Place } from './reference.ts';
import type { BoundField } from './struct.ts';

export const inspectCustom = Symbol.for('nodejs.util.inspect.custom');

/** Elements of a sequence, values in all, bytes of a text. */
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

/** A reference as text: what it refers to, and where that is. */
export function showReference({ $codec, $a }: Pick<Shown, '$codec' | '$a'>): string {
  return nameAt($codec.name, $a);
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
export function inspectReference(ref: Shown): unknown {
  const text = showReference(ref);
  const end = endOf(ref);
  if (end !== '') return text + end;
  const { $env: env, $codec: codec } = ref;
  try {
    const value = inRegion(env, () => new Viewer(env).place(codec, ref.$a, true));
    return value instanceof Word ? value.text : named(text, value as object);
  } catch {
    return text;
  }
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
    return this.#map(place.Class, name, whole ? addr : this.#word(addr));
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
    const { size } = new Class(addr, LOOKING) as unknown as { size: number };
    return new Word(`${nameAt(name, addr)} (size ${size})`);
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

interface AnySequence extends Shown {
  readonly $elem: Codec;
  readonly length: number;
  $base(): number;
}

const loaded = (shown: Place): unknown => (shown as Place & { load(): unknown }).load();
