/** Making, sharing, attaching and detaching heaps; scopes. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import {
  ArgumentError,
  AttachError,
  attachHeap,
  createHeap,
  makeSizeClasses,
  type SharedHeap,
  SpanheapError,
  viewHeap,
} from '../../../src/index.ts';
import {
  H_MAGIC,
  H_MAX_PROCS,
  H_PAGES,
  H_SIZE_CLASSES,
  H_VERSION,
  LAYOUT_VERSION,
} from '../../../src/layout/header.ts';

const MB = 2 ** 20;

test.each([
  [null, 'options must be an object'],
  [{ maxByte: 1 }, 'unknown option "maxByte"'],
  [{ maxBytes: 8192 }, 'maxBytes must be a whole number of bytes from 16384'],
  [{ maxBytes: 2 ** 33 }, 'maxBytes must be a whole number'],
  [{ maxBytes: 1e6 + 0.5 }, 'maxBytes must be a whole number'],
  [{ maxBytes: '1G' }, 'maxBytes must be a whole number of bytes from 16384 to 4294967296, not "1G"'],
  [{ maxBytes: {} }, 'not an object (Object)'],
  [{ maxThreads: 0 }, 'maxThreads must be a whole number from 1 to 255'],
  [{ maxThreads: 256 }, 'maxThreads must be a whole number from 1 to 255'],
  [{ shared: 1 }, 'shared must be true or false'],
  [{ tiny: null }, 'tiny must be true or false'],
  [{ gc: 'auto' }, `gc must be 'on' or 'off', not "auto"`],
  [{ gcPercent: Number.NaN }, 'gcPercent must be a number of percent from 0'],
  [{ gcPercent: '100' }, 'gcPercent must be a number of percent from 0'],
  [{ memoryLimit: 0 }, 'memoryLimit must be a whole number of bytes above 0'],
  [{ memoryLimit: -5 }, 'memoryLimit must be a whole number of bytes above 0'],
  [{ background: 1 }, 'background must be true, false, or where gc-worker.js is'],
  [{ background: true, shared: false }, 'background needs a shared heap'],
  [{ gctrace: 'yes' }, 'gctrace must be true, false, or a function'],
  [{ stopWarning: 0 }, 'stopWarning must be a number of milliseconds above 0'],
  [{ debug: { verbose: true } }, 'debug has no "verbose"; it knows checkmark, zombies, clobberFree'],
  [{ sizeClasses: 'go2' }, "sizeClasses must be 'go1.14', 'go1.16' or rows"],
  [{ sizeClasses: [null] }, 'sizeClasses[0] must be a row of makeSizeClasses, not null'],
  [{ sizeClasses: new Array(1) }, 'sizeClasses[0] must be a row of makeSizeClasses, not undefined'],
])('createHeap(%o) says %s', (options, text) => {
  const call = (): unknown => createHeap(options as never);
  expect(call).toThrow(ArgumentError);
  expect(call).toThrow(text);
});

test('what was given is named as it would be written', () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB });
  const cases: [() => unknown, string][] = [
    [() => heap.setGCPercent('x' as never), 'a number of percent from 0 to 1000000, or -1 for off, not "x"'],
    [
      () => createHeap({ sizeClasses: makeSizeClasses({ pageSize: 2048 }) }),
      'sizeClasses[0] is made for other pages than',
    ],
    [
      () => createHeap({ sizeClasses: makeSizeClasses({ pageSize: 4096 }) }),
      "a heap's 8192 bytes: 512 objects of 8 bytes",
    ],
    [() => createHeap({ sizeClasses: makeSizeClasses({ pageSize: 16384 }) }), 'is made for other pages than'],
    [() => heap.setGCPercent(-2), 'a number of percent from 0 to 1000000, or -1 for off, not -2'],
    [() => heap.raw.type(null as never), 'type: expected a name and a size, got null'],
    [() => heap.raw.type({ name: 'T', size: 8, pointers: 4 as never }), 'pointers must be an array of offsets, not 4'],
    [() => heap.raw.type({ name: 'T', size: 8, align: 8n as never }), 'type "T": align 8 does not fit size 8'],
    [() => heap.raw.type({ name: 'T', size: 8, pointers: [0n, 4n] as never }), 'pointer offset NaN is out of range'],
    [() => heap.raw.writePointer(10n as never, 0), 'writePointer: pointer 10n is not an address'],
    [() => heap.raw.writePointer(8192, 10n as never), 'writePointer: pointer 10n is not an address'],
    [() => heap.scope(() => heap.raw.writePointer(Symbol('s') as never, 0)), 'writePointer: pointer a symbol is not'],
    [() => heap.setMemoryLimit('1G' as never), 'a whole number of bytes above 0, or Infinity for none, not "1G"'],
    [() => heap.gcStep('5' as never), 'a number of milliseconds above 0, not "5"'],
    [() => heap.threadsOf(1n as never), 'threadsOf: expected the threadId of a worker, got 1n'],
    [() => heap.metrics(new Array(1)), 'metrics: there is no metric undefined; near it are'],
    [() => heap.metrics([1n as never]), 'metrics: there is no metric 1n; near it are'],
    [() => heap.reap('1' as never), 'reap: "1" is not the id of a thread of this heap'],
    [() => heap.raw.roundupsize('8' as never), 'roundupsize: "8" is not a size'],
    [() => heap.intern(5 as never), 'intern: expected a string, got 5'],
  ];
  for (const [call, text] of cases) expect(call).toThrow(text);
  for (const sampleRate of [-1, Number.NaN, 1.5, 'x', {}, null]) {
    const hooks = { sampleRate, onSample: () => {} } as never;
    const refused = { name: 'ArgumentError', code: 'ERR_INVALID_ARGUMENT' };
    expect(() => heap.setHooks(hooks)).toThrow(expect.objectContaining(refused));
    expect(() => heap.setHooks(hooks)).toThrow('setHooks: sampleRate must be a whole number of bytes from 0 to');
  }
});

test('options that are undefined take their defaults', () => {
  const heap = createHeap({ gc: 'off', maxBytes: undefined, tiny: undefined } as never);
  expect(heap.stats().maxBytes).toBe(2 ** 30);
});

test('the smallest heap holds one page', () => {
  const heap = createHeap({ gc: 'off', maxBytes: 16384 });
  const addr = heap.raw.mallocgc(8192, null, true);
  expect(() => heap.raw.mallocgc(1, null, true)).toThrow(/out of memory/);
  heap.raw.free(addr);
  heap.verify();
});

/** A copy of what share() returned, with changed words in its header. */
function damaged(shared: SharedHeap, words: Record<number, number>): SharedHeap {
  const meta = new SharedArrayBuffer(shared.meta.byteLength);
  const m = new Int32Array(meta);
  m.set(new Int32Array(shared.meta).subarray(0, 1024));
  for (const [word, value] of Object.entries(words)) m[Number(word)] = value;
  return { ...shared, meta };
}

