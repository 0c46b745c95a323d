/** `--trace FILE`: records what happens in the heap of a command while it works. */
import type { Command } from 'commander';
import { type Heap, SpanheapError } from '../../index.ts';
import { recordTrace, type TraceRecording, type TraceSummary } from '../../serve/trace-files.ts';
import { CliError, printable } from '../errors.ts';
import { listenForHeaps } from '../explore/created.ts';
import { unwritable } from '../output.ts';
import { catchSignals } from '../signals.ts';

export interface TraceFlags {
  readonly trace?: string;
}

export function addTraceFlag(command: Command): Command {
  return command.option(
    '--trace <file>',
    'record all that happens in the heap: .json and .json.gz for ui.perfetto.dev, others for spanheap replay',
  );
}

/**
 * Runs `work`, and records the heap that it makes if `--trace` is given; what was recorded is told on stderr. At Ctrl-C the
 * program ends, unless `work` hears it first, and the recording writes the rest as at any exit.
 */
export async function tracing({ trace: file }: TraceFlags, work: () => Promise<void>): Promise<void> {
  if (file === undefined) return await work();
  let recording: TraceRecording | undefined;
  const stopListening = listenForHeaps((heap) => {
    recording ??= start(heap as Heap, file);
  });
  const ignoreSignals = catchSignals((exitCode) => {
    process.stderr.write('spanheap: interrupted\n');
    process.exit(exitCode);
  });
  try {
    await work();
  } finally {
    stopListening();
    if (recording !== undefined) process.stderr.write(`${told(await end(recording, file))}\n`);
    ignoreSignals();
  }
}

function start(heap: Heap, file: string): TraceRecording {
  try {
    return recordTrace(heap, file);
  } catch (error) {
    throw notRecorded(file, error);
  }
}

async function end(recording: TraceRecording, file: string): Promise<TraceSummary> {
  try {
    return await recording.stop();
  } catch (error) {
    throw notRecorded(file, error);
  }
}

function notRecorded(file: string, error: unknown): unknown {
  if (error instanceof SpanheapError) return new CliError(`--trace: ${printable(file)}: ${error.message}`);
  return unwritable(file, error);
}

function told({ path, events, objects, lost, format }: TraceSummary): string {
  const count = (n: number, noun: string): string => `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
  const how = format === 'chrome' ? 'open it in ui.perfetto.dev' : 'spanheap replay reads it';
  const holes = lost === 0 ? '' : `; ${count(lost, 'event')} found no room and were lost`;
  return `spanheap: trace in ${printable(path)}: ${count(events, 'event')} of ${count(objects, 'object')}${holes}; ${how}`;
}
