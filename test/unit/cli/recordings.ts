/** Recordings for tests, written to files that go away after each test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { readRecording } from '../../../src/cli/replay/formats/read.ts';
import type { Recording } from '../../../src/cli/replay/recording.ts';

const folder = mkdtempSync(join(tmpdir(), 'spanheap-test-'));
let written = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

export function tempPath(name: string): string {
  return join(folder, name);
}

export function writeTemp(content: string | Uint8Array, name = `recording-${written++}`): string {
  const file = tempPath(name);
  writeFileSync(file, content);
  return file;
}

/** Text of a spanheap-trace with these event lines. */
export function trace(...lines: string[]): string {
  return ['# spanheap-trace 1', ...lines, ''].join('\n');
}

export function readText(text: string | Uint8Array): Promise<Recording> {
  return readRecording(writeTemp(text));
}

/** The message of the error that reading gives, with the file's name as FILE. */
export async function readError(content: string | Uint8Array): Promise<string> {
  const file = writeTemp(content);
  try {
    await readRecording(file);
  } catch (error) {
    return (error as Error).message.replace(file, 'FILE');
  }
  throw new Error('the recording was read without an error');
}