test('what is not a heap cannot be attached', () => {
  const { spanheap, data, meta } = createHeap({ gc: 'off', maxBytes: MB }).share();
  const shared = { spanheap, data, meta };
  const cases: [unknown, RegExp][] = [
    [undefined, /expected what heap\.share\(\) returns, got undefined/],
    [null, /got null/],
    [42, /got number/],
    [{}, /it has no version/],
    [{ data, meta }, /it has no version/],
    [{ ...shared, data: new ArrayBuffer(MB) }, /data is not a SharedArrayBuffer/],
    [{ ...shared, meta: undefined }, /meta is not a SharedArrayBuffer/],
    [{ ...shared, meta: new SharedArrayBuffer(64) }, /meta has 64 bytes, too few for a header/],
    [{ ...shared, meta: new SharedArrayBuffer(meta.byteLength) }, /meta begins with 0x0, not 0x65487053/],
    [{ ...shared, data: new SharedArrayBuffer(MB / 2) }, /data has 524288 bytes, the header asks for 1049600/],
    [damaged(shared, { [H_MAGIC]: 7 }), /meta begins with 0x7/],
    [damaged(shared, { [H_MAX_PROCS]: 0 }), /its header is damaged/],
    [damaged(shared, { [H_MAX_PROCS]: 3 }), /the header asks for another size/],
    [damaged(shared, { [H_SIZE_CLASSES]: 1000 }), /its header is damaged/],
    [damaged(shared, { [H_PAGES]: 12 }), /data has 1049600 bytes, the header asks for 99328/],
    [{ ...shared, data: meta, meta: data }, /meta begins with|another size|the header asks|damaged/],
  ];
  for (const [value, text] of cases) {
    const call = (): unknown => attachHeap(value as SharedHeap);
    expect(call).toThrow(AttachError);
    expect(call).toThrow(text);
    expect(call).toThrow('attachHeap: this is not a heap: ');
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_NOT_A_HEAP' }));
    expect(() => viewHeap(value as SharedHeap)).toThrow('viewHeap: this is not a heap: ');
  }
  expect(attachHeap(shared).verify().threads).toBe(2);
});

test('a detached heap watches nobody, and says so', () => {
  const heap = createHeap({ maxBytes: 2 ** 22, background: false });
  heap.detach();
  const worker = { threadId: 7, once: () => worker };
  expect(() => heap.watch(worker)).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }));
});

