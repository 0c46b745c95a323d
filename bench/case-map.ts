// get and set of random keys in one map, on one thread.
import { type MapName, openMap } from './maps/peers.ts';
import { KEYS, type MapWork, startMap } from './maps/workload.ts';
import { answer, type Budget, measure, taskOf } from './measure.ts';

export interface MapTask extends MapWork, Budget {
  readonly map: MapName;
  readonly lmdb?: string | undefined;
}

const task = taskOf<MapTask>();
const step = startMap(await openMap(task.map, task.keys, task.lmdb), task);
answer(measure(step, task, undefined, KEYS).result(0));
