/** Every way in which a recording can be wrong, and the one line that says so. */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readRecording } from '../../../src/cli/replay/formats/read.ts';
import { readError, readText, tempPath, trace } from './recordings.ts';

describe('spanheap-trace', () => {
  test.each([
    ['x 1 2 0', 'FILE:3: unknown line "x 1 2 0"'],
    ['', 'FILE:3: unknown line ""'],
    ['# a comment', 'FILE:3: unknown line "# a comment"'],
    ['alloc 3 16 0', 'FILE:3: unknown line "alloc 3 16 0"'],
    ['a 2 16 0 0', 'FILE:3: unknown line "a 2 16 0 0"'],
    ['a 2 16', 'FILE:3: "a 2 16" is cut short: the THREAD is missing'],
    ['a 2', 'FILE:3: "a 2" is cut short: the SIZE is missing'],
    ['f 1', 'FILE:3: "f 1" is cut short: the THREAD is missing'],
    ['a ', 'FILE:3: ID "" is not a positive integer'],
    ['a 0 16 0', 'FILE:3: ID "0" is not a positive integer'],
    ['a -2 16 0', 'FILE:3: ID "-2" is not a positive integer'],
    ['a 2.5 16 0', 'FILE:3: ID "2.5" is not a positive integer'],
    ['a two 16 0', 'FILE:3: ID "two" is not a positive integer'],
    ['a 9007199254740993 16 0', 'FILE:3: ID "9007199254740993" is not a positive integer'],
    ['a 1 16 0', 'FILE:3: ID 1 is used twice, first on line 2'],
    ['r 1 1 16 0', 'FILE:3: ID 1 is used twice, first on line 2'],
    ['f 2 0', 'FILE:3: free of 2, which is not live: it was never allocated'],
    ['r 2 3 16 0', 'FILE:3: resize of 2, which is not live: it was never allocated'],
    ['a 2 -1 0', 'FILE:3: SIZE "-1" is not a number of bytes'],
    ['a 2 1.5 0', 'FILE:3: SIZE "1.5" is not a number of bytes'],
    ['a 2 4294967296 0', 'FILE:3: SIZE 4294967296 is more than a 32-bit heap can hold'],
    ['a 2 16 -1', 'FILE:3: THREAD "-1" is not a whole number'],
    ['f 1 x', 'FILE:3: THREAD "x" is not a whole number'],
    ['a 2\t16 0', 'FILE:3: ID "2\\x0916" is not a positive integer'],
  ])('%j', async (line, message) => {
    expect(await readError(trace('a 1 16 0', line, 'a 9 1 0'))).toBe(message);
  });

  test('an object that ended', async () => {
    expect(await readError(trace('a 1 16 0', 'f 1 0', 'f 1 0'))).toBe(
      'FILE:4: free of 1, which is not live: it ended on line 3',
    );
    expect(await readError(trace('a 1 16 0', 'r 1 2 8 0', 'r 1 3 8 0'))).toBe(
      'FILE:4: resize of 1, which is not live: it ended on line 3',
    );
    expect(await readError(trace('a 1 16 0', 'f 1 0', 'a 1 16 0'))).toBe('FILE:4: ID 1 is used twice, first on line 2');
  });

  test('no events', async () => {
    expect(await readError(trace())).toBe('FILE:1: no events');
    expect(await readError('')).toBe('FILE:1: no events: the file is empty');
    expect(await readError(gzipSync(''))).toBe('FILE:1: no events: the file is empty');
  });

  test('another version', async () => {
    expect(await readError('# spanheap-trace 2\na 1 1 0\n')).toBe(
      'FILE:1: "# spanheap-trace 2": this program reads version 1, "# spanheap-trace 1"',
    );
  });

  test('more threads than can be numbered', async () => {
    const lines = Array.from({ length: 65_536 }, (_, i) => `a ${i + 1} 1 ${i}`);
    expect(await readError(trace(...lines))).toBe('FILE:65537: more than 65535 threads');
  });
});

