#!/usr/bin/env node
/**
 * The program `spanheap`: reads the command line, runs a command, and turns whatever is thrown into one line and an
 * exit code.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addExploreCommand } from './commands/explore.ts';
import { addIndexCommand } from './commands/index.ts';
import { addInspectCommand } from './commands/inspect.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addVerifyCommand } from './commands/verify.ts';
import { addWarmCommand } from './commands/warm.ts';
import { CliError, quoted, UsageError } from './errors.ts';
import { inOneLine } from './usage.ts';

/** Built, this file is dist/cli.js: the library and the workers stand beside it, the package's manifest above. */
const INDEX_WORKER = new URL('./index-worker.js', import.meta.url);
const REPLAY_WORKER = new URL('./replay-worker.js', import.meta.url);
const EXPLORE = {
  hook: new URL('./explore-hook.js', import.meta.url),
  demoWorker: new URL('./explore-demo-worker.js', import.meta.url),
};
const LIBRARY = new URL('./index.js', import.meta.url);
const MANIFEST = new URL('../package.json', import.meta.url);

function createProgram(argv: readonly string[]): Command {
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string };
  const program = new Command('spanheap')
    .description("Go's memory manager for JavaScript: one heap in shared memory for all worker threads.")
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExamples:\n  spanheap index . --query heap\n  spanheap replay recording.trace.gz --threads 2 --verify\n  spanheap explore app.js\n',
    )
    .configureOutput({ outputError: (text, write) => write(inOneLine(text, argv[2])) })
    .exitOverride();
  addIndexCommand(program, INDEX_WORKER);
  addReplayCommand(program, REPLAY_WORKER);
  addInspectCommand(program);
  addVerifyCommand(program);
  addExploreCommand(program, EXPLORE);
  addWarmCommand(program, LIBRARY);
  addHelpCommand(program);
  return program;
}

/** Our own, since Commander's prints all help for a command that does not exist. */
function addHelpCommand(program: Command): void {
  program
    .command('help')
    .summary('print the help of a command')
    .argument('[command]')
    .action((name: string | undefined) => {
      const command = name === undefined ? program : program.commands.find((known) => known.name() === name);
      if (command === undefined) throw new UsageError(`unknown command ${quoted(name!)}`);
      command.help();
    });
}

/** Runs the program and returns its exit code. */
async function run(argv: readonly string[]): Promise<number> {
  const program = createProgram(argv);
  if (argv.length <= 2) {
    program.outputHelp({ error: true });
    return 2;
  }
  try {
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    // Commander has already said what is wrong; help and version are thrown too, with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof CliError) {
      if (error.message !== '') process.stderr.write(`spanheap: ${error.message}\n`);
      return error.exitCode;
    }
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`spanheap: internal error, please report: ${told}\n`);
    return 1;
  }
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no error.
  if (error.code !== 'EPIPE') process.stderr.write(`spanheap: standard output cannot be written: ${error.message}\n`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await run(process.argv);
