// Calls that are made now and then: ours, and their like in plain JavaScript.
import type { Call } from './calls/calls.ts';
import { answer, type Budget, measurePasses, type Pass, taskOf } from './measure.ts';

export interface CallsTask extends Budget {
  readonly call: Call;
  readonly variant: 'spanheap' | 'plain';
}

async function open({ call, variant }: CallsTask): Promise<Pass> {
  if (variant === 'spanheap') return (await import('./calls/spanheap.ts')).openSpanheap(call);
  return (await import('./calls/plain.ts')).openPlain(call);
}

const task = taskOf<CallsTask>();
answer(measurePasses(await open(task), task));
