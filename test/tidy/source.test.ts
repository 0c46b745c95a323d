/** The source's own rules: layers look down only, files and functions stay small, one place each for the platform. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as span from '../../src/layout/span.ts';

/** Bottom up: a file may import from its own folder and from folders further left. */
const LAYERS = [
  'base',
  'layout',
  'sys',
  'sync',
  'pages',
  'spans',
  'central',
  'cache',
  'threads',
  'malloc',
  'gc',
  'types',
  'observe',
  'runtime',
  'index.ts',
  'analyze',
  'serve',
  'observe.ts',
  'node',
  'explorer',
  'cli',
];

const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => /\.tsx?$/.test(file))
  .sort();
const textOf = (file: string): string => readFileSync(join(SRC, file), 'utf8');
const layerOf = (file: string): number => LAYERS.indexOf(file.split('/')[0]!);

test('every file is in a layer', () => {
  expect(FILES.filter((file) => layerOf(file) < 0)).toEqual([]);
  expect(FILES.length).toBeGreaterThan(50);
});

/** What a text imports, or exports again, from anywhere: statically, for its effects alone, or when it runs. */
const IMPORTS =
  /^(?:import|export)\b(?:[\w\s{},*$]*\bfrom)?\s*['"]([^'"]+)['"]|(?<![\w.])import\(\s*['"]([^'"]+)['"]/gm;
const importsOf = (text: string): string[] => [...text.matchAll(IMPORTS)].map((match) => match[1] ?? match[2]!);

test('imports of all forms are seen', () => {
  const text = `import 'a';
import b from "b";
import {
  type c,
} from 'c';
export * from 'd';
const e = await import('e');
export const not = (x: string) => x;
const f = 'f';
type G = import('g').G;
`;
  expect(importsOf(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'g']);
});

test('imports look down only', () => {
  const upward: string[] = [];
  for (const file of FILES) {
    for (const from of importsOf(textOf(file)).filter((name) => name.startsWith('.'))) {
      const target = relative(SRC, join(SRC, file, '..', from)).replaceAll('\\', '/');
      if (layerOf(target) > layerOf(file)) upward.push(`${file} imports ${target}`);
    }
  }
  expect(upward).toEqual([]);
});

test('the library imports nothing from outside', () => {
  const outside: string[] = [];
  for (const file of FILES) {
    if (layerOf(file) >= LAYERS.indexOf('serve')) continue;
    for (const from of importsOf(textOf(file))) {
      if (!from.startsWith('.')) outside.push(`${file} imports ${from}`);
    }
  }
  expect(outside).toEqual([]);
});

/** Generated tables may be as long as they are. */
const sourceFiles = FILES.filter((file) => !file.endsWith('.gen.ts'));

test('no file is longer than 500 lines', () => {
  expect(sourceFiles.filter((file) => textOf(file).split('\n').length > 501)).toEqual([]);
});

test('no word of a span’s record but those of its first part is or-ed to where the record begins', () => {
  const words = new Map(Object.entries(span).filter(([, word]) => typeof word === 'number') as [string, number][]);
  const wrong = sourceFiles.flatMap((file) =>
    [...textOf(file).matchAll(/\| \(?(SPAN_[A-Z_]+)/g)]
      .map(([, name]) => name!)
      .filter((name) => (words.get(name) ?? 0) >= span.SPAN_PART_WORDS)
      .map((name) => `${file}: ${name}`),
  );
  expect(wrong).toEqual([]);
});

test('the lines of comments fit a screen', () => {
  const isLong = (line: string) => /^\s*(?:\*|\/\/|\/\*\*) /.test(line) && line.length > 128;
  expect(sourceFiles.filter((file) => textOf(file).split('\n').some(isLong))).toEqual([]);
});

const FUNCTION =
  /^(\s*)(?:(?:export |async )*function\b|(?:const|export const) \w+ = .*=>\s*\{$|(?:(?:private|protected|static|get|set|async) )*(?!if|for|while|switch|return|catch)#?\w+(?:<[^>]*>)?\([^;]*\)(?:: .*)? \{$)/;

/**
 * Lengths of the functions of a file that is formatted as ours are: a function ends at its own indentation. Functions
 * inside others count for themselves.
 */
function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = text.split('\n');
  const found: { name: string; from: number; to: number }[] = [];
  lines.forEach((line, i) => {
    const start = FUNCTION.exec(line);
    if (start === null) return;
    const to = lines.findIndex((l, k) => k > i && (l === `${start[1]}}` || l === `${start[1]}};`));
    if (to > 0) found.push({ name: line.trim(), from: i, to });
  });
  return found.map(({ name, from, to }) => {
    const inner = found.filter((f) => f.from > from && f.to < to);
    const outermost = inner.filter((f) => !inner.some((g) => g.from < f.from && g.to > f.to));
    return { name, lines: to - from + 1 - outermost.reduce((n, f) => n + f.to - f.from + 1, 0) };
  });
}

test('no function is longer than 70 lines', () => {
  const long = sourceFiles.flatMap((file) =>
    functionsOf(textOf(file))
      .filter((f) => f.lines > 70)
      .map((f) => `${file}: "${f.name}" has ${f.lines} lines`),
  );
  expect(long).toEqual([]);
  expect(sourceFiles.flatMap((file) => functionsOf(textOf(file))).length).toBeGreaterThan(300);
});

/** Without comments and strings. */
const codeOf = (file: string): string =>
  textOf(file)
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/\/\/.*$/gm, '');

test.each([
  [/new SharedArrayBuffer\b/, /^(?:sys|node|cli)\//],
  [/Atomics\.(?:wait|notify|waitAsync)\b/, /^(?:sync\/park\.ts|(?:serve|cli)\/.*)$/],
  [/\bglobalThis\b|\bprocess\./, /^(?:runtime\/worker-threads\.ts|base\/platform\.ts|serve\/|node\/|cli\/)/],
  [/console\./, /^(?:runtime\/(?:heap-inside|heap-gc|gc-worker|worker-threads)\.ts|serve\/|cli\/)/],
])('%s is only where it belongs', (what, where) => {
  expect(FILES.filter((file) => what.test(codeOf(file)) && !where.test(file))).toEqual([]);
});

test('every core file begins with what it is', () => {
  expect(sourceFiles.filter((file) => !textOf(file).startsWith('/**') && !textOf(file).startsWith('#!'))).toEqual([]);
});

/** Of a kind that is a type and a constant of one name, the constant's counts. */
const DECLARATION = (name: string): RegExp =>
  new RegExp(
    `(\\*/\\n(?://.*\\n)?|\\*/ )?export (?:declare )?(?:abstract )?(?:async )?(?:class|interface|type|function\\*?|const) ${name}\\b`,
    'gm',
  );

test.each(['index.ts', 'observe.ts'])('what %s exports says what it is', (door) => {
  const silent: string[] = [];
  let count = 0;
  for (const [, names, from] of textOf(door).matchAll(/^export (?:type )?(?:\{([^}]*)\}|\*) from '(.*)';$/gm)) {
    const text = textOf(join(from!));
    const exported = names?.match(/\b(?!type\b)\w+/g) ?? [...text.matchAll(/^export \w+ (\w+)/gm)].map((m) => m[1]!);
    for (const name of exported) {
      count++;
      const declared = [...text.matchAll(DECLARATION(name))];
      if (!declared.some((match) => match[1] !== undefined)) silent.push(`${from}: ${name}`);
    }
  }
  expect(silent).toEqual([]);
  expect(count).toBeGreaterThan(30);
});
