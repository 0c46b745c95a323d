// Builds everything that runs: the library as one file, the programs beside it (scripts, bench), the types.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
// The declarations stay, for programs that use this folder as the package; `--types` makes them anew.
if (existsSync('dist'))
  for (const name of readdirSync('dist').filter((entry) => entry !== 'types'))
    rmSync(`dist/${name}`, { recursive: true });

const present = (entries) => Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));
const folder = (dir, out, match) =>
  !existsSync(dir)
    ? {}
    : Object.fromEntries(
        readdirSync(dir)
          .filter((f) => match.test(f))
          .map((f) => [`${out}/${f.replace(/\.ts$/, '')}`, `${dir}/${f}`]),
      );

const common = {
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minifySyntax: true,
  sourcemap: 'linked',
  logLevel: 'warning',
};

// The background worker of the collector: a script of its own, and as text inside of the library, so that no bundler has
// to find it.
const { outputFiles } = await build({
  ...common,
  entryPoints: { 'gc-worker': 'src/runtime/gc-worker.ts' },
  format: 'iife',
  minify: true,
  write: false,
  platform: 'neutral',
});
mkdirSync('dist', { recursive: true });
for (const { path, contents } of outputFiles) writeFileSync(path, contents);
const gcWorker = outputFiles.find(({ path }) => path.endsWith('.js')).text.replace(/\/\/# sourceMappingURL=.*\n$/, '');
common.define = { SPANHEAP_GC_WORKER: JSON.stringify(gcWorker) };

// The library: runs in Node and in browsers, imports nothing from outside. One file: what is imported from another is no
// constant to V8's compiler, and is looked for among all imports by each function that is compiled. Without blanks, which
// take as long to read as they are many; the names stay, for stack traces.
const { metafile } = await build({
  ...common,
  entryPoints: { index: 'src/index.ts' },
  minifyWhitespace: true,
  lineLimit: 160,
  platform: 'neutral',
  metafile: true,
  // Comments that make a script of it, for src/node/library.ts.
  banner: { js: '/*(function(){"use strict";/**/' },
  footer: { js: '/*})()/**/' },
});

// Its door in Node, with compiled code. What it imports by this name (see "imports" in package.json) is the library for
// bundlers, so that they take it along; for Node it is the door itself, which is loaded already. They would take it
// twice if the file's name stood beside `import.meta.url`: as an asset.
const { exports: all } = metafile.outputs['dist/index.js'];
const names = all.filter((name) => name !== 'whenFirstShared');
await build({
  ...common,
  entryPoints: undefined,
  stdin: {
    resolveDir: 'src',
    loader: 'ts',
    contents: `import * as bundled from '#spanheap';
      import { loadLibrary } from './node/library.ts';
      const libraryOf = (door) => new URL('./index.js', door).href;
      export const { ${names} } = 'whenFirstShared' in bundled ? bundled : loadLibrary(libraryOf(import.meta.url));`,
  },
  external: ['#spanheap'],
  outdir: undefined,
  outfile: 'dist/node.js',
  platform: 'node',
});

// The programs: Node only, their packages bundled in. What the library's door shows they take from there, as its users do;
// so there is one class of each error.
const DOOR = ['index.ts', 'base/errors.ts', 'runtime/heap.ts', 'runtime/view-heap.ts'].map((file) =>
  resolve('src', file),
);
const throughTheDoor = {
  name: 'through-the-door',
  setup(pass) {
    pass.onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir }) =>
      DOOR.includes(resolve(resolveDir, path)) ? { path: 'spanheap', external: true } : undefined,
    );
  },
};
const programs = {
  ...common,
  platform: 'node',
  loader: { '.css': 'text', '.html': 'text' },
  // What packages that are CommonJS get of Node. Not by `createRequire`, which needs the file's address: a bundle that is CommonJS
  // itself has none.
  banner: { js: 'const require = (name) => process.getBuiltinModule(name);' },
};
await build({
  ...programs,
  entryPoints: {
    ...present({
      cli: 'src/cli/main.ts',
      observe: 'src/observe.ts',
      'explorer-worker': 'src/serve/explorer/worker.ts',
      'explore-hook': 'src/cli/explore/hook.ts',
      'explore-demo-worker': 'src/cli/explore/demo-worker.ts',
      'index-worker': 'src/cli/index/index-worker.ts',
      'replay-worker': 'src/cli/replay/replay-worker.ts',
    }),
  },
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  plugins: [throughTheDoor],
});

// The benchmarks, and what they share, are in a folder of their own: the package leaves that out.
await build({
  ...programs,
  entryPoints: {
    ...present({ 'bench/main': 'bench/main.ts' }),
    ...folder('bench', 'bench', /^(case|worker)-.*\.ts$/),
  },
  splitting: true,
  chunkNames: 'bench/chunks/[name]-[hash]',
  plugins: [throughTheDoor],
});

// The scripts look at what is behind the door.
await build({ ...programs, entryPoints: folder('scripts', 'scripts', /^(oracle|generate)\.ts$/) });

// The explorer's page: browser code, served by dist/explorer-worker.js from this folder.
if (existsSync('src/explorer/index.html')) {
  const { build: buildPage } = await import('vite');
  await buildPage({
    root: 'src/explorer',
    configFile: false,
    base: './',
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: '../../dist/explorer',
      emptyOutDir: true,
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 1000,
      modulePreload: { polyfill: false },
    },
  });
}
if (existsSync('dist/cli.js')) chmodSync('dist/cli.js', 0o755);
// Compiled code, for the Node that builds.
if (existsSync('dist/cli.js'))
  execFileSync(process.execPath, ['dist/cli.js', 'warm'], { stdio: ['ignore', 'ignore', 'inherit'] });
if (process.argv.includes('--types')) execFileSync(process.execPath, ['scripts/types.mjs'], { stdio: 'inherit' });
