/**
 * Failures that the program tells in one line on stderr, each with its exit code: 1 when the input or the replay is at
 * fault, 2 when the command line is. Anything else that is thrown is a bug of ours and shown with its stack.
 */

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

/** A recording cannot be read; `line` is 0 when the file could not even be opened. */
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
