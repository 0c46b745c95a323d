/** `spanheap explore` and `explore()` as they are installed: dist/cli.js and dist/observe.js in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { TickEvent } from '../../../src/serve/explorer/protocol.ts';
import { ask, readEvents } from '../../support/http-client.ts';
import { until } from '../../support/workers.ts';

const DIST = new URL('../../../dist/', import.meta.url);
const CLI = fileURLToPath(new URL('cli.js', DIST));
const folder = mkdtempSync(join(tmpdir(), 'spanheap-explore-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly ended: Promise<number | null>;
}

const runs: Run[] = [];
afterEach(() => {
  for (const { child } of runs.splice(0)) child.kill('SIGKILL');
});

function run(args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream!.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const made = { child, out: () => text, ended };
  runs.push(made);
  return made;
}

async function addressOf({ out }: Run): Promise<string> {
  let found: RegExpExecArray | null = null;
  await until('the address is printed', () => (found = /http:\/\/[\d.]+:\d+\//.exec(out())) !== null);
  return found![0];
}

function program(name: string, body: string): string {
  const file = join(folder, name);
  writeFileSync(
    file,
    `import { createHeap, struct, i32 } from '${new URL('index.js', DIST).href}';
     import { explore } from '${new URL('observe.js', DIST).href}';
     const P = struct('P', { x: i32 });\n${body}`,
  );
  return file;
}

test('the demonstration: a heap that changes and is collected, until it is told to end', async () => {
  const demo = run([CLI, 'explore', '--port', '0', '--interval', '50']);
  const url = await addressOf(demo);
  const ticks = await readEvents(url, '/api/events', (all) => {
    const last = all.at(-1);
    return last?.event === 'tick' && (last.data as TickEvent).sample.cycles >= 2;
  });
  const { sample, threads } = ticks.at(-1)!.data as TickEvent;
  expect(sample.liveBytes).toBeGreaterThan(1 << 20);
  // The main thread, two workers, the collector's; the explorer is none.
  expect(threads.length).toBe(4);
  const page = await ask(url, '/');
  expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  demo.child.kill('SIGINT');
  expect(await demo.ended).toBe(0);
});

test('an interrupt of the command alone, where there is no terminal, is the program’s', async () => {
  const file = program(
    'waits.mjs',
    "createHeap({ maxBytes: 2 ** 24 }); setInterval(() => {}, 1000); console.log('up');",
  );
  const plain = run([CLI, 'explore', file, '--port', '0']);
  await until('the program runs', () => plain.out().includes('up'));
  plain.child.kill('SIGINT');
  expect(await plain.ended).toBe(130);
  const kept = run([CLI, 'explore', program('done.mjs', 'globalThis.heap = createHeap();'), '--port', '0', '--keep']);
  await until('the page stays', () => kept.out().includes('Ctrl-C ends'));
  kept.child.kill('SIGINT');
  expect(await kept.ended).toBe(0);
});

test('the demonstration ends by itself if asked to', async () => {
  expect(await run([CLI, 'explore', '--port', '0', '--seconds', '1']).ended).toBe(0);
});

test('a program and its workers: each heap they make is there; exit code and arguments are the program’s', async () => {
  const file = program(
    'app.mjs',
    `import { isMainThread, Worker } from 'node:worker_threads';
     globalThis.heap = createHeap({ maxBytes: 1 << 24 });
     heap.scope(() => heap.roots.set(isMainThread ? 'main' : 'worker', heap.new(P, { x: 7 })));
     if (isMainThread) {
       globalThis.worker = new Worker(new URL(import.meta.url));
       console.log('arguments', JSON.stringify(process.argv.slice(2)));
       process.stdin.on('data', () => process.exit(3));
     } else setInterval(() => {}, 1000);`,
  );
  const app = run([CLI, 'explore', '--port', '0', file, '--', '--x', 'y']);
  const url = await addressOf(app);
  const roots = new Set<string>();
  for (let tries = 0; tries < 200 && roots.size < 2; tries++) {
    for (const { id } of JSON.parse((await ask(url, '/api/heaps')).text) as { id: number }[]) {
      for (const { name } of JSON.parse((await ask(url, `/api/roots?heap=${id}`)).text) as { name: string }[])
        roots.add(name);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect([...roots].sort()).toEqual(['main', 'worker']);
  expect(app.out()).toContain('arguments ["--x","y"]');
  app.child.stdin!.write('end');
  expect(await app.ended).toBe(3);
});

test('--keep: the page outlives the program’s work, Ctrl-C ends it with the program’s exit code', async () => {
  const file = program(
    'short.mjs',
    `const heap = createHeap({ maxBytes: 1 << 24 });
     heap.raw.mallocgc(64, null, true);
     process.exitCode = 7;
     process.on('beforeExit', () => console.log('done once'));`,
  );
  const app = run([CLI, 'explore', '--keep', '--port', '0', file]);
  const url = await addressOf(app);
  await until('the program is done', () => app.out().includes('the program is done; its heap can still be explored'));
  let objects = 0;
  for (let tries = 0; tries < 100 && objects === 0; tries++) {
    const { status, text } = await ask(url, '/api/top');
    if (status === 200) objects = (JSON.parse(text) as { objects: number }).objects;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(objects).toBe(1);
  // Signals are passed on; Ctrl-C in a terminal reaches both.
  app.child.kill('SIGTERM');
  expect(await app.ended).toBe(7);
  expect(app.out().match(/done once/g)?.length).toBe(1);
});

test('--keep: a program that is stopped before it is done ends as it would alone', async () => {
  const file = program('endless.mjs', `setInterval(() => {}, 1000); console.log('begun');`);
  const app = run([CLI, 'explore', '--keep', '--port', '0', file]);
  await until('it runs', () => app.out().includes('begun'));
  app.child.kill('SIGTERM');
  expect(await app.ended).toBe(143);
});

test('threads that made heaps take back what an explorer held that has died', async () => {
  const file = program(
    'reaped.mjs',
    `import { once } from 'node:events';
     import { isMainThread, threadId, workerData, Worker } from 'node:worker_threads';
     import { attachHeap } from '${new URL('index.js', DIST).href}';
     if (!isMainThread) attachHeap(workerData).scope(() => process.exit());
     const heap = createHeap({ maxBytes: 1 << 24, background: false });
     const dying = new Worker(new URL(import.meta.url), { workerData: heap.share() });
     const id = dying.threadId;
     await once(dying, 'exit');
     console.log('held', heap.threadsOf(id).length);
     const channel = new BroadcastChannel('spanheap.explore.' + process.pid);
     channel.postMessage({ do: 'reap', threadId: id });
     while (heap.threadsOf(id).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
     heap.gc();
     channel.close();`,
  );
  const app = run([CLI, 'explore', '--port', '0', file]);
  expect(await app.ended).toBe(0);
  expect(app.out()).toContain('held 1');
});

test.each([
  [['explore', 'nothing.js'], 1, 'there is no such program'],
  [['explore', '--port', '99999'], 2, '--port'],
  [['explore', '--interval', '1'], 2, '--interval'],
  [['explore', '--keep'], 2, '--keep needs a program'],
  [['explore', '--host', '203.0.113.7'], 1, 'no such address'],
])('%j is refused', async (args, code, text) => {
  const refused = run([CLI, ...args]);
  expect(await refused.ended).toBe(code);
  expect(refused.out()).toContain(text);
});

test('a busy program is seen all the same; its explorer does not keep it alive', async () => {
  const file = program(
    'busy.mjs',
    `const heap = createHeap({ maxBytes: 1 << 26 });
     const { url } = await explore(heap, { port: 0, interval: 20, name: 'busy' });
     process.stdout.write(url + '\\n', () => {
       const end = Date.now() + 4000;
       while (Date.now() < end) heap.scope(() => { for (let i = 0; i < 1000; i++) heap.new(P, { x: i }); });
     });`,
  );
  const busy = run([file]);
  const url = await addressOf(busy);
  const events = await readEvents(url, '/api/events', (all) => all.filter((e) => e.event === 'tick').length >= 10);
  const ticks = events.filter((e) => e.event === 'tick').map((e) => (e.data as TickEvent).sample);
  expect(ticks.at(-1)!.allocatedBytes).toBeGreaterThan(ticks[0]!.allocatedBytes);
  expect((await ask(url, '/debug/pprof/heap?gc=1')).status).toBe(200);
  expect(await busy.ended).toBe(0);
});

test('index and replay with --explore end by themselves where nobody watches', async () => {
  const text = join(folder, 'text.txt');
  writeFileSync(text, 'one two three\n'.repeat(100));
  const indexed = run([CLI, 'index', text, '--explore', '--port', '0']);
  expect(await indexed.ended).toBe(0);
  expect(indexed.out()).toContain('explorer at http://127.0.0.1:');
  const silent = run([CLI, 'index', text, '--explore', '--no-explore']);
  expect(await silent.ended).toBe(0);
  expect(silent.out()).not.toContain('explorer');
  const sample = fileURLToPath(new URL('../../../samples/find.heaptrack.gz', import.meta.url));
  const replayed = run([CLI, 'replay', sample, '--explore', '--port', '0']);
  expect(await replayed.ended).toBe(0);
  expect(replayed.out()).toContain('explorer at');
});
