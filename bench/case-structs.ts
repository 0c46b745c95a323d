// Ten million small objects: what it takes to make them, and what they take up, here and in V8.
import { createHeap, f64, type Heap, slice, struct, u32 } from '../src/index.ts';
import { answer, taskOf } from './measure.ts';
import type { Way } from './structs/way.ts';
import { v8Heap } from './v8-heap.ts';

export interface StructsTask {
  readonly way: Way;
  readonly count: number;
}

const Point = struct('Point', { x: u32, y: u32, weight: f64 });
const PER_SCOPE = 10_000;
const WARM = 200_000;
const BYTES = 1 << 30;

class Plain {
  x: number;
  y: number;
  weight: number;
  constructor(x: number, y: number, weight: number) {
    this.x = x;
    this.y = y;
    this.weight = weight;
  }
}

type Fill = (from: number, to: number) => void;

function withFields(heap: Heap): Fill {
  return (from, to) => {
    for (let i = from; i < to; i++) heap.new(Point, { x: i, y: i + 1, weight: i / 2 });
  };
}

function thenFields(heap: Heap): Fill {
  return (from, to) => {
    for (let i = from; i < to; i++) {
      const p = heap.new(Point);
      p.x = i;
      p.y = i + 1;
      p.weight = i / 2;
    }
  };
}

function inSlice(heap: Heap, count: number): Fill {
  const points = heap.make(slice(Point), count);
  return (from, to) => {
    const c = points.slice(from, to).cursor();
    for (let i = from; c.next(); i++) {
      const p = c.value;
      p.x = i;
      p.y = i + 1;
      p.weight = i / 2;
    }
  };
}

function plain(kept: Plain[]): Fill {
  return (from, to) => {
    for (let i = from; i < to; i++) kept[i] = new Plain(i, i + 1, i / 2);
  };
}

function fillAll(fill: Fill, count: number, run: (fn: () => void) => void): void {
  for (let from = 0; from < count; from += PER_SCOPE) {
    run(() => fill(from, Math.min(count, from + PER_SCOPE)));
  }
}

interface Made {
  readonly ms: number;
  readonly heapBytes: number;
  readonly spanBytes: number;
}

/** In a heap of its own, of which nobody sees anything afterwards. */
function make({ way, count }: StructsTask, keep: (it: unknown) => void): Made {
  if (way === 'plain objects') {
    const kept: Plain[] = new Array(count);
    keep(kept);
    const start = performance.now();
    fillAll(plain(kept), count, (fn) => fn());
    return { ms: performance.now() - start, heapBytes: 0, spanBytes: 0 };
  }
  // Off: what making an object costs, and how much memory it takes. What collecting costs is case gc-mark's and gc-trees'.
  const heap = createHeap({ maxBytes: BYTES, gc: 'off' });
  keep(heap);
  const start = performance.now();
  const fill = { 'new with fields': withFields, 'new, then fields': thenFields, 'slice of structs': inSlice }[way];
  fillAll(fill(heap, count), count, (fn) => heap.scope(fn));
  const ms = performance.now() - start;
  const { heapInUseBytes, metadataBytes } = heap.stats();
  return { ms, heapBytes: heapInUseBytes + metadataBytes, spanBytes: heapInUseBytes };
}

const task = taskOf<StructsTask>();
make({ ...task, count: WARM }, () => {});
const kept: unknown[] = [];
const before = v8Heap();
const { ms, heapBytes, spanBytes } = make(task, (it) => kept.push(it));
const after = v8Heap();
const { count } = task;
const v8Bytes = after.used - before.used;
answer({
  nsPerOp: (ms * 1e6) / count,
  bytesEach: (heapBytes || v8Bytes) / count,
  spanBytesEach: spanBytes / count,
  oldMB: (after.old - before.old) / 1e6,
  v8MB: v8Bytes / 1e6,
  sink: kept.length,
});
