/** What an explorer's server answers besides the explorer: see Extra. */
import type { SharedHeap } from '../../runtime/init.ts';
import type { Extra } from './server.ts';

export function extraOf(_shared: SharedHeap): Extra {
  return async () => undefined;
}
