// Builds everything that runs: the package's entries in one esbuild run (shared chunks, so that constants fold and
// classes keep one identity across entries), the programs beside it (scripts, bench), the types.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });

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
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minifySyntax: true,
  sourcemap: 'linked',
  logLevel: 'warning',
};

// The background worker of the collector, as text inside of the library: then no bundler has to find it.
const gcWorker = await build({
  ...common,
  entryPoints: ['src/runtime/gc-worker.ts'],
  splitting: false,
  format: 'iife',
  minify: true,
  sourcemap: false,
  write: false,
  platform: 'neutral',
});
common.define = { SPANHEAP_GC_WORKER: JSON.stringify(gcWorker.outputFiles[0].text) };

// The library: runs in Node and in browsers, imports nothing from outside.
await build({
  ...common,
  entryPoints: present({ index: 'src/index.ts', 'gc-worker': 'src/runtime/gc-worker.ts' }),
  chunkNames: 'chunks/[name]-[hash]',
  platform: 'neutral',
});

// The programs: Node only, their packages bundled in.
await build({
  ...common,
  entryPoints: {
    ...present({
      cli: 'src/cli/main.ts',
      observe: 'src/observe.ts',
      'explorer-worker': 'src/serve/explorer/worker.ts',
      'explore-hook': 'src/cli/explore/hook.ts',
      'explore-demo-worker': 'src/cli/explore/demo-worker.ts',
      'index-worker': 'src/cli/index/index-worker.ts',
      'replay-worker': 'src/cli/replay/replay-worker.ts',
      'bench/main': 'bench/main.ts',
    }),
    ...folder('scripts', 'scripts', /^(oracle|generate)\.ts$/),
    ...folder('bench', 'bench', /^(case|worker)-.*\.ts$/),
  },
  chunkNames: 'chunks/program-[name]-[hash]',
  platform: 'node',
  loader: { '.css': 'text', '.html': 'text' },
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});

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
if (process.argv.includes('--types')) execFileSync(process.execPath, ['scripts/types.mjs'], { stdio: 'inherit' });
