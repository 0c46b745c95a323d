/** Global setup: bundles the workers of the tests from the current source into a temporary folder. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    entryPoints: readdirSync(here)
      .filter((file) => file.endsWith('-worker.ts'))
      .map((file) => join(here, file)),
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
