/**
 * Files that the program reads and writes: one line for each path that cannot be, and nothing that is overwritten by
 * mistake.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { tempPath, trace, writeTemp } from './recordings.ts';

const PROGRAM = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
const isRoot = process.getuid?.() === 0;
const CONTENT = trace('a 1 1 0', 'f 1 0');

let recording = '';
let snapshot = '';

function spanheap(...args: string[]): { code: number | null; out: string; err: string } {
  const options = { encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], options);
  return { code: status, out: stdout, err: stderr };
}

/** Runs what must fail, with one line and without a report. */
function failure(expectedCode: number, ...args: string[]): string {
  const { code, out, err } = spanheap(...args);
  expect({ code, out }, err).toEqual({ code: expectedCode, out: '' });
  expect(err).toMatch(/^spanheap: [^\n]+\n$/);
  return err.slice('spanheap: '.length, -1);
}

beforeAll(() => {
  recording = writeTemp(CONTENT, 'recording');
  snapshot = tempPath('heap.sphsnap');
  expect(spanheap('replay', recording, '--snapshot', snapshot).code).toBe(0);
  symlinkSync('loop', tempPath('loop'));
  symlinkSync('recording', tempPath('link'));
  linkSync(recording, tempPath('hard'));
  mkdirSync(tempPath('folder'));
  symlinkSync('..', tempPath('folder/up'));
  symlinkSync('a', tempPath('to a'));
});

describe('paths that lead nowhere', () => {
  const reasons = (): [path: string, reason: string][] => [
    [`${recording}/x`, 'a folder of its path is no folder'],
    [tempPath('loop'), 'its symbolic links lead in a circle'],
    [tempPath('n'.repeat(300)), 'the name is too long'],
  ];

  test.each([0, 1, 2])('as input (%d)', (which) => {
    const [path, reason] = reasons()[which]!;
    expect(failure(1, 'replay', path)).toBe(`${path}: ${reason}`);
    expect(failure(1, 'verify', path)).toBe(`${path}: ${reason}`);
    expect(failure(1, 'inspect', path)).toBe(`${path}: ${reason}`);
    expect(failure(1, 'inspect', snapshot, '--diff', path)).toBe(`${path}: ${reason}`);
    expect(failure(1, 'explore', path)).toBe(`${path}: ${reason}`);
    expect(failure(1, 'index', path)).toBe(`${path}: ${which === 0 ? 'no such file or folder' : reason}`);
  });

  test.each([0, 1, 2])('as output (%d)', (which) => {
    const [path, reason] = reasons()[which]!;
    const told = `${path}: cannot be written (${reason})`;
    for (const option of ['--json', '--html', '--trace', '--snapshot']) {
      expect(failure(1, 'replay', recording, option, path)).toBe(told);
    }
    for (const option of ['--json', '--trace', '--snapshot']) {
      expect(failure(1, 'index', tempPath('folder'), option, path)).toBe(told);
    }
    for (const option of ['--json', '--heapsnapshot']) expect(failure(1, 'inspect', snapshot, option, path)).toBe(told);
    expect(failure(1, 'verify', snapshot, '--json', path)).toBe(told);
  });

  test.skipIf(isRoot)('without permission', () => {
    const shut = writeTemp(CONTENT, 'shut');
    execFileSync('chmod', ['0', shut]);
    for (const command of ['replay', 'verify', 'inspect']) {
      expect(failure(1, command, shut)).toBe(`${shut}: permission denied`);
    }
    expect(failure(1, 'replay', recording, '--html', shut)).toBe(`${shut}: cannot be written (permission denied)`);
  });

  test('a socket', async () => {
    const server = createServer().listen(tempPath('socket'));
    await once(server, 'listening');
    for (const option of ['--json', '--snapshot']) {
      expect(failure(1, 'replay', recording, option, tempPath('socket'))).toBe(`${tempPath('socket')}: is a socket`);
    }
    server.close();
  });

  test('a folder', () => {
    const folder = tempPath('folder');
    expect(failure(1, 'replay', recording, '--snapshot', folder)).toBe(`${folder}: is a directory`);
    expect(failure(1, 'replay', recording, '--html', tempPath('new/'))).toBe(`${tempPath('new/')}: is a directory`);
  });
});

describe('results that are not to replace something else', () => {
  test.each(['link', 'hard', 'folder/../link', 'folder/up/hard'])('%s is the recording', (name) => {
    const path = `${tempPath('.')}/${name}`;
    for (const option of ['--json', '--html', '--trace', '--snapshot']) {
      expect(failure(2, 'replay', recording, option, path)).toBe(`${option}: ${path} is one of the recordings`);
    }
    expect(failure(2, 'index', recording, '--json', path)).toContain('is one of the files to index');
    expect(readFileSync(recording, 'utf8')).toBe(CONTENT);
  });

  test('nor a snapshot that is read', () => {
    symlinkSync(snapshot, tempPath('heap link'));
    expect(failure(2, 'verify', snapshot, '--json', tempPath('heap link'))).toContain('is one of the snapshots');
    expect(failure(2, 'inspect', snapshot, '--heapsnapshot', tempPath('heap link'))).toContain('is one of the');
  });

  test('two results, one file: by the same name, or others of it; there already, or not yet', () => {
    const options = ['--json', '--html', '--trace', '--snapshot'];
    for (const [i, first] of options.entries()) {
      for (const second of options.slice(i + 1)) {
        const args = ['replay', recording, first, tempPath('a'), second];
        expect(failure(2, ...args, tempPath('a'))).toBe(`${first} and ${second} name the same file`);
        expect(failure(2, ...args, tempPath('to a'))).toBe(`${first} and ${second} name the same file`);
      }
    }
    const args = ['index', tempPath('folder'), '--json', tempPath('a')];
    expect(failure(2, ...args, '--trace', `${tempPath('folder')}/up/a`)).toBe('--json and --trace name the same file');
    writeFileSync(tempPath('b'), '');
    linkSync(tempPath('b'), tempPath('also b'));
    expect(failure(2, ...args.slice(0, 3), tempPath('b'), '--snapshot', tempPath('also b'))).toBe(
      '--json and --snapshot name the same file',
    );
  });

  test.each(['--html', '--trace', '--snapshot'])('%s has no standard output', (option) => {
    expect(failure(2, 'replay', recording, option, '-')).toBe(`${option} needs the name of a file`);
    expect(failure(2, 'replay', recording, option, '')).toBe(`${option} needs the name of a file`);
  });

  test('a link as the name of a result: what it leads to is written', () => {
    const paths = ['json', 'html', 'sphsnap'].map((name) => tempPath(`result.${name}`));
    for (const path of paths) symlinkSync(path, `${path} link`);
    const [json, html, heap] = paths.map((path) => `${path} link`) as [string, string, string];
    expect(spanheap('replay', recording, '--json', json, '--html', html, '--snapshot', heap).code).toBe(0);
    expect(JSON.parse(readFileSync(paths[0]!, 'utf8'))).toMatchObject({ events: 2 });
    expect(spanheap('verify', paths[2]!).code).toBe(0);
  });
});