test('another layout version is named', () => {
  const shared = createHeap({ gc: 'off', maxBytes: MB }).share();
  for (const value of [{ ...shared, spanheap: 99 }, damaged(shared, { [H_VERSION]: 99 })]) {
    const call = (): unknown => attachHeap(value);
    expect(call).toThrow(AttachError);
    expect(call).toThrow('attachHeap: the heap has');
    expect(() => viewHeap(value)).toThrow('viewHeap: the heap has');
    expect(call).toThrow(/layout version 99, this copy of spanheap reads version \d+/);
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_LAYOUT_VERSION' }));
  }
});

test('a heap takes as many threads as it was made for, again and again', () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB, maxThreads: 3 });
  for (let round = 0; round < 3; round++) {
    const others = [attachHeap(heap.share()), attachHeap(heap.share())];
    expect(() => attachHeap(heap.share())).toThrow(expect.objectContaining({ code: 'ERR_TOO_MANY_THREADS' }));
    expect(() => attachHeap(heap.share())).toThrow(/3 threads attached, its maximum; raise maxThreads/);
    expect(() => attachHeap(heap.share())).toThrow(/workers among them that are gone.* heap\.watch\(worker\)/);
    expect(new Set([heap, ...others].map((h) => h.threadId)).size).toBe(3);
    for (const other of others) other.detach();
    expect(heap.verify().threads).toBe(1);
  }
});

test('a detached heap refuses every use, and detaching twice is nothing', () => {
  for (const shared of [true, false]) {
    const heap = createHeap({ gc: 'off', maxBytes: MB, shared });
    const addr = heap.raw.mallocgc(100, null, true);
    expect(heap.attached).toBe(true);
    heap.detach();
    heap.detach();
    expect(heap.attached).toBe(false);
    const uses: (() => unknown)[] = [
      () => heap.raw.mallocgc(16, null, true),
      () => heap.raw.free(addr),
      () => heap.raw.realloc(addr, 10),
      () => heap.raw.usableSize(addr),
      () => heap.raw.type({ name: 'x', size: 8 }),
      () => heap.scope(() => 1),
      () => heap.verify(),
      () => heap.reap(1),
      () => heap.setHooks({}),
    ];
    for (const use of uses) expect(use, String(use)).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }));
  }
});

test('the end of a using block detaches', () => {
  const heap = createHeap({ maxBytes: MB });
  {
    using other = attachHeap(heap.share());
    expect(other.attached).toBe(true);
    expect(heap.stats().threads).toBe(2);
  }
  expect(heap.stats().threads).toBe(1);
  heap[Symbol.dispose]();
  heap[Symbol.dispose]();
  expect(heap.attached).toBe(false);
});

test('printed, a heap is one line', () => {
  for (const shared of [true, false]) {
    const heap = createHeap({ gc: 'off', maxBytes: 2 ** 30, shared });
    heap.raw.mallocgc(2048, null, true);
    const line = 'Heap (2,048 bytes live in 1 object, maxBytes: 1,073,741,824, threads: 1, this one is 1)';
    expect(inspect(heap)).toBe(line);
    expect(heap.scope(() => inspect({ heap }, { breakLength: 200 }))).toBe(`{ heap: ${line} }`);
    heap.detach();
    expect(inspect(heap)).toMatch(/^Heap \(2,048 bytes live .*, threads: 0, this one is not attached\)$/);
  }
});

test('a detached heap stays so when its record belongs to another thread', () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB, maxThreads: 2 });
  const old = attachHeap(heap.share());
  old.detach();
  const next = attachHeap(heap.share());
  expect(next.threadId).toBe(old.threadId);
  expect(() => old.raw.mallocgc(16, null, true)).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }));
  next.raw.free(next.raw.mallocgc(16, null, true));
  heap.verify();
});

test('a thread that was reaped while it lived finds itself detached', () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB, maxThreads: 2 });
  const other = attachHeap(heap.share());
  const addr = other.raw.mallocgc(100, null, true);
  expect(heap.reap(other.threadId)).toBe(true);
  expect(heap.reap(other.threadId)).toBe(false);
  for (let i = 0; i < 2; i++) {
    expect(() => other.raw.mallocgc(16, null, true)).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }));
    expect(() => other.verify()).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }));
    expect(() => other.scope(() => 1)).toThrow(SpanheapError);
    heap.verify();
    attachHeap(heap.share());
    expect(heap.verify().threads).toBe(2);
    if (i === 0) heap.reap(other.threadId);
  }
  heap.raw.free(addr);
  heap.verify();
});

test.each([0, 5, -1, 1.5, Number.NaN, '1'])('reap(%s) is refused', (id) => {
  const heap = createHeap({ gc: 'off', maxBytes: MB, maxThreads: 4 });
  expect(() => heap.reap(id as number)).toThrow(ArgumentError);
});

