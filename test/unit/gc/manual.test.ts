/** Memory that is freed by hand, or by another thread, or whose thread comes and goes, while the collector is at work. */
import { beforeEach, describe, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, i32, type RType, ref, slice, struct } from '../../../src/index.ts';
import { GC_BYTES_MARKED } from '../../../src/layout/gc.ts';
import { beginCycle, CHECKS, collectorOf, countOf, finishCycle, isMarking } from '../../support/gc-cycle.ts';

const Item = struct('Item', {
  id: i32,
  get next() {
    return ref(Item);
  },
});

let heap: Heap;
let cell: RType;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 26, background: false, gc: 'off', ...CHECKS });
  cell = heap.raw.type({ name: 'cell', size: 16, align: 8, pointers: [0] });
});

function ended(): void {
  finishCycle(heap);
  heap.verify();
  heap.gc();
  heap.verify();
}

/** An object with a number in it, made by `h`. */
function numbered(h: Heap, n: number): number {
  const addr = h.raw.newobject(cell);
  h.memory.i32[(addr + 8) >>> 2] = n;
  return addr;
}
const numberOf = (addr: number): number => heap.memory.i32[(addr + 8) >>> 2]!;

describe('what an object that is freed referred to, and a scope holds on to, is not lost', () => {
  /** holder -> parent -> child, made by `by`. */
  function family(by: Heap, parentBytes: number): { holder: number; parent: number; child: number } {
    const holder = heap.raw.keepAlive(numbered(heap, 1));
    return by.scope(() => {
      const parent = by.raw.keepAlive(by.raw.newarray(cell, parentBytes / 16));
      const child = numbered(by, 4711);
      by.raw.writePointer(parent, child);
      heap.raw.writePointer(holder, parent);
      return { holder, parent, child };
    });
  }

  /** Takes what free slots there are, and writes over them. */
  function reuse(): void {
    for (let i = 0; i < 3000; i++) numbered(heap, -1);
    for (let i = 0; i < 3; i++) heap.raw.newarray(cell, 4000);
  }

  test.each([16, 1024, 100_000])(
    'by free of %i bytes, in the scope that began the cycle and in a later one',
    (bytes) => {
      for (const sameScope of [true, false]) {
        heap.scope(() => {
          const { holder, parent, child } = family(heap, bytes);
          const free = (): void => {
            heap.raw.keepAlive(child);
            heap.raw.writePointer(holder, 0);
            heap.raw.free(parent);
          };
          if (sameScope) {
            beginCycle(heap);
            free();
          } else {
            beginCycle(heap);
            heap.poll();
            heap.raw.keepAlive(child);
            heap.scope(free);
          }
          reuse();
          finishCycle(heap);
          expect(numberOf(child)).toBe(4711);
          heap.gc();
          expect(numberOf(child)).toBe(4711);
        });
        ended();
      }
    },
  );

  test.each([16, 1024, 100_000])('by realloc of %i bytes', (bytes) => {
    heap.scope(() => {
      const { holder, parent, child } = family(heap, bytes);
      beginCycle(heap);
      heap.raw.writePointer(holder, heap.raw.realloc(parent, bytes * 3));
      reuse();
      finishCycle(heap);
      expect(heap.memory.i32[heap.memory.i32[holder >>> 2]! >>> 2]).toBe(child);
      expect(numberOf(child)).toBe(4711);
    });
    ended();
  });

  test.each([16, 1024, 100_000])('by free of %i bytes that another thread owns', (bytes) => {
    const other = attachHeap(heap.share());
    heap.scope(() => {
      const { holder, parent, child } = family(other, bytes);
      beginCycle(heap);
      heap.raw.keepAlive(child);
      heap.raw.writePointer(holder, 0);
      heap.raw.free(parent);
      reuse();
      finishCycle(heap);
      expect(numberOf(child)).toBe(4711);
    });
    ended();
    other.detach();
    ended();
  });

  test.each([16, 1024])('by free of %i bytes in a span without owner', (bytes) => {
    const other = attachHeap(heap.share());
    const { holder, parent, child } = heap.scope(() => {
      const made = family(other, bytes);
      heap.raw.pin(made.holder);
      return made;
    });
    other.detach();
    heap.scope(() => {
      beginCycle(heap);
      heap.raw.keepAlive(child);
      heap.raw.writePointer(holder, 0);
      heap.raw.free(parent);
      reuse();
      finishCycle(heap);
      expect(numberOf(child)).toBe(4711);
    });
    ended();
  });

  test('by growslice, which copies and leaves the old array to the collector', () => {
    heap.scope(() => {
      const { raw, memory } = heap;
      let s = raw.makeslice(cell, 4, 4);
      const holder = raw.keepAlive(raw.newobject(cell));
      raw.writePointer(holder, s.ptr);
      for (let i = 0; i < 4; i++) raw.writePointer(s.ptr + i * 16, numbered(heap, i));
      beginCycle(heap);
      s = raw.growslice(s, 100);
      raw.writePointer(holder, s.ptr);
      reuse();
      finishCycle(heap);
      for (let i = 0; i < 4; i++) expect(numberOf(memory.i32[(s.ptr + i * 16) >>> 2]!)).toBe(i);
    });
    ended();
  });
});

