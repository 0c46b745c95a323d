/**
 * Failures that the program tells in one line on stderr, each with its exit code: 1 when the input or the replay is at
 * fault, 2 when the command line is. Anything else that is thrown is a bug of ours and shown with its stack.
 */
import { getSystemErrorMap } from 'node:util';

export class CliError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}

/** The command line cannot be understood. */
export class UsageError extends CliError {
  constructor(message: string) {
    super(message, 2);
  }
}

/** A recording or snapshot cannot be read; `line` is 0 when the file could not even be opened. */
export class InputError extends CliError {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
  constructor(file: string, line: number, reason: string) {
    super(line > 0 ? `${printable(file)}:${line}: ${reason}` : `${printable(file)}: ${reason}`);
    this.file = file;
    this.line = line;
    this.reason = reason;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'a folder of its path is no folder',
  EISDIR: 'is a directory',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left',
};

/** What the file system has against a path, in words; undefined for any other error, which may be a mistake of ours. */
export function fileReason(error: unknown): string | undefined {
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return undefined;
  return REASONS[code] ?? getSystemErrorMap().get(errno ?? 0)?.[1] ?? code;
}

/** The error to show for a file that could not be read. What is no error of the file system stays what it is. */
export function unreadable(file: string, error: unknown): unknown {
  const reason = fileReason(error);
  return reason === undefined ? error : new InputError(file, 0, reason);
}

/** Control characters as \xNN, so that a hostile file name or line stays on one line and moves no cursor. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => {
    const code = c.codePointAt(0) as number;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** `text` in quotes for a message, cut after 60 characters. */
export function quoted(text: string): string {
  const shown = printable(text);
  return shown.length > 60 ? `"${shown.slice(0, 57)}..."` : `"${shown}"`;
}
