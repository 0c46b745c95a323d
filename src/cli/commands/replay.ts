/** `spanheap replay`: reads all recordings first, replays one after the other, and writes files only after all went well. */
import { statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import pico from 'picocolors';
import type { Heap } from '../../index.ts';
import { CliError, UsageError } from '../errors.ts';
import { type ExploreFlags, exploring } from '../explore/exploring.ts';
import { addExploreFlags } from '../explore/flags.ts';
import { checkOutputs, writeOutput } from '../output.ts';
import { readingProgress, replayProgress } from '../progress.ts';
import { readRecording } from '../replay/formats/read.ts';
import { outcomeOf, type ReplayOutcome } from '../replay/outcome.ts';
import type { Recording } from '../replay/recording.ts';
import { type ReplayOptions, replayRecording } from '../replay/run.ts';
import { jsonReport } from '../report/json.ts';
import { pageReport } from '../report/page.ts';
import { PAGE_ASSETS } from '../report/page-assets.ts';
import { terminalReport } from '../report/terminal.ts';
import { interruptible } from '../signals.ts';
import { parseCount, parseHeapSize } from '../sizes.ts';
import { takeSnapshot } from '../snapshot/write.ts';
import { addTraceFlag, type TraceFlags, tracing } from '../trace/tracing.ts';

/** As many as any machine this runs on has cores; each has a stack and a heap of V8's. */
const MOST_THREADS = 64;

interface CommandOptions extends ExploreFlags, TraceFlags {
  readonly threads: number;
  readonly maxBytes: number;
  readonly sizeClasses: ReplayOptions['sizeClasses'];
  readonly verify?: boolean;
  readonly json?: string;
  readonly html?: string;
  readonly snapshot?: string;
}

export function addReplayCommand(program: Command, workerUrl: URL): void {
  const command = program
    .command('replay')
    .summary("put recorded programs' allocations through the heap")
    .description(
      "Put recorded programs' allocations through the heap, each recording through a heap of its own, and report " +
        'speed, fragmentation and where the memory went. Recordings are spanheap-trace, glibc mtrace or heaptrack ' +
        '(interpreted) text, told apart by their content, plain or gzip.',
    )
    .argument('<file...>', 'recordings')
    .addOption(
      new Option('--threads <n>', 'worker threads that share the heap')
        .default(1)
        .argParser((text) => parseCount(text, '--threads', 1, MOST_THREADS)),
    )
    .addOption(
      new Option('--max-bytes <size>', 'size of the heap: 64MiB, 1GiB, 512M or bytes')
        .default(1 << 30, '1GiB')
        .argParser((text) => parseHeapSize(text, '--max-bytes')),
    )
    .addOption(
      new Option('--size-classes <table>', 'size classes of Go 1.14 (67) or Go 1.16 (68)')
        .choices(['go1.14', 'go1.16'])
        .default('go1.16'),
    )
    .option('--verify', "check every object's content, and the heap at the end")
    .option('--json <file>', 'write the figures as JSON; - for standard output, the report then goes to stderr')
    .option('--html <file>', 'write a page with the curves over time and the waste by size class')
    .option('--snapshot <file>', 'write a snapshot of the heap at the end, compressed if the name ends in .gz');
  addExploreFlags(addTraceFlag(command))
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: CommandOptions) =>
      exploring(options, 'replay', () => tracing(options, () => replay(files, options, workerUrl))),
    );
}

const EXAMPLES = `
Examples:
  spanheap replay samples/git-log-head.trace.gz
  spanheap replay node.trace.gz --threads 4 --verify
  spanheap replay cc1plus.trace.gz --json - --html cc1plus.html
  MALLOC_TRACE=my.mtrace ./my-program && spanheap replay my.mtrace

Exit code: 0 all went well, 1 a recording or its replay is at fault, 2 the command line is; 130 Ctrl-C.`;

async function replay(files: string[], options: CommandOptions, workerUrl: URL): Promise<void> {
  checkOptions(files, options);
  const recordings: Recording[] = [];
  for (const file of files) recordings.push(await read(file));
  const outcomes: ReplayOutcome[] = [];
  // Standard output is either the report or the JSON, never both.
  const reportTo = options.json === '-' ? process.stderr : process.stdout;
  const colors = pico.createColors(pico.isColorSupported && reportTo.isTTY === true);
  for (const recording of recordings) {
    const outcome = await replayOne(recording, options, workerUrl);
    outcomes.push(outcome);
    reportTo.write(`\n${terminalReport(outcome, colors)}\n\n`);
  }
  if (options.json === '-') process.stdout.write(jsonReport(outcomes));
  else if (options.json !== undefined) writeOutput(options.json, jsonReport(outcomes));
  if (options.html !== undefined) writeOutput(options.html, pageReport(outcomes, PAGE_ASSETS));
  const errors = outcomes.reduce((sum, outcome) => sum + outcome.errors, 0);
  if (errors > 0) throw new CliError(`${errors} ${errors === 1 ? 'error' : 'errors'} found while replaying`);
}

async function read(file: string): Promise<Recording> {
  const progress = readingProgress(file, sizeOf(file));
  try {
    return await interruptible((check) =>
      readRecording(file, (bytes) => {
        check();
        progress.update(bytes);
      }),
    );
  } finally {
    progress.stop();
  }
}

/** For the bar; what is wrong with the file is told by who reads it. */
function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

async function replayOne(recording: Recording, options: CommandOptions, workerUrl: URL): Promise<ReplayOutcome> {
  const { threads, maxBytes, sizeClasses, verify = false, snapshot } = options;
  const progress = replayProgress(recording.file, recording.events);
  try {
    const onEnd = (heap: Heap): unknown => (snapshot === undefined ? undefined : takeSnapshot(heap, snapshot));
    const settings = { threads, maxBytes, sizeClasses, verify, workerUrl, onProgress: progress.update, onEnd };
    return outcomeOf(recording, settings, await replayRecording(recording, settings));
  } finally {
    progress.stop();
  }
}

function checkOptions(files: readonly string[], { json, html, trace, snapshot }: CommandOptions): void {
  for (const [option, output] of [
    ['--snapshot', snapshot],
    ['--trace', trace],
  ]) {
    if (output !== undefined && files.length > 1) {
      throw new UsageError(`${option}: each recording has a heap of its own; give one recording`);
    }
  }
  checkOutputs(
    [
      ['--json', json],
      ['--html', html],
      ['--trace', trace],
      ['--snapshot', snapshot],
    ],
    files,
    'recordings',
  );
}
