/** The graph example: four workers search one graph, and find what plain JS finds. */
import { expect, it } from 'vitest';
import { run } from './run.ts';

it('gives everybody the distance that plain JS gives them', async () => {
  const printed = await run('examples/graph/main.mjs', '50000', '--check');
  expect(printed).toMatch(/^50,000 people in \d+ MiB/);
  expect(printed.match(/^worker \d reads the name of the last one, Eva Belfield,/gm)).toHaveLength(4);
  expect(printed).toContain('checked: all 50,000 distances are those that plain JS finds');

  const rows = [...printed.matchAll(/^ +(\d+) +([\d,]+)$/gm)].map((row) => Number(row[2]?.replaceAll(',', '')));
  expect(rows[0]).toBe(1);
  expect(rows.reduce((sum, people) => sum + people, 0)).toBe(50_000);
  // The way to the farthest has one name more than handshakes.
  expect(/^(\d+) handshakes: .*$/m.exec(printed)?.[1]).toBe(String(rows.length - 1));
  expect(/handshakes: (.*)$/m.exec(printed)?.[1]?.split(' → ')).toHaveLength(rows.length);
});

it('says what is wrong with a number that is none', async () => {
  await expect(run('examples/graph/main.mjs', 'many')).rejects.toThrow(
    'PEOPLE: expected an integer from 2 on, not NaN',
  );
});
