/** `spanheap explore FILE.js`: the program in a process of its own, as `node FILE.js` would run it. */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { CliError, printable, unreadable } from '../errors.ts';
import type { ServeFlags } from './flags.ts';

/** Environment variable by which the hook gets its settings. */
export const HOOK_ENV = 'SPANHEAP_EXPLORE';

export interface HookSettings {
  readonly flags: ServeFlags;
  /** Whether the page stays when the program is done. */
  readonly keep: boolean;
}

/** Runs the program to its end. Throws CliError with its exit code unless that is 0. */
export async function runProgram(
  file: string,
  args: readonly string[],
  hookUrl: URL,
  settings: HookSettings,
): Promise<void> {
  if (!isFile(file)) throw new CliError(`${printable(file)}: there is no such program`);
  const child = spawn(process.execPath, [...process.execArgv, '--import', hookUrl.href, file, ...args], {
    stdio: 'inherit',
    env: { ...process.env, [HOOK_ENV]: JSON.stringify(settings) },
  });
  const end = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    // Ctrl-C in a terminal goes to both; this process waits for what the program makes of it. Other signals are passed on.
    process.on('SIGINT', () => {
      if (!isInTerminal()) child.kill('SIGINT');
    });
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const code = end.signal === null ? (end.code ?? 1) : 128 + constants.signals[end.signal];
  if (code !== 0) throw new ProgramEnded(code);
}

/** Whether there may be somebody to press Ctrl-C. */
function isInTerminal(): boolean {
  return [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY === true);
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    // Not `throwIfNoEntry`: newer versions of Node take a file where a folder should be for no entry as well.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw unreadable(path, error);
  }
}

/** The program has said itself what there was to say. */
class ProgramEnded extends CliError {
  constructor(exitCode: number) {
    super('', exitCode);
  }
}
