/** Folders of files for the tests of `index`, which go away after each test file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import type { Random } from '../../../support/random.ts';

const root = mkdtempSync(join(tmpdir(), 'spanheap-index-'));
let made = 0;

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A new folder with these files in it, by path. */
export function folderOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = join(root, `folder-${made++}`);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return folder;
}

/** Words that occur often and words that occur once, of several scripts, in lines of several lengths. */
export function randomText(random: Random, words: number): string {
  const common = ['the', 'Heap', 'ÜBER', 'of', 'слово', '漢字', 'x', 'İstanbul', 'e\u0301tude'];
  let text = '';
  for (let i = 0; i < words; i++) {
    text += random.oneIn(3) ? `w${random.below(words)}` : random.pick(common);
    text += random.pick([' ', ', ', '\n', '\r\n', '\n\n', '(', '-']);
  }
  return text;
}
