/** What the README shows must run, and type-check, as it stands there. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as library from '../../src/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const guide = readFileSync(join(root, 'docs/guide.md'), 'utf8');
/** Inside the package, its own name resolves to its own build. */
const folder = join(root, 'dist', 'readme');

describe('the examples', () => {
  const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map((m) => m[1]!);
  const linesOf = (code: string) => code.split('\n').filter((line) => line.trim() !== '').length;
  const output = (i: number) =>
    execFileSync(process.execPath, [join(folder, `example-${i}.mjs`)], { cwd: root, encoding: 'utf8' });

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    for (const [i, code] of examples.entries()) {
      writeFileSync(join(folder, `example-${i}.mjs`), code);
      writeFileSync(join(folder, `example-${i}.mts`), code);
    }
    writeFileSync(join(folder, 'guide.mts'), guideTypes());
    const compilerOptions = { paths: { spanheap: ['../../src/index.ts'] } };
    const config = { extends: '../../tsconfig.json', compilerOptions, include: ['*.mts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('the first has at most 12 lines and prints what it says', () => {
    expect(linesOf(examples[0]!)).toBeLessThanOrEqual(12);
    expect(output(0)).toBe('the worker reads 42\n');
  });

  it('the second has less than 30 lines and prints what all threads did', () => {
    expect(linesOf(examples[1]!)).toBeLessThan(30);
    expect(output(1)).toBe('2 likes, 2 replies, "be" 4 times\n');
  });

  it('they and the types of the guide are right for TypeScript', () => {
    expect(examples).toHaveLength(2);
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const checked = execFileSync(process.execPath, [tsc, '-p', folder, '--listFilesOnly'], { encoding: 'utf8' });
    expect(checked.match(/(?:example-\d|guide)\.mts$/gm)).toHaveLength(3);
    expect(typeErrors(tsc)).toBe('');
  });

  /** What the guide declares, and what it says of types, as a program. */
  function guideTypes(): string {
    const section = guide.slice(guide.indexOf('\n## Types'), guide.indexOf('\n## Objects'));
    const blocks = [...section.matchAll(/```ts\n([\s\S]*?)```/g)].map((m) => m[1]!);
    expect(blocks).toHaveLength(3);
    const heap = "import { createHeap } from 'spanheap';\nconst heap = createHeap();\n";
    return `${heap}${blocks.join('')}export const used: NodeRef = new Repository(heap, Node).add({});\naddPoint(used, { x: width([heap.new(Point)]) });\n`;
  }

  /** What the compiler complains about: it prints that, and ends with an error. */
  function typeErrors(tsc: string): string {
    try {
      return execFileSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { cwd: root, encoding: 'utf8' });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  }
});

it('every document it links to is there', () => {
  const links = [...readme.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)].map((m) => m[1]!);
  expect(links.length).toBeGreaterThan(3);
  for (const link of links) expect(existsSync(join(root, link)), link).toBe(true);
});

it('what it says of installing is what the package says', () => {
  const { version, engines, scripts, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(readme).toContain(`Node ${engines.node.replace('>=', '')} or newer`);
  expect(readme.match(/spanheap-[\d.]+\.tgz/g)).toEqual([`spanheap-${version}.tgz`, `spanheap-${version}.tgz`]);
  // `npm ci`, `npm pack` and an installation from git all run it, and a package has types.
  expect(scripts.prepare).toBe('node scripts/prepare.mjs');
  expect(readFileSync(join(root, scripts.prepare.slice('node '.length)), 'utf8')).toMatch(/'--types'.*build\.mjs/s);
  expect(type).toBe('module');
});

it('every document is in its list', () => {
  const list = readme.slice(readme.indexOf('## Documentation'));
  const documents = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  expect(documents.filter((name) => !list.includes(`- [docs/${name}](docs/${name})`))).toEqual([]);
});

describe('the options of the commands', () => {
  const optionsOf = (command: string) => {
    const help = execFileSync(process.execPath, [join(root, 'dist/cli.js'), command, '--help'], { encoding: 'utf8' });
    return [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map((m) => m[1]!);
  };
  const section = (text: string, heading: string) => text.split(/^## /m).find((part) => part.startsWith(heading))!;

  it.each([
    ['index', readme, 'Index text files', /^--no-explore$/],
    ['index', guide, 'Index text files', /^$/],
    ['replay', guide, 'Replay recordings', /^$/],
    // Where the page is served is said of `index`.
    ['replay', readme, "Replay a program's memory", /^--(?:no-explore|port|host|allow-host|interval)$/],
  ])('%s', (command, text, heading, leftOut) => {
    const options = optionsOf(command).filter((option) => !leftOut.test(option));
    expect(options.length).toBeGreaterThan(6);
    expect(options.filter((option) => !section(text, heading).includes(option))).toEqual([]);
  });
});

describe('the guide has every', () => {
  const source = (file: string) => readFileSync(join(root, 'src', file), 'utf8');
  const part = (file: string, from: string, to: string) => {
    const text = source(file);
    return text.slice(text.indexOf(from), text.indexOf(to, text.indexOf(from)));
  };
  const all = (text: string, what: RegExp) => [...text.matchAll(what)].map((m) => m[1]!);
  const methodsOf = (text: string) => all(text, /^ {2}(?:get )?(?:readonly )?(?!constructor)([a-z]\w*)\b[(:<]/gim);
  const kinds = /\b(?:PAGE|SLOT)_/;

  it.each([
    ['function and type', 30, Object.keys(library).filter((name) => !kinds.test(name) && name !== 'whenFirstShared')],
    ['option', 13, all(part('runtime/options.ts', 'const KNOWN', '];'), /'(\w+)'/g)],
    [
      'method of heaps',
      30,
      [
        ...methodsOf(part('runtime/heap.ts', 'interface HeapMemory', 'function createHeap')),
        ...methodsOf(source('runtime/heap-inside.ts')),
      ],
    ],
    ['method of heap.raw', 15, all(part('runtime/raw.ts', 'RawHeap = Pick', '>;'), /'(\w+)'/g)],
    ['method of references', 30, methodsOf(source('types/values.ts'))],
    ['method of views', 15, methodsOf(part('observe/view.ts', 'class HeapView', '\n}'))],
    ['hook', 9, all(source('malloc/hooks.ts') + source('spans/hooks.ts'), /^ {2}(on\w+)\?: \(/gm)],
    ['error', 24, all(source('base/errors.ts') + source('analyze/errors.ts'), /'(ERR_\w+)'/g)],
  ])('%s', (_, atLeast, names) => {
    expect(new Set(names).size).toBeGreaterThanOrEqual(atLeast);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(guide))).toEqual([]);
  });
});

it('the guide names every field of the JSON of replay', () => {
  const text = guide.slice(guide.indexOf('\n## Replay recordings'));
  const outcome = readFileSync(join(root, 'src/cli/replay/outcome.ts'), 'utf8');
  const fields = [...outcome.matchAll(/^ {2}readonly (\w+): /gm)].map((match) => match[1]!);
  expect(fields.length).toBeGreaterThan(40);
  expect(fields.filter((field) => !new RegExp(`\\b${field}\\b`).test(text))).toEqual([]);
});

it('CI runs exactly the test command that the README gives', () => {
  const command = /^(npm ci && npm test)\b/m.exec(readme)?.[1];
  expect(readFileSync(join(root, '.ci/run'), 'utf8').trimEnd().split('\n').at(-1)).toBe(command);
});
