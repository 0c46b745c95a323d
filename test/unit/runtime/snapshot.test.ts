/** `heap.snapshot()` and `snapshotSync`: what they take, what they refuse, how they end, and what goes on meanwhile. */
import { describe, expect, inject, test } from 'vitest';
import { loadGraph } from '../../../src/analyze/load-graph.ts';
import { Snapshot } from '../../../src/analyze/snapshot.ts';
import { bytesSource } from '../../../src/analyze/source.ts';
import { verifySnapshot } from '../../../src/analyze/verify-snapshot.ts';
import {
  attachHeap,
  createHeap,
  type Heap,
  i32,
  ref,
  SnapshotAbortedError,
  string,
  struct,
} from '../../../src/index.ts';
import { GC_WORKER } from '../../../src/layout/gc.ts';
import { H_WRITE_BARRIER } from '../../../src/layout/header.ts';
import {
  PHASE_ABORTED,
  PHASE_DRAINING,
  PHASE_HELD,
  SNAP_LOG_COUNT,
  SNAP_LOGS,
  SNAP_PROGRESS,
  SNAP_STATE,
  WHY_MEMORY,
} from '../../../src/layout/snapshot.ts';
import { procRef } from '../../../src/sync/proc-ref.ts';
import { giveUp } from '../../../src/threads/hold.ts';
import { repairSnapshot } from '../../../src/threads/repair-snapshot.ts';
import { collectorOf } from '../../support/gc-cycle.ts';
import { Internals } from '../../support/internals.ts';
import { joined, snapshotBytes } from '../../support/snapshot-edit.ts';
import { snapshotHeap, Thing } from '../../support/snapshot-heap.ts';
import { until } from '../../support/workers.ts';

const Node = struct('Node', {
  key: i32,
  text: string,
  get next() {
    return ref(Node);
  },
});

const open = (bytes: Uint8Array): Snapshot => new Snapshot(bytesSource(bytes));

/** Several pieces: more than 1 MiB of objects. */
function largeHeap(options: Parameters<typeof createHeap>[0] = {}): Heap {
  const heap = createHeap({ maxBytes: 2 ** 26, background: false, ...options });
  heap.scope(() => {
    let next = null as ReturnType<typeof first>;
    function first() {
      return heap.roots.get('list', Node) ?? null;
    }
    for (let key = 0; key < 60_000; key++) {
      next = heap.new(Node, { key, text: `text ${key}`, next });
      if (key % 1000 === 999) heap.roots.set('list', next);
    }
  });
  return heap;
}

/** Begins a snapshot and takes its first piece. */
async function begun(heap: Heap) {
  const pieces: Uint8Array[] = [];
  const stream = heap.snapshot();
  pieces.push((await stream.next()).value as Uint8Array);
  const rest = async (): Promise<Uint8Array> => {
    for await (const piece of stream) pieces.push(piece);
    return joined(pieces);
  };
  return { stream, rest };
}

function nothingIsHeld(heap: Heap): void {
  const { m } = new Internals(heap);
  expect([m[SNAP_STATE], m[SNAP_LOGS], m[H_WRITE_BARRIER]]).toEqual([0, 0, 0]);
  heap.verify();
}

test('at once and as a stream: the same objects', async () => {
  const heap = snapshotHeap(100);
  const pieces: Uint8Array[] = [];
  for await (const piece of heap.snapshot()) pieces.push(piece);
  const [stream, atOnce] = [loadGraph(bytesSource(joined(pieces))), loadGraph(bytesSource(snapshotBytes(heap)))];
  expect(stream.address).toEqual(atOnce.address);
  expect(stream.edgeTo).toEqual(atOnce.edgeTo);
  expect(open(joined(pieces)).exact).toBe(false);
  nothingIsHeld(heap);
});

