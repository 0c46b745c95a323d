/** Traces in files: a heap is recorded and replayed; Chrome's trace events are what Perfetto takes them for. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readRecording } from '../../../src/cli/replay/formats/read.ts';
import { NEVER, OP_CALLOC, OP_FREE, OP_RESIZE, type Recording } from '../../../src/cli/replay/recording.ts';
import { attachHeap, createHeap, type Heap, string, struct, u32 } from '../../../src/index.ts';
import { AllocEvent } from '../../../src/observe/trace-events.ts';
import { ChunkFile } from '../../../src/serve/trace/chunk-file.ts';
import { TextWriter } from '../../../src/serve/trace/text-writer.ts';
import { recordTrace, traceFormatOf } from '../../../src/serve/trace-files.ts';
import { newSeed } from '../../support/random.ts';

const MB = 2 ** 20;
const CLI = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'spanheap-trace-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const Note = struct('Note', { id: u32, text: string });

/** Two workers and this thread make and drop objects; the collector is on. */
async function work(heap: Heap, seed: number, rounds: number): Promise<void> {
  const ends = [1, 2].map((i) => {
    const workerData = { shared: heap.share(), seed: seed + i, rounds };
    return once(new Worker(`${inject('workerDir')}/recorded-worker.mjs`, { workerData }), 'exit');
  });
  for (let round = 0; round < rounds; round++) {
    heap.scope(() => {
      for (let i = 0; i < 1000; i++) heap.new(Note, { id: i, text: String(round) });
    });
    await sleep(0);
  }
  await Promise.all(ends);
}

function collectingHeap(): Heap {
  const background = `${inject('workerDir')}/gc-worker.mjs`;
  return createHeap({ maxBytes: 64 * MB, maxThreads: 6, gcPercent: 10, background });
}

const countOps = ({ ops, events }: Recording, op: number): number =>
  ops.subarray(0, events).filter((o) => o === op).length;