describe('freeing while the collector marks', () => {
  test('everything can be freed that was there before, and that was made since; nothing is freed twice', () => {
    const { raw } = heap;
    const sizes = [1, 5, 8, 12, 16, 48, 100, 1024, 9000, 32_768, 40_000, 200_000];
    const make = (): number[] => {
      const noscan = sizes.flatMap((size) => Array.from({ length: 20 }, () => raw.mallocgc(size, null, true)));
      return [...noscan, ...Array.from({ length: 40 }, (_, i) => raw.newarray(cell, 1 + i * 100))];
    };
    heap.scope(() => {
      const before = make();
      const pins = before.map((addr) => raw.pin(addr));
      beginCycle(heap);
      const after = make();
      for (const pin of pins) pin.unpin();
      for (const addr of [...before, ...after]) raw.free(addr);
      for (const addr of [...before, ...after]) expect(() => raw.free(addr)).toThrow();
      const again = make();
      for (const addr of again) raw.usableSize(addr);
      expect(new Set(again).size).toBe(again.length);
      finishCycle(heap);
    });
    // Twice: the block of tiny objects that was being filled lives one cycle longer.
    heap.gc();
    heap.gc();
    expect(heap.stats().liveObjects).toBe(0);
    ended();
  });

  test.each(['its owner', 'another thread'])(
    'a tiny object that was a root is no zombie when %s has freed it',
    (by) => {
      const other = attachHeap(heap.share());
      heap.scope(() => {
        const { raw } = heap;
        // Each of a block of its own, and the last one is not the one that is being filled.
        const made = Array.from({ length: 20 }, () => raw.mallocgc(9, null, true));
        const pins = made.map((addr) => raw.pin(addr));
        raw.mallocgc(15, null, true);
        beginCycle(heap);
        // The roots are taken, and none of them is marked yet.
        for (const pin of pins) pin.unpin();
        for (const addr of made) (by === 'its owner' ? raw : other.raw).free(addr);
        finishCycle(heap);
      });
      other.detach();
      ended();
    },
  );

  test('what another thread frees is taken once from what is alive, also if it is the first of its span', () => {
    const other = attachHeap(heap.share());
    heap.scope(() => {
      const { raw } = heap;
      const made = Array.from({ length: 3 }, () => raw.keepAlive(numbered(heap, 7)));
      beginCycle(heap);
      const marked = (): number => collectorOf(heap).mem.m[GC_BYTES_MARKED]!;
      const before = marked();
      for (const addr of made) other.raw.free(addr);
      // They were not marked before; the mark that they get counts for nothing.
      expect(marked()).toBe(before);
      finishCycle(heap);
    });
    other.detach();
    ended();
  });

  test('the heap is whole in the middle of it, too', () => {
    const { raw } = heap;
    const sizes = [5, 64, 328, 1024, 9000];
    heap.scope(() => {
      const made = sizes.flatMap((size) => Array.from({ length: 300 }, () => raw.mallocgc(size, null, true)));
      const pins = made.map((addr) => raw.pin(addr));
      beginCycle(heap);
      for (let i = 0; i < made.length; i += 3) {
        pins[i]!.unpin();
        raw.free(made[i]!);
      }
      heap.verify();
      for (const size of sizes) for (let i = 0; i < 150; i++) raw.mallocgc(size, null, false);
      heap.verify();
      for (let i = 1; i < made.length; i += 3) {
        pins[i]!.unpin();
        raw.free(made[i]!);
      }
      heap.verify();
      for (const pin of pins) pin.unpin();
    });
    ended();
  });

  test('a slot that is free again is handed out as zero, and typed as it was asked for', () => {
    heap.scope(() => {
      const { raw, memory } = heap;
      const other = raw.type({ name: 'other', size: 16, align: 8, pointers: [8] });
      beginCycle(heap);
      for (let round = 0; round < 2000; round++) {
        const addr = raw.newobject(round % 2 === 0 ? cell : other);
        expect([memory.i32[addr >>> 2], memory.i32[(addr + 8) >>> 2]]).toEqual([0, 0]);
        expect(raw.typeOf(addr)?.name).toBe(round % 2 === 0 ? 'cell' : 'other');
        memory.i32[(addr + (round % 2 === 0 ? 8 : 0)) >>> 2] = 0x7ffffff0;
        if (round % 3 === 0) raw.free(addr);
      }
      finishCycle(heap);
    });
    ended();
  });

  test('frees that other threads noted before the cycle, and while it marks, and while it sweeps', () => {
    const other = attachHeap(heap.share());
    const made = other.scope(() =>
      Array.from({ length: 3000 }, (_, i) => other.raw.mallocgc(i % 2 === 0 ? 64 : 5, null, true)),
    );
    const pins = made.map((addr) => other.raw.pin(addr));
    const drop = (from: number): void => {
      for (let i = from; i < made.length; i += 3) {
        pins[i]!.unpin();
        heap.raw.free(made[i]!);
      }
    };
    drop(0);
    beginCycle(heap);
    drop(1);
    while (isMarking(heap)) heap.gcStep(0.001);
    drop(2);
    finishCycle(heap);
    heap.verify();
    expect(heap.stats().liveObjects).toBeLessThan(3);
    other.scope(() =>
      expect(new Set(Array.from({ length: 5000 }, () => other.raw.mallocgc(64, null, true))).size).toBe(5000),
    );
    other.detach();
    ended();
    expect(heap.stats().badRemoteFrees).toBe(0);
  });
});

