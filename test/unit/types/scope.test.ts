/** Scopes: which references are local to which, when they end, and that the shadow stack holds exactly the live ones. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  createHeap,
  type Heap,
  i32,
  OutOfMemoryError,
  type Ref,
  ref,
  StaleRefError,
  slice,
  struct,
} from '../../../src/index.ts';
import { Internals } from '../../support/internals.ts';
import { shadowSlots } from '../../support/reference-slots.ts';

const Node = struct('Node', {
  key: i32,
  get next() {
    return ref(Node);
  },
  keys: slice(i32),
});
type NodeRef = Ref<typeof Node>;

const PAGE = 8192;
/** References in a segment. */
const SLOTS = 2046;

function thrownBy(fn: () => unknown): Error & { code?: string } {
  try {
    fn();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not throw');
}

const ENDED = 'reference to Node is used after its scope ended: return it from the scope, or make it persistent';

describe.each([true, false])('shared: %s', (shared) => {
  const make = (maxBytes = 2 ** 24): Heap => createHeap({ maxBytes, shared });

  test('a scope returns what its function returns, and nests', () => {
    const heap = make();
    const sum = heap.scope(() => {
      const a = heap.new(Node, { key: 1 });
      const inner = heap.scope(() => {
        const b = heap.new(Node, { key: 2 });
        return a.key + b.key + heap.scope(() => heap.new(Node, { key: 4 }).key);
      });
      return inner + a.key;
    });
    expect(sum).toBe(8);
    expect(heap.scope(() => undefined)).toBeUndefined();
    heap.verify();
  });

  test('a reference is stale once its scope has ended, however it is used', () => {
    const heap = make();
    let stale!: NodeRef;
    heap.scope(() => {
      const outer = heap.new(Node, { key: 7 });
      heap.scope(() => {
        stale = heap.new(Node, { key: 1 });
        stale.next = outer;
      });
      const live = heap.new(Node);
      const uses: (() => unknown)[] = [
        () => stale.key,
        () => (stale.key = 2),
        () => stale.next,
        () => (stale.next = live),
        () => (live.next = stale),
        () => stale.keys,
        () => stale.hold(),
        () => stale.equals(live),
        () => live.equals(stale),
        () => heap.addressOf(stale),
        () => heap.roots.set('stale', stale),
        () => heap.cursor(Node).set(stale),
        () => heap.new(Node, { next: stale }),
      ];
      for (const use of uses) {
        const error = thrownBy(use);
        expect(error, String(use)).toBeInstanceOf(StaleRefError);
        expect(error.code).toBe('ERR_STALE_REF');
        expect(error.message).toContain(ENDED);
      }
      expect(live.next).toBeNull();
      expect(outer.key).toBe(7);
    });
    expect(heap.roots.names()).toEqual([]);
    heap.verify();
  });

  test('places inside an object are as stale as references to it', () => {
    const heap = make();
    const keys = heap.scope(() => ({ keys: heap.new(Node, { keys: [1, 2] }).keys })).keys;
    for (const use of [() => keys.length, () => keys.at(0), () => keys.push(3), () => keys.cursor(), () => [...keys]]) {
      expect(thrownBy(use), String(use)).toBeInstanceOf(StaleRefError);
    }
  });

  test('a returned reference is carried to the scope around, and from the outermost to a handle', () => {
    const heap = make();
    const kept = heap.scope(() => {
      const carried = heap.scope(() => {
        heap.new(Node, { key: 3 });
        return heap.new(Node, { key: 5 });
      });
      // Its slot is its own: references made afterwards do not take it.
      for (let i = 0; i < 10; i++) heap.new(Node, { key: 100 + i });
      expect(carried.key).toBe(5);
      return carried;
    });
    expect(kept.key).toBe(5);
    heap.scope(() => expect(kept.key).toBe(5));
    kept.dispose();
    expect(() => kept.key).toThrow('reference to Node was disposed of');
    heap.verify();
  });

  test('only the reference itself is carried, not those in what is returned', () => {
    const heap = make();
    const [inArray] = heap.scope(() => [heap.new(Node)]);
    expect(() => inArray!.key).toThrow(ENDED);
    const outer = heap.scope(() => {
      const node = heap.new(Node, { key: 2 });
      // Belongs to the outer scope already: returning it from the inner one changes nothing.
      expect(heap.scope(() => node)).toBe(node);
      expect(node.key).toBe(2);
      return null;
    });
    expect(outer).toBeNull();
  });

  test('a function that returns a promise is refused, and its scope has ended', async () => {
    const heap = make();
    let inside!: NodeRef;
    const error = thrownBy(() =>
      // @ts-expect-error: it does not compile either
      heap.scope(async () => {
        inside = heap.new(Node);
      }),
    );
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.code).toBe('ERR_INVALID_ARGUMENT');
    expect(error.message).toContain('a scope is synchronous, and ends before the promise is settled');
    expect(() => inside.key).toThrow(StaleRefError);
    // biome-ignore lint/suspicious/noThenProperty: what is refused is anything that await would take for a promise
    expect(() => heap.scope(() => ({ then() {} }))).toThrow('a scope is synchronous');
    expect(heap.scope(() => heap.scope(() => 1))).toBe(1);
    heap.verify();
  });

  test('a scope that throws ends as others do, also its inner ones', () => {
    const heap = make();
    let inner!: NodeRef;
    let outer!: NodeRef;
    heap.scope(() => {
      outer = heap.new(Node);
      const error = thrownBy(() =>
        heap.scope(() =>
          heap.scope(() => {
            inner = heap.new(Node);
            throw new RangeError('of the program');
          }),
        ),
      );
      expect(error.message).toBe('of the program');
      expect(() => inner.key).toThrow(ENDED);
      expect(outer.key).toBe(0);
    });
    expect(() => outer.key).toThrow(ENDED);
    heap.verify();
  });

  test('more than 100,000 references in a scope: segments come and go', () => {
    const heap = make(2 ** 26);
    const count = 120_000;
    const segments = Math.ceil(count / SLOTS);
    const manual = (): number => heap.stats().manualBytes / PAGE;
    heap.scope(() => {
      const first = heap.new(Node, { key: 1 });
      heap.scope(() => {
        const all: NodeRef[] = [];
        for (let i = 0; i < count; i++) {
          const n = heap.new(Node, { key: i });
          if (i % 1000 === 0) all.push(n);
        }
        expect(manual()).toBeGreaterThanOrEqual(segments);
        expect(manual()).toBeLessThanOrEqual(segments + 2);
        expect(all.map((n) => n.key)).toEqual(all.map((_, i) => i * 1000));
        heap.verify();
      });
      // One in use, one to spare.
      expect(manual()).toBe(2);
      expect(first.key).toBe(1);
      heap.verify();
    });
    expect(manual()).toBeLessThanOrEqual(2);
    heap.verify();
    heap.detach();
  });

  test('a scope at the edge of a segment does not take and give a page each time', () => {
    const heap = make();
    let spans = 0;
    heap.scope(() => {
      const node = heap.new(Node);
      for (let i = 1; i < SLOTS; i++) heap.cursor(Node);
      heap.setHooks({ onSpanFree: () => void spans++ });
      for (let i = 0; i < 100; i++) heap.scope(() => heap.cursor(Node).set(node));
      heap.setHooks({});
    });
    expect(spans).toBe(0);
    heap.verify();
  });

  test('roots that end before their scope leave no segments behind', () => {
    const heap = make(2 ** 26);
    heap.scope(() => {
      const lists = heap.new(slice(slice(i32)));
      const many = Array.from({ length: 5 * SLOTS }, (_, i) => [i]);
      lists.push(...many);
      expect(heap.stats().manualBytes / PAGE).toBeLessThanOrEqual(2);
      expect(lists.at(9999).at(0)).toBe(9999);
      heap.verify();
    });
  });

  test('a scope can be opened, and used to free, when no page is left', () => {
    // With the collector on, these addresses would be garbage, and memory would never be out.
    const heap = createHeap({ gc: 'off', maxBytes: 2 ** 20, shared });
    const addrs: number[] = [];
    expect(() => {
      for (;;) addrs.push(heap.raw.mallocgc(PAGE, null, false));
    }).toThrow(OutOfMemoryError);
    heap.scope(() => {
      expect(() => heap.new(Node)).toThrow(OutOfMemoryError);
      for (const addr of addrs) heap.raw.free(addr);
      expect(heap.new(Node, { key: 4 }).key).toBe(4);
    });
    heap.verify();
  });

  test('cursors belong to a scope', () => {
    const heap = make();
    expect(() => heap.cursor(Node)).toThrow('only inside a scope');
    let cursor!: ReturnType<typeof heap.cursor<typeof Node>>;
    heap.scope(() => {
      const last = heap.new(Node, { key: 3 });
      cursor = heap.cursor(Node).set(heap.new(Node, { key: 2, next: last }));
      expect(cursor.value.key).toBe(2);
      expect(cursor.follow('next')).toBe(true);
      expect(cursor.value.key).toBe(3);
      expect(cursor.follow('next')).toBe(false);
      expect(cursor.value.equals(last)).toBe(true);
    });
    expect(() => cursor.follow('next')).toThrow(StaleRefError);
    expect(() => cursor.value.key).toThrow(StaleRefError);
    heap.verify();
  });

  test('detach inside a scope is refused', () => {
    const heap = make();
    heap.scope(() => {
      const node = heap.new(Node, { key: 1 });
      expect(() => heap.detach()).toThrow('detach: cannot be called inside a scope');
      expect(node.key).toBe(1);
    });
    heap.verify();
    heap.detach();
    expect(heap.attached).toBe(false);
  });
});

