// What V8's own heap holds, after a collection.
import { Session } from 'node:inspector';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

/**
 * Not by `--expose-gc`: options are those of the process, and compiled code is for the options that are set when it is
 * loaded.
 */
function collect(): void {
  const session = new Session();
  session.connect();
  session.post('HeapProfiler.collectGarbage');
  session.disconnect();
}

/** Bytes in use in this thread's V8 heap: all of it, and the old space with large objects. */
export function v8Heap(): { readonly used: number; readonly old: number } {
  collect();
  const old = getHeapSpaceStatistics().filter((s) => /^(old|large_object)_space$/.test(s.space_name));
  return { used: getHeapStatistics().used_heap_size, old: old.reduce((n, s) => n + s.space_used_size, 0) };
}
