/** Which files are found, in which order, and what is said of those that cannot be read. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countByReason, mostTellingFirst } from '../../../../src/cli/index/skipped.ts';
import { TextReader } from '../../../../src/cli/index/text-file.ts';
import { type Found, findFiles } from '../../../../src/cli/index/walker.ts';
import { random } from '../../../support/random.ts';
import { folderOf } from './files.ts';

const isRoot = process.getuid?.() === 0;

function namesIn(folder: string, found: Found): string[] {
  return found.files.map(({ path }) => relative(folder, path));
}

describe('findFiles', () => {
  test('everything below a folder, by path, without .git', () => {
    const folder = folderOf({
      'b.txt': 'bb',
      'a/z': '',
      'a/b/c': 'c',
      'a-b': '',
      Z: '',
      '.git/config': 'x',
      'a/.git': 'x',
      '.gitignore': 'x',
    });
    const found = findFiles([folder]);
    expect(namesIn(folder, found)).toEqual(['.gitignore', 'Z', 'a-b', 'a/b/c', 'a/z', 'b.txt']);
    expect(found.files.find(({ path }) => path.endsWith('b.txt'))?.bytes).toBe(2);
    expect(found.skipped).toEqual([]);
  });

  test('the order does not depend on the order of the paths; overlapping paths count once', () => {
    const folder = folderOf({ 'a/1': '1', 'a/2': '2', 'b/1': '1' });
    const [a, b, one] = ['a', 'b', 'a/1'].map((name) => join(folder, name));
    const all = namesIn(folder, findFiles([folder]));
    expect(all).toEqual(['a/1', 'a/2', 'b/1']);
    for (const paths of [
      [b, a],
      [one, b, folder],
      [a, one, `${a}/../a/2`, b],
    ]) {
      expect(namesIn(folder, findFiles(paths))).toEqual(all);
    }
  });

  test('symbolic links are not followed, loops among them; those that are given are', () => {
    const folder = folderOf({ 'real/file': 'x', other: 'y' });
    symlinkSync('.', join(folder, 'loop'));
    symlinkSync('real', join(folder, 'link'));
    symlinkSync('nowhere', join(folder, 'broken'));
    symlinkSync('other', join(folder, 'other-link'));
    expect(namesIn(folder, findFiles([folder]))).toEqual(['other', 'real/file']);
    const [link, otherLink] = ['link', 'other-link'].map((name) => join(folder, name));
    expect(namesIn(folder, findFiles([link, otherLink]))).toEqual(['link/file', 'other-link']);
    expect(() => findFiles([join(folder, 'broken')])).toThrow(/broken: no such file or folder$/);
  });

  test('what links that are given lead to counts once; `link/..` is where the link leads, and up', () => {
    const folder = folderOf({ 'real/sub/file': 'x', 'real/other': 'yy', here: 'z' });
    symlinkSync('real/sub', join(folder, 'link'));
    const up = findFiles([`${folder}/link/..`]);
    expect(up.files).toEqual([
      { path: `${folder}/link/../other`, bytes: 2 },
      { path: `${folder}/link/../sub/file`, bytes: 1 },
    ]);
    expect(findFiles([`${folder}/link/../other`]).files).toEqual([{ path: `${folder}/link/../other`, bytes: 2 }]);
    for (const paths of [
      [folder, join(folder, 'link')],
      [join(folder, 'link'), folder],
    ]) {
      expect(namesIn(folder, findFiles(paths))).toEqual(['here', 'link/file', 'real/other']);
    }
    expect(namesIn(folder, findFiles([`${folder}/./real//sub/../sub/`]))).toEqual(['real/sub/file']);
    expect(findFiles([`${folder}/./real//sub/../sub/`]).files[0]?.path).toBe(`${folder}/real/sub/file`);
  });

  test('names that are no UTF-8', () => {
    const folder = folderOf({ 'z/a': 'text' });
    const raw = (name: string): Buffer => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);
    mkdirSync(raw('d\xff'));
    writeFileSync(raw('d\xff/in'), 'one');
    writeFileSync(raw('d\xff/\xe9'), 'three');
    // Two that are shown alike.
    writeFileSync(raw('\xfe'), 'four');
    writeFileSync(raw('\xff'), 'seven more');
    const { files, skipped } = findFiles([folder]);
    expect(skipped).toEqual([]);
    expect(files.map(({ path, bytes }) => [path.slice(folder.length + 1), bytes])).toEqual([
      ['d\ufffd/in', 3],
      ['d\ufffd/\ufffd', 5],
      ['z/a', 4],
      ['\ufffd', 4],
      ['\ufffd', 10],
    ]);
    expect(files.map(({ rawPath }) => rawPath?.toString('latin1').slice(folder.length + 1))).toEqual([
      'd\xff/in',
      'd\xff/\xe9',
      undefined,
      '\xfe',
      '\xff',
    ]);
  });

  test('a given path that does not exist, or is no file', () => {
    expect(() => findFiles([folderOf({}), join(folderOf({}), 'a\nb')])).toThrow(/a\\x0ab: no such file or folder$/);
    expect(() => findFiles([''])).toThrow('a path must not be empty');
    expect(() => findFiles(['/dev/null'])).toThrow('/dev/null: is not a file or a folder');
    expect(() => findFiles([join(folderOf({ file: '' }), 'file', 'below')])).toThrow(/below: no such file or folder$/);
  });

  test('what is no regular file is passed over', () => {
    const folder = folderOf({ a: '' });
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const found = findFiles([folder]);
    expect(namesIn(folder, found)).toEqual(['a']);
    expect(found.skipped).toEqual([{ path: join(folder, 'pipe'), reason: 'not a regular file' }]);
  });

  test.skipIf(isRoot)('a folder that cannot be read is noted, the rest is found', () => {
    const folder = folderOf({ 'shut/a': '', 'open/b': '' });
    chmodSync(join(folder, 'shut'), 0);
    const found = findFiles([folder]);
    chmodSync(join(folder, 'shut'), 0o700);
    expect(namesIn(folder, found)).toEqual(['open/b']);
    expect(found.skipped).toEqual([{ path: join(folder, 'shut'), reason: 'unreadable (permission denied)' }]);
  });

  test('a folder deeper than the stack of a function that calls itself could be', () => {
    const folder = folderOf({ [`${'d/'.repeat(1500)}file`]: 'x' });
    expect(findFiles([folder]).files).toHaveLength(1);
  });
});

describe('TextReader', () => {
  function read(path: string, bufferBytes?: number): { problem: string; pieces: string[]; bytes: number } {
    const reader = new TextReader(bufferBytes);
    const pieces: string[] = [];
    const problem = reader.read(path, (bytes, end) => pieces.push(bytes.toString('utf8', 0, end)));
    return { problem, pieces, bytes: reader.bytes };
  }
  const fileOf = (content: string | Uint8Array): string => join(folderOf({ file: content }), 'file');

  test('pieces end with lines, and are the file together', () => {
    const r = random(7);
    for (const lineBytes of [1, 30, 9000, 70_000]) {
      const line = (): string => 'é'.repeat(r.below(lineBytes) >> 1);
      const text = Array.from({ length: 50 + 400_000 / lineBytes }, line).join('\n');
      const { problem, pieces, bytes } = read(fileOf(text), 8192);
      expect(problem).toBe('');
      expect(pieces.join('')).toBe(text);
      expect(bytes).toBe(Buffer.byteLength(text));
      expect(pieces.length).toBeGreaterThan(1);
      for (const piece of pieces.slice(0, -1)) expect(piece.at(-1)).toBe('\n');
    }
  });

  test('an empty file is text; one buffer serves file after file', () => {
    expect(read(fileOf(''))).toEqual({ problem: '', pieces: [], bytes: 0 });
    const reader = new TextReader(8192);
    const sizes: number[] = [];
    for (const content of ['a\n'.repeat(50_000), 'b', 'x'.repeat(20_000)]) {
      const pieces: string[] = [];
      expect(reader.read(fileOf(content), (bytes, end) => pieces.push(bytes.toString('latin1', 0, end)))).toBe('');
      expect(pieces.join('')).toBe(content);
      sizes.push(reader.bytes);
    }
    expect(sizes).toEqual([100_000, 1, 20_000]);
  });

  test.each([
    ['a NUL byte', 'text\0', 'binary (NUL byte)'],
    ['a NUL byte at the end of 8 KiB', `${'x'.repeat(8191)}\0`, 'binary (NUL byte)'],
    ['a NUL byte after 8 KiB', `${'x'.repeat(8192)}\0`, ''],
    ['a byte that is not UTF-8', Buffer.from([65, 0xff, 66]), 'binary (not UTF-8)'],
    ['half a character at the end of a small file', Buffer.from([65, 0xe2, 0x82]), 'binary (not UTF-8)'],
    ['a character across 8 KiB', `${'x'.repeat(8191)}é`, ''],
    ['a long character across 8 KiB', `${'x'.repeat(8189)}😀`, ''],
    ['half a character at 8 KiB, and then the end', Buffer.from(`${'x'.repeat(8191)}é`).subarray(0, 8192), ''],
    ['bytes that are not UTF-8 after 8 KiB', Buffer.concat([Buffer.alloc(9000, 'x'), Buffer.from([0xff])]), ''],
    ['a continuation byte before 8 KiB', Buffer.from(`${'x'.repeat(8191)}\xa9`, 'latin1'), 'binary (not UTF-8)'],
  ])('%s', (_, content, problem) => {
    expect(read(fileOf(content)).problem).toBe(problem);
    expect(read(fileOf(content), 8192).problem).toBe(problem);
  });

  test('files that vanish, or turn into something else, before they are read', () => {
    const file = fileOf('x');
    rmSync(file);
    expect(read(file).problem).toBe('vanished while indexing');
    expect(read(join(file, 'below')).problem).toBe('vanished while indexing');
    expect(read(folderOf({})).problem).toBe('not a regular file');
    writeFileSync(file, 'y');
    renameSync(file, `${file}-moved`);
    expect(read(file).problem).toBe('vanished while indexing');
  });

  test.skipIf(isRoot)('a file without permission', () => {
    const file = fileOf('x');
    chmodSync(file, 0);
    expect(read(file).problem).toBe('unreadable (permission denied)');
  });

  test('what the caller throws goes through, and the reader can be used again', () => {
    const file = fileOf('x\n'.repeat(10));
    const reader = new TextReader();
    const stop = (): never => {
      throw new Error('enough');
    };
    expect(() => reader.read(file, stop)).toThrow('enough');
    expect(reader.read(file, () => {})).toBe('');
  });
});

test('skipped files: reasons are counted, binary files come last', () => {
  const skipped = [
    { path: 'a', reason: 'binary (NUL byte)' },
    { path: 'b', reason: 'vanished while indexing' },
    { path: 'c', reason: 'binary (not UTF-8)' },
    { path: 'd', reason: 'binary (NUL byte)' },
  ];
  expect(mostTellingFirst(skipped).map(({ path }) => path)).toEqual(['b', 'a', 'c', 'd']);
  expect(countByReason(skipped)).toEqual([
    ['binary (NUL byte)', 2],
    ['binary (not UTF-8)', 1],
    ['vanished while indexing', 1],
  ]);
});
