/** The package as it is built, imported as its users do. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const built = (file: string): string => readFileSync(new URL(`../../dist/${file}`, import.meta.url), 'utf8');

/** What `npm pack` takes, as far as "files" of package.json says; the README and the licence it always takes. */
function packedFiles(): string[] {
  const { files } = JSON.parse(built('../package.json')) as { files: string[] };
  const root = new URL('../../', import.meta.url);
  const within = (folder: string, name: string): string[] =>
    name.includes('*')
      ? readdirSync(new URL(folder, root)).filter((file) => file.endsWith(name.slice(1)))
      : statSync(new URL(folder + name, root)).isDirectory()
        ? readdirSync(new URL(folder + name, root), { recursive: true, encoding: 'utf8' }).map(
            (file) => `${name}/${file}`,
          )
        : [name];
  return ['README.md', 'LICENSE', 'package.json'].concat(
    files.flatMap((pattern) => {
      const folder = pattern.slice(0, pattern.lastIndexOf('/') + 1);
      return within(folder, pattern.slice(folder.length)).map((file) => folder + file);
    }),
  );
}

function run(program: string, type: 'module' | 'commonjs' = 'module'): string {
  return execFileSync(process.execPath, [`--input-type=${type}`, '-'], { input: program, encoding: 'utf8' }).trim();
}

/** What a bundler makes of a program, for Node and minified. */
async function bundle(contents: string, format: 'esm' | 'cjs' = 'esm'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('../..', import.meta.url)) },
    bundle: true,
    minify: true,
    platform: 'node',
    format,
    write: false,
  });
  return outputFiles[0]!.text;
}

test.each(['index.js', 'gc-worker.js'])('%s imports nothing', (file) => {
  const text = built(file);
  expect(text.length).toBeGreaterThan(50_000);
  expect(text).not.toMatch(/(?:^|[;}\n])(?:import|export)\b[^;]*\bfrom\b/);
  expect(text).not.toMatch(/(?:^|[;}\n])import ?["']/);
});

