/** Heap profiles as profile.proto and as HTTP answers. They are read back with the package's decoder, and by Go's own tool. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createHeap, type Heap, i32, MEM_PROFILE_RATE, type MemProfile, string, struct } from '../../../src/index.ts';
import { difference, pprofResponse, writeHeapProfile } from '../../../src/serve/pprof.ts';
import { encodeHeapProfile, scaleHeapSample } from '../../../src/serve/pprof-encode.ts';
import { heapProfileText } from '../../../src/serve/pprof-text.ts';

const dir = mkdtempSync(join(tmpdir(), 'spanheap-pprof-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Sample {
  readonly stack: { name: string; file: string; line: number }[];
  readonly values: number[];
  readonly labels: Record<string, string | number>;
}

/** A profile as plain data. */
function decode(gzipped: Uint8Array) {
  const p = Profile.decode(gunzipSync(gzipped));
  const text = (i: number | bigint): string => p.stringTable.strings[Number(i)]!;
  const byId = <T extends { id: number | bigint }>(all: T[]) => new Map(all.map((x) => [Number(x.id), x]));
  const locations = byId(p.location);
  const functions = byId(p.function);
  const samples = p.sample.map((s): Sample => {
    const stack = s.locationId.map((id) => {
      const line = locations.get(Number(id))!.line[0]!;
      const fn = functions.get(Number(line.functionId))!;
      return { name: text(fn.name), file: text(fn.filename), line: Number(line.line) };
    });
    const labels = s.label.map((l) => [text(l.key), Number(l.str) === 0 ? Number(l.num) : text(l.str)]);
    return { stack, values: s.value.map(Number), labels: Object.fromEntries(labels) };
  });
  return {
    samples,
    types: p.sampleType.map((t) => `${text(t.type)}/${text(t.unit)}`),
    period: Number(p.period),
    periodType: `${text(p.periodType!.type)}/${text(p.periodType!.unit)}`,
    defaultType: text(p.defaultSampleType),
    timeNanos: BigInt(p.timeNanos),
    durationNanos: Number(p.durationNanos),
    comments: p.comment.map(text),
    mappings: p.mapping.length,
  };
}

const Point = struct('Point', { x: i32, name: string });

function allocatePoints(heap: Heap, n: number): number[] {
  return Array.from({ length: n }, () => heap.raw.mallocgc(1000, null, false));
}

describe('scaling', () => {
  // What Go 1.19's scaleHeapSample returns.
  test.each([
    [0, 0, MEM_PROFILE_RATE, 0, 0],
    [10, 160, 1, 10, 160],
    [10, 160, 0, 10, 160],
    [1, 16, MEM_PROFILE_RATE, 32_768, 524_296],
    [3, 3 * 4096, MEM_PROFILE_RATE, 385, 1_579_015],
    [2, 2 * 524_288, MEM_PROFILE_RATE, 3, 1_658_822],
    [5, 5 * 10_000_000, MEM_PROFILE_RATE, 5, 50_000_000],
  ])('of %i objects, %i bytes, at rate %i', (count, bytes, rate, objects, space) => {
    expect(scaleHeapSample(count, bytes, rate)).toEqual([objects, space]);
  });
});

