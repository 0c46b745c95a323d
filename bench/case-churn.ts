// malloc and free in pairs, with a set of live objects, on one allocator.
import { answer, type Budget, measure, taskOf } from './measure.ts';
import { openPeer, type PeerName } from './peers/peer.ts';
import { type Churn, startChurn } from './workload.ts';

export interface ChurnTask extends Churn, Budget {
  readonly peer: PeerName;
  readonly wasm?: string | undefined;
}

const MEMORY = 256 << 20;
const TURNOVERS = 3; // of the live set, before the clock starts

const task = taskOf<ChurnTask>();
const peer = await openPeer(task.peer, { bytes: MEMORY, wasm: task.wasm });
answer(
  peer.run(() => {
    const step = startChurn(peer.malloc, peer.free, task);
    const timer = measure(step, task, undefined, TURNOVERS * task.live);
    return timer.result(peer.malloc(16));
  }),
);
