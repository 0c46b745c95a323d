/** Special records, with collections played by hand: what becomes of cleanups, finalizers and weak references. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { specialRoots } from '../../../src/gc/special-roots.ts';
import {
  ArgumentError,
  array,
  attachHeap,
  createHeap,
  f64,
  type Heap,
  i32,
  type Ref,
  type Reference,
  ref,
  StaleRefError,
  struct,
  WrongTypeError,
} from '../../../src/index.ts';
import { FIX_IN_USE, FIX_SPECIALS, FIX_WORDS } from '../../../src/layout/fixalloc.ts';
import { H_PERSISTENT_NEXT } from '../../../src/layout/header.ts';
import { HandSweep } from '../../support/hand-sweep.ts';

const Inner = struct('Inner', { x: i32, y: i32 });
const Node = struct('Node', {
  key: i32,
  get next() {
    return ref(Node);
  },
  inner: Inner,
});
type NodeRef = Ref<typeof Node>;
const Tiny = struct('Tiny', { a: i32 });

let heap: Heap;
let hand: HandSweep;
let log: unknown[];

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24, maxThreads: 6 });
  hand = new HandSweep(heap);
  log = [];
});

afterEach(() => {
  if (heap.attached) heap.verify();
});

const note = (what: unknown): void => {
  log.push(what);
};
const addr = (r: Parameters<Heap['addressOf']>[0]): number => heap.addressOf(r);
/** Gives a reference up and frees its object by hand. */
function free(r: Reference, by: Heap = heap): void {
  const at = addr(r);
  r.dispose();
  by.raw.free(at);
}
/** Special records in use. */
const records = (): number => hand.mem.m[hand.mem.plan.fixallocs + FIX_SPECIALS * FIX_WORDS + FIX_IN_USE]!;

describe('lists', () => {
  test('are sorted by address and kind, whatever the order of registration', () => {
    const nodes = Array.from({ length: 5 }, (_, key) => heap.new(Node, { key }));
    const first = addr(nodes[0]!);
    for (const i of [3, 0, 4, 1]) heap.cleanup(nodes[i]!, note, i);
    heap.finalizer(nodes[3]!, note);
    heap.weak(nodes[1]!);
    heap.weak(nodes[3]!);
    heap.weak(nodes[3]!.inner);
    const size = addr(nodes[1]!) - first;
    const inner = addr(nodes[3]!.inner) - first;
    expect(hand.list(first)).toEqual([
      [0, 'cleanup'],
      [size, 'weak'],
      [size, 'cleanup'],
      [3 * size, 'finalizer'],
      [3 * size, 'weak'],
      [3 * size, 'cleanup'],
      [inner, 'weak'],
      [4 * size, 'cleanup'],
    ]);
    heap.verify();
  });

  test('records are given back with their objects', () => {
    const node = heap.new(Node);
    for (let i = 0; i < 30; i++) heap.cleanup(node, note, i);
    heap.weak(node);
    expect(records()).toBe(31);
    hand.collect();
    expect(hand.list(addr(node))).toEqual([]);
    heap.drainCleanups();
    expect(records()).toBe(0);
  });

  test('large objects, and objects at the ends of their span', () => {
    const large = heap.new(array(f64, 20_000));
    heap.cleanup(large, note, 'large');
    heap.weak(large);
    hand.collect(addr(large) + 159_000);
    expect(heap.drainCleanups()).toBe(0);
    hand.collect();
    expect(heap.drainCleanups()).toBe(1);
    expect(log).toEqual(['large']);
  });
});

