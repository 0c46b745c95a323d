/** Finding files in Bun, which gives names as bytes or says what they are of, but not both. */
import { relative } from 'node:path';
import { expect, test, vi } from 'vitest';
import { findFiles } from '../../../../src/cli/index/walker.ts';
import { folderOf } from './files.ts';

vi.mock('node:fs', async (load) => {
  const fs = await load<typeof import('node:fs')>();
  const readdirSync = (path: string, { encoding }: { encoding: 'buffer' }): Buffer[] =>
    fs.readdirSync(path, { encoding });
  return { ...fs, readdirSync };
});

test('all files, without .git', () => {
  const folder = folderOf({ 'b.txt': 'bb', 'ä/z': '', '.git/config': 'x' });
  const { files, skipped } = findFiles([folder]);
  expect(files.map(({ path }) => relative(folder, path))).toEqual(['b.txt', 'ä/z']);
  expect(skipped).toEqual([]);
});
