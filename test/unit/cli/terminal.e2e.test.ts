/** The program in a terminal: Ctrl-C while it works, and what it leaves behind. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeTemp } from './recordings.ts';

const PROGRAM = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
const OBJECTS = 1_000_000;

/** `script` runs a program in a terminal of its own, and passes on what is typed. */
const hasScript = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;

let recording = '';

beforeAll(() => {
  const lines = ['# spanheap-trace 1'];
  for (let i = 1; i <= OBJECTS; i++) {
    lines.push(`a ${i} ${1 + (i % 500)} 0`);
    if (i > 1000) lines.push(`f ${i - 1000} 0`);
  }
  recording = writeTemp(lines.join('\n'), 'long');
});

/** Presses Ctrl-C when the screen shows `sign`. */
async function interruptAt(sign: RegExp, ...args: string[]): Promise<{ code: number | null; screen: string }> {
  const command = [process.execPath, PROGRAM, ...args].map((arg) => `'${arg}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } });
  let screen = '';
  let isPressed = false;
  child.stdout.on('data', (text) => {
    screen += text;
    if (isPressed || !sign.test(screen)) return;
    isPressed = true;
    child.stdin.write('\x03');
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  expect(isPressed, screen).toBe(true);
  return { code, screen };
}

/** Whether the last that was said to the terminal of its cursor, and of lines that are too long, is that they are shown. */
function expectToBeRestored(screen: string): void {
  for (const [hidden, shown] of [
    ['\x1b[?25l', '\x1b[?25h'],
    ['\x1b[?7l', '\x1b[?7h'],
  ] as const) {
    expect(screen.lastIndexOf(shown)).toBeGreaterThanOrEqual(screen.lastIndexOf(hidden));
  }
}

describe.skipIf(!hasScript)('Ctrl-C', () => {
  test.each([
    ['reading', /reading .* [1-9]\d* %/, '1'],
    ['replaying on one thread', /replaying .* [1-9]\d* %/, '1'],
    ['replaying on two', /replaying .* [1-9]\d* %/, '2'],
  ])('while %s', async (_, sign, threads) => {
    const { code, screen } = await interruptAt(sign, 'replay', recording, '--threads', threads, '--verify');
    expectToBeRestored(screen);
    expect(screen).toMatch(/spanheap: interrupted\s*$/);
    expect(code).toBe(130);
  });

  test('before the first event: at once', async () => {
    const { code, screen } = await interruptAt(/replaying/, 'replay', recording, '--threads', '2');
    expectToBeRestored(screen);
    expect(code).toBe(130);
  });
});
