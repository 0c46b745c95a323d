/** What the README shows must run as it stands there. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const file = join(root, 'dist', 'readme-example.mjs');

afterAll(() => rmSync(file, { force: true }));

it('the first example runs, and prints what it says', () => {
  const code = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  expect(code.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(12);
  // Inside the package, its own name resolves to its own build.
  writeFileSync(file, code);
  expect(execFileSync(process.execPath, [file], { cwd: root, encoding: 'utf8' })).toContain('the worker reads 42');
});

it('every document it links to is there', () => {
  const links = [...readme.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)].map((m) => m[1]!);
  expect(links.length).toBeGreaterThan(3);
  for (const link of links) expect(existsSync(join(root, link)), link).toBe(true);
});

it('CI runs exactly the test command that the README gives', () => {
  const command = /^(npm ci && npm test)\b/m.exec(readme)?.[1];
  expect(readFileSync(join(root, '.ci/run'), 'utf8').trimEnd().split('\n').at(-1)).toBe(command);
});