describe('what a call was given is alive until it returns, though it collects', () => {
  const KIB = 1024;
  /** A heap so full that the next large object takes a collection first. */
  function full(): Heap {
    const small = createHeap({ maxBytes: 4 * KIB * KIB, background: false, gcPercent: -1, ...CHECKS });
    cell = small.raw.type({ name: 'cell', size: 16, align: 8, pointers: [0] });
    return small;
  }
  const fill = ({ raw }: Heap): void => {
    for (let i = 0; i < 7; i++) raw.mallocgc(400 * KIB, null, false);
  };

  test('realloc', () => {
    const small = full();
    const { raw, memory } = small;
    small.scope(() => {
      const old = raw.mallocgc(500 * KIB, null, true);
      for (let i = 0; i < 125 * KIB; i += 1000) memory.i32[(old >>> 2) + i] = i;
      fill(small);
      const { cycles } = small.stats().gc;
      const now = raw.realloc(old, 1500 * KIB);
      expect(small.stats().gc.cycles).toBeGreaterThan(cycles);
      for (let i = 0; i < 125 * KIB; i += 1000) expect(memory.i32[(now >>> 2) + i]).toBe(i);
      expect(() => raw.usableSize(old)).toThrow(/0x/);
      raw.free(now);
    });
    small.verify();
    small.gc();
    expect(small.stats().liveObjects).toBe(0);
  });

  test('growslice, of a part of an array', () => {
    const small = full();
    const { raw, memory } = small;
    small.scope(() => {
      const whole = raw.makeslice(cell, 30 * KIB);
      const child = raw.keepAlive(raw.newobject(cell));
      memory.i32[(child + 8) >>> 2] = 4711;
      const part = { ...whole, ptr: whole.ptr + 160, len: 20 * KIB, cap: 20 * KIB };
      for (const i of [0, 20 * KIB - 1]) raw.writePointer(part.ptr + 16 * i, child);
      fill(small);
      const { cycles } = small.stats().gc;
      const grown = raw.growslice(part, 40 * KIB);
      expect(small.stats().gc.cycles).toBeGreaterThan(cycles);
      raw.keepAlive(grown.ptr);
      for (const i of [0, 20 * KIB - 1]) expect(memory.i32[(grown.ptr + 16 * i) >>> 2]).toBe(child);
      expect(memory.i32[(grown.ptr + 16) >>> 2]).toBe(0);
      small.gc();
      expect(memory.i32[(child + 8) >>> 2]).toBe(4711);
    });
    small.verify();
  });
});

