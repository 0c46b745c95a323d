/** `spanheap warm`: writes down what V8 compiles of the library, so that programs start faster. */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { node } from '../../base/platform.ts';
import { cacheFileOf, type Library, packCode, readSource, scriptOf } from '../../node/library.ts';
import { rehearse } from '../../node/rehearsal.ts';
import { withoutOptions } from '../../node/v8-options.ts';
import { writeWhole } from '../../serve/draft.ts';
import { CliError, printable } from '../errors.ts';
import { unwritable } from '../output.ts';
import { formatBytes } from '../sizes.ts';

export function addWarmCommand(program: Command, library: URL): void {
  program
    .command('warm')
    .summary('compile the library for this Node, so that programs start faster')
    .description(
      'Use the library once in small and write down what V8 has compiled of it, into a file beside it. Programs that ' +
        'import it start and make their first heap in half of the time then, and so do their workers. The file is for ' +
        'this version of Node, and for the options of V8 that are set now; others do without it.',
    )
    .addHelpText('after', EXAMPLES)
    .action(() => warm(library));
}

const EXAMPLES = `
Examples:
  spanheap warm
  NODE_OPTIONS=--max-old-space-size=8192 spanheap warm     for programs that are started with this option

Exit code: 0 written, 1 the file cannot be written, 2 the command line is wrong.`;

function warm(library: URL): void {
  if (node === undefined) throw new CliError('warm: only Node starts programs with compiled code');
  const source = readSource(library.href);
  const script = scriptOf(source);
  // Functions that V8 has compiled to machine code it would compile so one by one in each thread, as soon as they run; that
  // takes longer than to run them. And it forgets bytecode that has not run for a while.
  withoutOptions(['sparkplug', 'flush-bytecode'], () => rehearse(script.runInThisContext() as Library));
  const packed = packCode(source, script.createCachedData());
  const file = fileURLToPath(cacheFileOf(source));
  replaceFile(file, packed);
  process.stdout.write(`compiled for Node ${process.version}, ${formatBytes(packed.length)}: ${printable(file)}\n`);
}

/** Whole or not at all: programs may read it meanwhile. */
function replaceFile(file: string, content: Uint8Array): void {
  try {
    writeWhole(file, (put) => put(content));
  } catch (error) {
    throw unwritable(file, error);
  }
}
