/** What is called with options refuses names that it does not know, and values out of range. */
import { expect, test } from 'vitest';
import { SnapshotError } from '../../../src/analyze/errors.ts';
import { ArgumentError, createHeap, SpanheapError } from '../../../src/index.ts';
import { explore } from '../../../src/serve/explorer/explore.ts';
import { pprofResponse } from '../../../src/serve/pprof.ts';
import { encodeHeapProfile } from '../../../src/serve/pprof-encode.ts';
import { observeHandler } from '../../../src/serve/routes.ts';
import { recordTrace } from '../../../src/serve/trace-files.ts';

const heap = createHeap({ maxBytes: 1 << 20, background: false });

test.each<[call: string, run: (options: never) => unknown, options: unknown, text: string]>([
  ['setHooks', (o) => heap.setHooks(o), { onAloc() {} }, 'unknown hook "onAloc"; known are onAlloc, onFree'],
  ['verify', (o) => heap.verify(o), { foo: 1 }, 'unknown option "foo"; known are pointers'],
  ['observeHandler', (o) => observeHandler(heap, o), { prefx: '/a' }, 'unknown option "prefx"; known are prefix'],
  ['encodeHeapProfile', (o) => encodeHeapProfile(heap.memProfile(), o), { sourceMap: false }, 'unknown option'],
  ['encodeHeapProfile', (o) => encodeHeapProfile(heap.memProfile(), o), { defaultSampleType: 1 }, 'no sample type 1'],
  ['recordTrace', (o) => recordTrace(heap, '/nowhere/x', o), { fromat: 'chrome' }, 'unknown option "fromat"'],
  ['recordTrace', (o) => recordTrace(heap, '/nowhere/x', o), { format: 'nope' }, `format must be 'spanheap-trace' or`],
])('%s refuses %o', (call, run, options, text) => {
  for (const [given, message] of [
    [options, text],
    [null, 's must be an object'],
  ] as const) {
    expect(() => run(given as never)).toThrow(ArgumentError);
    expect(() => run(given as never)).toThrow(`${call}: `);
    expect(() => run(given as never)).toThrow(message);
  }
});

test.each<[options: object, text: string]>([
  [{ prot: 3 }, 'unknown option "prot"; known are name, keepAlive, host, port, allowHosts, interval'],
  [{ interval: 1 }, 'interval must be a whole number from 20 to 60000, not 1'],
  [{ interval: 60_001 }, 'interval must be a whole number from 20 to 60000, not 60001'],
  [{ port: 999_999 }, 'port must be a whole number from 0 to 65535, not 999999'],
  [{ port: '80' }, 'port must be a whole number from 0 to 65535, not "80"'],
])('explore refuses %o', async (options, text) => {
  await expect(explore(heap, options)).rejects.toThrow(`explore: ${text}`);
  await expect(explore(heap, options)).rejects.toBeInstanceOf(ArgumentError);
});

test('pprofResponse refuses an option that it does not know', async () => {
  const options = { sourceMap: false } as object;
  await expect(pprofResponse(heap, '/debug/pprof/heap', options)).rejects.toThrow(
    'pprofResponse: unknown option "sourceMap"; known are sourceMaps, headOnly',
  );
});

test('SnapshotError is one of the library, with a code of its own', () => {
  const error = new SnapshotError('ERR_SNAPSHOT_VERSION', 'too new', 4);
  expect(error).toBeInstanceOf(SpanheapError);
  expect(error).toMatchObject({ name: 'SnapshotError', code: 'ERR_SNAPSHOT_VERSION', message: 'too new', offset: 4 });
});