test.each([
  ['unshared', { shared: false }],
  ['without collector', { gc: 'off' }],
  ['unshared, without collector', { shared: false, gc: 'off' }],
  ['without tiny blocks', { tiny: false }],
  ['with the classes of Go 1.14', { sizeClasses: 'go1.14' }],
] as const)('a heap that is %s', async (_, options) => {
  const heap = snapshotHeap(60, options);
  const dead = heap.raw.mallocgc(100, null, true);
  const bytes = snapshotBytes(heap);
  verifySnapshot(open(bytes));
  const { exact, meta, spans } = open(bytes);
  expect(exact).toBe(true);
  expect(meta.gc).toBe('gc' in options ? 'off' : 'on');
  // Without collector, what nothing leads to is in use all the same, in the heap and in the snapshot.
  expect(spans.find(dead) !== 0).toBe('gc' in options);
  if ('gc' in options) heap.raw.free(dead);
  expect(heap.roots.get('things', Thing)!.name).toBe('x'.repeat(70));
  let pieces = 0;
  for await (const _piece of heap.snapshot()) pieces++;
  expect(pieces).toBeGreaterThan(0);
  nothingIsHeld(heap);
});

test('garbage is collected first, unless it is not to be', () => {
  const heap = largeHeap();
  heap.roots.delete('list');
  const all = open(snapshotBytes(heap, { collect: false })).spans.objects;
  const some = open(snapshotBytes(heap)).spans.objects;
  expect(all).toBeGreaterThan(60_000);
  expect(some).toBeLessThan(100);
});

test('options that are wrong', () => {
  const heap = createHeap({ maxBytes: 2 ** 20, background: false });
  const off = createHeap({ maxBytes: 2 ** 20, gc: 'off' });
  const bad = (options: unknown): unknown => heap.snapshot(options as object);
  expect(() => bad(null)).toThrow('snapshot: options must be an object');
  expect(() => bad({ Collect: true })).toThrow('unknown option "Collect"; known are collect, onProgress');
  expect(() => bad({ collect: 1 })).toThrow('collect must be true or false, not 1');
  expect(() => bad({ onProgress: 5 })).toThrow('onProgress must be a function');
  expect(() => off.snapshot({ collect: true })).toThrow("this heap was made with gc: 'off'");
  expect(() => heap.snapshotSync(undefined as never)).toThrow('write must be a function');
  heap.detach();
  expect(() => heap.snapshot()).toThrow('not attached');
});

test('inside a scope: at once, but not as a stream', async () => {
  const heap = snapshotHeap(10);
  heap.scope(() => {
    expect(() => heap.snapshot()).toThrow('cannot be called inside a scope');
    verifySnapshot(open(snapshotBytes(heap)));
  });
  const unshared = snapshotHeap(10, { shared: false });
  unshared.scope(() => {
    expect(() => unshared.snapshot()).toThrow('cannot be called inside a scope');
    verifySnapshot(open(snapshotBytes(unshared)));
  });
});

test('progress: never more than there is, and all of it in the end', () => {
  const heap = largeHeap();
  const told: [number, number][] = [];
  const bytes = snapshotBytes(heap, { onProgress: (done, total) => told.push([done, total]) });
  expect(told.length).toBeGreaterThan(2);
  for (const [done, total] of told) expect(done).toBeLessThanOrEqual(total);
  expect(told.at(-1)).toEqual([bytes.length, expect.any(Number)]);
  expect(told.at(-1)![1] / bytes.length).toBeLessThan(1.2);
});

