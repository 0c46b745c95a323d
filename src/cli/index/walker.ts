/**
 * Finds the files to index: everything below the given paths, in the order of their names, so that the numbers of the
 * documents do not depend on the file system or on who reads which file.
 *
 * `.git` is passed over, and symbolic links are not followed, unless they are given themselves. A file that is reached
 * twice, through paths that overlap, counts once. What cannot be looked into is noted and passed over; only a given path
 * that does not exist is an error.
 */
import { type Dirent, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { join, normalize, resolve } from 'node:path';
import { CliError, printable, UsageError, unreadable } from '../errors.ts';
import { NOT_A_FILE, reasonOf, type Skipped } from './skipped.ts';

export interface FoundFile {
  /** As the user gave it, or below what the user gave. */
  readonly path: string;
  /** When it was found; it may be another when it is read. */
  readonly bytes: number;
}

export interface Found {
  /** By path. */
  readonly files: readonly FoundFile[];
  /** Files and folders that nobody can look into. */
  readonly skipped: readonly Skipped[];
}

/** Looks at the whole trees at once; blocks. Throws CliError for a path that does not exist. */
export function findFiles(paths: readonly string[]): Found {
  const given = paths.map((path) => ({ path: checkedPath(path), stats: statOfGiven(path) }));
  const files = new Map<string, FoundFile>();
  const skipped = new Map<string, Skipped>();
  for (const { path, stats } of given) {
    if (stats.isFile()) files.set(resolve(path), { path, bytes: stats.size });
    else if (stats.isDirectory()) walk(path, files, skipped);
    else throw new CliError(`${printable(path)}: is not a file or a folder`);
  }
  return { files: sorted(files), skipped: sorted(skipped) };
}

function checkedPath(path: string): string {
  if (path === '') throw new UsageError('a path must not be empty');
  return normalize(path);
}

function statOfGiven(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    throw isMissing ? new CliError(`${printable(path)}: no such file or folder`) : unreadable(path, error);
  }
}

/** Not recursive: a tree may be deeper than the stack. */
function walk(root: string, files: Map<string, FoundFile>, skipped: Map<string, Skipped>): void {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(folder, skipped)) {
      const path = join(folder, entry.name);
      if (entry.name === '.git' || entry.isSymbolicLink()) continue;
      if (entry.isDirectory()) folders.push(path);
      else noteFile(path, files, skipped);
    }
  }
}

function entriesOf(folder: string, skipped: Map<string, Skipped>): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    skipped.set(resolve(folder), { path: folder, reason: reasonOf(error) });
    return [];
  }
}

function noteFile(path: string, files: Map<string, FoundFile>, skipped: Map<string, Skipped>): void {
  const name = resolve(path);
  if (files.has(name)) return;
  try {
    const stats = lstatSync(path);
    if (stats.isFile()) files.set(name, { path, bytes: stats.size });
    else skipped.set(name, { path, reason: NOT_A_FILE });
  } catch (error) {
    skipped.set(name, { path, reason: reasonOf(error) });
  }
}

/** By code units: the same on every machine, whatever its language. */
function sorted<T extends { readonly path: string }>(found: Map<string, T>): T[] {
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
