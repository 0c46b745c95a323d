/**
 * Finds the files to index: everything below the given paths, in the order of their names, so that the numbers of the
 * documents do not depend on the file system or on who reads which file.
 *
 * `.git` is passed over, and symbolic links are not followed, unless they are given themselves. A file that is reached
 * twice, through paths that overlap or links that are given, counts once. What cannot be looked into is noted and passed
 * over; only a given path that does not exist is an error.
 *
 * Names are bytes, which need not be UTF-8: then the path that is shown is not the one to open.
 */
import { isUtf8 } from 'node:buffer';
import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { normalize, sep } from 'node:path';
import { CliError, printable, UsageError, unreadable } from '../errors.ts';
import { NOT_A_FILE, reasonOf, type Skipped } from './skipped.ts';

export interface FoundFile {
  /** As the user gave it, or below what the user gave. What is no UTF-8 is replaced. */
  readonly path: string;
  /** The same as the system has it, if that is no UTF-8. */
  readonly rawPath?: Buffer | undefined;
  /** When it was found; it may be another when it is read. */
  readonly bytes: number;
}

export interface Found {
  /** By path. */
  readonly files: readonly FoundFile[];
  /** Files and folders that nobody can look into. */
  readonly skipped: readonly Skipped[];
}

/** A file or folder on the way. */
interface Place extends Pick<FoundFile, 'path' | 'rawPath'> {
  /** The bytes of its path without links, a character each: the same however it was reached. */
  readonly real: string;
}

/** Looks at the whole trees at once; blocks. Throws CliError for a path that does not exist. */
export function findFiles(paths: readonly string[]): Found {
  const given = paths.map((path) => ({ path, stats: statOfGiven(path) }));
  const found: Findings = { files: new Map(), skipped: new Map() };
  for (const { path, stats } of given) {
    if (stats.isDirectory()) walk(placeOf(path), found);
    else if (stats.isFile()) noteFile(placeOf(path), stats, found);
    else throw new CliError(`${printable(path)}: is not a file or a folder`);
  }
  return { files: sorted(found.files), skipped: sorted(found.skipped) };
}

interface Findings {
  readonly files: Map<string, FoundFile>;
  readonly skipped: Map<string, Skipped>;
}

function statOfGiven(path: string): Stats {
  if (path === '') throw new UsageError('a path must not be empty');
  try {
    return statSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    throw isMissing ? new CliError(`${printable(path)}: no such file or folder`) : unreadable(path, error);
  }
}

/** In its shortest form, as long as that leads to the same: `link/..` is where the link leads, and up. */
function placeOf(path: string): Place {
  const real = realBytes(path);
  const short = normalize(path).replace(/^\.[/\\]$/, '.');
  return { path: realBytes(short) === real ? short : path, real };
}

/** '' for what does not exist. */
function realBytes(path: string): string {
  try {
    return realpathSync.native(path, 'buffer').toString('latin1');
  } catch {
    return '';
  }
}

/** Not recursive: a tree may be deeper than the stack. */
function walk(root: Place, found: Findings): void {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of namesIn(folder, found)) {
      if (name.toString('latin1') === '.git') continue;
      const place = below(folder, name);
      const stats = statOf(place, found);
      if (stats?.isDirectory() === true) folders.push(place);
      else if (stats?.isSymbolicLink() !== true) noteFile(place, stats, found);
    }
  }
}

/** Joined as bytes, not by node:path, which would make `link/..` shorter. */
function below({ path, rawPath, real }: Place, name: Buffer): Place {
  const before = path === '.' ? '' : withSeparator(path);
  const isText = rawPath === undefined && isUtf8(name);
  const rawBefore = rawPath === undefined ? Buffer.from(before) : Buffer.concat([rawPath, Buffer.from(sep)]);
  return {
    path: before + name.toString(),
    rawPath: isText ? undefined : Buffer.concat([rawBefore, name]),
    real: withSeparator(real) + name.toString('latin1'),
  };
}

function withSeparator(folder: string): string {
  return folder.endsWith(sep) ? folder : folder + sep;
}

/** As bytes, and without what they are: Bun gives one or the other. */
function namesIn(folder: Place, { skipped }: Findings): Buffer[] {
  try {
    return readdirSync(folder.rawPath ?? folder.path, { encoding: 'buffer' });
  } catch (error) {
    keep(skipped, folder, { path: folder.path, reason: reasonOf(error) });
    return [];
  }
}

function statOf(place: Place, { skipped }: Findings): Stats | undefined {
  try {
    return lstatSync(place.rawPath ?? place.path);
  } catch (error) {
    keep(skipped, place, { path: place.path, reason: reasonOf(error) });
    return undefined;
  }
}

function noteFile(place: Place, stats: Stats | undefined, { files, skipped }: Findings): void {
  const { path, rawPath } = place;
  if (stats?.isFile() === true) keep(files, place, { path, rawPath, bytes: stats.size });
  else if (stats !== undefined) keep(skipped, place, { path, reason: NOT_A_FILE });
}

/** Of several paths to the same it is the first by name that counts, in whichever order they came. */
function keep<T extends { readonly path: string }>(kept: Map<string, T>, { real }: Place, entry: T): void {
  const before = kept.get(real);
  if (before === undefined || entry.path < before.path) kept.set(real, entry);
}

/** By code units: the same on every machine, whatever its language. */
function sorted<T extends { readonly path: string }>(found: Map<string, T>): T[] {
  const byPath = ([realA, a]: [string, T], [realB, b]: [string, T]): number => {
    if (a.path !== b.path) return a.path < b.path ? -1 : 1;
    return realA < realB ? -1 : 1;
  };
  return [...found].sort(byPath).map(([, entry]) => entry);
}
