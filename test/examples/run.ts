/** Runs examples as their users do: with Node, against the build in dist. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** What a program prints. Rejects when it fails. */
export async function run(file: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, file), ...args], { cwd: ROOT });
  return stdout;
}

export interface Program {
  readonly process: ChildProcess;
  readonly firstLine: string;
  /** Waits for its end after a signal; its exit code, and what it printed as errors. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; errors: string }>;
}

/** Starts a program that stays; resolves when it has printed a line. */
export async function start(file: string, ...args: string[]): Promise<Program> {
  const child = spawn(process.execPath, [join(ROOT, file), ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const failed = ended.then(() => Promise.reject(new Error(`${file} ended at once: ${errors}`)));
  failed.catch(() => {});
  const lines = createInterface({ input: child.stdout });
  const [firstLine] = (await Promise.race([once(lines, 'line'), failed])) as [string];
  return {
    process: child,
    firstLine,
    async end(signal) {
      child.kill(signal);
      const [code] = await ended;
      return { code, errors };
    },
  };
}

/** Chromium of this machine: CHROMIUM_PATH, or the first of its usual names on PATH that works. */
export function findChromium(): string | undefined {
  const given = process.env['CHROMIUM_PATH'];
  if (given !== undefined) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((file) => existsSync(file) && answers(file));
}

/** Some systems have a script of this name that only says how to install the real one. */
function answers(file: string): boolean {
  return spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout?.includes('Chrom') ?? false;
}
