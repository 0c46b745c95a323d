/**
 * Progress on stderr, a line for each worker and one for all; only where a person watches: silent in pipes and CI, and where
 * gctrace has stderr.
 */
import { MultiBar } from 'cli-progress';
import { formatBytes, formatCount } from '../sizes.ts';
import type { WorkerProgress } from './shared-index.ts';
import type { FoundFile } from './walker.ts';

export interface Progress {
  update(): void;
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };
const TOTAL = '  {label} {bar} {percentage} %  {done} of {all}';
const WORKER = '    worker {label}  {files} files  {bytes}  {rate}/s';

export function indexProgress(
  files: readonly FoundFile[],
  threads: number,
  states: () => WorkerProgress[],
  isTraced: boolean,
): Progress {
  return isTraced ? SILENT : progress('indexing', files, states, threads);
}

export function checkProgress(files: readonly FoundFile[], state: () => WorkerProgress, isTraced: boolean): Progress {
  return isTraced ? SILENT : progress('checking', files, () => [state()], 0);
}

/** `lines`: the first so many of the workers get a line each. */
function progress(label: string, files: readonly FoundFile[], states: () => WorkerProgress[], lines: number): Progress {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (process.stderr.isTTY !== true || total === 0) return SILENT;
  const bars = new MultiBar({
    stream: process.stderr,
    format: TOTAL,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    // Signals are for the one who started the workers.
    gracefulExit: false,
    fps: 10,
  });
  const all = formatBytes(total);
  const bar = bars.create(total, 0, { label, done: formatBytes(0), all });
  const started = performance.now();
  const payload = (worker: number, { files, bytes }: WorkerProgress): object => ({
    label: worker + 1,
    files: formatCount(files).padStart(7),
    bytes: formatBytes(bytes).padStart(8),
    rate: formatBytes((bytes * 1000) / Math.max(1, performance.now() - started)).padStart(8),
  });
  const none = { files: 0, bytes: 0, longWords: 0, postings: 0 };
  const workers = Array.from({ length: lines }, (_, i) => bars.create(1, 0, payload(i, none), { format: WORKER }));
  return {
    update: () => {
      const now = states();
      const done = now.reduce((sum, { bytes }) => sum + bytes, 0);
      bar.update(Math.min(done, total), { done: formatBytes(done) });
      for (const [i, line] of workers.entries()) line.update(0, payload(i, now[i]));
    },
    stop: () => bars.stop(),
  };
}
