// malloc of one size, zeroed, on one allocator.
//
// fresh: every object lies in memory that was never used. recycled: a batch is allocated inside the timer and freed
// outside it, so that each object must be cleared as it is allocated. That it was is checked at the end.
import { answer, type Budget, type Measured, measure, Timer, taskOf } from './measure.ts';
import { openPeer, type Peer, type PeerName } from './peers/peer.ts';

export interface MallocTask extends Budget {
  readonly peer: PeerName;
  readonly wasm?: string | undefined;
  readonly size: number;
  readonly scan: boolean;
  readonly recycled: boolean;
  /** Objects between two looks at the clock. */
  readonly batch: number;
  /** Objects, when fresh; the first quarter is warm-up. */
  readonly total: number;
}

/** Bytes for recycled objects, and for fresh ones: of these there are 3 GiB. */
const MEMORY = 2 ** 30;
const FRESH_MEMORY = 3.5 * 2 ** 30;

const task = taskOf<MallocTask>();
const peer = await openPeer(task.peer, { bytes: task.recycled ? MEMORY : FRESH_MEMORY, wasm: task.wasm });
answer(peer.run(() => (task.recycled ? recycled(peer, task) : fresh(peer, task))));

function allocate(zalloc: (size: number) => number, size: number, out: Int32Array): number {
  for (let i = 0; i < out.length; i++) out[i] = zalloc(size);
  return out.length;
}

function allocatorOf(peer: Peer, task: MallocTask): (size: number) => number {
  const fn = task.scan ? peer.scanAlloc?.(task.size) : peer.zalloc;
  if (!fn) throw new Error(`${task.peer} has no zeroed malloc of this kind`);
  return fn;
}

function recycled(peer: Peer, task: MallocTask): Measured {
  const zalloc = allocatorOf(peer, task);
  const out = new Int32Array(task.batch);
  const freeAll = () => {
    for (const ptr of out) peer.free(ptr);
  };
  const timer = measure(() => allocate(zalloc, task.size, out), task, freeAll);
  return timer.result(checkZeroed(peer, zalloc, task.size, out));
}

/** Fills a batch with ones, frees it, allocates it again and looks at every word. */
function checkZeroed(peer: Peer, zalloc: (size: number) => number, size: number, out: Int32Array): number {
  const words = size >>> 2;
  allocate(zalloc, size, out);
  for (const ptr of out) peer.words().fill(-1, ptr >>> 2, (ptr >>> 2) + words);
  for (const ptr of out) peer.free(ptr);
  allocate(zalloc, size, out);
  const memory = peer.words();
  for (const ptr of out) {
    for (let i = 0; i < words; i++) {
      if (memory[(ptr >>> 2) + i] !== 0) throw new Error(`not zeroed: word ${i} of ${size} bytes at ${ptr}`);
    }
  }
  return out[0]!;
}

function fresh(peer: Peer, task: MallocTask): Measured {
  const zalloc = allocatorOf(peer, task);
  const out = new Int32Array(task.batch);
  const warm = task.total >>> 2;
  for (let done = 0; done < warm; done += task.batch) allocate(zalloc, task.size, out);
  const timer = new Timer();
  while (timer.ops + task.batch <= task.total - warm) timer.time(() => allocate(zalloc, task.size, out));
  return timer.result(out[0]!);
}
