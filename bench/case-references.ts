// What it costs to get at objects: through references of ours, on plain instances, through hand-written views.
import { answer, type Budget, measurePasses, type Pass, taskOf } from './measure.ts';
import type { Shape } from './references/access.ts';

export const VARIANTS = ['spanheap', 'instances', 'views'] as const;

export interface ReferencesTask extends Budget, Shape {
  readonly variant: (typeof VARIANTS)[number];
}

async function open(task: ReferencesTask): Promise<Pass> {
  switch (task.variant) {
    case 'spanheap':
      return (await import('./references/spanheap.ts')).openSpanheap(task);
    case 'instances':
      return (await import('./references/plain.ts')).openPlain(task);
    case 'views':
      return (await import('./references/views.ts')).openViews(task);
  }
}

const task = taskOf<ReferencesTask>();
answer(measurePasses(await open(task), task));
