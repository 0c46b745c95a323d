/** Sizes and counts as people write them, and figures as the report writes them. */
import { expect, test } from 'vitest';
import { UsageError } from '../../../src/cli/errors.ts';
import {
  counted,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatSeconds,
  parseCount,
  parseHeapSize,
  parsePercent,
  parseSize,
} from '../../../src/cli/sizes.ts';

test.each([
  ['1', 1],
  ['4096', 4096],
  ['100B', 100],
  ['8k', 8192],
  ['8KiB', 8192],
  ['512M', 536_870_912],
  ['64MiB', 67_108_864],
  ['64 MiB', 67_108_864],
  ['1GiB', 1_073_741_824],
  ['1.5GiB', 1_610_612_736],
  ['1Ti', 1_099_511_627_776],
])('%s is %d bytes', (text, bytes) => {
  expect(parseSize(text, '--max-bytes')).toBe(bytes);
});

test.each(['', 'lots', '64MB', '-1', '-1MiB', '1e9', '0x100', '1.2.3M', 'MiB', '1 2', 'NaN', 'Infinity'])(
  '%j is no size',
  (text) => {
    expect(() => parseSize(text, '--max-bytes')).toThrow(UsageError);
    expect(() => parseSize(text, '--max-bytes')).toThrow(
      /^--max-bytes: ".*" is not a size; write 64MiB, 1GiB, 512M or bytes$/,
    );
  },
);

test('sizes that are no whole number of bytes, or none', () => {
  expect(() => parseSize('1.0001K', '--max-bytes')).toThrow('--max-bytes: "1.0001K" is not a whole number of bytes');
  expect(() => parseSize('99999999999999999', '--max-bytes')).toThrow('is not a whole number of bytes');
  expect(() => parseSize('0', '--max-bytes')).toThrow('--max-bytes: "0" must be more than 0');
});

test('sizes that a heap can have', () => {
  expect(['16KiB', '16384', '4GiB'].map((text) => parseHeapSize(text, '--m'))).toEqual([2 ** 14, 2 ** 14, 2 ** 32]);
  for (const text of ['1', '16383', '4294967297', '5GiB']) {
    expect(() => parseHeapSize(text, '--m')).toThrow(UsageError);
    expect(() => parseHeapSize(text, '--m')).toThrow(
      `--m: "${text}" is not a size that a heap can have, from 16KiB to 4GiB`,
    );
  }
});

test('percent', () => {
  expect(['0', '50', '12.5', '1000000'].map((text) => parsePercent(text, '--p'))).toEqual([0, 50, 12.5, 1_000_000]);
  for (const text of ['-1', '1000001', '', 'NaN', '1e3', '50%']) {
    expect(() => parsePercent(text, '--p')).toThrow(
      `--p: "${text}" is not a number of percent from 0 to 1000000, or off`,
    );
  }
});

test.each([
  [0, '0 µs'],
  [0.000_042, '42 µs'],
  [0.000_999_4, '999 µs'],
  [0.000_999_6, '1.00 ms'],
  [0.003_14, '3.14 ms'],
  [0.031_4, '31.4 ms'],
  [0.25, '250 ms'],
  [0.9996, '1.000 s'],
  [12, '12.0 s'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test('nouns', () => {
  expect([counted(0, 'file'), counted(1, 'file'), counted(1234, 'file')]).toEqual(['0 files', '1 file', '1,234 files']);
});

test('counts', () => {
  expect(parseCount('4', '--threads', 1, 64)).toBe(4);
  for (const text of ['0', '65', '-1', '1.5', 'two', '']) {
    expect(() => parseCount(text, '--threads', 1, 64)).toThrow(
      `--threads: "${text}" is not a whole number from 1 to 64`,
    );
  }
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [-2048, '-2.00 KiB'],
  [10_230, '9.99 KiB'],
  [102_400, '100 KiB'],
  [1_048_000, '1023 KiB'],
  [1_048_500, '1.00 MiB'],
  [20_419_277, '19.5 MiB'],
  [2 ** 32, '4.00 GiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('counts, shares, durations', () => {
  expect(formatCount(1_234_567.8)).toBe('1,234,568');
  expect(formatPercent(1, 3)).toBe('33.3 %');
  expect(formatPercent(1, 0)).toBe('0.0 %');
  expect([0.0421, 12.34, 185].map(formatSeconds)).toEqual(['0.042 s', '12.3 s', '3 min 05 s']);
});
