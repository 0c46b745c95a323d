/** Files that are whole or not there: what they replace, and what is written in place. */
import { execFileSync, spawn } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createHeap } from '../../../src/index.ts';
import { Draft, realPathOf, writeWhole } from '../../../src/serve/draft.ts';
import { writeSnapshot, writeSnapshotSync } from '../../../src/serve/snapshot-file.ts';

const root = realPathOf(mkdtempSync(join(tmpdir(), 'spanheap-draft-')));
let made = 0;

afterAll(() => rmSync(root, { recursive: true, force: true }));

function newFolder(): string {
  const folder = join(root, `${made++}`);
  mkdirSync(folder);
  return folder;
}

const put = (path: string, text: string): number => writeWhole(path, (write) => write(Buffer.from(text)));

test('a file is replaced when the new one is whole, and only then', () => {
  const folder = newFolder();
  const file = join(folder, 'file');
  expect(put(file, 'one')).toBe(3);
  const half = (): number =>
    writeWhole(file, (write) => {
      write(Buffer.from('tw'));
      expect(readFileSync(file, 'utf8')).toBe('one');
      throw new Error('enough');
    });
  expect(half).toThrow('enough');
  expect(readFileSync(file, 'utf8')).toBe('one');
  put(file, 'two');
  expect(readFileSync(file, 'utf8')).toBe('two');
  expect(readdirSync(folder)).toEqual(['file']);
});

test('links are followed, also those that lead to nothing yet', () => {
  const folder = newFolder();
  mkdirSync(join(folder, 'there'));
  symlinkSync('there/file', join(folder, 'link'));
  symlinkSync('link', join(folder, 'link to link'));
  for (const text of ['made', 'replaced']) {
    put(join(folder, 'link to link'), text);
    expect(readFileSync(join(folder, 'there/file'), 'utf8')).toBe(text);
  }
  expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
  expect(lstatSync(join(folder, 'link to link')).isSymbolicLink()).toBe(true);
  expect(readdirSync(join(folder, 'there'))).toEqual(['file']);
});

test('real paths are those of the system, not of the text', () => {
  const folder = newFolder();
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  symlinkSync('a/b', join(folder, 'link'));
  symlinkSync('link/../new', join(folder, 'up'));
  expect(realPathOf(`${folder}/link/..`)).toBe(join(folder, 'a'));
  expect(realPathOf(`${folder}/link/../new`)).toBe(join(folder, 'a/new'));
  expect(realPathOf(join(folder, 'up'))).toBe(join(folder, 'a/new'));
  expect(() => realPathOf(join(folder, 'none/new'))).toThrow('ENOENT');
  symlinkSync('loop', join(folder, 'loop'));
  expect(() => realPathOf(join(folder, 'loop'))).toThrow('ELOOP');
});

test('the longest name that a file can have', () => {
  const file = join(newFolder(), 'x'.repeat(255));
  put(file, 'long');
  expect(readFileSync(file, 'utf8')).toBe('long');
});

test('a device is written in place', () => {
  // Looked at only.
  expect(new Draft('/dev/null')).toMatchObject({ path: '/dev/null', flags: 'w', isSeparate: false });
});

test('a snapshot into a pipe: it gets the bytes, and stays a pipe', async () => {
  const folder = newFolder();
  const [pipe, link] = [join(folder, 'pipe'), join(folder, 'link')];
  execFileSync('mkfifo', [pipe]);
  symlinkSync('pipe', link);
  const heap = createHeap({ maxBytes: 1 << 24 });
  for (const write of [writeSnapshot, writeSnapshotSync]) {
    const reader = spawn('sh', ['-c', 'cat "$1" > "$1.read"', 'sh', pipe]);
    const read = new Promise((resolve) => reader.on('exit', resolve));
    const bytes = await write(heap, link);
    await read;
    expect(readFileSync(`${pipe}.read`).length).toBe(bytes);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  }
  heap.detach();
  expect(readdirSync(folder).sort()).toEqual(['link', 'pipe', 'pipe.read']);
});
