/** `spanheap index`: workers build an inverted index of text files in one shared heap, the main thread asks it questions. */
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import pico from 'picocolors';
import { CliError, printable } from '../errors.ts';
import { type ExploreFlags, exploring } from '../explore/exploring.ts';
import { addExploreFlags } from '../explore/flags.ts';
import { buildIndex, type GcOptions } from '../index/builder.ts';
import { explaining } from '../index/failure.ts';
import { indexJson } from '../index/json.ts';
import { firstDifference, outcomeOf } from '../index/outcome.ts';
import { parseQuery } from '../index/query.ts';
import { recycle } from '../index/recycle.ts';
import { indexReport } from '../index/report.ts';
import { findFiles } from '../index/walker.ts';
import { checkOutputs, writeOutput } from '../output.ts';
import { parseCount, parseHeapSize, parsePercent, parseSize } from '../sizes.ts';
import { takeSnapshot } from '../snapshot/write.ts';
import { addTraceFlag, type TraceFlags, tracing } from '../trace/tracing.ts';

const MOST_THREADS = 64;
/** More workers than this read files faster than a disk gives them. */
const MOST_THREADS_UNASKED = 8;

interface CommandOptions extends ExploreFlags, TraceFlags {
  readonly threads: number;
  readonly maxBytes: number;
  readonly query: readonly string[];
  readonly check?: boolean;
  readonly drop?: number;
  readonly gc: boolean;
  readonly gcPercent: number;
  readonly memoryLimit: number;
  readonly gctrace?: boolean;
  readonly json?: string;
  readonly snapshot?: string;
}

export function addIndexCommand(program: Command, workerUrl: URL): void {
  const command = program
    .command('index')
    .summary('index text files in one heap that all workers share')
    .description(
      'Build an inverted index of text files: worker threads read the files and put words, documents and line ' +
        'numbers into one shared heap together, and the main thread answers questions from it, with nothing copied. ' +
        'Folders are searched for files; .git, symbolic links and binary files are passed over.',
    )
    .argument('<path...>', 'files and folders')
    .addOption(
      new Option('--threads <n>', 'worker threads that build the index')
        .default(Math.min(MOST_THREADS_UNASKED, availableParallelism()), 'number of cores, at most 8')
        .argParser((text) => parseCount(text, '--threads', 1, MOST_THREADS)),
    )
    .addOption(
      new Option('--max-bytes <size>', 'size of the heap: 64MiB, 1GiB, 512M or bytes')
        .default(1 << 30, '1GiB')
        .argParser((text) => parseHeapSize(text, '--max-bytes')),
    )
    .addOption(
      new Option(
        '--query <word>',
        'a word to look up; may be given several times. Of several words in one all must ' + 'be in a file',
      )
        .default([], 'a few that are in most files')
        .argParser((text: string, others: readonly string[]) => {
          parseQuery(text, '--query');
          return [...others, text];
        }),
    )
    .option('--check', 'build the same index with plain JS objects, and compare every posting; after each step')
    .addOption(
      new Option(
        '--drop <percent>',
        'drop so many of 100 documents from the finished index, collect, and index them again in the same heap',
      ).argParser((text) => parseCount(text, '--drop', 1, 100)),
    );
  addExploreFlags(addTraceFlag(addGcOptions(command)))
    .option('--json <file>', 'write the figures as JSON; - for standard output, the report then goes to stderr')
    .option('--snapshot <file>', 'write a snapshot of the heap when all is done, compressed if the name ends in .gz')
    .addHelpText('after', EXAMPLES)
    .action((paths: string[], options: CommandOptions) =>
      exploring(options, 'index', () => tracing(options, () => index(paths, options, workerUrl))),
    );
}

function addGcOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--gc-percent <n>',
        'how much the heap may grow over what is alive between two collections; off: unlimited',
      )
        .default(100, '100')
        .argParser((text) => (text === 'off' ? -1 : parsePercent(text, '--gc-percent')))
        .conflicts('gc'),
    )
    .addOption(
      new Option('--memory-limit <size>', 'memory that the heap tries to stay below by collecting more often')
        .default(Number.POSITIVE_INFINITY, 'none')
        .argParser((text) => parseSize(text, '--memory-limit'))
        .conflicts('gc'),
    )
    .option('--gctrace', 'print a line for each collection to stderr, in the format of Go')
    .option('--no-gc', 'collect only for --drop');
}

const EXAMPLES = `
Words are letters, digits and _ of any script, in lower case, up to 128 bytes.

Examples:
  spanheap index src
  spanheap index . --threads 4 --query heap --query "shared memory"
  spanheap index ~/notes --check --json -
  spanheap index src --drop 50 --gctrace --gc-percent 50

Exit code: 0 all went well (files that could not be read are reported), 1 the index could not be built or differs from
the plain one, 2 the command line is wrong, 130 Ctrl-C.`;

async function index(paths: string[], options: CommandOptions, workerUrl: URL): Promise<void> {
  const { threads, maxBytes, check = false, drop, json, snapshot } = options;
  checkOutputs(
    [
      ['--json', json],
      ['--trace', options.trace],
      ['--snapshot', snapshot],
    ],
    paths,
    'files to index',
  );
  const found = findFiles(paths);
  const built = await buildIndex(found, { threads, maxBytes, check, gc: gcOptions(options), workerUrl });
  const isRight = firstDifference(built.check, null) === null;
  const recycled = drop !== undefined && isRight ? await recycle(built, drop) : null;
  const outcome = explaining(() => outcomeOf(built, recycled, { paths, threads, maxBytes, queries: options.query }));
  if (snapshot !== undefined) takeSnapshot(built.heap, snapshot);
  // Standard output is either the report or the JSON, never both.
  const reportTo = json === '-' ? process.stderr : process.stdout;
  const colors = pico.createColors(pico.isColorSupported && reportTo.isTTY === true);
  reportTo.write(`\n${indexReport(outcome, colors)}\n\n`);
  if (json === '-') process.stdout.write(indexJson(outcome));
  else if (json !== undefined) writeOutput(json, indexJson(outcome));
  const difference = firstDifference(outcome.check, outcome.drop);
  if (difference !== null) throw new CliError(`--check: the index is wrong: ${printable(difference)}`);
}

function gcOptions({ gc, gcPercent, memoryLimit, gctrace = false }: CommandOptions): GcOptions {
  return { gc: gc ? 'on' : 'off', gcPercent, memoryLimit, gctrace };
}
