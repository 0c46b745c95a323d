/** The example with a leak: its snapshots say what docs/observe.md says they do. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { InspectOutcome } from '../../src/cli/inspect/outcome.ts';
import { run } from './run.ts';

it('is found by three snapshots and a path', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spanheap-leak-'));
  try {
    await run('examples/leak/shop.mjs', folder);
    const [morning, noon, evening] = ['morning', 'noon', 'evening'].map((name) => join(folder, `${name}.sphsnap`)) as [
      string,
      string,
      string,
    ];
    const inspect = async (...args: string[]): Promise<InspectOutcome> =>
      JSON.parse(await run('dist/cli.js', 'inspect', evening, '--named-roots', '--json', '-', ...args));
    const { diff } = await inspect('--diff', morning, '--middle', noon);
    expect(diff?.objectsChange).toBeGreaterThan(90_000);
    const [first] = diff?.held ?? [];
    expect(first).toMatchObject({ type: 'Request', heldBy: 'slice(ref(Request)) elements[…]' });
    expect(first?.objects).toBeGreaterThan(4900);
    const { path } = await inspect('--path', first?.biggest as string);
    const places = path?.paths[0]?.map(({ place }) => place);
    expect(places?.[0]).toBe('root "requests"');
    expect(places?.[3]).toMatch(/^\["(?:Firefox|Chromium|curl\/8\.5)"\]$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
