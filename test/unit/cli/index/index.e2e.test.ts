/** `spanheap index` as it is installed: dist/cli.js in a process of its own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { IndexOutcome } from '../../../../src/cli/index/outcome.ts';
import { newSeed, random } from '../../../support/random.ts';
import { folderOf, randomText } from './files.ts';

const PROGRAM = fileURLToPath(new URL('../../../../dist/cli.js', import.meta.url));
const SOURCES = fileURLToPath(new URL('../../../../src', import.meta.url));

function spanheap(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'index', ...args], {
    encoding: 'utf8',
    timeout: 100_000,
  });
  return { code: status, out: stdout, err: stderr };
}

function outcomeOf(...args: string[]): IndexOutcome {
  const { code, out, err } = spanheap(...args, '--json', '-');
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return JSON.parse(out);
}

/** What must be the same however many threads there were. */
function lasting(outcome: IndexOutcome): unknown {
  const { files, bytes, words, hits, longWords, postings, topWords, skipped } = outcome;
  const queries = outcome.queries.map(({ microseconds: _, ...answer }) => answer);
  return { files, bytes, words, hits, longWords, postings, topWords, skipped, queries };
}

/** Many files that have the same words: the workers meet at every one of them. */
function contendedFolder(): string {
  const r = random(newSeed('contended folder'));
  const files = Array.from({ length: 300 }, (_, i) => [`${i % 7}/${i}.txt`, randomText(r, 400)]);
  return folderOf({ ...Object.fromEntries(files), 'x.bin': '\0', long: `${'y'.repeat(200)} ok` });
}

describe('an index', () => {
  test('1, 2 and 4 threads build what plain JS builds, and the answers are the same', () => {
    const folder = contendedFolder();
    const build = (threads: string): IndexOutcome =>
      outcomeOf(folder, '--threads', threads, '--check', '--query', 'the', '--query', 'СЛОВО heap', '--query', 'w1');
    const [one, two, four] = ['1', '2', '4'].map(build);
    expect(one).toMatchObject({ threads: 1, files: 301, checked: true, longWords: 1, maxBytes: 1 << 30 });
    expect(one.check).toMatchObject({ difference: null, postings: one.postings });
    expect([two.checked, four.checked]).toEqual([true, true]);
    expect(lasting(two)).toEqual(lasting(one));
    expect(lasting(four)).toEqual(lasting(one));
    expect(one.queries.map(({ word, matches }) => [word, matches.length])).toEqual([
      ['the', 5],
      ['СЛОВО heap', 5],
      ['w1', expect.any(Number)],
    ]);
  });

  test('the figures belong together', () => {
    const outcome = outcomeOf(SOURCES, '--threads', '2', '--check');
    const { bytes, seconds, postings, heapBytes, metadataBytes } = outcome;
    expect(outcome).toMatchObject({ paths: [SOURCES], threads: 2, checked: true, skipped: [] });
    expect(outcome.files).toBeGreaterThan(100);
    expect(outcome.bytesPerSecond).toBeCloseTo(bytes / seconds, 3);
    expect(outcome.bytesPerPosting).toBeCloseTo((heapBytes + metadataBytes) / postings, 6);
    expect(outcome.hits).toBeGreaterThan(postings);
    expect(postings).toBeGreaterThan(outcome.words);
    expect(heapBytes).toBeGreaterThan(postings * 4);
    expect(outcome.queries).toHaveLength(3);
    for (const { word, hits, files, microseconds, matches } of outcome.queries) {
      expect(word).toMatch(/^\p{L}{4,}$/u);
      expect(hits).toBeGreaterThanOrEqual(files);
      expect(microseconds).toBeGreaterThan(0);
      expect(matches).toHaveLength(5);
      for (const { path, line } of matches) {
        expect(readFileSync(path, 'utf8').split('\n')[line - 1].toLowerCase()).toContain(word);
      }
    }
  });

  test('the report, with what was skipped; no colours in a pipe', () => {
    const binary = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`bin/${i}`, '\0']));
    const folder = folderOf({ ...binary, 'a.txt': 'one two two', latin: Buffer.from([0xe9, 0x20]) });
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const { code, out, err } = spanheap(folder, '--threads', '2', '--query', 'two', '--check');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).not.toContain('\x1b');
    expect(out).toContain('1 file, 11 B of text, 2 threads, one heap');
    expect(out).toContain('"two"  2 hits in 1 file ');
    expect(out).toContain(`  ${join(folder, 'a.txt')}:1\n`);
    expect(out).toMatch(/ check +same /);
    expect(out).toContain('Skipped 14  12 binary (NUL byte), 1 binary (not UTF-8), 1 not a regular file');
    expect(out).toContain(`  ${join(folder, 'pipe')}  not a regular file\n`);
    expect(out).toContain('… and 4 more (--json has them all)');
    expect(outcomeOf(folder).skipped).toHaveLength(14);
  });

  test('of nothing', () => {
    expect(outcomeOf(folderOf({}))).toMatchObject({
      files: 0,
      words: 0,
      postings: 0,
      queries: [],
      bytesPerPosting: null,
    });
    expect(outcomeOf(folderOf({ empty: '' }), '--check', '--query', 'x')).toMatchObject({ files: 1, checked: true });
  });

  test('a file given by itself, a result in a file', () => {
    const folder = folderOf({ 'a.txt': 'one', 'b.txt': 'two' });
    const json = join(folder, 'result.json');
    const { code, out } = spanheap(join(folder, 'b.txt'), '--json', json);
    expect(code).toBe(0);
    expect(out).toContain('1 file, 3 B of text');
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ files: 1, words: 1, postings: 1, checked: false });
  });
});