describe('threads come and go while the collector marks', () => {
  test('one that attaches allocates black, and what it holds is held', () => {
    beginCycle(heap);
    const other = attachHeap(heap.share());
    const item = other.new(Item, { id: 1, next: other.scope(() => other.new(Item, { id: 2 })) });
    finishCycle(heap);
    expect([item.id, item.next!.id]).toEqual([1, 2]);
    heap.gc();
    expect([item.id, item.next!.id]).toEqual([1, 2]);
    other.detach();
    heap.gc();
    expect(countOf(heap, 'Item')).toBe(0);
    ended();
  });

  test('one that detaches hands its barrier buffer and its grey objects on', () => {
    const other = attachHeap(heap.share());
    const root = heap.scope(() =>
      heap.new(
        slice(ref(Item)),
        Array.from({ length: 1000 }, (_, id) => heap.new(Item, { id })),
      ),
    );
    heap.roots.set('root', root);
    const target = heap.new(slice(ref(Item)));
    heap.roots.set('target', target);
    beginCycle(heap);
    other.scope(() => {
      const [from, to] = [other.roots.get('root', slice(ref(Item)))!, other.roots.get('target', slice(ref(Item)))!];
      for (let i = 0; i < 200; i++) {
        to.push(from.at(i));
        from.set(i, null);
      }
      other.gcStep(0.001);
    });
    other.detach();
    finishCycle(heap);
    expect(target.toArray().map((item) => item!.id)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    ended();
  });

  test('grey objects that were on the stack of one that is reaped are scanned all the same', () => {
    const chain = heap.scope(() => {
      let last = heap.new(Item, { id: 0 });
      for (let id = 1; id < 3000; id++) last = heap.new(Item, { id, next: last });
      return last;
    });
    const other = attachHeap(heap.share());
    beginCycle(heap);
    const { marker } = collectorOf(other);
    other.scope(() => {
      while (marker.take());
      marker.drain(64);
      expect(marker.isEmpty()).toBe(false);
    });
    heap.reap(other.threadId);
    finishCycle(heap);
    expect(countOf(heap, 'Item')).toBe(3000);
    expect(chain.next!.id).toBe(2998);
    ended();
  });

  test('one that detaches with an empty block of tiny objects', () => {
    const other = attachHeap(heap.share());
    other.raw.free(other.raw.mallocgc(5, null, true));
    beginCycle(heap);
    other.detach();
    ended();
  });

  test('the roots of one that is reaped go, and what others took from them stays', () => {
    const other = attachHeap(heap.share());
    const kept = other.new(Item, { id: 1, next: other.scope(() => other.new(Item, { id: 2 })) });
    heap.scope(() => {
      other.roots.set('kept', kept);
      const mine = heap.roots.get('kept', Item)!;
      heap.roots.delete('kept');
      beginCycle(heap);
      const next = mine.next!;
      mine.next = null;
      expect(heap.reap(other.threadId)).toBe(true);
      finishCycle(heap);
      expect([mine.id, next.id]).toEqual([1, 2]);
    });
    heap.gc();
    expect(countOf(heap, 'Item')).toBe(0);
    ended();
  });
});

describe('an object with pointers whose size changes where it is', () => {
  // Slots of 40,960 and 1,024 bytes.
  const SIZES = [
    [40_000, 33_000],
    [1024, 960],
  ] as const;

  test.each(SIZES)('from %i bytes to %i and back: what was cut off is 0, and keeps nothing alive', (large, small) => {
    const { raw, memory } = heap;
    const holder = raw.pin(raw.newarray(cell, large / 16));
    const { addr } = holder;
    const slots = Array.from({ length: large / 16 }, (_, i) => addr + 16 * i);
    for (const slot of slots) raw.writePointer(slot, numbered(heap, 1));
    expect(raw.realloc(addr, small)).toBe(addr);
    heap.gc();
    const kept = Math.ceil(small / 16);
    expect(heap.stats().liveObjects).toBe(1 + kept);
    expect(raw.realloc(addr, large)).toBe(addr);
    for (const [i, slot] of slots.entries()) {
      const held = memory.i32[slot >>> 2]!;
      if (i < kept) expect(numberOf(held)).toBe(1);
      else expect(held).toBe(0);
    }
    holder.unpin();
    ended();
  });

  test.each(SIZES)(
    'from %i bytes to %i while the collector marks: what the cut-off part held, and a scope has',
    (large, small) => {
      const { raw, memory } = heap;
      const holder = raw.pin(raw.newarray(cell, large / 16));
      const last = holder.addr + large - 16;
      raw.writePointer(last, numbered(heap, 4711));
      beginCycle(heap);
      heap.scope(() => {
        const child = raw.keepAlive(memory.i32[last >>> 2]!);
        raw.realloc(holder.addr, small);
        finishCycle(heap);
        expect(numberOf(child)).toBe(4711);
      });
      ended();
    },
  );

  test('what is stored behind the bytes that were asked for, where `usableSize` allows it, is kept', () => {
    const { raw, memory } = heap;
    const holder = raw.pin(raw.newarray(cell, 2500));
    const behind = holder.addr + raw.usableSize(holder.addr) - 16;
    raw.writePointer(behind, numbered(heap, 4711));
    heap.gc();
    expect(numberOf(memory.i32[behind >>> 2]!)).toBe(4711);
    holder.unpin();
    ended();
  });
});