test('the program goes on between pieces: what it stores, frees and makes is of another moment', async () => {
  const heap = largeHeap({ tiny: true });
  const list = heap.roots.get('list', Node)!;
  const { raw } = heap;
  const type = raw.type({ name: 'cell', size: 64, pointers: [0] });
  const pins = Array.from({ length: 500 }, (_, i) => raw.pin(raw.mallocgc(1 + (i % 15), null, true)));
  for (const [i, { addr }] of pins.entries()) heap.memory.u8[addr] = i;
  const cells = Array.from({ length: 500 }, () => raw.pin(raw.mallocgc(64, type, true)));
  for (const { addr } of cells) heap.memory.i32[(addr + 4) >>> 2] = 0x600d;
  const next = heap.addressOf(list.next!);
  const at = heap.addressOf(list);
  const { rest } = await begun(heap);
  list.next = null;
  for (const { addr } of [...pins, ...cells]) raw.free(addr);
  for (let i = 0; i < 20_000; i++) {
    const addr = raw.mallocgc(1 + (i % 15), null, false);
    heap.memory.u8[addr] = 0xbb;
    heap.memory.i32.fill(0xbad, raw.mallocgc(64, type, true) >>> 2, 0);
  }
  heap.roots.set('late', heap.new(Node, { key: -1 }));
  const bytes = await rest();
  const snapshot = open(bytes);
  verifySnapshot(snapshot);
  const g = loadGraph(bytesSource(bytes));
  const node = snapshot.spans.find(at);
  const targets = [...g.edgeTo.subarray(g.firstEdge[node]!, g.firstEdge[node + 1]!)].map((n) => g.address[n]);
  expect(targets).toContain(next);
  expect(g.roots.some((r) => r.name === 'late')).toBe(false);
  const word = new Map<number, Uint8Array>();
  snapshot.eachPages((page, npages, words) => {
    for (let p = 0; p < npages; p++)
      word.set(page + p, new Uint8Array(words.buffer, words.byteOffset + p * 8192, 8192));
  });
  for (const [i, { addr }] of pins.entries()) {
    expect(snapshot.spans.find(addr)).toBeGreaterThan(0);
    expect(word.get(addr >>> 13)![addr & 8191]).toBe(i & 255);
  }
  for (const { addr } of cells) expect(snapshot.spans.find(addr)).toBeGreaterThan(0);
  expect(() => raw.free(pins[3]!.addr)).toThrow('free');
  for (const pin of [...pins, ...cells]) pin.unpin();
  nothingIsHeld(heap);
  expect(() => raw.free(pins[3]!.addr)).toThrow();
});

test('of sampled objects there are no records; of weak references and texts no threads', () => {
  const heap = createHeap({ maxBytes: 2 ** 22, background: false, memProfileRate: 1 });
  const node = heap.new(Node, { key: 1, text: 'some text' });
  heap.roots.set('node', node);
  const weak = heap.weak(node);
  heap.intern('a text that is interned');
  const snapshot = open(snapshotBytes(heap));
  verifySnapshot(snapshot);
  expect(snapshot.specials.length).toBeGreaterThan(0);
  for (const { kind, thread } of snapshot.specials) expect([kind === 3 || kind === 4, thread]).toEqual([true, 0]);
  expect(weak.deref()).toBeDefined();
});

describe('exact', () => {
  /** A snapshot at once of some MiB; `between` runs after the first piece. */
  function exactWith(between: (heap: Heap) => void): boolean {
    const heap = largeHeap();
    const pieces: Uint8Array[] = [];
    heap.snapshotSync((piece) => {
      if (pieces.push(piece.slice()) === 1) between(heap);
    });
    expect(pieces.length).toBeGreaterThan(2);
    nothingIsHeld(heap);
    const snapshot = open(joined(pieces));
    verifySnapshot(snapshot);
    return snapshot.exact;
  }

  test('a thread alone that changes nothing', () => {
    expect(exactWith(() => {})).toBe(true);
    expect(exactWith((heap) => heap.stats())).toBe(true);
  });

  test('its callback changes a number', () => {
    expect(exactWith((heap) => (heap.roots.get('list', Node)!.key = -1))).toBe(false);
  });

  test('another thread comes, changes a number, and goes', () => {
    const come = (heap: Heap): void => {
      const other = attachHeap(heap.share());
      other.roots.get('list', Node)!.key = -1;
      other.detach();
    };
    expect(exactWith(come)).toBe(false);
  });

  test('another thread is there, or comes while pages are looked at', () => {
    const heap = largeHeap();
    const { t } = collectorOf(heap);
    const other = attachHeap(heap.share());
    expect(open(snapshotBytes(heap)).exact).toBe(false);
    other.detach();
    const poll = t.poll.bind(t);
    let another: Heap | undefined;
    t.poll = () => {
      poll();
      if (new Internals(heap).m[SNAP_STATE]! >>> 16 === PHASE_HELD) another ??= attachHeap(heap.share());
    };
    expect(open(snapshotBytes(heap)).exact).toBe(false);
    another!.detach();
    expect(open(snapshotBytes(heap)).exact).toBe(true);
  });
});

