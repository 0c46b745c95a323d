/** Snapshot files on disk: opening them, and saying what is wrong with them. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type Dominators, dominatorsOf } from '../../analyze/dominators.ts';
import { SnapshotError } from '../../analyze/errors.ts';
import type { HeapGraph } from '../../analyze/graph.ts';
import { graphOf } from '../../analyze/load-graph.ts';
import { Snapshot } from '../../analyze/snapshot.ts';
import type { Source } from '../../analyze/source.ts';
import { CliError, printable } from '../errors.ts';
import { analysisProgress, readingProgress } from '../progress.ts';
import type { OlderSnapshot } from './diff-view.ts';

/** Opens a file, runs `use` on what it holds, and closes it. Errors of the file are told with its name. */
export function withSnapshot<T>(file: string, use: (snapshot: Snapshot) => T): T {
  try {
    const source = fileSource(file);
    try {
      return use(new Snapshot(source));
    } finally {
      source.close?.();
    }
  } catch (error) {
    if (error instanceof SnapshotError) throw new CliError(`${printable(file)}: ${printable(error.message)}`);
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) throw new CliError(`${printable(file)}: ${reasonOf(code)}`);
    throw error;
  }
}

function reasonOf(code: string | undefined): string {
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'is a directory';
  return `cannot be read (${code})`;
}

function fileSource(file: string): Source {
  const fd = openSync(file, 'r');
  const { size } = fstatSync(fd);
  let buffer = new Uint8Array(0);
  return {
    size,
    read(offset, length) {
      if (offset + length > size) throw new RangeError(`${length} bytes at ${offset} of ${size}`);
      if (buffer.length < length) buffer = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const read = readSync(fd, buffer, done, length - done, offset + done);
        if (read === 0) throw new CliError(`${printable(file)}: became shorter while it was read`);
        done += read;
      }
      return buffer.subarray(0, length);
    },
    close: () => closeSync(fd),
  };
}

/** The graph of an open snapshot, with a bar on stderr. */
export function readGraph(file: string, snapshot: Snapshot): HeapGraph {
  const progress = readingProgress(file, snapshot.bytes);
  try {
    return graphOf(snapshot, { onProgress: progress.update });
  } finally {
    progress.stop();
  }
}

export function analyse(file: string, graph: HeapGraph): Dominators {
  const progress = analysisProgress(file, graph.nodes);
  try {
    return dominatorsOf(graph, (part) => progress.update(part * graph.nodes));
  } finally {
    progress.stop();
  }
}

/** What a comparison needs of an older snapshot: its objects, not their pointers. */
export function readOlder(file: string): OlderSnapshot {
  return withSnapshot(file, (snapshot) => {
    const { nodes, address, size, type, types } = readGraph(file, snapshot);
    return { file, objects: { nodes, address, size, type, types } };
  });
}
