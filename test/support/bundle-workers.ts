/** Global setup: bundles the workers of the tests from the current source into a temporary folder. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder with the bundled workers. */
    workerDir: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const outdir = mkdtempSync(join(tmpdir(), 'spanheap-workers-'));
  await build({
    entryPoints: [
      ...readdirSync(here)
        .filter((file) => file.endsWith('-worker.ts'))
        .map((file) => join(here, file)),
      // Where tests have the heap look for its background worker, which the build puts into the library.
      join(here, '../../src/runtime/gc-worker.ts'),
    ].map((file) => ({ in: file, out: basename(file, '.ts') })),
    outdir,
    bundle: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    target: 'es2022',
    logLevel: 'warning',
  });
  project.provide('workerDir', outdir);
  return () => rmSync(outdir, { recursive: true, force: true });
}
