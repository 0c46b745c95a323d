import { expect, test } from 'vitest';
import { createHeap, i32, ref, slice, struct } from '../../../src/index.ts';

const P = struct('P', { a: i32 });
for (const kind of [slice(P), slice(ref(P))]) {
  for (const outer of [false, true]) {
    test(`the reference of a cursor is carried out, ${kind.elem.kind}, ${outer ? 'to a scope' : 'persistent'}`, () => {
      const heap = createHeap({ maxBytes: 1 << 24 });
      const xs = heap.new(kind as ReturnType<typeof slice<typeof P>>, [] as never);
      for (let i = 0; i < 5; i++) xs.push((kind.elem.kind === 'ref' ? heap.new(P, { a: i }) : { a: i }) as never);
      const carried = () =>
        heap.scope(() => {
          heap.new(P);
          heap.new(P);
          const c = xs.cursor();
          for (let i = 0; i < 3; i++) c.next();
          return c.value;
        });
      const use = () => {
        const r = carried();
        for (let i = 0; i < 50; i++) xs.at(0).hold().dispose();
        heap.scope(() => {
          for (let i = 0; i < 50; i++) xs.at(0);
        });
        if (outer) for (let i = 0; i < 50; i++) xs.at(0);
        expect(r.a).toBe(2);
        expect(r.equals(xs.at(2))).toBe(true);
        r.a = 7;
        expect(xs.at(2).a).toBe(7);
      };
      if (outer) heap.scope(use);
      else use();
    });
  }
}
