/**
 * Named roots: what all threads find by name, and what keeps everything else alive. Guarded by the heap lock; the
 * collector reads them while threads go on, so what is stored and what is replaced is reported to the barrier.
 */
import { NIL, type Ref } from '../base/brand.ts';
import { ArgumentError, TypeMismatchError } from '../base/errors.ts';
import { H_HEAP_LOCK, H_WRITE_BARRIER } from '../layout/header.ts';
import { ROOT_ADDR, ROOT_TYPE } from '../layout/root.ts';
import { addRoot, eachNewerRoot, listRoots, rootName, rootSerial } from '../spans/root-records.ts';
import type { Codec } from './codec.ts';
import { type Env, inRegion } from './env.ts';
import { asReference, type Place } from './reference.ts';

/** The name as it is stored. Lone surrogates become U+FFFD, as in all text. */
function checkName(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name.replace(/\p{Surrogate}/gu, '\ufffd');
  throw new ArgumentError('ERR_INVALID_ARGUMENT', 'roots: a name must be a string that is not empty');
}

export class RootTable {
  readonly #env: Env;
  /** Where names are, as far as this thread has seen: right as long as the record has that serial number. */
  readonly #known = new Map<string, { readonly record: Ref; readonly serial: number }>();
  /** The name that a record was seen with last. */
  readonly #names = new Map<Ref, string>();
  /** The last serial number that was seen. */
  #seen = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  set(given: unknown, value: unknown): void {
    const name = checkName(given);
    const ref = asReference(this.#env, value, `roots.set(${JSON.stringify(name)})`);
    inRegion(this.#env, () => {
      const type = ref.$codec.rtype().number;
      this.#locked(name, (found) => this.#store(found === NIL ? addRoot(this.#env.t, name) : found, ref.$a, type));
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

  has(given: unknown): boolean {
    const name = checkName(given);
    let is = false;
    this.#locked(name, (r) => {
      is = r !== NIL && this.#env.mem.m[r + ROOT_ADDR] !== 0;
    });
    return is;
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
      names = listRoots(this.#env.mem).map((r) => r.name);
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

  #find(name: string): Ref {
    const { mem } = this.#env;
    this.#seen = eachNewerRoot(mem, this.#seen, (record, serial) => {
      const former = this.#names.get(record);
      if (former !== undefined && this.#known.get(former)?.record === record) this.#known.delete(former);
      const now = rootName(mem, record);
      this.#names.set(record, now);
      this.#known.set(now, { record, serial });
    });
    const known = this.#known.get(name);
    return known !== undefined && rootSerial(mem, known.record) === known.serial ? known.record : (NIL as Ref);
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