describe('profile.proto', () => {
  test('has Go’s sample types, and what was sampled', () => {
    const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, memProfileRate: 1 });
    const all = allocatePoints(heap, 30);
    for (const addr of all.slice(0, 10)) heap.raw.free(addr);
    const time = Date.UTC(2026, 0, 2, 3, 4, 5);
    const p = decode(encodeHeapProfile(heap.memProfile(), { time }));
    expect(p.types).toEqual(['alloc_objects/count', 'alloc_space/bytes', 'inuse_objects/count', 'inuse_space/bytes']);
    expect(p).toMatchObject({ period: 1, periodType: 'space/bytes', defaultType: 'inuse_space', durationNanos: 0 });
    expect(p.timeNanos).toBe(BigInt(time) * 1_000_000n);
    expect(p.mappings).toBe(1);
    expect(p.comments).toEqual([]);
    expect(p.samples.length).toBe(1);
    const [sample] = p.samples;
    expect(sample!.values).toEqual([30, 30 * 1024, 20, 20 * 1024]);
    expect(sample!.labels).toMatchObject({ bytes: 1024 });
    const { stack } = sample!;
    expect(stack[0]!.name).toBe('RawAllocator.mallocgc');
    expect(stack.map((f) => f.name)).toContain('allocatePoints');
    expect(stack.find((f) => f.name === 'allocatePoints')!.file).toMatch(/^\/.*pprof\.test\.ts$/);
    expect(stack.filter((f) => /\/src\/(?:malloc|observe|cache)\//.test(f.file)).length).toBe(1);
  });

  test('is scaled, by the rate that each sample was taken at', () => {
    const heap = createHeap({ gc: 'off', maxBytes: 2 ** 26, memProfileRate: 65_536 });
    allocatePoints(heap, 10_000);
    heap.setMemProfileRate(1);
    allocatePoints(heap, 7);
    heap.setMemProfileRate(0);
    const p = decode(encodeHeapProfile(heap.memProfile()));
    const total = p.samples.reduce((sum, s) => sum + s.values[1]!, 0);
    // Some 150 samples: a standard deviation of 8 %.
    expect(total / 1024).toBeGreaterThan(6000);
    expect(total / 1024).toBeLessThan(14_000);
    expect(p.samples.some((s) => s.values[0] === 7)).toBe(true);
    expect(p.period).toBe(0);
  });

  test('names types and threads; those of a worker that has ended too', async () => {
    const heap = createHeap({ maxBytes: 2 ** 24, background: false, memProfileRate: 1 });
    const worker = new Worker(`${inject('workerDir')}/profile-worker.mjs`, { workerData: heap.share() });
    const { threadId } = worker;
    await once(worker, 'message');
    worker.postMessage('end');
    await once(worker, 'exit');
    heap.gc();
    const { samples } = decode(encodeHeapProfile(heap.memProfile()));
    const inWorker = samples.filter((s) => s.stack.some((f) => f.name === 'allocateInWorker'));
    const items = inWorker.filter((s) => s.labels['type'] === 'Item');
    expect(items.map((s) => s.values)).toEqual([[64, 64 * 8, 64, 64 * 8]]);
    for (const s of inWorker) expect(s.labels['thread']).toBe(`worker ${threadId}`);
    heap.roots.delete('list of the worker');
    heap.gc();
    const later = decode(encodeHeapProfile(heap.memProfile())).samples.filter((s) => s.labels['type'] === 'Item');
    expect(later.map((s) => s.values)).toEqual([[64, 64 * 8, 0, 0]]);
  });

  test('refuses a sample type that is none; says how many samples were lost', () => {
    const profile: MemProfile = { rate: 512, cycle: 3, lost: 4, records: [] };
    expect(() => encodeHeapProfile(profile, { defaultSampleType: 'space' as 'inuse_space' })).toThrow(
      /no sample type "space"/,
    );
    expect(decode(encodeHeapProfile(profile)).comments).toEqual(['4 samples were lost: no memory for them']);
    expect(decode(encodeHeapProfile(profile, { defaultSampleType: 'alloc_objects' })).defaultType).toBe(
      'alloc_objects',
    );
  });
});

