/** Wrong pointers: a typed error, and the heap as it was. */
import { beforeEach, describe, expect, test } from 'vitest';
import { attachHeap, createHeap, type Heap, makeSizeClasses, PointerError } from '../../../src/index.ts';

const MB = 2 ** 20;
/** Object sizes by kind, and the distance of an address inside that is not the start of an object. */
const KINDS: [kind: string, size: number, scan: boolean][] = [
  ['tiny', 9, false],
  ['small', 16, false],
  ['small', 100, false],
  ['small with pointers', 48, true],
  ['medium', 5000, false],
  ['large', 40_000, false],
  ['large with pointers', 40_000, true],
];

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ gc: 'off', maxBytes: 16 * MB, maxThreads: 4 });
});

/** Expects an error of this code from `free`, inside a scope and outside, and nothing changed. */
function expectRefused(by: Heap, ptr: unknown, code: string | RegExp): void {
  const before = by.stats();
  const free = (): void => by.raw.free(ptr as number);
  for (const attempt of [free, () => by.scope(free)]) {
    let error: unknown;
    try {
      attempt();
    } catch (e) {
      error = e;
    }
    expect(error, `free(${String(ptr)})`).toBeInstanceOf(PointerError);
    expect((error as PointerError).code).toMatch(code);
    expect((error as PointerError).message).toContain('free: ');
  }
  expect(by.stats()).toEqual(before);
  by.verify();
}

function make(by: Heap, size: number, scan: boolean): number {
  const type = scan ? by.raw.type({ name: 'cell', size: 8, pointers: [0] }) : null;
  return by.raw.mallocgc(size, type, true);
}

test.each([-1, 0.5, Number.NaN, 2 ** 32, 2 ** 40, '8192', undefined, null, {}, 8n, Symbol('8')])(
  '%s is not an address',
  (ptr) => {
    make(heap, 16, false);
    expectRefused(heap, ptr, 'ERR_BAD_POINTER');
  },
);

test.each([8n, Symbol('8')])('nor is %s one for any call, or a size', (value) => {
  const { raw } = heap;
  const wrong = value as never;
  const addr = raw.mallocgc(64, null, true);
  const calls: [() => unknown, string][] = [
    [() => raw.usableSize(wrong), 'ERR_BAD_POINTER'],
    [() => raw.typeOf(wrong), 'ERR_BAD_POINTER'],
    [() => raw.pin(wrong), 'ERR_BAD_POINTER'],
    [() => raw.realloc(wrong, 8), 'ERR_BAD_POINTER'],
    [() => raw.realloc(addr, wrong), 'ERR_ALLOCATION_SIZE'],
    [() => raw.mallocgc(wrong, null, true), 'ERR_ALLOCATION_SIZE'],
    [() => heap.scope(() => raw.mallocgc(wrong, null, true)), 'ERR_ALLOCATION_SIZE'],
    [() => raw.roundupsize(wrong), 'ERR_INVALID_ARGUMENT'],
  ];
  for (const [call, code] of calls) expect(call).toThrow(expect.objectContaining({ code }));
  heap.verify();
});

test.each([8, 8192, 8200, 12 * MB, 16 * MB, 2 ** 32 - 8])('address %s was never allocated', (ptr) => {
  expectRefused(heap, ptr, 'ERR_BAD_POINTER');
});

describe.each(KINDS)('a %s object of %i bytes', (_, size, scan) => {
  test('an address inside is refused', () => {
    const addr = make(heap, size, scan);
    for (const inside of [1, 2, 4, 8, size - 1]) {
      if (inside >= size) continue;
      expectRefused(heap, addr + inside, 'ERR_BAD_POINTER');
    }
    heap.raw.free(addr);
  });

  test('a second free is refused, with and without objects around', () => {
    for (const around of [false, true]) {
      const neighbours = around ? [make(heap, size, scan), make(heap, size, scan)] : [];
      const addr = make(heap, size, scan);
      const after = around ? make(heap, size, scan) : 0;
      heap.raw.free(addr);
      expectRefused(heap, addr, /ERR_DOUBLE_FREE|ERR_BAD_POINTER/);
      for (const other of [...neighbours, after]) heap.raw.free(other);
      expectRefused(heap, addr, /ERR_DOUBLE_FREE|ERR_BAD_POINTER/);
    }
  });

  test('a slot that was never handed out is refused', () => {
    const addr = make(heap, size, scan);
    if (size < 16) return;
    expectRefused(heap, addr + heap.raw.usableSize(addr), /ERR_DOUBLE_FREE|ERR_BAD_POINTER/);
  });

  test('the same from another thread’s object', () => {
    const other = attachHeap(heap.share());
    const addr = make(other, size, scan);
    expectRefused(heap, addr + 1, 'ERR_BAD_POINTER');
    heap.raw.free(addr);
    expectRefused(heap, addr, /ERR_DOUBLE_FREE|ERR_BAD_POINTER/);
    make(other, size, scan);
    other.verify();
  });

  test('the same from an object whose thread has detached', () => {
    const other = attachHeap(heap.share());
    const addr = make(other, size, scan);
    const next = make(other, size, scan);
    other.detach();
    expectRefused(heap, addr + 1, 'ERR_BAD_POINTER');
    heap.raw.free(addr);
    expectRefused(heap, addr, /ERR_DOUBLE_FREE|ERR_BAD_POINTER/);
    heap.raw.free(next);
    expectRefused(heap, addr, /ERR_DOUBLE_FREE|ERR_BAD_POINTER/);
    heap.verify();
    expect(heap.stats().heapInUseBytes).toBe(0);
  });

  test('usableSize, realloc and typeOf refuse wrong pointers too, and name themselves', () => {
    const addr = make(heap, size, scan);
    const { raw } = heap;
    const before = heap.stats();
    expect(() => raw.usableSize(addr + 1)).toThrow(/^usableSize: pointer 0x/);
    expect(() => raw.realloc(addr + 1, 10)).toThrow(/^realloc: pointer 0x/);
    expect(() => raw.typeOf(addr + 1)).toThrow(/^typeOf: pointer 0x/);
    expect(heap.stats()).toEqual(before);
    heap.verify();
  });
});

