/** What one cycle of the collector keeps and frees: every way to hold an object, and every shape of one. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  array,
  attachHeap,
  createHeap,
  type Heap,
  i32,
  map,
  type Ref,
  type RType,
  ref,
  slice,
  string,
  struct,
  u32,
} from '../../../src/index.ts';
import { beginCycle, CHECKS, collectorOf, countOf, finishCycle, isMarking } from '../../support/gc-cycle.ts';

const Leaf = struct('Leaf', { id: i32, text: string });
const Box = struct('Box', {
  id: i32,
  leaf: ref(Leaf),
  pair: array(ref(Leaf), 2),
  inner: struct('Inner', { n: i32, leaf: ref(Leaf) }),
  list: slice(ref(Leaf)),
  names: map(string, ref(Leaf)),
  numbers: slice(u32),
  get next() {
    return ref(Box);
  },
});
type BoxRef = Ref<typeof Box>;

let heap: Heap;
let cell: RType;
let word: RType;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 26, background: false, gc: 'off', ...CHECKS });
  cell = heap.raw.type({ name: 'cell', size: 16, align: 8, pointers: [0, 8] });
  word = heap.raw.type({ name: 'word', size: 4, align: 4, pointers: [0] });
});

afterEach(() => {
  heap.verify();
  heap.gc();
  heap.verify();
});

const leaves = (): number => countOf(heap, 'Leaf');

describe('what is held stays', () => {
  const holders: Record<string, (h: Heap) => () => void> = {
    'a persistent reference': (h) => {
      const held = h.new(Leaf, { id: 1, text: 'held' });
      return () => held.dispose();
    },
    'one that a scope returned': (h) => {
      const held = h.scope(() => h.scope(() => h.new(Leaf, { id: 1, text: 'held' })));
      return () => held.dispose();
    },
    'a reference to a place inside': (h) => {
      const inner = h.scope(() => h.new(Box, { inner: { n: 5, leaf: h.new(Leaf, { id: 1, text: 'held' }) } }).inner);
      return () => inner.dispose();
    },
    'a part of a slice': (h) => {
      const part = h.scope(() => {
        const all = h.new(slice(ref(Leaf)), [null, h.new(Leaf, { id: 1, text: 'held' }), null]);
        return all.slice(2, 3);
      });
      return () => part.dispose();
    },
    'a part of a slice that has no room': (h) => {
      const part = h.scope(() => h.new(slice(ref(Leaf)), [h.new(Leaf, { id: 1, text: 'held' })]).slice(1, 1));
      return () => part.dispose();
    },
    'a named root': (h) => {
      h.scope(() => h.roots.set('r', h.new(Leaf, { id: 1, text: 'held' })));
      return () => h.roots.delete('r');
    },
    'a pin': (h) => {
      const pin = h.scope(() => h.raw.pin(h.addressOf(h.new(Leaf, { id: 1, text: 'held' }))));
      return () => pin.unpin();
    },
    'a map': (h) => {
      const held = h.scope(() => h.new(Box, { names: [['a', h.new(Leaf, { id: 1, text: 'held' })]] }));
      return () => held.names.delete('a');
    },
    'the last of a chain': (h) => {
      const held = h.scope(() => {
        let box: BoxRef | null = null;
        for (let i = 0; i < 3000; i++)
          box = h.new(Box, i === 0 ? { leaf: h.new(Leaf, { id: 1, text: 'held' }) } : { next: box });
        return box!;
      });
      return () => held.dispose();
    },
  };

  test.each(Object.entries(holders))('by %s', (_, hold) => {
    const drop = hold(heap);
    heap.scope(() => void heap.new(Leaf, { id: 2, text: 'nobody holds this' }));
    expect(leaves()).toBe(2);
    heap.gc();
    expect(leaves()).toBe(1);
    heap.gc();
    expect(leaves()).toBe(1);
    drop();
    expect(leaves()).toBe(1);
    heap.gc();
    expect(leaves()).toBe(0);
  });

  test('by thousands of local references in nested scopes, which end one after the other', () => {
    heap.scope(() => {
      const outer = Array.from({ length: 5000 }, (_, id) => heap.new(Leaf, { id, text: `${id}` }));
      heap.scope(() => {
        const inner = Array.from({ length: 5000 }, (_, id) => heap.new(Leaf, { id, text: `${id}` }));
        heap.gc();
        expect(leaves()).toBe(10_000);
        expect(inner.every((leaf, id) => leaf.id === id && leaf.text === `${id}`)).toBe(true);
      });
      heap.gc();
      expect(leaves()).toBe(5000);
      expect(outer.every((leaf, id) => leaf.id === id && leaf.text === `${id}`)).toBe(true);
    });
    heap.gc();
    expect(heap.stats().liveObjects).toBe(0);
  });

  test('by thousands of persistent references, each until it is disposed of', () => {
    const held = Array.from({ length: 5000 }, (_, id) => heap.new(Leaf, { id, text: `${id}` }));
    heap.gc();
    expect(leaves()).toBe(5000);
    for (let i = 0; i < 5000; i += 2) held[i]!.dispose();
    heap.gc();
    expect(leaves()).toBe(2500);
    for (let i = 1; i < 5000; i += 2) expect([held[i]!.id, held[i]!.text]).toEqual([i, `${i}`]);
  });

  test('by cursors: along pointers, and along elements of a slice that is gone', () => {
    heap.scope(() => {
      const cursor = heap.cursor(Box);
      const elements = heap.scope(() => {
        const first = heap.new(Box, { id: 1, next: heap.new(Box, { id: 2, next: heap.new(Box, { id: 3 }) }) });
        cursor.set(first);
        return first;
      });
      elements.list.push(heap.new(Leaf, { id: 7 }), heap.new(Leaf, { id: 8 }));
      const along = elements.list.cursor();
      elements.list = heap.new(slice(ref(Leaf)));
      expect(cursor.follow('next')).toBe(true);
      elements.next = null;
      heap.gc();
      expect([cursor.value.id, cursor.follow('next'), cursor.value.id]).toEqual([2, true, 3]);
      heap.gc();
      const seen: (number | undefined)[] = [];
      while (along.next()) {
        heap.gc();
        seen.push(along.value?.id);
      }
      expect(seen).toEqual([7, 8]);
      expect([cursor.value.id, countOf(heap, 'Box')]).toEqual([3, 2]);
    });
  });
});

describe('raw memory', () => {
  test('keepAlive holds until the innermost scope ends, a pin until unpin, an interior pointer as long as it is there', () => {
    const { raw, memory } = heap;
    heap.scope(() => {
      const a = raw.keepAlive(raw.newobject(cell));
      heap.scope(() => {
        const big = raw.keepAlive(raw.newarray(cell, 100));
        raw.writePointer(a, big + 16 * 50);
        raw.keepAlive(raw.newobject(cell));
        heap.gc();
        expect(countOf(heap, 'cell')).toBe(3);
      });
      heap.gc();
      expect(countOf(heap, 'cell')).toBe(2);
      const pin = raw.pin(memory.i32[a >>> 2]! - 16 * 50);
      raw.writePointer(a, 0);
      heap.gc();
      expect(countOf(heap, 'cell')).toBe(2);
      pin.unpin();
      pin.unpin();
      heap.gc();
      expect(countOf(heap, 'cell')).toBe(1);
    });
    heap.gc();
    expect(heap.stats().liveObjects).toBe(0);
  });

  test('a tiny block lives by any one of its objects', () => {
    const { raw, memory } = heap;
    heap.scope(() => {
      const holder = raw.keepAlive(raw.newobject(cell));
      const tinies = Array.from({ length: 400 }, (_, i) => {
        const addr = raw.mallocgc(4, null, true);
        memory.i32[addr >>> 2] = i;
        if (i === 201) raw.writePointer(holder, addr);
        return addr;
      });
      // The block that is being filled lives, too, until the collector's cycle closes it.
      heap.gc();
      expect(heap.stats().liveObjects).toBeLessThanOrEqual(3);
      expect(memory.i32[tinies[201]! >>> 2]).toBe(201);
      expect(raw.usableSize(tinies[201]!)).toBe(4);
      expect(() => raw.usableSize(tinies[0]!)).toThrow('free');
      raw.free(tinies[201]!);
      raw.writePointer(holder, 0);
    });
  });

  test('a large object of a million pointers is scanned in pieces, all of them, however it is held', () => {
    const { raw, memory } = heap;
    heap.scope(() => {
      const n = 1 << 20;
      const table = raw.keepAlive(raw.newarray(word, n));
      for (let i = 7; i < n; i += 97) {
        const leaf = raw.newobject(cell);
        memory.i32[(leaf >>> 2) + 1] = i;
        raw.writePointer(table + i * 4, leaf);
      }
      const count = countOf(heap, 'cell');
      heap.gc();
      expect(countOf(heap, 'cell')).toBe(count);
      for (let i = 7; i < n; i += 97) expect(memory.i32[(memory.i32[(table >>> 2) + i]! >>> 2) + 1]).toBe(i);
      // By its last element alone; and the pieces are counted as marked once.
      beginCycle(heap);
      finishCycle(heap, 0.05);
      expect(countOf(heap, 'cell')).toBe(count);
      raw.writePointer(table + (n - 1) * 4, 0);
    });
    heap.gc();
    expect(heap.stats().liveObjects).toBe(0);
  });

  test('large objects in a ring, and pointer-free ones, are freed together', () => {
    const { raw } = heap;
    const before = heap.stats();
    heap.scope(() => {
      const ring = Array.from({ length: 5 }, () => raw.keepAlive(raw.newarray(cell, 5000)));
      for (const [i, addr] of ring.entries()) raw.writePointer(addr + 16 * 4999, ring[(i + 1) % 5]! + 16 * 17);
      raw.writePointer(ring[0]!, raw.mallocgc(100_000, null, false));
      heap.gc();
      expect(heap.stats().liveObjects).toBe(before.liveObjects + 6);
    });
    heap.gc();
    expect(heap.stats().liveObjects).toBe(before.liveObjects);
    expect(heap.stats().heapInUseBytes).toBeLessThanOrEqual(before.heapInUseBytes + 2 * 8192);
  });
});

describe('while it marks', () => {
  test('what is allocated survives the cycle, and is gone after the next one', () => {
    beginCycle(heap);
    heap.scope(() => {
      expect(isMarking(heap)).toBe(true);
      // These mark on the way, and end the cycle.
      heap.raw.newarray(cell, 5000);
      for (let id = 0; id < 1000; id++) heap.new(Leaf, { id, text: `${id}` });
    });
    finishCycle(heap);
    expect([leaves(), countOf(heap, 'cell')]).toEqual([1000, 1]);
    // Twice: the block of tiny objects that was being filled lives one cycle longer.
    heap.gc();
    heap.gc();
    expect(heap.stats().liveObjects).toBe(0);
  });

  test('a pointer that moves from where it is not seen yet to where all was seen is not lost', () => {
    heap.scope(() => {
      const chain = heap.new(Box, { id: 0 });
      const c = heap.cursor(Box).set(chain);
      // The end of a long chain is marked late.
      for (let id = 1; id < 4000; id++) {
        heap.scope(() => {
          c.value.next = heap.new(Box, { id });
        });
        c.follow('next');
      }
      heap.scope(() => {
        c.value.leaf = heap.new(Leaf, { id: 42, text: 'moved' });
      });
      beginCycle(heap);
      const moved = c.value.leaf;
      c.value.leaf = null;
      chain.leaf = moved;
      finishCycle(heap, 0.01);
      expect(chain.leaf!.text).toBe('moved');
    });
  });

  test.each(['hold', 'root', 'keepAlive'] as const)(
    'what was removed from the heap and is held by %s alone is not lost',
    (how) => {
      const box = heap.scope(() =>
        heap.new(Box, { list: Array.from({ length: 300 }, (_, id) => heap.new(Leaf, { id, text: 'x' })) }),
      );
      beginCycle(heap);
      const held: Ref<typeof Leaf>[] = [];
      const { raw } = heap;
      heap.scope(() => {
        for (let i = 0; i < 300; i++) {
          heap.scope(() => {
            const leaf = box.list.at(i)!;
            if (how === 'hold') held.push(leaf.hold());
            else if (how === 'root') heap.roots.set(`r${i}`, leaf);
          });
          if (how === 'keepAlive')
            raw.keepAlive(heap.memory.i32[(heap.memory.i32[heap.addressOf(box.list) >>> 2]! >>> 2) + i]!);
          box.list.set(i, null);
        }
        finishCycle(heap);
        expect(leaves()).toBe(300);
      });
      heap.gc();
      expect(leaves()).toBe(how === 'keepAlive' ? 0 : 300);
      for (const leaf of held) expect(leaf.text).toBe('x');
    },
  );

  test('what a handle or a root gives up, and only a local reference still has, is not lost', () => {
    const held = Array.from({ length: 100 }, (_, id) => heap.new(Leaf, { id, text: 'h' }));
    heap.scope(() => {
      for (let id = 0; id < 100; id++) heap.roots.set(`r${id}`, heap.new(Leaf, { id, text: 'r' }));
    });
    beginCycle(heap);
    heap.scope(() => {
      for (const leaf of held) heap.raw.keepAlive(heap.addressOf(leaf));
      const addrs = held.map((leaf) => heap.addressOf(leaf));
      for (const leaf of held) leaf.dispose();
      const locals = Array.from({ length: 100 }, (_, id) => heap.roots.get(`r${id}`, Leaf)!);
      for (let id = 0; id < 100; id++) heap.roots.delete(`r${id}`);
      finishCycle(heap);
      expect(addrs.map((addr) => heap.inspect(addr).type)).toEqual(held.map(() => 'Leaf'));
      expect(locals.map((leaf) => leaf.text)).toEqual(held.map(() => 'r'));
    });
    heap.gc();
    expect(heap.stats().liveObjects).toBe(0);
  });

  test('steps of a small budget end a cycle; heap.gc() ends it and runs another', () => {
    heap.scope(() => {
      const chain = Array.from({ length: 20_000 }, (_, id) => heap.new(Leaf, { id }));
      beginCycle(heap);
      expect(finishCycle(heap, 1e-6)).toBeGreaterThan(3);
      expect(heap.gcStep(1)).toBe(false);
      expect(leaves()).toBe(20_000);
      const { cycles } = heap.stats().gc;
      beginCycle(heap);
      heap.gc();
      expect(heap.stats().gc.cycles).toBe(cycles + 2);
      expect(chain[19_999]!.id).toBe(19_999);
    });
  });

  test('verify and inspect work, and a scope inside of which the cycle began and ends', () => {
    heap.scope(() => {
      const box = heap.new(Box, { id: 5, leaf: heap.new(Leaf, { id: 6, text: 'leaf' }) });
      beginCycle(heap);
      heap.verify();
      expect(heap.inspect(heap.addressOf(box)).type).toBe('Box');
      expect(heap.stats().gc.phase).toBe('mark');
      for (let i = 0; i < 2000; i++) heap.scope(() => void heap.new(Leaf, { id: i, text: `${i}` }));
      heap.verify();
      finishCycle(heap);
      expect(heap.inspect(heap.addressOf(box)).type).toBe('Box');
      expect(box.leaf!.text).toBe('leaf');
    });
  });
});

test('a cycle that was given up, because who ended it died, is none for who waits for one', () => {
  heap.scope(() => {
    heap.new(Leaf, { id: 1, text: 'garbage' });
  });
  const other = attachHeap(heap.share());
  const ghost = collectorOf(other);
  const { t } = collectorOf(heap);
  ghost.t.delay = (where) => {
    if (where === 'gc.finish') throw new Error('dies');
  };
  let deaths = 0;
  t.delay = (where) => {
    if (where !== 'gc.begun' || deaths++ > 0) return;
    // The other thread is faster.
    t.release();
    expect(() => other.gc()).toThrow('dies');
    t.resume();
    heap.reap(other.threadId);
  };
  heap.gc();
  expect(deaths).toBe(2);
  expect(leaves()).toBe(0);
});

test.each([false, true])(
  'gc() of a heap without collector frees, whether a snapshot slips in before it (%s) or not',
  (slips) => {
    const other = attachHeap(heap.share());
    for (let i = 0; i < 10; i++) heap.raw.mallocgc(64, null, false);
    const collector = collectorOf(heap);
    const { t } = collector;
    const sweepRest = collector.sweepRest.bind(collector);
    let due = slips;
    // The cycle that is waited for has its number by now, and the snapshot's gets that number.
    collector.sweepRest = () => {
      sweepRest();
      if (!due) return;
      due = false;
      t.release();
      other.snapshotSync(() => {});
      t.resume();
    };
    const live = heap.stats().liveObjects;
    heap.gc();
    expect(due).toBe(false);
    expect(heap.stats().liveObjects).toBe(live - 10);
    other.detach();
  },
);
