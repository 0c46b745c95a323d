/**
 * The part of `heap.verify()` that checks the maps: each live header, by types/map/check-words.ts. A map that a thread is
 * just changing (it may reach safepoints in between) has its tables locked; those are looked at as far as they do not
 * depend on it. Locks that a dead thread has left behind count as such too: whoever comes by repairs them.
 */
import type { SpanRef } from '../base/brand.ts';
import { MAP_LOCK } from '../layout/map.ts';
import type { RType, TypeTable } from '../malloc/rtype.ts';
import type { MHeap } from '../spans/mheap.ts';
import type { DefinedKinds } from '../types/definition.ts';
import { type MapChecker, type MapMemory, mapChecker, mapLayout } from '../types/map/check-words.ts';
import { eachScanObject, objectAt } from './objects.ts';

/** World stopped; the pointers of maps have been checked. */
export function verifyMaps(heap: MHeap, spans: readonly SpanRef[], table: TypeTable, kinds: DefinedKinds): void {
  const { i32 } = heap.t.mem;
  const memory: MapMemory = {
    i32,
    isWhole: (addr, bytes) => {
      const object = objectAt(heap, addr);
      return object !== null && addr + bytes <= object.start + object.size;
    },
  };
  const checkers = new Map<number, MapChecker | null>();
  const checkerOf = (number: number): MapChecker | null => {
    let checker = checkers.get(number);
    if (checker === undefined) {
      const type: RType | undefined = table.get(number);
      const kind = type === undefined ? undefined : kinds.mapOf(type);
      checkers.set(number, (checker = kind === undefined ? null : mapChecker(memory, mapLayout(kind))));
    }
    return checker;
  };
  for (const s of spans) {
    eachScanObject(heap, s, ({ start, type }) => {
      // With the directory locked, its entries may be on their way.
      if (checkerOf(type) !== null && i32[(start >>> 2) + MAP_LOCK] === 0) checkerOf(type)!.check(start);
    });
  }
}
