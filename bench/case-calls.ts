// Calls that are made now and then: ours, and their like in plain JavaScript.
import type { Call } from './calls/calls.ts';
import { answer, type Budget, measure, taskOf } from './measure.ts';
import type { Pass } from './references/access.ts';

export interface CallsTask extends Budget {
  readonly call: Call;
  readonly variant: 'spanheap' | 'plain';
}

async function open({ call, variant }: CallsTask): Promise<Pass> {
  if (variant === 'spanheap') return (await import('./calls/spanheap.ts')).openSpanheap(call);
  return (await import('./calls/plain.ts')).openPlain(call);
}

const task = taskOf<CallsTask>();
const { run, ops, clear } = await open(task);
let sink = 0;
const step = (): number => {
  sink = (sink + run()) | 0;
  return ops;
};
answer(measure(step, task, clear).result(sink));