test('a program with workers and the collector on is recorded, and replayed with --verify: the counts are equal', async () => {
  const heap = collectingHeap();
  const kept = heap.new(Note, { id: 7, text: 'was there before' });
  const file = join(dir, 'notes.trace.gz');
  const recording = recordTrace(heap, file);
  await work(heap, newSeed('recording'), 60);
  heap.gc();
  const summary = await recording.stop();
  expect(await recording.stop()).toBe(summary);
  expect(summary).toMatchObject({
    path: file,
    format: 'spanheap-trace',
    lost: 0,
    repaired: 0,
    bytes: statSync(file).size,
  });
  expect(summary.objects).toBeGreaterThan(300_000);
  const read = await readRecording(file);
  expect([read.events, read.objects]).toEqual([summary.events, summary.objects]);
  expect(read.died.subarray(0, read.objects).filter((at) => at === NEVER).length).toBe(summary.live);
  expect(countOps(read, OP_RESIZE)).toBe(120);
  expect(countOps(read, OP_FREE)).toBeGreaterThan(200_000);
  expect(countOps(read, OP_CALLOC)).toBeGreaterThan(100_000);
  expect(read.threadIds.length).toBeGreaterThanOrEqual(3);
  expect(kept.text).toBe('was there before');

  const out = JSON.parse(
    execFileSync(process.execPath, [CLI, 'replay', file, '--verify', '--threads', '2', '--json', '-'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  const [replayed] = Array.isArray(out) ? out : [out];
  expect(replayed.events).toBe(summary.events);
  expect(replayed.errors).toBe(0);
  expect(JSON.stringify(replayed)).toContain(String(summary.objects));
});

interface ChromeEvent {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly s?: string;
  readonly args: Record<string, unknown>;
}

/** What the trace-event format asks for, event by event. */
function check(e: ChromeEvent): void {
  expect(['M', 'X', 'i', 'C']).toContain(e.ph);
  expect(typeof e.name).toBe('string');
  for (const n of [e.pid, e.tid]) expect(Number.isInteger(n) && n >= 0).toBe(true);
  expect(Number.isFinite(e.ts) && e.ts >= 0).toBe(true);
  expect(typeof e.args).toBe('object');
  if (e.ph === 'X') expect(Number.isFinite(e.dur) && e.dur! >= 0).toBe(true);
  if (e.ph === 'i') expect(e.s).toBe('t');
  if (e.ph === 'M') expect(['process_name', 'thread_name', 'thread_sort_index']).toContain(e.name);
  if (e.ph === 'C') {
    expect(Object.keys(e.args).length).toBeGreaterThan(0);
    for (const value of Object.values(e.args)) expect(Number.isFinite(value)).toBe(true);
  }
}

/** Slices of one track lie in each other or beside each other. */
function expectNested(slices: readonly ChromeEvent[]): void {
  const ordered = [...slices].sort((a, b) => a.ts - b.ts || b.dur! - a.dur!);
  const open: number[] = [];
  for (const { ts, dur, name } of ordered) {
    while (open.length > 0 && open[open.length - 1]! <= ts + 0.0005) open.pop();
    if (open.length > 0) expect(ts + dur!, name).toBeLessThanOrEqual(open[open.length - 1]! + 0.002);
    open.push(ts + dur!);
  }
}

test('Chrome’s trace events: tracks with names, cycles with their phases, stops, counters that add up', async () => {
  const heap = collectingHeap();
  const file = join(dir, 'notes.json.gz');
  const recording = recordTrace(heap, file);
  heap.raw.free(heap.raw.mallocgc(100_000, null, false));
  await work(heap, 3, 60);
  heap.gc();
  const { cycles } = heap.stats().gc;
  const summary = await recording.stop();
  expect(summary).toMatchObject({ format: 'chrome', lost: 0 });
  const events = JSON.parse(gunzipSync(readFileSync(file)).toString()) as ChromeEvent[];
  expect(events.length).toBe(summary.events);
  for (const e of events) check(e);
  // Few, of many objects.
  expect(summary.objects).toBeGreaterThan(300_000);
  expect(events.length).toBeLessThan(summary.objects / 10);
  const named = new Map(events.filter((e) => e.name === 'thread_name').map((e) => [e.tid, e.args['name']]));
  for (const e of events) if (e.ph === 'X' || e.ph === 'i') expect(named.has(e.tid), `track ${e.tid}`).toBe(true);
  const names = [...named.values()];
  expect(names).toContain('garbage collector');
  expect(names).toContain('stops of the world');
  expect(names.filter((name) => /^thread \d+ \((main|worker \d+)\)$/.test(String(name))).length).toBeGreaterThanOrEqual(
    3,
  );
  const slices = events.filter((e) => e.ph === 'X');
  const count = (name: string | RegExp): number => slices.filter((e) => e.name.match(name)).length;
  expect(cycles).toBeGreaterThan(3);
  expect([count(/^GC cycle \d+$/), count(/^sweep$/)]).toEqual([cycles, cycles]);
  const gcTrack = [...named].find(([, name]) => name === 'garbage collector')![0];
  expect(slices.filter((e) => e.tid === gcTrack && e.name === 'mark').length).toBe(cycles);
  expect(count('stop: mark setup')).toBeGreaterThanOrEqual(cycles);
  expect(count('stop: mark termination')).toBeGreaterThanOrEqual(cycles);
  for (const tid of named.keys()) expectNested(slices.filter((e) => e.tid === tid));
  const sum = (name: string, field: string): number =>
    events.filter((e) => e.ph === 'C' && e.name === name).reduce((n, e) => n + (e.args[field] as number), 0);
  expect(sum('objects per ms', 'allocated')).toBe(summary.objects - events.filter((e) => e.name === 'alive').length);
  expect(sum('objects per ms', 'allocated') - sum('objects per ms', 'freed') - sum('objects per ms', 'swept')).toBe(
    summary.live,
  );
  expect(events.filter((e) => e.name === 'heap' && e.ph === 'C').every((e) => (e.args['live'] as number) >= 0)).toBe(
    true,
  );
  expect(events.filter((e) => e.name === 'large object').length).toBeGreaterThan(0);
  expect(events.filter((e) => e.name === 'large object freed').length).toBeGreaterThan(0);
});

test('a thread that never comes to its event loop loses nothing: it writes when its ring is full', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 64 * MB, shared: false });
  const file = join(dir, 'busy.trace');
  const recording = recordTrace(heap, file, { ringEvents: 256 });
  heap.scope(() => {
    for (let i = 0; i < 50_000; i++) heap.raw.free(heap.raw.mallocgc(48, null, false));
  });
  const summary = await recording.stop();
  expect(summary).toMatchObject({ events: 100_000, objects: 50_000, live: 0, lost: 0 });
  expect((await readRecording(file)).events).toBe(100_000);
});

