// Native Go: the same loops, compiled where a Go toolchain is installed.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../harness.ts';

/** Paths of the compiled programs. */
export interface GoPrograms {
  readonly malloc: string;
  /** The collector's cases. */
  readonly gc: string;
}

/** Compiles the programs into `dir`; undefined when Go is not installed. */
export function buildGo(root: string, dir: string): GoPrograms | undefined {
  const source = join(root, 'bench/go');
  const build = (name: string, files: string[]): string => {
    const out = join(dir, `go-${name}`);
    execFileSync('go', ['build', '-o', out, ...files], { stdio: ['ignore', 'ignore', 'pipe'] });
    return out;
  };
  try {
    const gc = readdirSync(join(source, 'gc')).map((file) => join(source, 'gc', file));
    return { malloc: build('malloc', [join(source, 'malloc.go')]), gc: build('gc', gc) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function goCommand(file: string, flags: Readonly<Record<string, string | number | boolean>>): Command {
  return { file, args: Object.entries(flags).map(([name, value]) => `-${name}=${value}`) };
}
