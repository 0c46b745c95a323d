/** Asks a view all it can tell, of this and that place. For tests that it tells something, whatever the heap is. */
import type { HeapView, PageMap } from '../../src/index.ts';
import type { Random } from './random.ts';

/** Answers of one round, each of which is data: it can be made JSON of. */
export function viewEverything(view: HeapView, map: PageMap, r: Random): Record<string, unknown> {
  const { pages, maxBytes } = view.info();
  const grown = Math.max(1, map.known);
  const page = (): number => (r.oneIn(8) ? r.below(2 * pages) : r.below(grown));
  const address = (): number => (r.oneIn(8) ? r.below(2 ** 32) : r.below(Math.min(maxBytes, grown * 8192)));
  map.refresh();
  const answers: Record<string, unknown> = {
    info: view.info(),
    stats: view.stats(),
    gc: view.gc(),
    changed: map.changedSince(map.version - 1),
    threads: view.threads(),
    states: view.threadStates(),
    central: view.central(),
    pageAlloc: view.pageAlloc(),
    roots: view.roots(),
    types: view.types(),
    chunk: view.chunk(r.below(Math.ceil(grown / 512) + 1)),
  };
  for (let i = 0; i < 20; i++) answers[`span ${i}`] = view.span(page(), r.oneIn(4) ? r.below(2000) : 0);
  for (let i = 0; i < 40; i++) {
    const at = address();
    answers[`object ${i}`] = view.object(at, { searchMs: 1, ...(r.oneIn(3) ? { via: address() } : {}) });
  }
  view.walk(5);
  answers['top'] = view.topTypes();
  answers['classes'] = view.classes();
  return answers;
}
