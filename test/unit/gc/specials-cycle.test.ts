/** Cleanups, finalizers, weak references and interned text under the collector itself. Dead objects are overwritten. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { ensureSwept } from '../../../src/central/sweep.ts';
import { array, createHeap, type Heap, type HeapOptions, i32, type Ref, struct } from '../../../src/index.ts';
import { H_INTERN_COUNT, H_SWEEPGEN, H_WRITE_BARRIER } from '../../../src/layout/header.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_GCMARK_BITS,
  SPAN_NELEMS,
  SPAN_PREV,
  SPAN_TYPES,
  SPAN_TYPES_LESS_BITS,
} from '../../../src/layout/span.ts';
import { spanOf } from '../../../src/spans/mspan.ts';
import { HandSweep } from '../../support/hand-sweep.ts';
import { Internals } from '../../support/internals.ts';
import { newSeed } from '../../support/random.ts';
import { collectUntil, handleSlots } from '../../support/reference-slots.ts';
import { Link, Named, type SpecialsInput } from '../../support/specials-worker.ts';
import { until } from '../../support/workers.ts';

type LinkRef = Ref<typeof Link>;

let heap: Heap;
let m: Int32Array<ArrayBufferLike>;

function make(options: HeapOptions = {}): void {
  heap = createHeap({
    ...{ maxBytes: 2 ** 26, maxThreads: 8, background: false, gc: 'off' },
    debug: { checkmark: true, zombies: true, clobberFree: true },
    ...options,
  });
  m = new Internals(heap).m;
}

afterEach(() => {
  heap.verify();
});

/** A list of these keys, the first one first. */
function list(...keys: number[]): LinkRef {
  let first: LinkRef | null = null;
  for (const key of keys.reverse()) first = heap.new(Link, { key, next: first });
  return first!;
}

function keys(from: LinkRef | null): number[] {
  const found: number[] = [];
  for (let link = from; link !== null; link = link.next) found.push(link.key);
  return found;
}

describe.each([true, false])('shared: %s', (shared) => {
  test('cleanups run and weak references are cleared when nothing leads to the object', () => {
    heap = createHeap({ maxBytes: 2 ** 24, shared, gc: 'off', background: false });
    const log: unknown[] = [];
    heap.scope(() => heap.roots.set('kept', list(1, 2)));
    const [kept, dropped] = heap.scope(() => {
      const [a, b] = [heap.roots.get('kept', Link)!.next!, list(3)];
      for (const link of [a, b]) heap.cleanup(link, (key: number) => log.push(key), link.key);
      return [heap.weak(a), heap.weak(b)] as const;
    });
    heap.gc();
    expect(heap.drainCleanups()).toBe(1);
    expect(log).toEqual([3]);
    expect(kept.deref()!.key).toBe(2);
    expect(dropped.deref()).toBeUndefined();
    heap.roots.delete('kept');
  });
});