describe('what goes wrong', () => {
  test.each(['1', '3'])('a heap that is too small, %s threads: one line with the figures, no result', (threads) => {
    const json = join(folderOf({}), 'result.json');
    const args = ['--threads', threads, '--max-bytes', '512KiB', '--json', json];
    const { code, out, err } = spanheap(contendedFolder(), ...args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^spanheap: .*out of memory: cannot allocate \d+-byte block \(\d+ in use, limit 524288\); more memory: --max-bytes\n$/,
    );
    expect(existsSync(json)).toBe(false);
  });

  test('a heap that is too small for anything', () => {
    const { code, out, err } = spanheap(folderOf({ a: 'a' }), '--max-bytes', '1');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^spanheap: [^\n]+\n$/);
  });

  test('a path that does not exist', () => {
    const { code, out, err } = spanheap(SOURCES, join(folderOf({}), 'none'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^spanheap: .*none: no such file or folder\n$/);
  });

  test.each([
    [[], "missing required argument 'path'"],
    [[SOURCES, '--threads', '0'], '--threads: "0" is not a whole number from 1 to 64'],
    [[SOURCES, '--max-bytes', '64MB'], '--max-bytes: "64MB" is not a size'],
    [[SOURCES, '--query', '--'], '--query: "--" has no word in it'],
    [[SOURCES, '--query', 'ok', '--query', ''], '--query: "" has no word in it'],
    [[SOURCES, '--fast'], "unknown option '--fast'"],
    [[SOURCES, '--json', SOURCES], 'is one of the files to index'],
    [[''], 'a path must not be empty'],
  ])('%j', (args, message) => {
    const { code, out, err } = spanheap(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^spanheap: [^\n]+\n$/);
    expect(err).toContain(message);
  });

  test('a result with no place to go is noticed before the work', () => {
    const { code, out, err } = spanheap(SOURCES, '--json', join(folderOf({}), 'no/such.json'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^spanheap: .*such\.json: cannot be written \(no such directory\)\n$/);
  });

  test('Ctrl-C', async () => {
    const words = Array.from({ length: 200_000 }, (_, i) => `word${i}`).join(' ');
    const folder = folderOf(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${i}`, words])));
    const child = spawn(process.execPath, [PROGRAM, 'index', folder, '--threads', '2', '--check']);
    let said = '';
    child.stdout.on('data', (text) => (said += text));
    child.stderr.on('data', (text) => (said += text));
    setTimeout(() => child.kill('SIGINT'), 1000);
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.on('exit', (...end) => resolve(end));
    });
    // On a machine so slow that the program has not begun after a second, the signal ends it without a word.
    if (signal === null) expect({ code, said }).toEqual({ code: 130, said: 'spanheap: interrupted\n' });
    else expect({ signal, said }).toEqual({ signal: 'SIGINT', said: '' });
  });

  test('help', () => {
    const { code, out } = spanheap('--help');
    expect(code).toBe(0);
    for (const option of ['--threads', '--max-bytes', '--query', '--check', '--json', 'Examples:', 'Exit code:']) {
      expect(out).toContain(option);
    }
    expect(out.replace(/\s+/g, ' ')).toContain('Of several words in one all must be in a file');
  });
});
