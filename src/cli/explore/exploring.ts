/** Serves the explorer while a command works, for the heaps that it makes; and afterwards, where a person watches. */
import type { ExplorableHeap, Explorer } from '../../serve/explorer/explore.ts';
import { startExplorer } from '../../serve/explorer/explore.ts';
import { CliError } from '../errors.ts';
import { catchSignals } from '../signals.ts';
import { refuseWithout } from '../usage.ts';
import { listenForHeaps } from './created.ts';
import { type ServeFlags, serverOptions } from './flags.ts';

export interface ExploreFlags extends ServeFlags {
  readonly explore?: boolean;
}

/** Whether somebody looks at what is printed: not in CI, in pipes, in files. */
function isInteractive(): boolean {
  return process.stdout.isTTY === true && (process.env['CI'] ?? '') === '';
}

/**
 * Runs `work`, and shows the heaps that it makes if `--explore` is given. When the work is done, and was done well, the
 * page stays until Ctrl-C, with exit code 0; where nobody watches it ends with the work.
 */
export async function exploring(flags: ExploreFlags, name: string, work: () => Promise<void>): Promise<void> {
  const { explore: isAsked, port, host, allowHost, interval } = flags;
  // With --no-explore they are those of a script that has --explore in it.
  if (isAsked === undefined) {
    refuseWithout('--explore', { '--port': port, '--host': host, '--allow-host': allowHost, '--interval': interval });
  }
  if (isAsked !== true) return await work();
  const explorer = await openExplorer(flags);
  // One that is done with is shown until the next is there.
  let last = (): void => {};
  const stopListening = listenForHeaps((heap) => {
    last();
    last = explorer.add(heap as ExplorableHeap, name);
  });
  try {
    await work();
    if (isInteractive()) await stay(explorer, 'the heap');
  } finally {
    stopListening();
    await explorer.close();
  }
}

/** Starts the explorer and says where it is. Throws CliError. */
export async function openExplorer(flags: ServeFlags): Promise<Explorer> {
  try {
    const explorer = await startExplorer({ ...serverOptions(flags) });
    sayWhere(explorer.url);
    return explorer;
  } catch (error) {
    throw new CliError(`the explorer: ${(error as Error).message}`);
  }
}

/** On stderr: standard output is the command's, or the program's. */
export function sayWhere(url: string): void {
  process.stderr.write(`spanheap: explorer at ${url}\n`);
}

/** Says that the page stays, and waits for Ctrl-C. `what` can still be explored. */
export async function stay({ url }: Explorer, what: string): Promise<void> {
  // Listens before it says so: somebody may act on it at once.
  const end = interrupted();
  process.stderr.write(`spanheap: ${what} can still be explored at ${url} - Ctrl-C ends.\n`);
  await end;
}

/** Resolves at Ctrl-C, when the process is asked to end, or with the first of `others`; keeps the process alive until then. */
export async function interrupted(...others: readonly Promise<unknown>[]): Promise<void> {
  let end = (): void => {};
  const signal = new Promise<void>((resolve) => {
    end = resolve;
  });
  const alive = setInterval(() => {}, 1 << 30);
  const stopListening = catchSignals(end);
  try {
    await Promise.race([signal, ...others]);
  } finally {
    clearInterval(alive);
    stopListening();
  }
}