describe('mtrace', () => {
  test.each([
    ['hello', 'FILE:3: unknown line "hello"'],
    ['', 'FILE:3: unknown line ""'],
    ['@ p * 0x10 0x1', 'FILE:3: unknown line "@ p * 0x10 0x1"'],
    ['p + 0x20 0x1', 'FILE:3: unknown line "p + 0x20 0x1"'],
    ['@ p + 20 0x1', 'FILE:3: "20" is not an address'],
    ['@ p + 0x20 1x', 'FILE:3: SIZE "1x" is not a hexadecimal number of bytes'],
    ['@ p + 0x20 0x100000000', 'FILE:3: SIZE 4294967296 is more than a 32-bit heap can hold'],
    ['@ p + 0x10 0x1', 'FILE:3: 0x10 is allocated twice without a free'],
    ['@ p - 0x20', 'FILE:3: free of 0x20, which is not live (already freed, or older than the recording)'],
    ['@ p < 0x20', 'FILE:3: resize of 0x20, which is not live (already freed, or older than the recording)'],
    ['@ p > 0x20 0x8', 'FILE:3: a ">" line without the "<" line before it'],
  ])('%j', async (line, message) => {
    expect(await readError(`= Start\n@ p + 0x10 0x8\n${line}\n`)).toBe(message);
  });

  test('a resize in two pieces', async () => {
    const start = '= Start\n@ p + 0x10 0x8\n@ p < 0x10\n';
    expect(await readError(`${start}@ p + 0x20 0x8\n`)).toBe('FILE:4: a "<" line must be followed by its ">" line');
    expect(await readError(start)).toBe('FILE:3: the recording ends between the two lines of a resize');
    expect(await readError('= Start\n= End\n')).toBe('FILE:2: no events');
  });
});

describe('heaptrack', () => {
  test.each([
    ['q 1', 'FILE:4: unknown line "q 1"'],
    ['+0', 'FILE:4: unknown line "+0"'],
    ['+', 'FILE:4: unknown line "+"'],
    ['+ g', 'FILE:4: unknown line "+ g"'],
    ['+ 1', 'FILE:4: allocation kind 1 was not announced by an "a" line'],
    ['- 0', 'FILE:4: free of an allocation of kind 0, of which none is live'],
    ['a 10', 'FILE:4: unknown line "a 10"'],
    ['a 100000000 2', 'FILE:4: SIZE 4294967296 is more than a 32-bit heap can hold'],
    ['m 1 -', 'FILE:4: raw heaptrack data; run it through heaptrack_interpret first'],
  ])('%j', async (line, message) => {
    expect(await readError(`v 10400 3\nX prog\na 10 1\n${line}\n`)).toBe(message);
  });

  test('other versions of the format', async () => {
    expect(await readError('v 10400 4\n')).toBe(
      'FILE:1: heaptrack file format 4 is too new; versions 1 to 3 can be read',
    );
    expect(await readError('v 10000\n')).toBe(
      'FILE:1: heaptrack file format 0 is too old; versions 1 to 3 can be read',
    );
    expect((await readText('v 10200\na 10 1\n+ 0\n')).events).toBe(1);
  });
});

describe('files', () => {
  const whole = gzipSync(trace(...Array.from({ length: 50_000 }, (_, i) => `a ${i + 1} ${(i * 7919) % 5000} 0`)));

  test('cut-off gzip', async () => {
    const message = await readError(whole.subarray(0, whole.length - 4000));
    expect(message).toMatch(/^FILE:\d+: the compressed data ends early: the file was cut off$/);
    expect(await readError(whole.subarray(0, 12))).toBe('FILE:1: the compressed data ends early: the file was cut off');
  });

  test('damaged gzip', async () => {
    const damaged = Uint8Array.from(whole);
    damaged.fill(0xff, 40_000, 40_100);
    expect(await readError(damaged)).toMatch(/^FILE:\d+: /);
  });

  test('gzip with text behind it: the line is where it was whole, and not said to be the wrong one', async () => {
    const trailed = (lines: number): Buffer =>
      Buffer.concat([
        gzipSync(trace(...Array.from({ length: lines }, (_, i) => `a ${i + 1} 16 0`))),
        Buffer.from('trailing text'),
      ]);
    const text = 'the compressed data is damaged here or further on: incorrect header check';
    expect(await readError(trailed(10))).toBe(`FILE:1: ${text}`);
    const [, line, reason] = /^FILE:(\d+): (.+)$/.exec(await readError(trailed(50_000)))!;
    expect(reason).toBe(text);
    expect(Number(line)).toBeGreaterThan(10_000);
    expect(Number(line)).toBeLessThanOrEqual(50_001);
  });

  test('a file of another kind', async () => {
    expect(await readError('\x7fELF\x02\x01\n')).toBe(
      'FILE:1: unknown format: the first line is "\\x7fELF\\x02\\x01", expected "# spanheap-trace 1", "= Start" (mtrace) or "v …" (heaptrack)',
    );
    expect(await readError(new Uint8Array(3 << 20).fill(65))).toMatch(/^FILE:1: a line of more than 1048576 bytes/);
  });

  test('no file at all', async () => {
    await expect(readRecording(tempPath('nothing'))).rejects.toThrow(/nothing: no such file$/);
    await expect(readRecording(tempPath('.'))).rejects.toThrow(/: is a directory, not a recording$/);
    await expect(readRecording(tempPath('a\nb'))).rejects.toThrow(/a\\x0ab: no such file$/);
  });
});