test.each(['index.js', 'node.js', 'gc-worker.js'])('%s has nothing that bundlers take for an asset', (file) => {
  expect(built(file)).not.toMatch(/new URL\([^()]*import\.meta\.url/);
});

test('what package.json names is there, and in the package', () => {
  const { exports, imports, bin, files } = JSON.parse(built('../package.json')) as Record<string, object>;
  const named = JSON.stringify([exports, imports, bin]).match(/(?<=")\.\/[^"]*\.\w+(?=")/g)!;
  expect(named.length).toBeGreaterThan(10);
  for (const file of named.filter((name) => !name.endsWith('.d.ts'))) {
    expect(built(`../${file}`).length).toBeGreaterThan(100);
    expect(files).toContain(file.replace(/^\.\/(.*\/).*(\.\w+)$/, '$1*$2'));
  }
});

test('each door has types, and the documents that the README links to are in the package', () => {
  const { exports, files } = JSON.parse(built('../package.json')) as { exports: object; files: string[] };
  for (const door of Object.values(exports)) expect(door.types).toMatch(/^\.\/dist\/types\/.*\.d\.ts$/);
  const linked = [...built('../README.md').matchAll(/\]\((docs\/[^)#]+\.md)/g)].map((match) => match[1]!);
  expect(linked.length).toBeGreaterThan(6);
  for (const document of linked) expect(files).toContain(document.replace(/^(.*\/).*(\.md)$/, '$1*$2'));
});

test('tools that do not look at "exports" find the library by "main" and "types"', () => {
  const { main, types, exports } = JSON.parse(built('../package.json')) as Record<
    string,
    Record<string, Record<string, string>>
  >;
  expect({ types, default: main }).toEqual({ types: exports!['.']!.types, default: exports!['.']!.default });
});

test.skipIf(!('require_module' in process.features))('programs of CommonJS can require it, and get the same', () => {
  const program = `
    import { createRequire } from 'node:module';
    import { createHeap } from 'spanheap';
    console.log(createRequire(import.meta.url)('spanheap').createHeap === createHeap);
  `;
  expect(run(program)).toBe('true');
});

/** Links and pictures, of Markdown and of the HTML in it, without the part behind `#`. */
const LINK = /\]\(([^)#\s]+)[^)]*\)|(?:src|href)="([^"#]+)/g;

test('every relative link in a document of the package leads to a file of the package', () => {
  const packed = new Set(packedFiles());
  const dead: string[] = [];
  const documents = [...packed].filter((file) => file.endsWith('.md'));
  expect(documents.length).toBeGreaterThan(8);
  for (const document of documents) {
    for (const [, link, attribute] of built(`../${document}`).matchAll(LINK)) {
      const target = link ?? attribute!;
      if (/^[a-z]+:/.test(target)) continue;
      if (!packed.has(posix.join(posix.dirname(document), target))) dead.push(`${document}: ${target}`);
    }
  }
  expect(dead).toEqual([]);
});

test('a build has declarations for every door', () => {
  const { exports } = JSON.parse(built('../package.json')) as { exports: Record<string, { types: string }> };
  for (const { types } of Object.values(exports)) expect(built(`../${types}`)).toContain('export');
});

test('what programs share is in the package for its own programs, not for the benchmarks', () => {
  const chunks = packedFiles().filter((file) => /^dist\/chunks\/.*\.js$/.test(file));
  expect(chunks.length).toBeGreaterThan(3);
  const programs = packedFiles().filter((file) => /^dist\/[^/]*\.js$/.test(file));
  const used = new Set<string>();
  for (const wanted = [...programs]; wanted.length > 0; ) {
    const file = wanted.pop()!;
    if (used.has(file)) continue;
    used.add(file);
    wanted.push(...chunks.filter((chunk) => built(`../${file}`).includes(posix.basename(chunk))));
  }
  expect(chunks.filter((chunk) => !used.has(chunk))).toEqual([]);
});

test('names of functions are kept, for stack traces', () => {
  const program = `
    import { createHeap } from 'spanheap';
    try { createHeap({ maxBytes: -1 }); } catch (error) { console.log(error.stack.includes('checkOptions')); }
  `;
  expect(run(program)).toBe('true');
});

test('methods of references are called by their names: the heap profile shows these', () => {
  const program = `
    import { array, createHeap, map, slice, string } from 'spanheap';
    const heap = createHeap({ maxBytes: 2 ** 24 });
    for (const kind of [slice(string), array(string, 2), map(string, string)]) {
      const { constructor, ...methods } = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(heap.new(kind)));
      for (const [key, { value }] of Object.entries(methods)) {
        if (typeof value === 'function' && value.name !== '' && value.name !== key) console.log(key, value.name);
      }
    }
  `;
  expect(run(program)).toBe('');
});

test('a bundler leaves the library out where nothing of it is used, but not a script that is there for what it does', async () => {
  expect(await bundle("import { createHeap, u32 } from 'spanheap'; console.log('without');")).toHaveLength(24);
  expect((await bundle("import 'spanheap/gc-worker';")).length).toBeGreaterThan(50_000);
  // Sources that the build imports for what they do are no part of the package, but bundled under its package.json.
  expect((await bundle("import './src/layout/registry.ts';")).length).toBeGreaterThan(1000);
});

test.each([true, false])('explore in a bundle says that its files are elsewhere (shared: %s)', async (shared) => {
  const program = await bundle(`
    import { createHeap } from 'spanheap';
    import { explore } from 'spanheap/observe';
    await explore(createHeap({ maxBytes: 2 ** 24, shared: ${shared} })).catch((error) => console.log(error.message));
  `);
  expect(run(program)).toMatch(/^explore: .*'spanheap\/observe'/);
});

test('a bundle that is CommonJS has the observers, but for the page', async () => {
  const program = `
    import { createHeap } from 'spanheap';
    import { explore, metricsText } from 'spanheap/observe';
    const heap = createHeap({ maxBytes: 2 ** 24 });
    metricsText(heap).then(({ body }) => console.log(body.includes('go_memstats_alloc_bytes')));
    explore(heap).catch((error) => console.log(error.message));
  `;
  expect(run(await bundle(program, 'cjs'), 'commonjs')).toMatch(/^explore: .*'spanheap\/observe'.*\ntrue$/);
});

test('a bundle does not give the version of its program as that of the library', async () => {
  const program = await bundle(`
    import { createHeap } from 'spanheap';
    import { metricsText } from 'spanheap/observe';
    console.log((await metricsText(createHeap({ maxBytes: 2 ** 24 }))).body.match(/version="(.*)"/)[1]);
  `);
  const folder = mkdtempSync(join(tmpdir(), 'spanheap-bundle-'));
  try {
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'package.json'), '{ "name": "program", "version": "9.9.9" }');
    writeFileSync(join(folder, 'dist/program.mjs'), program);
    expect(execFileSync(process.execPath, [join(folder, 'dist/program.mjs')], { encoding: 'utf8' })).toBe(
      'spanheap unknown\n',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the observers have nothing that bundlers take for an asset or a `require` of their own', () => {
  const texts = packedFiles().filter((file) => /^dist\/(observe|chunks\/.*)\.js$/.test(file));
  expect(texts.length).toBeGreaterThan(1);
  for (const file of texts) {
    expect(built(file.slice('dist/'.length))).not.toMatch(/new URL\(.*import\.meta\.url/);
    expect(built(file.slice('dist/'.length))).not.toContain('createRequire');
  }
});

test('errors have their names also in a bundle where classes were renamed', async () => {
  const contents = `
    import * as library from 'spanheap';
    import * as observers from 'spanheap/observe';
    const { SpanheapError, createHeap } = library;
    const isError = ([, shown]) => shown === SpanheapError || shown?.prototype instanceof SpanheapError;
    const errors = [...Object.entries(library), ...Object.entries(observers)].filter(isError);
    const renamed = errors.filter(([name, shown]) => shown.name !== name).length;
    const misnamed = errors.filter(([name, shown]) => shown.prototype.name !== name).map(([name]) => name);
    let stack;
    try { createHeap({ maxBytes: -1 }); } catch (error) { stack = error.stack; }
    console.log(errors.length > 11, renamed === errors.length, misnamed.join(), stack.split(':')[0]);
  `;
  expect(run(await bundle(contents))).toBe('true true  ArgumentError');
});

test('there is one class of each error: what the observers see thrown by a heap is known to them', () => {
  const program = `
    import { createServer } from 'node:http';
    import { createHeap } from 'spanheap';
    import { observeHandler } from 'spanheap/observe';
    const heap = createHeap({ maxBytes: 2 ** 24 });
    const server = createServer(observeHandler(heap)).listen(0, '127.0.0.1', async () => {
      heap.detach();
      const { status } = await fetch('http://127.0.0.1:' + server.address().port + '/snapshot');
      console.log(status);
      server.close();
    });
  `;
  expect(run(program)).toBe('503');
});
