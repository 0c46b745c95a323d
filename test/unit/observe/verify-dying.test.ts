// A thread that is found dead while `verify()` has the world stopped was at a safepoint: what it holds is as it should be.
import { expect, test } from 'vitest';
import type { SpanRef } from '../../../src/base/brand.ts';
import { attachHeap, createHeap, f64, struct } from '../../../src/index.ts';
import { H_GROWN_PAGES } from '../../../src/layout/header.ts';
import { PROC_DEAD, PROC_STOPPED } from '../../../src/layout/proc.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { verifyCaches } from '../../../src/observe/verify-caches.ts';
import { verifyReferences } from '../../../src/observe/verify-references.ts';
import { eachSpan } from '../../../src/spans/mspan.ts';
import { procRef } from '../../../src/sync/proc-ref.ts';
import { withWorldStopped } from '../../../src/threads/stop-the-world.ts';
import { setState } from '../../support/internals.ts';

test('its spans, shadow stack and handles count as before', () => {
  const mine = createHeap({ background: false });
  const other = attachHeap(mine.share());
  const Point = struct('Point', { x: f64 });
  const kept = Array.from({ length: 100 }, (_, x) => other.new(Point, { x }));
  other.scope(() => Array.from({ length: 100 }, (_, x) => other.new(Point, { x })));
  const { t, cache } = mine.raw as unknown as Malloc;
  const { mem } = t;
  const p = procRef(mem, other.threadId);
  const found = withWorldStopped(t, () => {
    const spans: SpanRef[] = [];
    eachSpan(mem, mem.m[H_GROWN_PAGES], (s) => void spans.push(s));
    expect(setState(mem.m, p, PROC_DEAD)).toBe(PROC_STOPPED);
    verifyCaches(cache.heap, spans);
    verifyReferences(cache.heap, spans, new Set(), true);
    setState(mem.m, p, PROC_STOPPED);
    return spans.length;
  });
  expect(found).toBeGreaterThan(2);
  mine.verify();
  expect(kept[99]?.x).toBe(99);
});
