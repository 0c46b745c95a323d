// A large live set: nodes of 104 bytes, in slots of 112, linked to a binary tree in the order of their allocation. The
// same in go/gc/pauses.go, and as JS objects of as many bytes.
import type { Heap, RType } from '../../src/index.ts';

export const NODE_BYTES = 104;
export const SLOT_BYTES = 112;
const A = 0;
const B = 4;
/** What mutators replace. */
export const LINK = 8;

const PER_SCOPE = 10_000;

export function liveType(heap: Heap): RType {
  return heap.raw.type({ name: 'live', size: NODE_BYTES, pointers: [A, B, LINK] });
}

/** Makes `n` nodes, pins the root, and returns the addresses of the first `few`. The heap must not collect meanwhile. */
export function buildLive(heap: Heap, n: number, few: number): Uint32Array {
  const { raw } = heap;
  const type = liveType(heap);
  const all = new Uint32Array(n);
  for (let at = 0; at < n; at += PER_SCOPE) {
    heap.scope(() => {
      for (let i = at; i < Math.min(n, at + PER_SCOPE); i++) {
        all[i] = raw.newobject(type);
        if (i > 0) raw.writePointer(all[(i - 1) >>> 1]! + (i % 2 ? A : B), all[i]!);
      }
    });
  }
  raw.pin(all[0]!);
  return all.slice(0, few);
}

export class JsLive {
  a: JsLive | null = null;
  b: JsLive | null = null;
  link: JsLive | null = null;
  // With three words of V8's own and the pointers: 104 bytes.
  d0 = 0;
  d1 = 0;
  d2 = 0;
  d3 = 0;
  d4 = 0;
  d5 = 0;
  d6 = 0;
}

export function buildJsLive(n: number, few: number): JsLive[] {
  const all: JsLive[] = new Array(n);
  for (let i = 0; i < n; i++) {
    const node = new JsLive();
    all[i] = node;
    if (i === 0) continue;
    const parent = all[(i - 1) >>> 1]!;
    if (i % 2) parent.a = node;
    else parent.b = node;
  }
  return all.slice(0, few); // the first leads to all others
}
