// What V8's own heap holds, after a collection.
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
// Compiled code is for one set of flags.
setFlagsFromString('--no-expose-gc');

/** Bytes in use in this thread's V8 heap: all of it, and the old space with large objects. */
export function v8Heap(): { readonly used: number; readonly old: number } {
  collect();
  const old = getHeapSpaceStatistics().filter((s) => /^(old|large_object)_space$/.test(s.space_name));
  return { used: getHeapStatistics().used_heap_size, old: old.reduce((n, s) => n + s.space_used_size, 0) };
}
