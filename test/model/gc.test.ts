/**
 * Random programs over a graph of structs, strings, slices, arrays, maps and raw objects, held by references of nested
 * scopes, persistent ones, cursors, named roots and pins, while the collector is always at work; against a mirror in plain
 * JS. Nothing that can be reached is ever lost or changed, and of all else nothing is left after two cycles.
 */
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, inject, test } from 'vitest';
import { OP_NAMES, type Step } from '../support/gc-steps.ts';
import { World } from '../support/gc-world.ts';
import { newSeed } from '../support/random.ts';

const RUNS = Number(process.env['SPANHEAP_RUNS'] ?? 60);
const TIMEOUT = 120_000 + RUNS * 1000;

const RAW = ['rawMake', 'rawMake', 'rawWrite', 'rawFollow', 'rawOwn', 'rawFree', 'open'] as const;

const steps = fc.array(
  fc.record<Step>({
    // What builds the graph, more often than what tears it down.
    op: fc.constantFrom(
      ...OP_NAMES,
      'make',
      'makeFull',
      'next',
      'move',
      'push',
      'garbage',
      'garbage',
      'gcStep',
      'gcStep',
      ...RAW,
    ),
    a: fc.nat(99),
    b: fc.nat(99),
    c: fc.nat(99),
  }),
  { minLength: 1, maxLength: 150, size: 'max' },
);
const common = {
  tiny: fc.boolean(),
  sizeClasses: fc.constantFrom('go1.14' as const, 'go1.16' as const),
  // In one world of four the marker's table of types has to grow, several times.
  types: fc.constantFrom(3, 10, 30, 600),
};

function check(w: World, program: readonly Step[]): void {
  w.run(program);
  w.compare();
  w.census();
  w.compare();
  w.heap.verify();
  w.end();
}

test.each([
  ['unshared', false],
  ['shared', true],
])(
  'random programs lose nothing and leave nothing: %s, marking in steps',
  (_, shared) => {
    const seed = newSeed('model: gc');
    let cycles = 0;
    const options = fc.record({ ...common, gcPercent: fc.constantFrom(1, 5, 100) });
    fc.assert(
      fc.property(steps, options, (program, o) => {
        const w = new World({ ...o, shared, background: false });
        check(w, program);
        cycles += w.heap.stats().gc.cycles;
        w.heap.detach();
      }),
      { seed, numRuns: RUNS },
    );
    expect(cycles).toBeGreaterThan(RUNS * 4);
  },
  TIMEOUT,
);

test(
  'random programs lose nothing and leave nothing beside a background worker',
  async () => {
    const seed = newSeed('model: gc, background');
    const background = `${inject('workerDir')}/gc-worker.mjs`;
    await fc.assert(
      fc.asyncProperty(steps, fc.record(common), async (program, o) => {
        const w = new World({ ...o, gcPercent: 2, background });
        // The worker is there before the program begins.
        w.heap.gc();
        await turn();
        check(w, program);
        w.heap.detach();
        await turn();
      }),
      { seed, numRuns: RUNS / 3 },
    );
  },
  TIMEOUT,
);
