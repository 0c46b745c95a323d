/** The Promela models hold, and their broken variants do not: `npm run model`, where spin is installed. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const hasSpin = spawnSync('spin', ['-V'], { stdio: 'ignore' }).error === undefined;
const script = fileURLToPath(new URL('../../scripts/model.mjs', import.meta.url));
const run = (...names: string[]) => spawnSync(process.execPath, [script, ...names], { encoding: 'utf8' });

test.skipIf(!hasSpin).each(['safepoint', 'sweepgen', 'marktermination'])(
  '%s holds, its broken variants fail (skipped: no spin, apt-get install spin)',
  (name) => {
    const { stdout, stderr, status } = run(name);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout.match(/ fails: /g)?.length).toBeGreaterThan(5);
  },
);

test.skipIf(!hasSpin)('a name that is no model is refused', () => {
  expect(run('nothing').status).toBe(1);
});
