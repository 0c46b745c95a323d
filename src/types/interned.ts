/**
 * Interned text (Go: `unique.Make` of a string): equal texts share their bytes, in all threads. The table of the heap holds
 * the bytes weakly (spans/intern-table.ts); strings in the heap keep them alive, and so does an `Interned`, by a handle
 * that goes with it.
 */
import { NIL, type Ref, type Words } from '../base/brand.ts';
import { handleOf, numberWeak, recordFor, spanForSpecials, strongFromWeak, type WeakHandle } from '../gc/specials.ts';
import { TINY_SIZE } from '../layout/constants.ts';
import { H_INTERN_SEED, H_SPECIALS_LOCK } from '../layout/header.ts';
import { KIND_INTERNED, SPECIAL_BYTES, SPECIAL_HASH } from '../layout/special.ts';
import { FIRST_SIZE, findInterned, growInterned, linkInterned } from '../spans/intern-table.ts';
import { outOfMetadata } from '../spans/persistent.ts';
import { freeSpecials, linkSpecial } from '../spans/special-list.ts';
import type { Frame } from '../threads/frame.ts';
import { type Env, inRegion } from './env.ts';
import { hashWords } from './map/hash.ts';
import { withRoot } from './memory.ts';
import { type Inspect, inspectCustom } from './show.ts';

/** The class behind `Interned` of values.ts. */
export class InternedText {
  readonly value: string;
  /** Address and number of the bytes. The empty text has none. */
  readonly $addr: number;
  readonly $bytes: number;
  readonly $env: Env;

  constructor(value: string, addr: number, bytes: number, env: Env) {
    this.value = value;
    this.$addr = addr;
    this.$bytes = bytes;
    this.$env = env;
  }

  toString(): string {
    return this.value;
  }

  toJSON(): string {
    return this.value;
  }

  /** What `console.log` prints in Node. */
  [inspectCustom](_depth: unknown, options: object, inspect: Inspect): string {
    return `Interned ${inspect(this.value, options)}`;
  }
}

/**
 * The heap's seeds, made by whoever needs them first: random numbers make Node load some 8 ms of code, which not every
 * program needs. Of several threads one is first with each word; all see both when the first word is there.
 */
function seedsOf(m: Words): [number, number] {
  if (Atomics.load(m, H_INTERN_SEED) === 0) {
    const [first, second] = crypto.getRandomValues(new Int32Array(2)) as unknown as [number, number];
    Atomics.compareExchange(m, H_INTERN_SEED + 1, 0, second || 1);
    Atomics.compareExchange(m, H_INTERN_SEED, 0, first || 1);
  }
  return [m[H_INTERN_SEED], m[H_INTERN_SEED + 1]];
}

/** Text that is being interned. */
interface Wanted {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly hash: number;
}

export class Interner {
  readonly #env: Env;
  /** This thread's objects by text, so that equal texts give the same object. */
  readonly #known = new Map<string, WeakRef<InternedText>>();
  readonly #dropped: FinalizationRegistry<{ text: string; frame: Frame | undefined; weak: WeakRef<InternedText> }>;

  constructor(env: Env) {
    this.#env = env;
    this.#dropped = new FinalizationRegistry(({ text, frame, weak }) => {
      // The text may have been interned again since.
      if (this.#known.get(text) === weak) this.#known.delete(text);
      if (frame !== undefined) env.handles.remove(frame);
    });
  }

  /** See Heap.intern. `given` is a string. */
  intern(given: string): InternedText {
    const known = this.#known.get(given)?.deref();
    if (known !== undefined) return known;
    const env = this.#env;
    const length = env.text.encode(given);
    // A copy: what follows may use the scratch buffer; and words, zero beyond the bytes, for the hash.
    const words = new Int32Array((length >>> 2) + 2);
    const bytes = new Uint8Array(words.buffer);
    bytes.set(env.text.scratch.subarray(0, length));
    const { m } = env.mem;
    const hash = hashWords(words, length, ...seedsOf(m));
    let frame: Frame | undefined;
    let addr = 0;
    if (length > 0) {
      inRegion(env, () => {
        addr = this.#find({ bytes, length, hash });
        frame = env.handles.add(addr);
      });
    }
    // Lone surrogates were replaced.
    const text = given.replace(/\p{Surrogate}/gu, '\ufffd');
    const made = new InternedText(text, addr, length, env);
    const weak = new WeakRef(made);
    this.#known.set(given, weak);
    this.#dropped.register(made, { text: given, frame, weak });
    return made;
  }

  /** The bytes of this text in the heap. The caller is in a region, and roots them before its next safepoint. */
  #find(wanted: Wanted): number {
    return this.#look(wanted) || this.#add(wanted);
  }

  /** The bytes that the table has; 0 if there are none. */
  #look({ hash, length, bytes }: Wanted): number {
    const { t, malloc } = this.#env;
    const { m } = t.mem;
    for (;;) {
      let handle: WeakHandle | undefined;
      t.lock(H_SPECIALS_LOCK);
      const r = findInterned(m, hash, length, (addr) => this.#same(addr, bytes, length));
      if (r !== NIL) handle = handleOf(m, r);
      t.unlock(H_SPECIALS_LOCK);
      if (handle === undefined) return 0;
      const addr = strongFromWeak(malloc.cache.heap, handle);
      // Dead, and swept by now: then it is not in the table any more. (What is alive is shaded with its handle.)
      if (addr === 0) continue;
      return addr;
    }
  }

  #same(addr: number, bytes: Uint8Array, length: number): boolean {
    const { u8 } = this.#env.mem;
    for (let i = 0; i < length; i++) if (u8[addr + i] !== bytes[i]) return false;
    return true;
  }

  #add(wanted: Wanted): number {
    const env = this.#env;
    const { u8 } = env.mem;
    const { bytes, length } = wanted;
    // In no tiny block: there it would live as long as its neighbours (Go pads what has weak pointers for the same reason).
    const made = env.malloc.mallocgc(Math.max(length, TINY_SIZE), null, false);
    for (let i = 0; i < length; i++) u8[made + i] = bytes[i]!;
    return withRoot(env, made, () => this.#publish(wanted, made));
  }

  /** Puts new bytes into the table, unless another thread was faster: then its bytes. */
  #publish(wanted: Wanted, made: number): number {
    const env = this.#env;
    const { t } = env;
    const { m } = t.mem;
    const { heap } = env.malloc.cache;
    if (!growInterned(t)) throw outOfMetadata(t.mem, FIRST_SIZE);
    const s = spanForSpecials(heap, made);
    const r: Ref = recordFor(heap, made, KIND_INTERNED);
    m[r + SPECIAL_HASH] = wanted.hash;
    m[r + SPECIAL_BYTES] = wanted.length;
    for (;;) {
      t.lock(H_SPECIALS_LOCK);
      const isNew =
        findInterned(m, wanted.hash, wanted.length, (addr) => this.#same(addr, wanted.bytes, wanted.length)) === NIL;
      if (isNew) {
        numberWeak(m, r);
        linkSpecial(t.mem, s, r);
        linkInterned(m, r);
      }
      t.unlock(H_SPECIALS_LOCK);
      if (isNew) return made;
      const found = this.#look(wanted);
      if (found === 0) continue;
      freeSpecials(t, [r]);
      return found;
    }
  }
}