describe('rings are emptied where the program waits for it', () => {
  /** The heap, with `told` called after each time that the recorder has drained its trace. */
  function watched(heap: Heap, told: () => void): Pick<Heap, 'startTrace'> {
    return {
      startTrace: (options) => {
        const trace = heap.startTrace(options);
        const drain = trace.drain.bind(trace);
        trace.drain = (visit, max) => {
          const events = drain(visit, max);
          told();
          return events;
        };
        return trace;
      },
    };
  }

  test('in an allocation, not for as long as others write', async () => {
    const heap = createHeap({ gc: 'off', maxBytes: 64 * MB, maxThreads: 4 });
    const other = attachHeap(heap.share());
    const most = 100_000;
    let drains = 0;
    const busy = watched(heap, () => {
      if (++drains < most) other.raw.free(other.raw.mallocgc(64, null, false));
    });
    const recording = recordTrace(busy, join(dir, 'room.trace'), { ringEvents: 256 });
    while (drains === 0) heap.raw.free(heap.raw.mallocgc(48, null, false));
    expect(drains).toBe(1);
    drains = most;
    expect(await recording.stop()).toMatchObject({ lost: 0 });
  });

  test('at exit, no more than there is, though others write on', async () => {
    const heap = createHeap({ gc: 'off', maxBytes: 64 * MB });
    for (let i = 0; i < 30; i++) heap.raw.mallocgc(48, null, false);
    const file = join(dir, 'end-of-all.trace');
    const before = new Set(process.listeners('exit'));
    let drains = 0;
    const recording = recordTrace(
      watched(heap, () => {
        if (++drains < 100) heap.raw.mallocgc(64, null, false);
      }),
      file,
    );
    for (let i = 0; i < 50; i++) heap.raw.mallocgc(48, null, false);
    for (const atExit of process.listeners('exit')) if (!before.has(atExit)) atExit(0);
    expect(drains).toBe(1);
    expect((await readRecording(file)).objects).toBe(80);
    await recording.stop().catch(() => {});
  });
});

test('a program that ends without stop leaves a whole file', async () => {
  const observe = new URL('../../../dist/observe.js', import.meta.url).href;
  const index = new URL('../../../dist/index.js', import.meta.url).href;
  for (const [name, body] of [
    ['exit.trace.gz', 'process.exit(0)'],
    ['end.json', ''],
  ] as const) {
    const file = join(dir, name);
    const program = join(dir, `${name}.mjs`);
    writeFileSync(
      program,
      `import { createHeap } from '${index}'; import { recordTrace } from '${observe}';
       const heap = createHeap({ gc: 'off' });
       recordTrace(heap, ${JSON.stringify(file)});
       for (let i = 0; i < 500; i++) heap.raw.mallocgc(64, null, true);
       ${body}`,
    );
    execFileSync(process.execPath, [program]);
    if (name.endsWith('.json')) {
      const events = JSON.parse(readFileSync(file, 'utf8')) as ChromeEvent[];
      expect(
        events.filter((e) => e.name === 'objects per ms').reduce((n, e) => n + (e.args['allocated'] as number), 0),
      ).toBe(500);
    } else {
      expect((await readRecording(file)).objects).toBe(500);
    }
  }
});

test.skipIf(process.platform !== 'linux')(
  'a file that cannot be written: the heap goes on, stop tells why',
  async () => {
    const heap = createHeap({ gc: 'off', maxBytes: 64 * MB });
    expect(() => recordTrace(heap, join(dir, 'no', 'such', 'folder'))).toThrow(/ENOENT/);
    expect(() => recordTrace(heap, join(dir, 'x'), { format: 'xml' as never })).toThrow(/format/);
    expect(() => recordTrace(heap, join(dir, 'x'), { ringEvents: 1 })).toThrow(/ringEvents/);
    const recording = recordTrace(heap, '/dev/full', { ringEvents: 256 });
    for (let i = 0; i < 100_000; i++) heap.raw.free(heap.raw.mallocgc(64, null, false));
    await expect(recording.stop()).rejects.toThrow(/ENOSPC/);
    heap.verify();
    await recordTrace(heap, join(dir, 'again.trace')).stop();
  },
);

test('what the name says', () => {
  expect(['a.json', 'a.JSON.gz', 'a.trace', 'a.json.trace.gz', 'json'].map(traceFormatOf)).toEqual([
    'chrome',
    'chrome',
    'spanheap-trace',
    'spanheap-trace',
    'spanheap-trace',
  ]);
});