describe('over HTTP', () => {
  let heap: Heap;
  beforeAll(() => {
    heap = createHeap({ maxBytes: 2 ** 24, background: false, memProfileRate: 1 });
    heap.scope(() => {
      for (let x = 0; x < 10; x++) heap.new(Point, { x });
    });
  });
  const get = (path: string) => pprofResponse(heap, path);
  const inuse = (body: string | Uint8Array): number =>
    decode(body as Uint8Array).samples.reduce((n, s) => n + s.values[2]!, 0);

  test('heap and allocs are profiles; gc=1 collects first', async () => {
    const before = await get('/debug/pprof/heap');
    expect(before.status).toBe(200);
    expect(before.headers['content-type']).toBe('application/octet-stream');
    expect(before.headers['content-disposition']).toContain('heap.pb.gz');
    expect(inuse(before.body)).toBeGreaterThan(0);
    const after = await get('/debug/pprof/heap?gc=1');
    expect(inuse(after.body)).toBe(0);
    expect(decode(after.body as Uint8Array).defaultType).toBe('inuse_space');
    const allocs = await pprofResponse(heap, new URL('http://example.org/under/debug/pprof/allocs'));
    expect(decode(allocs.body as Uint8Array).defaultType).toBe('alloc_space');
    expect(decode(allocs.body as Uint8Array).samples.length).toBeGreaterThan(0);
  });

  test('debug=1 says at which rate a thread was sampled that took fewer, and goes by what stands behind the samples', () => {
    const record = (thread: number, rate: number, count: number) => ({
      ...{ stack: [], size: 1024, type: undefined, thread, rate },
      ...{ allocObjects: count, allocBytes: count * 1024, inuseObjects: count, inuseBytes: count * 1024 },
    });
    const records = [record(2, MEM_PROFILE_RATE, 4096), record(1, 8 * MEM_PROFILE_RATE, 2048)];
    const text = heapProfileText({ rate: MEM_PROFILE_RATE, cycle: 0, lost: 0, records }, 'allocBytes', false);
    expect(text).toMatch(/worker 1, rate 4194304\n[\s\S]*worker 2\n/);
  });

  test('debug=1 is text for the eye', async () => {
    const { body, headers } = await get('/debug/pprof/allocs?debug=1');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    const text = body as string;
    expect(text).toMatch(/^heap profile: \d+: \d+ \[\d+: \d+\] @ heap\/2\n/);
    expect(text).toMatch(/\n#\tHeap\.new\t.*heap\.ts:\d+:\d+\n/);
    expect(text).toMatch(/\n# rate = 1\n/);
  });

  test('seconds=N is what changes meanwhile', async () => {
    const pending = get('/debug/pprof/allocs?seconds=0.2');
    allocatePoints(heap, 5);
    const { samples, durationNanos } = decode((await pending).body as Uint8Array);
    heap.gc();
    expect(durationNanos).toBeGreaterThan(1e8);
    const profile = heap.memProfile();
    expect(difference(profile, profile).records).toEqual([]);
    for (const s of samples) expect(s.stack.some((f) => f.name === 'allocatePoints')).toBe(true);
    const later = decode(encodeHeapProfile(difference(profile, { ...profile, records: [] }))).samples;
    expect(later.some((s) => s.values[0] === 5 && s.labels['bytes'] === 1024)).toBe(true);
  });

  test.each([
    ['/debug/pprof/heap?seconds=0', 400],
    ['/debug/pprof/heap?seconds=-1', 400],
    ['/debug/pprof/heap?seconds=1e9', 400],
    ['/debug/pprof/heap?seconds=', 400],
    ['/debug/pprof/heap?debug=x', 400],
    ['/debug/pprof/heap?gc=yes', 400],
    ['/debug/pprof/heap?seconds=1&debug=1', 400],
    ['/debug/pprof/goroutine', 404],
    ['/debug/pprof/../heap', 404],
    ['/metrics', 404],
  ])('%s is %i', async (path, status) => {
    const response = await get(path);
    expect(response.status).toBe(status);
    expect(response.headers['content-type']).toMatch(/^text\/plain/);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
  });

  test('the page lists the profiles, and shows what it is asked by as text', async () => {
    for (const path of ['/debug/pprof', '/debug/pprof/', '/a%22%3Cb/debug/pprof/']) {
      const { status, headers, body } = await get(path);
      expect(status).toBe(200);
      expect(headers['content-type']).toMatch(/^text\/html/);
      expect(body).toContain('/debug/pprof/allocs');
      expect(body).not.toMatch(/<script|"<b/);
    }
    const { body } = await pprofResponse(heap, new URL("http://x/it's&<i>/debug/pprof/"));
    expect(body).not.toContain("it's");
    expect(body).not.toContain('<i>');
  });
});

const GO = (() => {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!GO)('go tool pprof (skipped where Go is not installed)', () => {
  test('-top shows our functions with their sizes', async () => {
    const heap = createHeap({ gc: 'off', maxBytes: 2 ** 24, memProfileRate: 1 });
    const kept = allocatePoints(heap, 64);
    for (const addr of kept.slice(0, 32)) heap.raw.free(addr);
    const file = join(dir, 'heap.pb.gz');
    await writeHeapProfile(heap, file);
    const run = (...args: string[]): string =>
      execFileSync('go', ['tool', 'pprof', ...args, file], { encoding: 'utf8' });
    const top = run('-top');
    expect(top).toContain('Type: inuse_space');
    expect(top).toMatch(/^\s+32kB +100% +100% +32kB +100% +RawAllocator\.mallocgc$/m);
    expect(top).toMatch(/^\s+0 +0% +100% +32kB +100% +allocatePoints$/m);
    expect(run('-top', '-sample_index=alloc_objects')).toMatch(/^\s+64 +100% +100% +64 +100% +RawAllocator/m);
    expect(run('-tags', '-sample_index=alloc_space')).toMatch(/64\.0kB \( *100%\): 1kB/);
  }, 60_000);
});

test('a file that cannot be written is an error', async () => {
  const heap = createHeap({ gc: 'off', maxBytes: 2 ** 22 });
  writeFileSync(join(dir, 'file'), '');
  await expect(writeHeapProfile(heap, join(dir, 'file', 'heap.pb.gz'))).rejects.toThrow(/ENOTDIR/);
});
