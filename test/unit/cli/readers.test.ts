/** Every format as it should be, against real samples and small texts whose events are known. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readRecording } from '../../../src/cli/replay/formats/read.ts';
import {
  OP_ALLOC,
  OP_CALLOC,
  OP_FREE,
  OP_RESIZE,
  objectName,
  type Recording,
} from '../../../src/cli/replay/recording.ts';
import { readError, readText, trace } from './recordings.ts';

const OPS = { [OP_ALLOC]: 'a', [OP_CALLOC]: 'c', [OP_FREE]: 'f', [OP_RESIZE]: 'r' } as Record<number, string>;

/** The events in words, objects by number: `a 0:16`, `f 0`, `r 0 1:32`. */
function eventsOf(recording: Recording): string[] {
  return Array.from({ length: recording.events }, (_, e) => {
    const op = OPS[recording.ops[e]];
    const subject = recording.subjects[e];
    const result = recording.results[e];
    if (op === 'f') return `f ${subject}`;
    if (op === 'r') return `r ${subject} ${result}:${recording.sizes[result]}`;
    return `${op} ${subject}:${recording.sizes[subject]}`;
  });
}

const EXAMPLE = trace('a 7 16 0', 'c 2 100 5', 'r 7 90071 32 5', 'f 2 0', 'a 8 0 0');

test('spanheap-trace: every kind of event', async () => {
  const recording = await readText(EXAMPLE);
  expect(recording.format).toBe('spanheap-trace');
  expect(eventsOf(recording)).toEqual(['a 0:16', 'c 1:100', 'r 0 2:32', 'f 1', 'a 3:0']);
  expect([...recording.ids]).toEqual([7, 2, 90071, 8]);
  expect(recording.threadIds).toEqual([0, 5]);
  expect([...recording.eventThreads]).toEqual([0, 1, 1, 0, 0]);
  expect(recording.peakLiveBytes).toBe(132);
});

test('the same from gzip, from several gzip members, and without a newline at the end', async () => {
  const expected = eventsOf(await readText(EXAMPLE));
  expect(eventsOf(await readText(gzipSync(EXAMPLE)))).toEqual(expected);
  const halves = [EXAMPLE.slice(0, 33), EXAMPLE.slice(33)].map((half) => gzipSync(half));
  expect(eventsOf(await readText(Buffer.concat(halves)))).toEqual(expected);
  expect(eventsOf(await readText(EXAMPLE.trimEnd()))).toEqual(expected);
});

test('lines that end in CR LF, in every format, are counted as ever', async () => {
  const mtrace = [
    '= Start',
    '@ ./a b:[0x1] + 0x10 0x20',
    '@ [0x1] < 0x10',
    '@ [0x1] > 0x20 0x8',
    '- 0x20',
    '= End',
    '',
  ];
  const heaptrack = ['v 10400 3', 'X ./prog', 'a 10 1', '+ 0', '- 0', '', '# strings: 1', ''];
  for (const lines of [EXAMPLE.split('\n'), mtrace, heaptrack]) {
    const recording = await readText(lines.join('\r\n'));
    expect(recording.format).toBe((await readText(lines.join('\n'))).format);
    expect(eventsOf(recording)).toEqual(eventsOf(await readText(lines.join('\n'))));
  }
  expect(await readError(trace('a 1 8 0', 'f 2 0').replaceAll('\n', '\r\n'))).toMatch(/^FILE.*\b3\b.*free of 2/);
  expect(await readError(trace('a 1 8\r 0'))).toMatch(/SIZE/);
});

test('lines across the borders of chunks', async () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => `a ${i + 1} ${i % 1000} ${i % 3}`);
  const recording = await readText(trace(...lines));
  expect(recording.events).toBe(60_000);
  expect(recording.sizes[59_999]).toBe(999);
  expect(recording.ids[59_999]).toBe(60_000);
});

test('IDs far apart, up to 2⁵³ - 1', async () => {
  const recording = await readText(trace('a 9007199254740991 1 0', 'a 1 2 0', 'f 9007199254740991 0'));
  expect(eventsOf(recording)).toEqual(['a 0:1', 'a 1:2', 'f 0']);
});

test('mtrace: every kind of line, addresses used again', async () => {
  const recording = await readText(
    [
      '= Start',
      '@ ./a program:(main+0x1b)[0x401136] + 0x55d0c0 0x10',
      '@ [0x401140] + 0x55d0e0 0',
      '+ (nil) 0xffffffffffffffff',
      '@ ./prog:[0x1] < 0x55d0c0',
      '@ ./prog:[0x2] > 0x55d100 0x200',
      '@ ./prog:[0x3] ! 0x55d100 0xfffffffffff',
      '- 0x55d100',
      '@ ./prog:[0x4] + 0x55d0c0 0x8',
      '= End',
      '',
    ].join('\n'),
  );
  expect(recording.format).toBe('mtrace');
  expect(eventsOf(recording)).toEqual(['a 0:16', 'a 1:0', 'r 0 2:512', 'f 2', 'a 3:8']);
  expect(objectName(recording, 3)).toBe('0x55d0c0');
});

test('mtrace without its first line', async () => {
  expect(eventsOf(await readText('@ ./prog:[0x1] + 0x10 0x20\n- 0x10\n'))).toEqual(['a 0:32', 'f 0']);
});

test('heaptrack: frees take the youngest of a kind', async () => {
  const lines = [
    'v 10400 3',
    'X ./prog',
    's 5 a b c',
    'a 10 1',
    '+ 0',
    '+ 0',
    'a 200 2',
    '+ 1',
    '- 0',
    '+ 0',
    '- 0',
    '- 0',
  ];
  const recording = await readText([...lines, 'c 5', 'R 1a', '', '# strings: 1', ''].join('\n'));
  expect(recording.format).toBe('heaptrack');
  expect(eventsOf(recording)).toEqual(['a 0:16', 'a 1:16', 'a 2:512', 'f 1', 'a 3:16', 'f 3', 'f 0']);
});

test.each([
  ['git-log-head.trace.gz', 'spanheap-trace', 120_000, 15_889_962],
  ['sed.mtrace.gz', 'mtrace', 1804, 42_605],
  ['find.heaptrack.gz', 'heaptrack', 1426, 190_664],
])('the sample %s', async (file, format, events, peakLiveBytes) => {
  const path = new URL(`../../../samples/${file}`, import.meta.url).pathname;
  expect(await readRecording(path)).toMatchObject({ format, events, peakLiveBytes });
});