test('a large object that is made smaller meanwhile: its size and its pointers are those of before', async () => {
  const heap = largeHeap();
  const { raw } = heap;
  const cell = raw.type({ name: 'cell', size: 16, pointers: [0] });
  const holder = raw.newarray(cell, 2500);
  const target = raw.newobject(cell);
  const pin = raw.pin(holder);
  raw.writePointer(holder + 39_984, target);
  const { rest } = await begun(heap);
  pin.unpin();
  const smaller = raw.realloc(holder, 33_000);
  raw.pin(smaller);
  expect(smaller).not.toBe(holder);
  const g = loadGraph(bytesSource(await rest()));
  const node = g.address.indexOf(holder);
  expect(g.size[node]).toBe(40_000);
  const targets = [...g.edgeTo.subarray(g.firstEdge[node]!, g.firstEdge[node + 1]!)].map((n) => g.address[n]);
  expect(targets).toEqual([target]);
  expect(raw.realloc(smaller, 40_000)).toBe(smaller);
  nothingIsHeld(heap);
});

test('one that is not read to its end', async () => {
  const heap = largeHeap();
  for await (const _ of heap.snapshot()) break;
  nothingIsHeld(heap);
  const { stream } = await begun(heap);
  await stream.return(undefined);
  nothingIsHeld(heap);
  expect(() =>
    heap.snapshotSync(() => {
      throw new Error('the disk is full');
    }),
  ).toThrow('the disk is full');
  nothingIsHeld(heap);
});

test('one at a time; and its thread is not kept from collecting', async () => {
  const heap = largeHeap();
  const other = attachHeap(heap.share());
  const { rest } = await begun(heap);
  const again = (h: Heap): void => h.snapshotSync(() => {});
  expect(() => again(heap)).toThrow('this thread is taking one already');
  expect(() => again(other)).toThrow(`thread ${heap.threadId} is taking one already`);
  expect(() => again(other)).toThrow(SnapshotAbortedError);
  // There is nothing to do that would end the cycle; it does not wait for it.
  expect(heap.gcStep(50)).toBeTypeOf('boolean');
  heap.verify();
  const { cycles } = heap.stats().gc;
  heap.gc();
  expect(heap.stats().gc.cycles).toBe(cycles + 2);
  await expect(rest()).rejects.toThrow('given up: its thread has asked for a collection');
  other.detach();
  nothingIsHeld(heap);
});

/** As if its consumer had read nothing for a minute. */
function aMinutePasses(heap: Heap): void {
  new Internals(heap).m[SNAP_PROGRESS]! -= 60_001;
}

