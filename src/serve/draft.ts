/**
 * Files that nobody is to find half of: written under another name beside their own, and renamed when they are whole.
 * Symbolic links are followed, so what they point to is replaced and not they. A name cannot be given to a device or a pipe
 * that has it already, nor to anything in a folder where no file can be made: there the content is written in place.
 */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, sep } from 'node:path';

let drafts = 0;

export class Draft {
  /** What is to be opened, with `flags`, and written to. */
  readonly path: string;
  readonly flags: 'w' | 'wx';
  /** What it will be called; undefined: it is written in place. */
  readonly #target: string | undefined;

  /** Touches nothing. Throws errors of the file system. */
  constructor(path: string) {
    this.#target = replaceable(path);
    this.flags = this.#target === undefined ? 'w' : 'wx';
    this.path = this.#target === undefined ? path : join(dirname(this.#target), draftName());
  }

  /** Whether it is a file of its own for now, which can be flushed to the disk. */
  get isSeparate(): boolean {
    return this.#target !== undefined;
  }

  /** It is written and closed: gives it its name. */
  keep(): void {
    if (this.#target !== undefined) renameSync(this.path, this.#target);
  }

  /** It could not be written: nothing is left of it. */
  discard(): void {
    if (this.#target !== undefined) rmSync(this.path, { force: true });
  }
}

/** Writes a file whole or not at all; `write` is given what puts the next bytes into it. Returns its bytes. */
export function writeWhole(path: string, write: (put: (bytes: Uint8Array) => void) => void): number {
  const draft = new Draft(path);
  try {
    const fd = openSync(draft.path, draft.flags);
    let written = 0;
    try {
      write((bytes) => {
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
        written += bytes.length;
      });
      if (draft.isSeparate) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    draft.keep();
    return written;
  } catch (error) {
    draft.discard();
    throw error;
  }
}

/**
 * The path of what `path` names, or would name if it were made: without symbolic links, as the system resolves them. (Not as
 * text: `link/..` is where the link leads, and up.) Throws errors of the file system.
 */
export function realPathOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const folder = realpathSync.native(dirname(path));
  const link = linkIn(path);
  if (link === undefined) return join(folder, basename(path));
  return realPathOf(isAbsolute(link) ? link : join(folder, link));
}

/** Where a link leads that leads to nothing yet; undefined for what is no link. */
function linkIn(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Not that of node:path, which takes `link/..` for nothing. */
function join(folder: string, name: string): string {
  return folder.endsWith(sep) ? folder + name : folder + sep + name;
}

/** The path of the file that a whole one can replace; undefined if there is none. */
function replaceable(path: string): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) return undefined;
  const target = realPathOf(path);
  try {
    accessSync(dirname(target), constants.W_OK);
    return target;
  } catch {
    return undefined;
  }
}

/** Short, since the file's own name may be as long as names can be. */
function draftName(): string {
  return `.spanheap-${process.pid}-${Date.now().toString(36)}-${drafts++}.part`;
}
