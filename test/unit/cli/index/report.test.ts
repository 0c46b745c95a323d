/** What people and programs are shown of an index. */
import pico from 'picocolors';
import { expect, test } from 'vitest';
import { CliError } from '../../../../src/cli/errors.ts';
import { explain } from '../../../../src/cli/index/failure.ts';
import { indexJson } from '../../../../src/cli/index/json.ts';
import type { IndexOutcome } from '../../../../src/cli/index/outcome.ts';
import { indexReport } from '../../../../src/cli/index/report.ts';

const OUTCOME: IndexOutcome = {
  paths: ['src', 'te\x1bst'],
  threads: 2,
  maxBytes: 1 << 30,
  files: 1234,
  bytes: 5 << 20,
  words: 4321,
  hits: 98_765,
  longWords: 0,
  postings: 54_321,
  seconds: 0.5,
  bytesPerSecond: 10 << 20,
  heapBytes: 3 << 20,
  metadataBytes: 1 << 20,
  bytesPerPosting: 77.2,
  topWords: [{ word: 'the', hits: 999, files: 77 }],
  queries: [
    { word: 'he\nap', hits: 9, files: 2, microseconds: 3.21, matches: [{ path: 'a\x07', line: 12 }] },
    { word: 'none', hits: 0, files: 0, microseconds: 123.4, matches: [] },
  ],
  checked: false,
  check: null,
  skipped: [],
};

function report(changes: Partial<IndexOutcome> = {}): string {
  return indexReport({ ...OUTCOME, ...changes }, pico.createColors(false));
}

test('the figures, in words; nothing that moves a cursor', () => {
  expect(report()).toBe(`src te\\x1bst  1,234 files, 5.00 MiB of text, 2 threads, one heap

  built in    0.500 s  10.0 MiB/s
  words         4,321  distinct, 98,765 hits
  postings     54,321  lines that have a word, for each word
  heap       3.00 MiB  in spans, and 1.00 MiB of metadata
  a posting    77.2 B  of heap and metadata

Most frequent words
  word  hits  files
  the    999     77

"he\\x0aap"  9 hits in 2 files  3.2 µs
  a\\x07:12
  …

"none"  0 hits in 0 files  123 µs`);
});

test('what was passed over: counted by reason, ten at most by name, binary files last', () => {
  const binary = Array.from({ length: 11 }, (_, i) => ({ path: `b${i}`, reason: 'binary (NUL byte)' }));
  const text = report({ skipped: [...binary, { path: 'z', reason: 'vanished while indexing' }], longWords: 3 });
  expect(text).toContain('distinct, 98,765 hits; 3 too long, passed over');
  expect(text.slice(text.indexOf('Skipped'))).toBe(
    [
      'Skipped 12  11 binary (NUL byte), 1 vanished while indexing',
      '  z  vanished while indexing',
      ...binary.slice(0, 9).map(({ path, reason }) => `  ${path}  ${reason}`),
      '  … and 2 more (--json has them all)',
    ].join('\n'),
  );
});

test('a check: the same, or the first difference', () => {
  const check = { postings: 54_321, seconds: 1.5, heapBytes: 100 << 20, difference: null };
  expect(report({ checked: true, check })).toContain(
    "  check          same  all 54,321 postings compared; plain JS: 1.500 s on 1 thread, 100 MiB of V8's heap",
  );
  expect(report({ check: { ...check, difference: 'word "a\n": lost' } })).toContain('different  word "a\\x0a": lost');
});

test('an index of nothing', () => {
  const nothing = {
    files: 0,
    bytes: 0,
    words: 0,
    hits: 0,
    postings: 0,
    bytesPerPosting: null,
    topWords: [],
    queries: [],
  };
  expect(report(nothing)).toMatch(/^src .* {2}0 files, 0 B of text, 2 threads, one heap\n/);
  expect(report(nothing)).toMatch(/ a posting +–/);
});

test('JSON is the outcome', () => {
  expect(JSON.parse(indexJson(OUTCOME))).toEqual(OUTCOME);
});

test('failures of workers: one line, unless it is our own mistake', () => {
  const told = (code: string, message: string): Error => explain({ code, message, stack: 'STACK' });
  expect(told('ERR_OUT_OF_MEMORY', 'out of memory')).toEqual(new CliError('out of memory; more memory: --max-bytes'));
  expect(told('ERR_WORKER_OUT_OF_MEMORY', 'limit')).toEqual(new CliError("a worker is out of V8's memory: limit"));
  expect(told('EARLY_END', 'a\nb')).toEqual(new CliError('a\\x0ab'));
  expect(told('', 'oops')).not.toBeInstanceOf(CliError);
  expect(told('', 'oops').message).toContain('STACK');
});
