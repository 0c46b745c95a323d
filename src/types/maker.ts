/** `heap.new` of one kind: everything that does not depend on the values is a constant of a closure. */
import type { Codec } from './codec.ts';
import { callInRegion, type Env } from './env.ts';
import type { Place } from './reference.ts';

/** Makes an object, zero or with the values given, and a reference to it. See Heap.new. */
export type Maker = (init: unknown) => Place;

/** In a region. */
export function makeMaker(env: Env, codec: Codec): Maker {
  const { t } = env;
  const { newobject } = env.malloc;
  const { name, check, create, construct, initialise = codec.write } = codec;
  const { make } = codec.place!;
  const type = codec.rtype();

  function maker(init: unknown): Place {
    if (t.depth === 0) return callInRegion(env, maker, init);
    if (construct !== undefined && typeof init === 'object' && init !== null) {
      const made = construct(init as Record<string, unknown>);
      if (made !== null) return made;
    }
    if (init !== undefined) check(init, name);
    const addr = create === undefined ? newobject(type) : create();
    const ref = make(addr);
    if (init !== undefined) initialise(addr | 0, init);
    return ref;
  }

  return maker;
}
