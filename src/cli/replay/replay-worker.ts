/** A worker of a replay: attaches to the heap, replays one lane, says what it found, detaches. Started by `workers.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, type SharedHeap } from '../../index.ts';
import { GO, setFailed, waitWhile } from './control.ts';
import { asFailure } from './failure.ts';
import { Lane, type LaneInput, Stopped } from './lane.ts';
import type { LaneMessage } from './workers.ts';

export interface LaneWorkerData {
  readonly shared: SharedHeap;
  readonly input: LaneInput;
  readonly lane: number;
}

function say(message: LaneMessage): void {
  parentPort?.postMessage(message);
}

function replayLane({ shared, input, lane: number }: LaneWorkerData): void {
  const heap = attachHeap(shared);
  const lane = new Lane(heap, input, number);
  try {
    say({ kind: 'ready' });
    if (!waitWhile(input.control, GO, 0)) throw new Stopped();
    for (let stop = 0; stop < input.plan.stops.length; stop++) lane.runTo(stop);
    say({ kind: 'done', findings: lane.findings() });
  } catch (error) {
    // Of several failures at once the first is the one to tell; a lane that was stopped has none of its own.
    const first = setFailed(input.control);
    if (first && !(error instanceof Stopped)) say({ kind: 'failed', failure: asFailure(error, lane.event) });
    else say({ kind: 'stopped' });
  } finally {
    heap.detach();
  }
}

replayLane(workerData as LaneWorkerData);
