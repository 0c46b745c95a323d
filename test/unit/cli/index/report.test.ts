/** What people and programs are shown of an index. */
import pico from 'picocolors';
import { expect, test } from 'vitest';
import { CliError } from '../../../../src/cli/errors.ts';
import { explain } from '../../../../src/cli/index/failure.ts';
import { indexJson } from '../../../../src/cli/index/json.ts';
import { firstDifference, type IndexOutcome } from '../../../../src/cli/index/outcome.ts';
import type { Again, Recycled } from '../../../../src/cli/index/recycle.ts';
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
  drop: null,
  gc: {
    enabled: true,
    percent: 100,
    memoryLimit: null,
    cycles: 3,
    forcedCycles: 1,
    stops: 6,
    longestStop: 0.001_23,
    medianStop: 0.000_25,
    stopSeconds: 0.0025,
    markSeconds: 0.034,
    assistSeconds: 0.0056,
    sweepSeconds: 0.012,
    freedBytes: 3 << 20,
    freedObjects: 12_345,
  },
  skipped: [],
};

const AGAIN: Again = {
  seconds: 1.5,
  files: 617,
  bytes: 3 << 20,
  bytesPerSecond: 2 << 20,
  postings: 20_000,
  cycles: [{ cycle: 4, liveBytes: 3 << 20, goalBytes: 4 << 20 }],
  isMarking: false,
  peakLiveBytes: 3 << 20,
  goalBytes: 4 << 20,
  heapBefore: 3 << 20,
  heapPeak: 5 << 20,
  heapAfter: 4 << 20,
};

const DROP: Recycled = {
  percent: 50,
  files: 617,
  bytes: 3 << 20,
  words: 1234,
  postings: 20_000,
  seconds: 0.25,
  collection: {
    seconds: 0.05,
    markSeconds: 0.03,
    sweepSeconds: 0.0123,
    before: { liveBytes: 3 << 20, objects: 30_000, heapBytes: 4 << 20 },
    after: { liveBytes: 1 << 20, objects: 10_000, heapBytes: 3 << 20 },
    freedBytes: 2 << 20,
    freedObjects: 20_000,
    markedBytes: 1 << 20,
    stops: [0.000_1, 0.002],
  },
  check: null,
  again: AGAIN,
  againCheck: null,
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

Collector  gcPercent 100
  cycles           3  of which 1 asked for
  stops            6  longest 1.23 ms, median 250 µs, 2.50 ms in all
  marking    34.0 ms  on the side, and 5.60 ms by threads that allocated
  sweeping   12.0 ms  by all threads together
  freed     3.00 MiB  12,345 objects

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
  const check = { postings: 54_321, seconds: 1.5, heapBytes: 100 << 20, difference: null, unchecked: [] };
  expect(report({ checked: true, check })).toContain(
    "  check          same  all 54,321 postings compared; plain JS: 1.500 s on 1 thread, 100 MiB of V8's heap",
  );
  expect(report({ check: { ...check, difference: 'word "a\n": lost' } })).toContain('different  word "a\\x0a": lost');
});

test('files that could not be checked, of all checks, each once', () => {
  const gone = { path: 'b', reason: 'vanished while indexing' };
  const check = { postings: 9, seconds: 1, heapBytes: 1 << 20, difference: null, unchecked: [gone] };
  const later = { ...check, unchecked: [{ path: 'a', reason: 'changed while indexing' }, gone] };
  const text = report({ checked: true, check, drop: { ...DROP, check: later, againCheck: null } });
  expect(text).toContain('  check          same  9 postings compared, 1 file not; plain JS: ');
  expect(text).toContain(
    [
      'Not checked 2  1 changed while indexing, 1 vanished while indexing',
      '  a  changed while indexing',
      '  b  vanished while indexing',
    ].join('\n'),
  );
});

test('documents dropped, collected and indexed again', () => {
  const text = report({ drop: DROP });
  expect(text.slice(text.indexOf('Dropped'), text.indexOf('\n\nCollector'))).toBe(
    `Dropped 50 % of the documents  nothing is freed by hand
  files        617  3.00 MiB of text, taken out in 0.250 s
  postings  20,000  and 1,234 words that no other file has

Collected  in 50.0 ms: marked 1.00 MiB in 30.0 ms, swept in 12.3 ms; stops of 100 µs and 2.00 ms
                  before     after     freed
  live bytes    3.00 MiB  1.00 MiB  2.00 MiB
  objects         30,000    10,000    20,000
  spans in use  4.00 MiB  3.00 MiB  1.00 MiB

Indexed them again  in the same heap
  built in     1.500 s  2.00 MiB/s, 617 files
  postings      20,000  as many as before
  live bytes  3.00 MiB  75.0 % of the goal, 4.00 MiB; 1 cycle
  heap        4.00 MiB  in spans; 3.00 MiB before, 5.00 MiB at most`,
  );
});

test('checks after each step, and what the first of them found that found anything', () => {
  const same = { postings: 10, seconds: 1, heapBytes: 1 << 20, difference: null, unchecked: [] };
  const wrong = { ...same, difference: 'word "a": lost' };
  const checkedAll = report({ check: same, drop: { ...DROP, check: same, againCheck: same }, checked: true });
  expect(checkedAll.match(/^ {2}check +same /gm)).toHaveLength(3);
  expect(report({ check: same, drop: { ...DROP, check: same, againCheck: wrong } })).toMatch(
    /check +different {2}word "a"/,
  );
  expect(firstDifference(null, null)).toBeNull();
  expect(firstDifference(same, { ...DROP, check: same, againCheck: same })).toBeNull();
  expect(firstDifference(wrong, null)).toBe('word "a": lost');
  expect(firstDifference(same, { ...DROP, check: wrong, againCheck: wrong })).toBe('after dropping: word "a": lost');
  expect(firstDifference(same, { ...DROP, againCheck: wrong })).toBe('after indexing again: word "a": lost');
});

test('what the collector was told, and one that did nothing', () => {
  const line = (changes: Partial<IndexOutcome['gc']>): string =>
    /^Collector.*$/m.exec(report({ gc: { ...OUTCOME.gc, ...changes } }))![0];
  expect(line({ percent: -1, memoryLimit: 64 << 20 })).toBe('Collector  gcPercent off, memory limit 64.0 MiB');
  expect(line({ enabled: false })).toBe('Collector  off, but for what is asked for');
  expect(report({ gc: { ...OUTCOME.gc, cycles: 0 } })).toMatch(/\nCollector {2}gcPercent 100\n {2}cycles {2}0\n\n/);
  const noGoal = { ...AGAIN, goalBytes: null, cycles: [] };
  expect(report({ drop: { ...DROP, again: noGoal } })).toContain('live bytes  3.00 MiB  no goal, 0 cycles\n');
  const marking = { ...AGAIN, isMarking: true };
  expect(report({ drop: { ...DROP, again: marking } })).toContain('4.00 MiB; 1 cycle, another under way\n');
  const changed = { ...AGAIN, postings: 1 };
  expect(report({ drop: { ...DROP, again: changed } })).toMatch(/postings +1 {2}files have changed\n/);
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