describe('cleanups', () => {
  test('run after the object is dead, in the order of registration, with their arguments', () => {
    const node = heap.new(Node);
    for (let i = 0; i < 5; i++) heap.cleanup(node, note, i);
    heap.cleanup(node, () => note('none'));
    hand.collect(addr(node));
    expect(heap.drainCleanups()).toBe(0);
    hand.collect();
    expect(log).toEqual([]);
    expect(heap.drainCleanups()).toBe(6);
    expect(log).toEqual([0, 1, 2, 3, 4, 'none']);
    hand.collect();
    expect(heap.drainCleanups()).toBe(0);
  });

  test('of interior places run when the object around dies', () => {
    const node = heap.new(Node);
    heap.cleanup(node.inner, note, 'inner');
    hand.collect(addr(node));
    expect(heap.drainCleanups()).toBe(0);
    hand.collect();
    heap.drainCleanups();
    expect(log).toEqual(['inner']);
  });

  test('stop takes one back: before the object dies, and while it waits for its turn', () => {
    const node = heap.new(Node);
    const [a, b, c] = [1, 2, 3].map((i) => heap.cleanup(node, note, i));
    b!.stop();
    b!.stop();
    expect(hand.list(addr(node))).toHaveLength(2);
    hand.collect();
    c!.stop();
    expect(heap.drainCleanups()).toBe(1);
    a!.stop();
    expect(log).toEqual([1]);
    expect(records()).toBe(0);
  });

  test('of a tiny object run when its block dies', () => {
    const first = heap.new(Tiny);
    const second = heap.new(Tiny);
    expect(addr(second) - addr(first)).toBe(4);
    heap.cleanup(second, note, 'second');
    hand.collect(addr(first));
    expect(heap.drainCleanups()).toBe(0);
    hand.collect();
    heap.drainCleanups();
    expect(log).toEqual(['second']);
  });

  test('an argument that is a reference is held', () => {
    const arg = heap.scope(() => {
      const node = heap.new(Node);
      heap.cleanup(node, (r: NodeRef) => note(r.key), heap.new(Node, { key: 7 }));
      return addr(node);
    });
    expect(arg).toBeGreaterThan(0);
    hand.collect();
    heap.drainCleanups();
    expect(log).toEqual([7]);
  });

  test('what one throws goes to the caller, and the others have their turn', async () => {
    const node = heap.new(Node);
    heap.cleanup(node, note, 1);
    heap.cleanup(node, () => {
      throw new Error('of the user');
    });
    heap.cleanup(node, note, 3);
    hand.collect();
    expect(() => heap.drainCleanups()).toThrow('of the user');
    expect(log).toEqual([1]);
    await vi.waitFor(() => expect(log).toEqual([1, 3]));
  });

  test('the event loop calls them: after a scope, and by itself', async () => {
    heap.cleanup(heap.new(Node), note, 'after a scope');
    hand.collect();
    heap.scope(() => heap.scope(() => {}));
    expect(log).toEqual([]);
    await sleep(0);
    await vi.waitFor(() => expect(log).toEqual(['after a scope']));
    heap.cleanup(heap.new(Node), note, 'by itself');
    hand.collect();
    await vi.waitFor(() => expect(log).toEqual(['after a scope', 'by itself']));
  });

  test('the event loop calls them soon after a scope, and those that are left after one has thrown', () => {
    vi.useFakeTimers();
    try {
      heap.cleanup(heap.new(Node), note, 1);
      hand.collect();
      heap.scope(() => heap.scope(() => {}));
      heap.scope(() => {});
      expect(vi.getTimerCount()).toBe(2);
      vi.advanceTimersByTime(1);
      expect(log).toEqual([1]);
      const node = heap.new(Node);
      heap.cleanup(node, () => {
        throw new Error('of the user');
      });
      heap.cleanup(node, note, 2);
      hand.collect();
      heap.scope(() => {});
      expect(() => vi.advanceTimersByTime(1)).toThrow('of the user');
      vi.advanceTimersByTime(1);
      expect(log).toEqual([1, 2]);
      // With nothing registered there is no timer.
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('are not drained inside a scope', () => {
    expect(() => heap.scope(() => heap.drainCleanups())).toThrow('drainCleanups: cannot be called inside a scope');
  });

  test('free by hand counts as death', () => {
    const node = heap.new(Node);
    const other = heap.new(Node);
    const weak = heap.weak(node);
    heap.cleanup(node, note, 'freed');
    heap.cleanup(other, note, 'other');
    heap.finalizer(node, () => note('finalizer'));
    free(node);
    expect(weak.deref()).toBeUndefined();
    expect(heap.drainCleanups()).toBe(1);
    expect(log).toEqual(['freed']);
    expect(records()).toBe(1);
    heap.verify();
    const [a, b] = [heap.new(Tiny), heap.new(Tiny)];
    for (const r of [a, b]) heap.cleanup(r, note, r === a ? 'a' : 'b');
    free(b);
    heap.drainCleanups();
    expect(log).toEqual(['freed', 'b']);
  });

  test('another thread frees by hand', () => {
    const other = attachHeap(heap.share());
    const node = heap.new(Node);
    heap.cleanup(node, note, 'freed');
    free(node, other);
    heap.drainCleanups();
    expect(log).toEqual(['freed']);
    expect(records()).toBe(0);
    other.detach();
  });
});

describe('finalizers', () => {
  test('revive the object for one call, once', () => {
    const node = heap.new(Node, { key: 5 });
    const at = addr(node);
    heap.finalizer(node, (r) => note([r.key, addr(r)]));
    expect(hand.collect()).toEqual([at]);
    // Queued and not called yet: it lives on, and is not queued again.
    expect(hand.collect()).toEqual([at]);
    expect(heap.drainCleanups()).toBe(1);
    expect(log).toEqual([[5, at]]);
    expect(hand.collect()).toEqual([]);
    expect(heap.drainCleanups()).toBe(0);
    expect(records()).toBe(0);
  });

  test('get a reference that ends with the call, and may keep it with hold', () => {
    let local: NodeRef | undefined;
    let held: NodeRef | undefined;
    heap.finalizer(heap.new(Node, { key: 9 }), (r) => {
      local = r;
      held = r.hold();
      heap.finalizer(r, () => note('again'));
    });
    hand.collect();
    heap.drainCleanups();
    expect(() => local!.key).toThrow(StaleRefError);
    expect(held!.key).toBe(9);
    held!.dispose();
    hand.collect();
    heap.drainCleanups();
    expect(log).toEqual(['again']);
  });

  test('weak references are cleared before, cleanups run after the second death', () => {
    const node = heap.new(Node);
    const weak = heap.weak(node);
    heap.cleanup(node, note, 'cleanup');
    heap.finalizer(node, (r) => note([weak.deref(), heap.weak(r).deref() !== undefined]));
    expect(weak.deref()!.equals(node)).toBe(true);
    hand.collect();
    expect(weak.deref()).toBeUndefined();
    heap.drainCleanups();
    expect(log).toEqual([[undefined, true]]);
    hand.collect();
    heap.drainCleanups();
    expect(log[1]).toBe('cleanup');
  });

  test('what their objects lead to is a root, the objects are not', () => {
    const nodes = Array.from({ length: 3 }, () => heap.new(Node));
    const large = heap.new(array(Node, 2000));
    heap.finalizer(nodes[2]!, note);
    heap.finalizer(nodes[0]!, note);
    heap.finalizer(large, note);
    const scanned: number[] = [];
    const scan = (): number[] => {
      scanned.length = 0;
      hand.heap.t.enter();
      for (let page = 0; page < hand.mem.plan.pages; page += 512) {
        specialRoots(hand.heap.t, page, page + 512, (a) => scanned.push(a));
      }
      hand.heap.t.leave();
      return scanned.sort((a, b) => a - b);
    };
    const all = [addr(nodes[0]!), addr(nodes[2]!), addr(large)].sort((a, b) => a - b);
    expect(scan()).toEqual(all);
    hand.collect();
    expect(scan()).toEqual(all);
    heap.drainCleanups();
    expect(scan()).toEqual([]);
  });

  test('a second one is an error until the first is removed', () => {
    const node = heap.new(Node);
    heap.finalizer(node, note);
    expect(() => heap.finalizer(node, note)).toThrow(
      new ArgumentError('ERR_INVALID_ARGUMENT', 'runtime.SetFinalizer: finalizer already set'),
    );
    heap.finalizer(node, null);
    heap.finalizer(node, null);
    heap.finalizer(node, () => note('second'));
    hand.collect();
    expect(heap.drainCleanups()).toBe(1);
    expect(log).toEqual(['second']);
    expect(records()).toBe(0);
  });

  test('another thread may remove it; the thread that set it forgets it', () => {
    const other = attachHeap(heap.share());
    heap.roots.set('node', heap.new(Node));
    heap.finalizer(heap.roots.get('node', Node)!, note);
    other.finalizer(other.roots.get('node', Node)!, null);
    expect(heap.drainCleanups()).toBe(0);
    expect(records()).toBe(0);
    other.detach();
  });

  test('freed by hand while it is pending, it is not called', () => {
    const node = heap.new(Node);
    heap.finalizer(node, note);
    hand.collect();
    free(node);
    expect(heap.drainCleanups()).toBe(0);
    expect(log).toEqual([]);
    expect(records()).toBe(0);
  });

  test('only at the beginning of an object; of tiny objects, of each', () => {
    const node = heap.new(Node);
    expect(() => heap.finalizer(node.inner, note)).toThrow('pointer not at beginning of allocated block');
    const [a, b] = [heap.new(Tiny, { a: 1 }), heap.new(Tiny, { a: 2 })];
    heap.finalizer(a, (r) => note(r.a));
    heap.finalizer(b, (r) => note(r.a));
    const block = addr(a);
    expect(hand.collect()).toEqual([block]);
    expect(heap.drainCleanups()).toBe(2);
    expect(log).toEqual([1, 2]);
  });
});

describe('weak references', () => {
  test('give the place while the object lives', () => {
    const node = heap.new(Node, { key: 3 });
    const weak = heap.weak(node);
    const inner = heap.weak(node.inner);
    expect(weak.deref()!.key).toBe(3);
    heap.scope(() => {
      expect(inner.deref()!.equals(node.inner)).toBe(true);
    });
    hand.collect(addr(node));
    expect(weak.deref()!.equals(node)).toBe(true);
    hand.collect();
    expect(weak.deref()).toBeUndefined();
    expect(inner.deref()).toBeUndefined();
    expect(records()).toBe(0);
  });

  test('of one place are equal, in life and death; of others not', () => {
    const [a, b] = [heap.new(Node), heap.new(Node)];
    const [w1, w2, w3] = [heap.weak(a), heap.weak(a.hold()), heap.weak(b)];
    expect(w1.equals(w2)).toBe(true);
    expect(w1.equals(w3)).toBe(false);
    expect(w1.equals(heap.weak(a.inner) as never)).toBe(false);
    expect(w1.equals(null)).toBe(false);
    expect(records()).toBe(3);
    hand.collect();
    expect(w1.equals(w2)).toBe(true);
    expect(w1.equals(w3)).toBe(false);
  });

  test('do not find what has taken the place of their object, nor of their record', () => {
    const first = heap.new(Node, { key: 1 });
    const at = addr(first);
    const weak = heap.weak(first);
    free(first);
    const next = heap.new(Node, { key: 2 });
    expect(addr(next)).toBe(at);
    const second = heap.weak(next);
    expect(weak.deref()).toBeUndefined();
    expect(second.deref()!.key).toBe(2);
    expect(weak.equals(second)).toBe(false);
  });

  test('two threads have the same record', () => {
    const other = attachHeap(heap.share());
    heap.roots.set('node', heap.new(Node, { key: 4 }));
    const mine = heap.weak(heap.roots.get('node', Node)!);
    const theirs = other.weak(other.roots.get('node', Node)!);
    expect(records()).toBe(1);
    expect(mine.deref()!.key + theirs.deref()!.key).toBe(8);
    other.detach();
    expect(() => theirs.deref()).toThrow(/not attached/);
    hand.collect();
    expect(mine.deref()).toBeUndefined();
  });
});

describe('threads that go', () => {
  test('a thread that detached has taken its callbacks with it: they revive nothing and are dropped', () => {
    const other = attachHeap(heap.share());
    const nodes = [1, 2, 3].map((key) => other.new(Node, { key }));
    heap.roots.set('a', heap.new(Node));
    other.cleanup(nodes[0]!, note, 1);
    other.finalizer(nodes[1]!, note);
    other.finalizer(nodes[2]!, note);
    other.cleanup(other.roots.get('a', Node)!, note, 4);
    const at = other.addressOf(nodes[0]!);
    hand.collect(other.addressOf(nodes[2]!), addr(heap.roots.get('a', Node)!));
    other.detach();
    heap.verify();
    const successor = attachHeap(heap.share());
    expect(successor.threadId).toBe(other.threadId);
    successor.cleanup(successor.roots.get('a', Node)!, note, 'successor');
    expect(hand.collect()).toEqual([]);
    expect(hand.list(at)).toEqual([]);
    successor.drainCleanups();
    expect(log).toEqual(['successor']);
    expect(records()).toBe(0);
    successor.detach();
  });

  test('an object with a finalizer of a thread that is gone can be given one', () => {
    const other = attachHeap(heap.share());
    heap.roots.set('a', heap.new(Node));
    other.finalizer(other.roots.get('a', Node)!, note);
    other.detach();
    heap.finalizer(heap.roots.get('a', Node)!, () => note('mine'));
    expect(records()).toBe(1);
    hand.collect();
    heap.drainCleanups();
    expect(log).toEqual(['mine']);
  });
});

describe('bad input', () => {
  test('of cleanup', () => {
    const node = heap.new(Node);
    const alien = createHeap({ maxBytes: 2 ** 22 }).new(Node);
    const stale = heap.scope(() => [heap.new(Node)])[0]!;
    const cleanup = heap.cleanup.bind(heap) as (...args: unknown[]) => unknown;
    expect(() => cleanup(node, 5)).toThrow(WrongTypeError);
    expect(() => cleanup(alien, note)).toThrow('another heap');
    expect(() => cleanup(stale, note)).toThrow(StaleRefError);
    expect(() => cleanup({}, note)).toThrow(ArgumentError);
    expect(() => cleanup(node, note, node)).toThrow('runtime.AddCleanup: ptr is equal to arg, cleanup will never run');
    expect(() => cleanup(node.inner, note, node)).toThrow(/cleanup will never run/);
    expect(() => cleanup(node, note, node.inner)).toThrow(/cleanup will never run/);
    expect(() => cleanup(node, note, stale)).toThrow(StaleRefError);
    const [a, b] = [heap.new(Tiny), heap.new(Tiny)];
    expect(() => cleanup(a, note, a)).toThrow(/never run/);
    cleanup(a, note, b);
    expect(() => cleanup(heap.new(array(i32, 0)), note)).toThrow('an object without size never dies');
    expect(records()).toBe(1);
  });

  test('of finalizer and weak', () => {
    const node = heap.new(Node);
    const finalizer = heap.finalizer.bind(heap) as (...args: unknown[]) => unknown;
    expect(() => finalizer(node, undefined)).toThrow(WrongTypeError);
    expect(() => finalizer(null, note)).toThrow(ArgumentError);
    expect(() => heap.weak(null as never)).toThrow(ArgumentError);
    expect(() => heap.weak(heap.new(array(i32, 0)))).toThrow('weak: an object without size never dies');
    heap.detach();
    expect(() => heap.weak(node)).toThrow(/not attached/);
    expect(() => heap.drainCleanups()).toThrow(/not attached/);
  });

  test('no memory for a record leaves nothing behind', () => {
    const node = heap.new(Node);
    // Uses up the metadata.
    const { m, plan } = hand.mem;
    const next = m[H_PERSISTENT_NEXT]!;
    m[H_PERSISTENT_NEXT] = plan.end;
    expect(() => heap.cleanup(node, note, 1)).toThrow(/cannot allocate/);
    m[H_PERSISTENT_NEXT] = next;
    heap.cleanup(node, note, 2);
    hand.collect();
    heap.drainCleanups();
    expect(log).toEqual([2]);
  });
});