test('reap of oneself is refused, reap of nobody is false', () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB, maxThreads: 4 });
  expect(() => heap.reap(heap.threadId)).toThrow(/cannot reap itself/);
  expect(heap.reap(4)).toBe(false);
});

test('watch wants a worker', () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB });
  expect(() => heap.watch({} as never)).toThrow(ArgumentError);
  expect(() => heap.watch(undefined as never)).toThrow(ArgumentError);
});

test('watch refuses a worker that has ended: it would never hear of it', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB });
  const worker = new Worker('', { eval: true });
  await once(worker, 'exit');
  expect(() => heap.watch(worker)).toThrow(ArgumentError);
  expect(() => heap.watch(worker)).toThrow(
    'watch: the worker has ended already; watch it when you start it, or reap its threads with heap.reap(id)',
  );
});

test('detach inside a scope is an ArgumentError', () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB });
  expect(() => heap.scope(() => heap.detach())).toThrow(ArgumentError);
});

test('a scope returns the result, nests, passes errors on, and refuses promises', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB });
  expect(heap.scope(() => heap.scope(() => heap.raw.mallocgc(16, null, true)))).toBeGreaterThan(0);
  expect(() =>
    heap.scope(() => {
      heap.scope(() => {
        throw new RangeError('mine');
      });
    }),
  ).toThrow(RangeError);
  // @ts-expect-error: nor does it compile
  expect(() => heap.scope(async () => 1)).toThrow(ArgumentError);
  // biome-ignore lint/suspicious/noThenProperty: what is refused is anything that can be awaited
  expect(() => heap.scope(() => ({ then: () => {} }))).toThrow(/scope: the function returned a promise/);
  expect(heap.scope(() => null)).toBe(null);
  // After all that the thread is outside: it does not delay a stop by another.
  const other = attachHeap(heap.share());
  expect(other.verify().threads).toBe(2);
  expect(() => heap.scope(() => heap.detach())).toThrow(/detach: cannot be called inside a scope/);
  heap.poll();
  heap.scope(() => heap.poll());
  heap.detach();
  expect(other.verify().threads).toBe(1);
});

test('two heaps in one process have nothing to do with each other', () => {
  const heaps = [
    createHeap({ gc: 'off', maxBytes: MB }),
    createHeap({ gc: 'off', maxBytes: 2 * MB, sizeClasses: 'go1.14', tiny: false }),
  ];
  const addrs = heaps.map((heap) => Array.from({ length: 100 }, (_, i) => heap.raw.mallocgc(i * 7 + 1, null, true)));
  for (const heap of heaps) heap.verify();
  heaps[0]!.scope(() => heaps[1]!.scope(() => heaps[0]!.raw.mallocgc(10, null, true)));
  addrs.forEach((list, i) => {
    for (const addr of list) heaps[i]!.raw.free(addr);
  });
  for (const heap of heaps) heap.verify();
});

test('a heap of one thread cannot be shared', () => {
  const heap = createHeap({ gc: 'off', maxBytes: MB, shared: false, maxThreads: 10 });
  expect(() => heap.share()).toThrow(/made with shared: false/);
  expect(heap.memory.buffer).toBeInstanceOf(ArrayBuffer);
  expect(heap.verify().threads).toBe(1);
});

test('without SharedArrayBuffer, a heap of one thread works and all else is a typed error', async () => {
  const bundle = await build({
    stdin: {
      contents: `
        delete globalThis.SharedArrayBuffer;
        const { createHeap, attachHeap } = await import('./src/index.ts');
        const codes = [];
        for (const fn of [() => createHeap({ gc: 'off' }), () => attachHeap({ spanheap: ${LAYOUT_VERSION}, data: new ArrayBuffer(8), meta: 1 })]) {
          try { fn(); } catch (e) { codes.push(e.code); }
        }
        const heap = createHeap({ gc: 'off', shared: false, maxBytes: 1 << 22 });
        const addrs = [];
        for (let i = 1; i < 2000; i++) addrs.push(heap.raw.mallocgc(i, null, true));
        heap.scope(() => { for (const addr of addrs) heap.raw.free(addr); });
        heap.verify();
        console.log(codes.join(), heap.stats().liveBytes);
      `,
      resolveDir: new URL('../../..', import.meta.url).pathname,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  });
  const program = bundle.outputFiles[0]!.text;
  const out = execFileSync(process.execPath, ['--input-type=module'], { input: program, encoding: 'utf8' });
  expect(out.trim()).toMatch(/^ERR_INVALID_ARGUMENT,ERR_NOT_A_HEAP (0|16)$/);
});
