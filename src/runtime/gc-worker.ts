/** The script of the background worker. Gets what `heap.share()` gives, and attaches as a thread of the heap. */
import { mayAttach, runBackground } from '../gc/background.ts';
import { Collector } from '../gc/collector.ts';
import { GC_WORKER } from '../layout/gc.ts';
import { TypeTable } from '../malloc/rtype.ts';
import type { Mem } from '../sys/mem.ts';
import { attachProc, detachProc } from '../threads/attach.ts';
import { traceTo } from './gc-trace.ts';
import { checkShared, readClasses } from './init.ts';
import { lookAfter } from './liveness.ts';
import { runLocked } from './web-locks.ts';
import { stopOptions, threadData, threadName } from './worker-threads.ts';

/** What the worker is started with. */
export interface WorkerStart {
  readonly shared: unknown;
  readonly warnAfterMs: number;
}

function run(mem: Mem, warnAfterMs: number): void {
  if (!mayAttach(mem)) return;
  const stop = stopOptions(warnAfterMs);
  const cache = attachProc(mem, readClasses(mem), threadName(true), true, (heap) => lookAfter(heap, stop));
  const { heap } = cache;
  const collector = new Collector(heap, new TypeTable(heap.t), { stop, onCycle: traceTo(mem) });
  try {
    runBackground(collector);
  } finally {
    Atomics.compareExchange(mem.m, GC_WORKER, heap.t.id, 0);
    if (heap.t.attached) detachProc(cache);
  }
}

threadData<WorkerStart>(({ shared, warnAfterMs }) => {
  const mem = checkShared(shared, 'the background worker');
  runLocked(mem, () => run(mem, warnAfterMs));
});
