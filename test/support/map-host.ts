/** Maps over a heap's raw allocator, with values of a few kinds, for tests of the map itself. */
import { makeBarrier } from '../../src/gc/barrier.ts';
import type { Heap, RType } from '../../src/index.ts';
import type { Malloc } from '../../src/malloc/malloc.ts';
import type { Codec } from '../../src/types/codec.ts';
import type { KeyName } from '../../src/types/kinds.ts';
import type { MapHost } from '../../src/types/map/host.ts';
import { keyCodec } from '../../src/types/map/keys.ts';
import { type MapOps, makeMapOps } from '../../src/types/map/ops.ts';
import type { PlaceClass } from '../../src/types/reference.ts';
import { makeText } from '../../src/types/text.ts';

export function mapHost(heap: Heap): MapHost {
  const { raw } = heap;
  // What `heap.raw` is, whatever its type shows of it.
  const { t } = raw as unknown as Malloc;
  const { mem } = t;
  return {
    mem,
    t,
    alloc: (size, type) => raw.mallocgc(size, type, true),
    free: (addr) => raw.free(addr),
    barrier: makeBarrier(mem),
    registerType: (spec) => raw.type(spec),
    text: makeText(t),
  };
}

/** What a value of a kind `pair` is: two numbers and their sum, so that a torn one shows. */
export interface Pair {
  readonly a: number;
  readonly b: number;
  readonly sum: number;
}

/** What a reference to a place reads as here: its address. */
export interface At {
  readonly $a: number;
}

export type ValueName = 'u32' | 'f64' | 'pair' | 'ref' | 'string' | 'place';

const place = { make: (addr: number) => ({ $a: addr >>> 0 }) } as unknown as PlaceClass;

function wrong(where: string): never {
  throw new TypeError(`${where}: wrong value`);
}

/** `place`: three words, of which the second is a pointer; written as `[number, address, number]`. */
export function valueCodec(host: MapHost, name: ValueName): Codec {
  const { mem, barrier, text } = host;
  const { i32, f64 } = mem;
  const isNumber = (v: unknown, where: string): void => {
    if (typeof v !== 'number') wrong(where);
  };
  const make = (size: number, align: number, rest: Partial<Codec>): Codec => {
    const pointers = rest.pointers ?? [];
    let type: RType | undefined;
    return {
      ...{ name, size, align, pointers, isValue: true, indirect: false, allocates: false, check: isNumber },
      rtype: () => (type ??= host.registerType({ name: `test.${name}`, size, pointers })),
      ...rest,
    } as Codec;
  };
  switch (name) {
    case 'u32':
      return make(4, 4, {
        read: (a) => i32[a >>> 2]! >>> 0,
        write: (a, v) => {
          i32[a >>> 2] = v as number;
        },
      });
    case 'f64':
      return make(8, 8, {
        read: (a) => f64[a >>> 3]!,
        write: (a, v) => {
          f64[a >>> 3] = v as number;
        },
      });
    case 'pair':
      return make(12, 4, {
        read: (a) => ({ a: i32[a >>> 2], b: i32[(a >>> 2) + 1], sum: i32[(a >>> 2) + 2] }),
        write: (a, v) => {
          const pair = v as Pair;
          i32[a >>> 2] = pair.a;
          i32[(a >>> 2) + 1] = pair.b;
          i32[(a >>> 2) + 2] = pair.sum;
        },
        check: (v, where) => {
          if (typeof v !== 'object') wrong(where);
        },
      });
    case 'ref':
      return make(4, 4, {
        ...{ pointers: [0], place, indirect: true },
        read: (a) => (i32[a >>> 2] === 0 ? null : place.make(i32[a >>> 2]!)),
        write: (a, v) => barrier.storePointer(a, v === null ? 0 : (v as At).$a),
        check: (v, where) => {
          if (typeof v !== 'object') wrong(where);
        },
      });
    case 'string':
      return make(8, 4, {
        ...{ pointers: [0], allocates: true },
        read: (a) => text.read(i32[a >>> 2]!, i32[(a >>> 2) + 1]!),
        write: (a, v) => {
          const length = text.encode(v as string);
          const bytes = length === 0 ? 0 : host.alloc(length, null);
          for (let i = 0; i < length; i++) mem.u8[bytes + i] = text.scratch[i]!;
          barrier.storePointer(a, bytes);
          i32[(a >>> 2) + 1] = length;
        },
        check: (v, where) => {
          if (typeof v !== 'string') wrong(where);
        },
      });
    case 'place':
      return make(12, 4, {
        ...{ pointers: [4], place, isValue: false, allocates: true },
        read: (a) => place.make(a),
        write: (a, v) => {
          // As a program's own iterator would: in steps, which may throw.
          const [first, pointer, last] = v as Iterable<number> as number[];
          i32[a >>> 2] = first!;
          barrier.storePointer(a + 4, pointer!);
          i32[(a >>> 2) + 2] = last!;
        },
        check: (v, where) => {
          if (typeof v !== 'object') wrong(where);
        },
      });
  }
}

/** Operations on maps of these kinds, each call a region of its own as for a user outside of scopes. */
export function testMap(heap: Heap, key: KeyName, value: ValueName): { ops: MapOps; host: MapHost; h: number } {
  const host = mapHost(heap);
  return heap.scope(() => {
    const ops = makeMapOps(host, keyCodec(host, key), valueCodec(host, value));
    return { ops, host, h: ops.create() };
  });
}
