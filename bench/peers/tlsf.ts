// AssemblyScript's TLSF, the allocator of its standard library, compiled by its own compiler without any collector calls.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = `
export function malloc(size: usize): usize { return heap.alloc(size); }
export function free(ptr: usize): void { heap.free(ptr); }
export function zalloc(size: usize): usize { const p = heap.alloc(size); memory.fill(p, 0, size); return p; }
`;

/** Compiles the module into `dir`; undefined when the compiler is not installed. */
export function buildTlsf(root: string, dir: string): string | undefined {
  const asc = join(root, 'node_modules/assemblyscript/bin/asc.js');
  if (!existsSync(asc)) return undefined;
  writeFileSync(join(dir, 'tlsf.ts'), SOURCE);
  const options = ['--runtime', 'minimal', '-O3', '--noAssert', '--converge', '--initialMemory', '4096'];
  execFileSync(process.execPath, [asc, 'tlsf.ts', '--outFile', 'tlsf.wasm', ...options], { cwd: dir, stdio: 'pipe' });
  return join(dir, 'tlsf.wasm');
}
