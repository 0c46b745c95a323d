/** A progress bar on stderr, only where a person watches; silent in pipes, logs and CI. */
import { SingleBar } from 'cli-progress';
import { printable } from './errors.ts';
import { formatBytes, formatCount } from './sizes.ts';

export interface Progress {
  update(done: number): void;
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

export function readingProgress(file: string, bytes: number): Progress {
  return bar(`reading ${printable(file)}`, bytes, formatBytes);
}

export function replayProgress(file: string, events: number): Progress {
  return bar(`replaying ${printable(file)}`, events, (n) => `${formatCount(n)} events`);
}

export function analysisProgress(file: string, objects: number): Progress {
  return bar(`analysing ${printable(file)}`, objects, (n) => `${formatCount(n)} objects`);
}

export function exportProgress(file: string, objects: number): Progress {
  return bar(`writing ${printable(file)}`, objects, (n) => `${formatCount(n)} objects`);
}

/** How much there will be is known when the first piece comes. */
export function snapshotProgress(file: string): { update(done: number, total: number): void; stop(): void } {
  let progress: Progress | undefined;
  return {
    update(done, total) {
      progress ??= bar(`writing ${printable(file)}`, total, formatBytes);
      progress.update(done);
    },
    stop: () => progress?.stop(),
  };
}

function bar(label: string, total: number, format: (n: number) => string): Progress {
  if (process.stderr.isTTY !== true || total <= 0) return SILENT;
  const single = new SingleBar({
    stream: process.stderr,
    format: `  ${label.replaceAll('{', '(')}  {bar} {percentage} %  {done} of {all}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    // Much of this work does not hear a signal, which ends the program then, and would leave the terminal as it is.
    hideCursor: false,
    linewrap: true,
    clearOnComplete: true,
    fps: 10,
  });
  const all = format(total);
  single.start(total, 0, { done: format(0), all });
  return {
    update: (done) => single.update(done, { done: format(done), all }),
    stop: () => single.stop(),
  };
}
