/** `spanheap explore`: a page that shows the heaps of a running program, or of a demonstration. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { ExplorableHeap } from '../../serve/explorer/explore.ts';
import { UsageError } from '../errors.ts';
import { listenForHeaps } from '../explore/created.ts';
import { startDemo } from '../explore/demo.ts';
import { interrupted, openExplorer } from '../explore/exploring.ts';
import { addServeFlags, type ServeFlags } from '../explore/flags.ts';
import { runProgram } from '../explore/run-program.ts';
import { parseCount } from '../sizes.ts';

/** What stands beside the built program. */
export interface ExplorePrograms {
  readonly hook: URL;
  readonly demoWorker: URL;
}

interface CommandOptions extends ServeFlags {
  readonly open?: boolean;
  readonly keep?: boolean;
  readonly seconds?: number;
}

export function addExploreCommand(program: Command, programs: ExplorePrograms): void {
  const command = program
    .command('explore')
    .summary('look into a running heap, in a browser')
    .description(
      'Run a program and serve a page that shows each heap it makes, live: pages, spans, objects, what threads hold, what ' +
        'the collector does. Without a program: a demonstration, in which two workers fill a heap and drop what they made.',
    )
    .argument('[file]', 'the program, as node takes it')
    .argument('[args...]', "the program's own arguments, after --");
  addServeFlags(command)
    .option('--open', 'open the page in the browser; demonstration only')
    .option('--keep', 'keep the page when the program is done, until Ctrl-C')
    .addOption(
      new Option('--seconds <n>', 'end the demonstration after so long').argParser((text) =>
        parseCount(text, '--seconds', 1, 1_000_000),
      ),
    )
    .addHelpText('after', EXAMPLES)
    .action((file: string | undefined, args: string[], options: CommandOptions) =>
      file === undefined ? demonstrate(options, programs.demoWorker) : explore(file, args, options, programs.hook),
    );
}

const EXAMPLES = `
The page is at http://127.0.0.1:6090/, or the next port that is free. It is served to this machine only, unless --host
says otherwise: it shows the contents of the heap to everybody who can reach it.

Examples:
  spanheap explore
  spanheap explore server.js --port 7000 -- --verbose
  spanheap explore build.js --keep

Exit code: that of the program; of the demonstration 0, also after Ctrl-C; 1 the page could not be served; 2 the command
line is wrong.`;

async function explore(file: string, args: string[], options: CommandOptions, hookUrl: URL): Promise<void> {
  const { open, keep = false, seconds, ...flags } = options;
  if (open === true || seconds !== undefined)
    throw new UsageError('--open and --seconds are for the demonstration only');
  await runProgram(file, args, hookUrl, { flags, keep });
}

async function demonstrate({ open, keep, seconds, ...flags }: CommandOptions, workerUrl: URL): Promise<void> {
  if (keep === true) throw new UsageError('--keep needs a program');
  const explorer = await openExplorer(flags);
  const stopListening = listenForHeaps((heap) => explorer.add(heap as ExplorableHeap, 'demonstration'));
  const demo = startDemo(workerUrl);
  stopListening();
  if (open === true) openBrowser(explorer.url);
  try {
    const end = seconds === undefined ? [] : [sleep(seconds * 1000, undefined, { ref: false })];
    await interrupted(demo.failed, ...end);
  } finally {
    await demo.close();
    await explorer.close();
  }
}

/** Where that is not possible nothing happens: the address was printed. */
function openBrowser(url: string): void {
  const commands: Partial<Record<NodeJS.Platform, readonly string[]>> = {
    darwin: ['open'],
    win32: ['cmd', '/c', 'start', ''],
  };
  const [command, ...args] = commands[process.platform] ?? ['xdg-open'];
  const child = spawn(command!, [...args, url], { stdio: 'ignore', detached: true });
  child.once('error', () => {});
  child.unref();
}