describe('finalizers', () => {
  test('find all that their object leads to; objects that lead to others go first, one a cycle', () => {
    make();
    const log: unknown[] = [];
    heap.scope(() => {
      const links = list(1, 2, 3, 4);
      heap.finalizer(links, (l) => log.push(keys(l)));
      heap.finalizer(links.next!.next!, (l) => log.push(keys(l)));
    });
    for (let cycle = 0; cycle < 4; cycle++) {
      heap.gc();
      heap.drainCleanups();
      log.push('-');
    }
    expect(log).toEqual([[1, 2, 3, 4], '-', [3, 4], '-', '-', '-']);
  });

  test('of objects in a ring never run; cleanups of such do', () => {
    make();
    const log: unknown[] = [];
    heap.scope(() => {
      const [a, b, c] = [list(1), list(2), list(3)];
      a.next = b;
      b.next = a;
      c.next = c;
      for (const link of [a, b]) heap.finalizer(link, (l) => log.push(l.key));
      heap.cleanup(c, () => log.push('self'));
    });
    for (let cycle = 0; cycle < 3; cycle++) {
      heap.gc();
      heap.drainCleanups();
    }
    expect(log).toEqual(['self']);
  });

  test('that wait for their turn keep their object through cycles', () => {
    make();
    const log: unknown[] = [];
    heap.scope(() => heap.finalizer(list(7, 8), (l) => log.push(keys(l))));
    for (let cycle = 0; cycle < 4; cycle++) heap.gc();
    heap.drainCleanups();
    expect(log).toEqual([[7, 8]]);
  });

  test('may bring their object back for good', () => {
    make();
    heap.scope(() => heap.finalizer(list(5, 6), (l) => heap.roots.set('back', l)));
    heap.gc();
    heap.drainCleanups();
    for (let cycle = 0; cycle < 3; cycle++) heap.gc();
    heap.scope(() => expect(keys(heap.roots.get('back', Link)!)).toEqual([5, 6]));
    heap.roots.delete('back');
  });

  test('tiny objects of one block are revived together', () => {
    make();
    const log: unknown[] = [];
    const Tiny = struct('Tiny', { a: i32 });
    heap.scope(() => {
      for (let a = 1; a <= 8; a++) heap.finalizer(heap.new(Tiny, { a }), (r) => log.push(r.a));
      // The block that is being filled is a root.
      for (let i = 0; i < 4; i++) heap.new(Tiny);
    });
    heap.gc();
    heap.drainCleanups();
    expect(log.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    heap.gc();
    expect(heap.drainCleanups()).toBe(0);
  });

  test('the event loop calls them soon after gc()', () => {
    make();
    const log: unknown[] = [];
    vi.useFakeTimers();
    try {
      heap.scope(() => heap.finalizer(list(1), (l) => log.push(l.key)));
      heap.gc();
      expect(log).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(log).toEqual([1]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('in the middle of a cycle', () => {
  /** Enough for many steps of marking; a cycle is due as soon as the pause ends. */
  function prepare(): Disposable {
    make({ gc: 'on', gcPercent: 1 });
    const pause = heap.pauseGC();
    const Big = array(Link, 100_000);
    heap.scope(() => heap.roots.set('big', heap.new(Big)));
    return pause;
  }

  const marking = (): boolean => m[H_WRITE_BARRIER] !== 0;

  function begin(pause: Disposable): void {
    pause[Symbol.dispose]();
    heap.gcStep(1e-6);
    expect(marking()).toBe(true);
  }

  /** Up to where everything is to be swept, and hardly anything is. */
  function endMarking(): void {
    const gen = m[H_SWEEPGEN]!;
    while (m[H_SWEEPGEN] === gen) heap.gcStep(1e-6);
  }

  function end(): void {
    while (heap.gcStep(1));
    expect(marking()).toBe(false);
  }

  test('what a weak reference gives while marking is kept', () => {
    const pause = prepare();
    const weak = heap.scope(() => heap.weak(list(1, 2, 3)));
    begin(pause);
    heap.scope(() => {
      const strong = weak.deref()!;
      end();
      expect(keys(strong)).toEqual([1, 2, 3]);
      expect(weak.deref()!.equals(strong)).toBe(true);
    });
  });

  test('so is what a finalizer gets', () => {
    const pause = prepare();
    const log: unknown[] = [];
    heap.scope(() =>
      heap.finalizer(list(4, 5), (l) => {
        end();
        log.push(keys(l));
      }),
    );
    heap.gc();
    heap.scope(() => heap.new(array(Link, 100_000)));
    begin(pause);
    heap.drainCleanups();
    expect(log).toEqual([[4, 5]]);
  });

  test('so is what a finalizer gets before the sweep', () => {
    const pause = prepare();
    const log: unknown[] = [];
    heap.scope(() =>
      heap.finalizer(list(6, 7), (l) => {
        end();
        log.push(keys(l));
      }),
    );
    heap.gc();
    heap.scope(() => heap.new(array(Link, 100_000)));
    begin(pause);
    endMarking();
    heap.drainCleanups();
    expect(log).toEqual([[6, 7]]);
  });

  test.each([
    ['specials', 1, ''],
    ['specials', 2, ''],
    ['sweep', 1, ''],
    ['sweep', 1, ', between the two stores that give the span its new bits'],
    ['sweep', 1, ', a little later'],
  ])('a sweeper dies at "%s", visit %i%s: what it left unswept is not found', (place, visit, when) => {
    const pause = prepare();
    const [weak, at] = heap.scope(() => {
      const links = list(1, 2, 3);
      return [heap.weak(links), heap.addressOf(links)] as const;
    });
    const kept = heap.scope(() => list(4));
    const keptWeak = heap.weak(kept);
    const ghost = new HandSweep(heap).heap;
    begin(pause);
    endMarking();
    let visits = 0;
    ghost.t.delay = (where) => {
      if (where === place && ++visits === visit) throw new Error('dies');
    };
    ghost.t.enter();
    const s = spanOf(ghost.t.mem, at);
    expect(spanOf(ghost.t.mem, heap.addressOf(kept))).toBe(s);
    expect(() => ensureSwept(ghost, s)).toThrow('dies');
    if (when.includes('between')) m[s + SPAN_TYPES_LESS_BITS] = m[s + SPAN_TYPES]! - m[s + SPAN_GCMARK_BITS]!;
    if (when.includes('later')) {
      // The mark bits have become the allocation bits, and the span says so (central/sweep.ts).
      m[s + SPAN_PREV] = s;
      for (let w = 0; w < (m[s + SPAN_NELEMS]! + 31) >>> 5; w++) {
        const mark = (m[s + SPAN_GCMARK_BITS]! >>> 5) + w;
        m[(m[s + SPAN_ALLOC_BITS]! >>> 5) + w] = m[mark]!;
        m[mark] = 0;
      }
      // How a sweeper notes it: a link to itself.
      m[s + SPAN_PREV] = s;
    }
    heap.reap(ghost.t.id);
    expect(weak.deref()).toBeUndefined();
    expect(keptWeak.deref()!.key).toBe(4);
    heap.verify();
    end();
    heap.gc();
    expect(weak.deref()).toBeUndefined();
  });

  test('so is interned text', async () => {
    const pause = prepare();
    heap.scope(() => heap.new(Named, { name: heap.intern('text to be kept') }));
    const x = new Internals(heap);
    await collectUntil('the Interned is gone', () => handleSlots(x, heap.threadId).length === 0);
    begin(pause);
    const again = heap.intern('text to be kept');
    end();
    heap.scope(() => expect(heap.new(Named, { name: again }).name).toBe('text to be kept'));
    expect(m[H_INTERN_COUNT]).toBe(1);
  });

  test('before the sweep, no weak reference finds what is dead, and no finalizer is lost', () => {
    const pause = prepare();
    const log: unknown[] = [];
    const weaks = heap.scope(() => {
      heap.finalizer(list(9), (l) => log.push(l.key));
      return Array.from({ length: 50 }, (_, i) => heap.weak(list(i)));
    });
    const kept = heap.scope(() => list(77));
    const keptWeak = heap.weak(kept);
    begin(pause);
    endMarking();
    expect(weaks.map((w) => w.deref())).toEqual(weaks.map(() => undefined));
    expect(keptWeak.deref()!.key).toBe(77);
    heap.cleanup(kept, () => log.push('kept'));
    end();
    heap.drainCleanups();
    expect(log).toEqual([9]);
  });
});

describe('interned text', () => {
  test('stays while a string of the heap has its bytes, and goes with the last', async () => {
    make();
    heap.scope(() => heap.roots.set('named', heap.new(Named, { name: heap.intern('only in the heap') })));
    heap.scope(() => heap.intern('in no string'));
    expect(m[H_INTERN_COUNT]).toBe(2);
    await collectUntil('V8 has dropped both', () => {
      heap.gc();
      return m[H_INTERN_COUNT] === 1;
    });
    const again = heap.intern('only in the heap');
    heap.scope(() => {
      const bytes = (r: Ref<typeof Named>): number => heap.memory.i32[(heap.addressOf(r) + 4) >>> 2]!;
      expect(bytes(heap.new(Named, { name: again }))).toBe(bytes(heap.roots.get('named', Named)!));
    });
    heap.roots.delete('named');
    heap.gc();
    expect(m[H_INTERN_COUNT]).toBe(1);
    expect(again.value).toBe('only in the heap');
  });
});

describe('threads', () => {
  function start(role: SpecialsInput['role'], rounds = 0, seed = 0): { worker: Worker; messages: unknown[][] } {
    const workerData: SpecialsInput = { shared: heap.share(), role, rounds, seed };
    const worker = new Worker(`${inject('workerDir')}/specials-worker.mjs`, { workerData });
    const messages: unknown[][] = [];
    worker.on('message', (message) => messages.push(message));
    return { worker, messages };
  }

  test('callbacks run on the thread that registered them', async () => {
    make();
    heap.scope(() => heap.roots.set('list', list(1, 2, 3)));
    const { worker, messages } = start('register');
    await until('it has registered', () => messages.length === 1);
    heap.roots.delete('list');
    const of = (what: string): unknown[] => messages.filter((x) => x[0] === what).map((x) => x[1]);
    for (let cycle = 1; cycle <= 3; cycle++) {
      heap.gc();
      expect(heap.drainCleanups()).toBe(0);
      await until(`finalizer ${cycle}`, () => of('finalizer').length === cycle);
    }
    heap.gc();
    await until('the cleanups', () => of('cleanup').length === 3);
    expect(of('finalizer')).toEqual([1, 2, 3]);
    expect(of('cleanup').sort()).toEqual([1, 2, 3]);
    expect(messages.filter((x) => x[0] === 'finalizer').map((x) => x[2])).toEqual([2, 3, 0]);
    worker.postMessage('detach');
    await new Promise((done) => worker.once('exit', done));
  });

  test('a thread that was terminated takes its callbacks with it', async () => {
    make();
    heap.scope(() => heap.roots.set('list', list(1, 2, 3)));
    const { worker, messages } = start('register');
    await until('it has registered', () => messages.length === 1);
    const weak = heap.scope(() => heap.weak(heap.roots.get('list', Link)!.next!));
    await worker.terminate();
    heap.roots.delete('list');
    heap.gc();
    // Dead as the thread is, its finalizers work until it is reaped: nobody knew.
    heap.reap(messages[0]![1] as number);
    const before = heap.stats().liveObjects;
    heap.gc();
    expect(before - heap.stats().liveObjects).toBe(3);
    expect(weak.deref()).toBeUndefined();
    heap.verify();
  });

  test('threads that intern the same texts share their bytes, while the collector runs', async () => {
    make({ gc: 'on', gcPercent: 20 });
    const seed = newSeed('gc/specials-cycle');
    const workers = [1, 2, 3].map((i) => start('intern', 300, seed + i));
    await Promise.all(workers.map(({ worker }) => new Promise((done) => worker.once('exit', done))));
    expect(workers.map(({ messages }) => messages)).toEqual(workers.map(() => [['errors', 0]]));
    for (const name of heap.roots.names()) heap.roots.delete(name);
    heap.gc();
    expect(m[H_INTERN_COUNT]).toBe(0);
  });
});
