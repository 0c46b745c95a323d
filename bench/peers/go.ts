// Native Go: the same loops, compiled where a Go toolchain is installed.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Compiles the program into `dir`; undefined when Go is not installed. */
export function buildGo(root: string, dir: string): string | undefined {
  const out = join(dir, 'go-malloc');
  try {
    execFileSync('go', ['build', '-o', out, join(root, 'bench/go/malloc.go')], { stdio: ['ignore', 'ignore', 'pipe'] });
    return out;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