test('a trace with holes makes a recording without: ends are made up or left out, and counted', async () => {
  const path = join(dir, 'holes.trace');
  const file = new ChunkFile(path);
  const writer = new TextWriter(file);
  const event = (more: Partial<AllocEvent>): void =>
    writer.add(Object.assign(new AllocEvent(), { thread: 1, ...more }));
  event({ kind: 'alloc', address: 64, size: 8 });
  event({ kind: 'alloc', address: 64, size: 16 }); // its free is missing
  event({ kind: 'free', address: 128 }); // its allocation is missing
  event({ kind: 'realloc', oldAddress: 256, address: 512, size: 32 }); // here too
  event({ kind: 'realloc', oldAddress: 512, address: 64, size: 33 }); // the free of 64 is missing
  event({ kind: 'realloc', oldAddress: 64, address: 64, size: 34 });
  event({ kind: 'sweep', address: 64 });
  event({ kind: 'sweep', address: 64 });
  file.flush();
  file.close();
  expect(writer.repaired).toBe(5);
  expect(writer.live).toBe(0);
  expect(readFileSync(path, 'utf8').split('\n').slice(1)).toEqual([
    'a 1 8 1',
    'f 1 1',
    'a 2 16 1',
    'a 3 32 1',
    'f 2 1',
    'r 3 4 33 1',
    'r 4 5 34 1',
    'f 5 1',
    '',
  ]);
  expect((await readRecording(path)).objects).toBe(5);
});

test('--trace of index and replay: a recording of the index is replayed, and that is recorded for Perfetto', () => {
  const recording = join(dir, 'index.trace.gz');
  const chrome = join(dir, 'replay.json');
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [CLI, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const sources = fileURLToPath(new URL('../../../src/spans', import.meta.url));
  run('index', sources, '--threads', '2', '--drop', '50', '--trace', recording);
  const [replayed] = [JSON.parse(run('replay', recording, '--verify', '--trace', chrome, '--json', '-'))].flat();
  expect(replayed.errors).toBe(0);
  const events = JSON.parse(readFileSync(chrome, 'utf8')) as ChromeEvent[];
  for (const e of events) check(e);
  const allocated = events
    .filter((e) => e.name === 'objects per ms')
    .reduce((n, e) => n + (e.args['allocated'] as number), 0);
  expect(allocated).toBeGreaterThan(1000);
  expect(() => run('replay', recording, recording, '--trace', chrome)).toThrow(/one recording/);
  expect(() => run('replay', recording, '--trace', recording)).toThrow(/one of the recordings/);
  expect(() => run('index', sources, '--trace', join(dir, 'none', 'x'))).toThrow(/cannot be written/);
});

describe('a command that is interrupted writes the rest of its trace', () => {
  /** Ends the program soon after it has made the file, and waits until it is gone. */
  async function interrupt(signal: NodeJS.Signals, file: string, ...args: string[]) {
    const child = spawn(process.execPath, [CLI, ...args, '--trace', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text) => (said += text));
    const exit = once(child, 'exit');
    while (child.exitCode === null && !existsSync(file)) await sleep(5);
    await sleep(100);
    child.kill(signal);
    const [code, by] = await exit;
    return { code, by, said };
  }

  const lines = (count: number): string =>
    Array.from({ length: count }, (_, i) => `a ${i + 1} ${16 + (i % 500)} 0\nf ${i + 1} 0\n`).join('');

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('replay, %s', async (signal, code) => {
    const recording = join(dir, 'long.trace');
    writeFileSync(recording, `# spanheap-trace 1\n${lines(1_000_000)}`);
    const file = join(dir, `${signal}.json`);
    const end = await interrupt(signal, file, 'replay', recording);
    expect(end).toMatchObject({ code, by: null });
    expect(end.said).toMatch(/^spanheap: trace in .*\nspanheap: interrupted\n$/);
    const events = JSON.parse(readFileSync(file, 'utf8')) as ChromeEvent[];
    expect(events.some((e) => e.name === 'objects per ms')).toBe(true);
  });

  test('index, whose workers are stopped first', async () => {
    const folder = mkdtempSync(join(dir, 'words-'));
    const words = Array.from({ length: 200_000 }, (_, i) => `word${i}`).join(' ');
    for (let i = 0; i < 20; i++) writeFileSync(join(folder, `${i}.txt`), words);
    const file = join(dir, 'index.json');
    const end = await interrupt('SIGINT', file, 'index', folder, '--threads', '2');
    expect(end).toMatchObject({ code: 130, by: null });
    expect(end.said).toMatch(/^(spanheap: trace in .*\n)?spanheap: interrupted\n$/);
    expect(Array.isArray(JSON.parse(readFileSync(file, 'utf8')))).toBe(true);
  });
});