test('a tiny block: each object is freed once, in any order, and the block goes with the last', () => {
  const { raw } = heap;
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [2, 0, 3, 1],
  ]) {
    const addrs = [3, 1, 4, 4].map((size) => raw.mallocgc(size, null, false));
    expect(new Set(addrs.map((addr) => addr >>> 4)).size).toBe(1);
    expect(addrs.map((addr) => raw.usableSize(addr))).toEqual([3, 1, 4, 4]);
    for (const i of order) {
      raw.free(addrs[i]!);
      expectRefused(heap, addrs[i], /ERR_DOUBLE_FREE|ERR_BAD_POINTER/);
    }
  }
});

test('the address of a large object that is another one’s inside now', () => {
  const { raw } = heap;
  const first = raw.mallocgc(40_000, null, false);
  const second = raw.mallocgc(40_000, null, false);
  raw.free(first);
  raw.free(second);
  const both = raw.mallocgc(80_000, null, false);
  expect(both).toBe(first);
  expectRefused(heap, second, 'ERR_BAD_POINTER');
});

test('a pointer of another heap that lies in no span here', () => {
  const other = createHeap({ gc: 'off', maxBytes: 16 * MB });
  for (let i = 0; i < 100; i++) other.raw.mallocgc(8192, null, false);
  const addr = other.raw.mallocgc(8192, null, false);
  expectRefused(heap, addr, 'ERR_BAD_POINTER');
  other.raw.free(addr);
  other.verify();
});

test('the tail of a span, where one slot more would begin, is no object, also if its bitmap has no bit to spare', () => {
  // 64 slots of 632 bytes leave 512 bytes of five pages.
  const rows = makeSizeClasses({ classes: [8, 16, 632, 1024, 32768] });
  const row = rows.find((r) => r.size === 632)!;
  const heap = createHeap({ gc: 'off', maxBytes: 1 << 22, sizeClasses: rows });
  const addrs = Array.from({ length: row.objects }, () => heap.raw.mallocgc(632, null, false));
  const base = Math.min(...addrs);
  for (const where of [
    () => heap.raw.free(base + row.objects * 632),
    () => heap.raw.usableSize(base + row.objects * 632),
  ]) {
    expect(where).toThrow(expect.objectContaining({ name: 'PointerError' }));
    expect(() => heap.scope(where)).toThrow(expect.objectContaining({ name: 'PointerError' }));
  }
  heap.verify();
});

test.each(['off', 'on'] as const)('pages of the thread itself, for its roots, hold no objects; collector: %s', (gc) => {
  const rooted = createHeap({ gc, background: false, maxBytes: MB });
  const addr = make(rooted, 64, false);
  const pinned = rooted.raw.pin(addr);
  rooted.scope(() => {
    rooted.raw.keepAlive(addr);
    const pages = Array.from({ length: 16 }, (_, i) => (i + 1) * 8192); // nil is fine
    for (const page of pages) if (page !== addr) expectRefused(rooted, page, 'ERR_BAD_POINTER');
    for (const page of pages) expectRefused(rooted, page + 8, /ERR_BAD_POINTER|ERR_DOUBLE_FREE/);
  });
  pinned.unpin();
  expect(attachHeap(rooted.share()).attached).toBe(true);
});

test.each([8n, -1, 1.5, Number.NaN, 2 ** 32, '8', undefined])('keepAlive refuses %s, which is no address', (addr) => {
  heap.scope(() => {
    expect(() => heap.raw.keepAlive(addr as number)).toThrow(PointerError);
    expect(() => heap.raw.keepAlive(addr as number)).toThrow(/^keepAlive: pointer .* is not an address$/);
  });
});

test('the address of objects without size can be pinned and has no type, as it can be freed', () => {
  const { raw } = heap;
  const addr = raw.newobject(raw.type({ name: 'nothing', size: 0 }));
  const before = heap.stats();
  const pin = raw.pin(addr);
  expect(pin.addr).toBe(addr);
  pin.unpin();
  pin.unpin();
  expect(raw.typeOf(addr)).toBe(null);
  expect(raw.usableSize(addr)).toBe(0);
  raw.free(addr);
  expect(heap.stats()).toEqual(before);
  heap.verify();
});
