/** `map(K, V)` in the heap: the user's side of the shared map, whose workings are in the folder map. */
import { checkFunction } from '../base/check.ts';
import { describe } from '../base/describe.ts';
import { StaleRefError, WrongTypeError } from '../base/errors.ts';
import { isMap } from '../base/realm.ts';
import { STALE } from '../threads/frame.ts';
import type { Codec } from './codec.ts';
import { callInRegion, type Env, inRegion, methodInRegion } from './env.ts';
import type { KeyKind } from './kinds.ts';
import { keyCodec } from './map/keys.ts';
import { type MapHost, type MapIterator, type MapOps, makeMapOps } from './map/ops.ts';
import { define, freeTemporary } from './memory.ts';
import { refuseReference } from './pointers.ts';
import { checkLive, type Place, type PlaceClass, Reference, throwStale } from './reference.ts';
import type { Scalar } from './scalars.ts';

function hostOf(env: Env): MapHost {
  return {
    mem: env.mem,
    t: env.t,
    alloc: (size, type) => env.malloc.mallocgc(size, type, true),
    free: (addr) => freeTemporary(env, addr),
    barrier: env.barrier,
    registerType: (spec) => env.table.register(spec),
    text: env.text,
  };
}

/** `value` is bound when the first map is used: a struct may have a map of itself. */
export function bindMap(
  env: Env,
  { Class, make }: PlaceClass,
  key: KeyKind,
  value: () => Codec,
  name: string,
): Scalar & Required<Pick<Codec, 'create' | 'initialise'>> {
  const { i32 } = env.mem;
  let bound: MapOps | undefined;
  const ops = (): MapOps => {
    if (bound === undefined) {
      const host = hostOf(env);
      bound = makeMapOps(host, keyCodec(host, key.kind), value());
    }
    return bound;
  };
  defineMap(env, Class, ops);

  function create(): number {
    return ops().create();
  }

  /** Never null: whoever reads a nil map makes it, and if two do so at once, the first one's is it. */
  function read(addr: number): Place {
    if (env.t.depth === 0) return callInRegion(env, read, addr);
    const there = i32[addr >>> 2]!;
    if (there !== 0) return make(there);
    const made = make(create());
    const first = env.barrier.casPointer(addr, 0, made.$a);
    return first === 0 ? made : make(first);
  }

  function check(given: unknown, where: string): void {
    if (given instanceof Class) {
      checkLive(given);
      return;
    }
    if (given instanceof Reference) refuseReference(env, given, name, where);
    checkEntries(given, where);
  }

  function checkEntries(given: unknown, where: string): void {
    if (!isMap(given) && !Array.isArray(given)) {
      throw new WrongTypeError(`${where}: expected a map or an array of entries, got ${describe(given)}`);
    }
    for (const entry of given as Iterable<unknown>) {
      if (!Array.isArray(entry) || entry.length !== 2) {
        throw new WrongTypeError(`${where}: expected entries [key, value], got ${describe(entry)}`);
      }
      ops().checkKey(entry[0], `${where} (key)`);
      value().check(entry[1], `${where} (value)`);
    }
  }

  function write(addr: number, given: unknown): void {
    inRegion(env, () => {
      if (given instanceof Class) {
        env.barrier.storePointer(addr, (given as Place).$a);
        return;
      }
      const made = make(create());
      fill(made.$a, given);
      env.barrier.storePointer(addr, made.$a);
    });
  }

  function fill(h: number, given: unknown): void {
    for (const [k, v] of given as Iterable<[unknown, unknown]>) ops().set(h, k, v);
  }

  return { read, check, write, create, initialise: fill };
}

function defineMap(env: Env, Class: PlaceClass['Class'], ops: () => MapOps): void {
  const { t } = env;

  function get(this: Place, key: unknown): unknown {
    if (this.$s.live === STALE) throwStale(this);
    if (t.depth === 0) return methodInRegion(env, get, this, key);
    return ops().get(this.$a, key);
  }

  function set(this: Place, key: unknown, value: unknown): Place {
    if (this.$s.live === STALE) throwStale(this);
    if (t.depth === 0) return methodInRegion(env, set, this, key, value);
    ops().set(this.$a, key, value);
    return this;
  }

  const call = <T>(map: Place, fn: (o: MapOps, h: number) => T): T => {
    checkLive(map);
    return inRegion(env, () => fn(ops(), map.$a));
  };

  /** One entry at a time is a region, so that what it gives is rooted before the map may change. */
  function walk<T>(map: Place, values: boolean, of: (it: MapIterator) => T): IterableIterator<T> {
    const address = map.$a;
    const it = call(map, (o, h) => o.iterate(h, values));
    const done = { done: true, value: undefined } as const;
    const step = (): IteratorResult<T, undefined> => (it.next() ? { done: false, value: of(it) } : done);
    return {
      next: () => {
        checkLive(map);
        // One of a cursor that has moved on keeps another map alive, and not the one that this goes over.
        if (map.$a !== address)
          throw new StaleRefError(
            'ERR_STALE_REF',
            'map: the cursor that leads to it has moved on since its iteration began',
          );
        return t.depth === 0 ? callInRegion(env, step) : step();
      },
      [Symbol.iterator]() {
        return this;
      },
    };
  }

  const entries = (map: Place): IterableIterator<[unknown, unknown]> => walk(map, true, (it) => [it.key(), it.value()]);

  define(Class.prototype, {
    get,
    set,
    has(this: Place, key: unknown): boolean {
      return call(this, (o, h) => o.has(h, key));
    },
    delete(this: Place, key: unknown): boolean {
      return call(this, (o, h) => o.delete(h, key));
    },
    clear(this: Place): void {
      call(this, (o, h) => o.clear(h));
    },
    update(this: Place, key: unknown, change: (old: unknown) => unknown): unknown {
      return call(this, (o, h) => o.update(h, key, change));
    },
    get size(): number {
      return call(this as unknown as Place, (o, h) => o.size(h));
    },
    /** For show.ts. `show` gets the codec of values, and where one is. */
    $first(this: Place, max: number, show: (value: Codec, addr: number) => unknown): unknown {
      const { first, shape } = ops();
      return first(this.$a, max, (addr) => show(shape.value, addr));
    },
    keys(this: Place): Iterable<unknown> {
      return walk(this, false, (it) => it.key());
    },
    values(this: Place): Iterable<unknown> {
      return walk(this, true, (it) => it.value());
    },
    entries(this: Place): Iterable<unknown> {
      return entries(this);
    },
    [Symbol.iterator](this: Place): Iterable<unknown> {
      return entries(this);
    },
    forEach(this: Place, visit: (value: unknown, key: unknown, map: Place) => void): void {
      checkFunction(visit, 'map.forEach');
      for (const [key, value] of entries(this)) visit(value, key, this);
    },
  });
}
