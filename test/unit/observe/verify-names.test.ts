/** Every invariant that `verify` can name is broken in a test: a check that none ever fails may check nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = new URL('../../../', import.meta.url);
/** Without comments, which name other things in quotes. */
const read = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8').replace(/\/\*.*?\*\//gs, '');
const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1]!);

const CHECKS = readdirSync(fileURLToPath(new URL('src/observe', ROOT))).filter((file) => /^verify.*\.ts$/.test(file));

/** Names in quotes are invariants, unless they are files; a template's `${…}` stands for any word. */
const named = [
  ...CHECKS.flatMap((file) => matches(read(`src/observe/${file}`), /['`]([a-zA-Z]+\.[\w${}]+)['`]/g)),
  ...matches(read('src/pages/page-check.ts'), /`(pages\.\w+): /g),
  ...matches(read('src/types/map/check-words.ts'), /'([a-z]+\.[a-z]+)',/g).map((name) => `map.${name}`),
].filter((name) => !name.endsWith('.ts'));

/** Rows of the tables of faults: the name comes first. */
const planted = new Set([
  ...readdirSync(fileURLToPath(new URL('.', import.meta.url)))
    .filter((file) => /^verify-.*faults\.test\.ts$/.test(file))
    .flatMap((file) => matches(read(`test/unit/observe/${file}`), /\[\s*'(\w+\.[\w.]+)',/g)),
  ...matches(read('test/unit/types/map/check.test.ts'), /\[\s*'([a-z]+\.[a-z]+)',/g).map((name) => `map.${name}`),
  ...matches(read('test/unit/pages/page-check.test.ts'), /\/\^(pages\\\.\w+)/g).map((name) => name.replace('\\', '')),
]);

const isPlanted = (name: string): boolean => {
  const pattern = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll(/\$\{\w+\}/g, '\\w+')}$`);
  return [...planted].some((fault) => pattern.test(fault));
};

test('every invariant has a fault in a test', () => {
  expect([...new Set(named)].filter((name) => !isPlanted(name))).toEqual([]);
  expect(new Set(named).size).toBeGreaterThan(120);
});

test('every fault in a test is of an invariant', () => {
  const patterns = named.map((name) => new RegExp(`^${name.replaceAll(/\$\{\w+\}/g, '\\w+')}$`));
  expect([...planted].filter((fault) => !patterns.some((pattern) => pattern.test(fault)))).toEqual([]);
});