describe('a stream that nobody reads on', () => {
  /** A snapshot whose log takes several pieces, up to where it is read. */
  async function drained(heap: Heap): Promise<AsyncGenerator<Uint8Array, void>> {
    const { m } = new Internals(heap);
    const type = heap.raw.type({ name: 'slot', size: 4, pointers: [0] });
    const slots = heap.raw.mallocgc(4 << 20, type, true);
    heap.raw.pin(slots);
    const stream = heap.snapshot();
    await stream.next();
    heap.scope(() => {
      for (let i = 0; i < 400_000; i++) heap.raw.writePointer(slots + 4 * i, slots);
    });
    while (m[SNAP_STATE]! >>> 16 !== PHASE_DRAINING) await stream.next();
    expect(m[SNAP_LOGS]).not.toBe(0);
    return stream;
  }

  test.each(['held', 'being drained'])('another thread can take a snapshot after a minute: %s', async (phase) => {
    const heap = largeHeap();
    const other = attachHeap(heap.share());
    const stream = phase === 'held' ? (await begun(heap)).stream : await drained(heap);
    expect(() => snapshotBytes(other)).toThrow('is taking one already');
    aMinutePasses(heap);
    verifySnapshot(open(snapshotBytes(other)));
    await expect(stream.next()).rejects.toThrow('given up: another has been begun since');
    other.detach();
    nothingIsHeld(heap);
  });

  test('who needs memory gets what the log has that nobody reads', async () => {
    const heap = largeHeap();
    const { m } = new Internals(heap);
    const stream = await drained(heap);
    heap.scope(() => collectorOf(heap).onOutOfMemory());
    expect(m[SNAP_LOGS]).toBe(0);
    await expect(stream.next()).rejects.toThrow('the heap was full');
    nothingIsHeld(heap);
  });

  test('a thread that allocates gives it up after a minute', async () => {
    const heap = largeHeap();
    const { rest } = await begun(heap);
    for (let i = 0; i < 100; i++) heap.raw.mallocgc(8192, null, true);
    expect(new Internals(heap).m[SNAP_STATE]! >>> 16).toBe(PHASE_HELD);
    aMinutePasses(heap);
    for (let i = 0; i < 100; i++) heap.raw.mallocgc(8192, null, true);
    await expect(rest()).rejects.toThrow('nobody read on for a minute');
    nothingIsHeld(heap);
  });

  test('the background worker gives it up after a minute', async () => {
    const heap = largeHeap({ background: `${inject('workerDir')}/gc-worker.mjs` });
    const { m } = new Internals(heap);
    const { rest } = await begun(heap);
    await until('there is a worker', () => m[GC_WORKER]! > 0);
    aMinutePasses(heap);
    await until('the cycle has ended', () => m[H_WRITE_BARRIER] === 0);
    await expect(rest()).rejects.toThrow('nobody read on for a minute');
    heap.detach();
  });

  test('the memory limit is kept', async () => {
    const heap = largeHeap({ memoryLimit: 2 ** 24, gcPercent: -1 });
    const { rest } = await begun(heap);
    let most = 0;
    for (let i = 0; i < 3000; i++) {
      heap.raw.mallocgc(16_000, null, true);
      if (i % 20 === 0) most = Math.max(most, heap.stats().heapInUseBytes);
    }
    expect(most).toBeLessThan(2 ** 24 * 1.1);
    await expect(rest()).rejects.toThrow('given up: the heap has grown above its memory limit');
    heap.gc();
    nothingIsHeld(heap);
  });

  test('of a heap that is above its limit anyhow a snapshot can be taken', async () => {
    const heap = largeHeap({ memoryLimit: 2 ** 20 });
    const { rest } = await begun(heap);
    for (let i = 0; i < 100; i++) heap.raw.mallocgc(16_000, null, true);
    verifySnapshot(open(await rest()));
    nothingIsHeld(heap);
  });
});

test('given up for memory: the program gets it, the snapshot says why', async () => {
  const heap = largeHeap({ maxBytes: 2 ** 24 });
  const { rest } = await begun(heap);
  // Nothing that is freed can be used while it is taken, and the heap is full soon.
  let made = 0;
  for (let i = 0; i < 3000; i++) {
    const addr = heap.raw.mallocgc(16_000, null, true);
    heap.raw.free(addr);
    made++;
  }
  expect(made).toBe(3000);
  await expect(rest()).rejects.toThrow('given up: the heap was full');
  nothingIsHeld(heap);
  verifySnapshot(open(snapshotBytes(heap)));
});

test('the same without collector: objects stay, what is freed is to be had again', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24 });
  const kept = Array.from({ length: 1000 }, () => heap.raw.mallocgc(4000, null, true));
  for (const addr of kept) heap.memory.u8[addr] = 7;
  const { rest } = await begun(heap);
  for (let i = 0; i < 3000; i++) heap.raw.free(heap.raw.mallocgc(16_000, null, true));
  await expect(rest()).rejects.toBeInstanceOf(SnapshotAbortedError);
  for (const addr of kept) {
    expect(heap.memory.u8[addr]).toBe(7);
    heap.raw.free(addr);
  }
  nothingIsHeld(heap);
});

test('the same, when another thread has given it up already', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24 });
  const taker = attachHeap(heap.share());
  const half = Array.from({ length: 250 }, () => heap.raw.mallocgc(50_000, null, false));
  const stream = taker.snapshot();
  await stream.next();
  for (const addr of half) heap.raw.free(addr);
  expect(giveUp(new Internals(heap).m, WHY_MEMORY)).toBe(true);
  // There is room for these when the cycle has ended that keeps what is free.
  for (let i = 0; i < 250; i++) heap.raw.mallocgc(50_000, null, false);
  await expect(stream.next()).rejects.toThrow('the heap was full');
  taker.detach();
  nothingIsHeld(heap);
});

