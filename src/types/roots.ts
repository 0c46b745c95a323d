/**
 * Named roots: what all threads find by name, and what keeps everything else alive. Guarded by the heap lock; the
 * collector reads them while threads go on, so what is stored and what is replaced is reported to the barrier.
 */
import { NIL, type Ref } from '../base/brand.ts';
import { ArgumentError, TypeMismatchError } from '../base/errors.ts';
import { H_HEAP_LOCK, H_PERSISTENT_NEXT, H_ROOTS, H_WRITE_BARRIER } from '../layout/header.ts';
import { ROOT_ADDR, ROOT_NAME, ROOT_NAME_BYTES, ROOT_NEXT, ROOT_TYPE } from '../layout/root.ts';
import { readText, wordsOf, writeText } from '../spans/meta-text.ts';
import { outOfMetadata, persistentAlloc } from '../spans/persistent.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion } from './env.ts';
import { asReference, type Place } from './reference.ts';

/** A root as it stands in the heap. */
export interface RootInfo {
  readonly name: string;
  readonly addr: number;
  /** Type number of the reference's kind. */
  readonly type: number;
}

/** The name as it is stored. Lone surrogates become U+FFFD, as in all text. */
function checkName(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name.replace(/\p{Surrogate}/gu, '\ufffd');
  throw new ArgumentError('ERR_INVALID_ARGUMENT', 'roots: a name must be a string that is not empty');
}

/**
 * All roots that are set. World stopped, or heap lock held, or at the reader's risk: then a root may have the address of
 * one moment and the type of another. A record lies below the newer ones; what does not ends the list.
 */
export function listRoots({ mem }: Pick<Env, 'mem'>): RootInfo[] {
  const { m, plan } = mem;
  const roots: RootInfo[] = [];
  let end = Math.min(m[H_PERSISTENT_NEXT], plan.end);
  for (let r = Atomics.load(m, H_ROOTS); r >= plan.persistent && r < end; r = m[r + ROOT_NEXT]) {
    const bytes = m[r + ROOT_NAME_BYTES];
    if (!(bytes > 0 && r + ROOT_NAME + wordsOf(bytes) <= end)) break;
    end = r;
    if (m[r + ROOT_ADDR] === 0) continue;
    roots.push({ name: readText(mem, r + ROOT_NAME, bytes), addr: m[r + ROOT_ADDR] >>> 0, type: m[r + ROOT_TYPE] });
  }
  return roots;
}

export class RootTable {
  readonly #env: Env;
  /** Records by name, as far as this thread has seen them; they never go away. */
  readonly #known = new Map<string, Ref>();
  /** The newest record that is in `#known`, with all that are older. */
  #seen = NIL;

  constructor(env: Env) {
    this.#env = env;
  }

  set(given: unknown, value: unknown): void {
    const name = checkName(given);
    const ref = asReference(this.#env, value, `roots.set(${JSON.stringify(name)})`);
    inRegion(this.#env, () => {
      const type = ref.$codec.rtype().number;
      this.#locked(name, (found) => this.#store(found === NIL ? this.#add(name) : found, ref.$a, type));
    });
  }

  get(given: unknown, codec: Codec): Place | undefined {
    const name = checkName(given);
    const { m } = this.#env.mem;
    return inRegion(this.#env, () => {
      const wanted = codec.rtype().number;
      let addr = 0;
      let type = 0;
      this.#locked(name, (r) => {
        if (r === NIL) return;
        addr = m[r + ROOT_ADDR];
        type = m[r + ROOT_TYPE];
      });
      if (addr === 0) return undefined;
      if (type !== wanted) {
        const is = this.#env.table.get(type)?.name ?? `of the unknown type ${type}`;
        const text = `root ${JSON.stringify(name)} is ${is}, not ${codec.name}`;
        throw new TypeMismatchError('ERR_TYPE_MISMATCH', text);
      }
      return codec.place!.make(addr);
    });
  }

  delete(given: unknown): boolean {
    const name = checkName(given);
    const { m } = this.#env.mem;
    let was = false;
    this.#locked(name, (r) => {
      was = r !== NIL && m[r + ROOT_ADDR] !== 0;
      if (was) this.#store(r, 0, 0);
    });
    return was;
  }

  names(): string[] {
    let names: string[] = [];
    inRegion(this.#env, () => {
      this.#env.t.lock(H_HEAP_LOCK);
      names = listRoots(this.#env).map((r) => r.name);
      this.#env.t.unlock(H_HEAP_LOCK);
    });
    return names.sort();
  }

  /** `fn` gets the record of a name, nil if there is none, with the heap lock held. */
  #locked(name: string, fn: (record: Ref) => void): void {
    const { t, barrier } = this.#env;
    inRegion(this.#env, () => {
      // Room in the barrier's buffer for one store: emptying it may take the lock.
      if (t.mem.m[H_WRITE_BARRIER] !== 0) barrier.makeRoom();
      t.lock(H_HEAP_LOCK);
      try {
        fn(this.#find(name));
      } finally {
        t.unlock(H_HEAP_LOCK);
      }
    });
  }

  /** Records are only ever added, at the front: those up to the last one seen are known. */
  #find(name: string): Ref {
    const { mem } = this.#env;
    const { m } = mem;
    const newest = m[H_ROOTS];
    for (let r = newest; r !== this.#seen; r = m[r + ROOT_NEXT]) {
      this.#known.set(readText(mem, r + ROOT_NAME, m[r + ROOT_NAME_BYTES]), r as Ref);
    }
    this.#seen = newest;
    return this.#known.get(name) ?? (NIL as Ref);
  }

  #add(name: string): Ref {
    const { t, mem } = this.#env;
    const { m } = mem;
    const bytes = new TextEncoder().encode(name);
    const words = ROOT_NAME + wordsOf(bytes.length);
    const r = persistentAlloc(t, words);
    if (r === NIL) throw outOfMetadata(mem, words);
    writeText(mem, r + ROOT_NAME, bytes);
    m[r + ROOT_NAME_BYTES] = bytes.length;
    m[r + ROOT_NEXT] = m[H_ROOTS];
    // Published last: whoever dies before this leaves the list as it was.
    Atomics.store(m, H_ROOTS, r);
    return r;
  }

  /** The address goes first and comes last: who dies in between leaves no address with another's type. */
  #store(r: Ref, addr: number, type: number): void {
    const { m } = this.#env.mem;
    if (m[H_WRITE_BARRIER] !== 0) this.#env.barrier.onWrite(0, m[r + ROOT_ADDR] >>> 0, addr >>> 0);
    Atomics.store(m, r + ROOT_ADDR, 0);
    m[r + ROOT_TYPE] = type;
    Atomics.store(m, r + ROOT_ADDR, addr);
  }
}