// What a random program does in a scope: make references, return one or none, open scopes, throw.
type Step = { refs: number } | { scope: Step[]; carry: boolean; fails: boolean };

const { steps } = fc.letrec<{ steps: Step[]; step: Step }>((tie) => ({
  step: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.record({ refs: fc.oneof({ weight: 7, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.nat(3000) }) }),
    fc.record({ scope: tie('steps'), carry: fc.boolean(), fails: fc.boolean() }),
  ),
  steps: fc.array(tie('step'), { maxLength: 6 }),
}));

test('property: the shadow stack holds the references of the open scopes, and nothing else', () => {
  const heap = createHeap({ maxBytes: 2 ** 27 });
  const x = new Internals(heap);
  const expected: number[] = [];
  const compare = (): void => {
    const slots = shadowSlots(x, heap.threadId);
    const other = slots.findIndex((addr, i) => addr !== expected[i]);
    expect({ length: slots.length, other }).toEqual({ length: expected.length, other: -1 });
  };

  function add(): NodeRef {
    const made = heap.new(Node);
    expected.push(heap.addressOf(made));
    return made;
  }

  function run(program: readonly Step[]): void {
    for (const step of program) {
      if ('refs' in step) for (let i = 0; i < step.refs; i++) add();
      else runScope(step);
      compare();
    }
  }

  function runScope({ scope, carry, fails }: Extract<Step, { scope: Step[] }>): void {
    const before = expected.length;
    try {
      const result = heap.scope(() => {
        run(scope);
        const last = add();
        if (fails) throw new RangeError('planned');
        return carry ? last : undefined;
      });
      expected.length = before;
      if (result !== undefined) expected.push(heap.addressOf(result));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      expected.length = before;
    }
  }

  fc.assert(
    fc.property(steps, (program) => {
      heap.scope(() => {
        run(program);
      });
      expected.length = 0;
      compare();
      expect(heap.stats().manualBytes).toBeLessThanOrEqual(2 * PAGE);
    }),
    { numRuns: 60 },
  );
  heap.verify();
});