test('its thread is reaped while another waits for memory to note a store in', async () => {
  const heap = largeHeap();
  const other = attachHeap(heap.share());
  const { m, mem } = new Internals(heap);
  const { rest } = await begun(heap);
  let reaped = false;
  other.setHooks({
    onDelay: () => {
      // Inside of `allocManual`, where it may wait for a lock that only a reaper can free.
      if (reaped || m[SNAP_LOG_COUNT] !== 1) return;
      reaped = true;
      repairSnapshot(mem, procRef(mem, heap.threadId), heap.threadId);
    },
  });
  const list = other.roots.get('list', Node)!;
  const { heapInUseBytes } = heap.stats();
  list.next = null;
  other.setHooks({});
  expect(reaped).toBe(true);
  expect(m[SNAP_LOGS]).toBe(0);
  expect(heap.stats().heapInUseBytes).toBe(heapInUseBytes);
  await expect(rest()).rejects.toThrow('given up');
  other.detach();
  heap.gc();
  nothingIsHeld(heap);
});

test('who dies with the log of a snapshot that was given up leaves nothing of it', async () => {
  const heap = largeHeap();
  const { m } = new Internals(heap);
  const { stream } = await begun(heap);
  heap.roots.get('list', Node)!.next = null;
  expect(giveUp(m, WHY_MEMORY)).toBe(true);
  class Death extends Error {}
  const ghost = attachHeap(heap.share());
  ghost.setHooks({
    onDelay: (place) => {
      if (place === 'snapshot.free') throw new Death();
    },
  });
  expect(() => ghost.snapshotSync(() => {})).toThrow(Death);
  ghost.setHooks({});
  heap.reap(ghost.threadId);
  heap.verify({ pointers: false });
  await expect(stream.next()).rejects.toThrow(SnapshotAbortedError);
  heap.gc();
  verifySnapshot(open(snapshotBytes(heap)));
  nothingIsHeld(heap);
});

test('when the world does not stop for its end, nothing is held all the same', async () => {
  const heap = largeHeap();
  const { m, mem } = new Internals(heap);
  const { stream } = await begun(heap);
  const { t } = collectorOf(heap);
  const lockWorld = t.lockWorld.bind(t);
  t.lockWorld = () => {
    throw new Error('no stop');
  };
  await expect(stream.return(undefined)).rejects.toThrow('no stop');
  t.lockWorld = lockWorld;
  expect(m[SNAP_STATE]! >>> 16).toBe(PHASE_ABORTED);
  expect(mem.shared).toBe(true);
  heap.gc();
  verifySnapshot(open(snapshotBytes(heap)));
  nothingIsHeld(heap);
});

test('given up when more is stored than can be noted', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, background: false });
  const type = heap.raw.type({ name: 'slot', size: 4, pointers: [0] });
  const slots = heap.raw.mallocgc(8 << 20, type, true);
  const { rest } = await begun(heap);
  heap.scope(() => {
    for (let i = 0; i < 2 << 20; i++) heap.raw.writePointer(slots + 4 * i, slots);
  });
  await expect(rest()).rejects.toThrow('more pointers meanwhile than could be noted');
  nothingIsHeld(heap);
});

test('its thread detaches in the middle', async () => {
  const heap = largeHeap();
  const other = attachHeap(heap.share());
  const { rest } = await begun(heap);
  heap.detach();
  await expect(rest()).rejects.toThrow('given up: its thread has detached');
  other.gc();
  nothingIsHeld(other);
});

test('many, one after the other: the heap does not grow by them', () => {
  const heap = largeHeap();
  snapshotBytes(heap);
  const before = heap.stats();
  for (let i = 0; i < 20; i++) snapshotBytes(heap);
  const after = heap.stats();
  expect(after.liveObjects).toBe(before.liveObjects);
  expect(after.heapInUseBytes).toBeLessThanOrEqual(before.heapInUseBytes);
  nothingIsHeld(heap);
});
