/** `spanheap verify`: whether a snapshot file is whole, and what it says holds together. */
import type { Command } from 'commander';
import pico from 'picocolors';
import type { Snapshot } from '../../analyze/snapshot.ts';
import { type VerifyRow, verifySnapshot } from '../../analyze/verify-snapshot.ts';
import { VerifyError } from '../../base/errors.ts';
import { CliError, printable } from '../errors.ts';
import { checkOutputs, writeOutput } from '../output.ts';
import { readingProgress } from '../progress.ts';
import { formatBytes, formatCount } from '../sizes.ts';
import { explaining, openSnapshot } from '../snapshot/open.ts';
import { figuresTable, type Row } from '../table-style.ts';

interface CommandOptions {
  readonly json?: string;
}

/** What `--json` writes. */
export interface VerifyOutcome {
  readonly file: string;
  /** Bytes of the snapshot, unpacked. */
  readonly bytes: number;
  /** When the heap stood still: ISO 8601. */
  readonly time: string;
  /** Numbers are of the same moment as pointers. */
  readonly exact: boolean;
  readonly passed: readonly VerifyRow[];
  /** The first broken invariant; null: all hold. */
  readonly broken: { readonly invariant: string; readonly message: string } | null;
}

export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .summary('check a heap snapshot')
    .description(
      'Check that a heap snapshot is whole (every byte is covered by a checksum) and that what it says of the heap ' +
        'holds together: spans, objects and their types, roots, pointers, slices, strings, maps. The first thing that ' +
        'does not is named, with addresses.',
    )
    .argument('<file>', 'a snapshot, plain or gzip, as --snapshot of index and replay writes it, or writeSnapshot')
    .option('--json <file>', 'write what was found as JSON; - for standard output, the report then goes to stderr')
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: CommandOptions) => verify(file, options));
}

const EXAMPLES = `
Examples:
  spanheap index src --snapshot index.sphsnap && spanheap verify index.sphsnap
  spanheap verify heap.sphsnap.gz --json -

Exit code: 0 all holds, 1 the file is damaged or no snapshot, or an invariant is broken, 2 the command line is wrong.`;

async function verify(file: string, { json }: CommandOptions): Promise<void> {
  checkOutputs([['--json', json]], [file], 'snapshots to check');
  const snapshot = await openSnapshot(file);
  const reportTo = json === '-' ? process.stderr : process.stdout;
  const colors = pico.createColors(pico.isColorSupported && reportTo.isTTY === true);
  let outcome: VerifyOutcome;
  try {
    outcome = await explaining(file, async () => outcomeOf(file, snapshot));
  } finally {
    snapshot.close();
  }
  const rows = outcome.passed.map(({ what, count }): Row => [what, formatCount(count), '']);
  const moment = outcome.exact ? '' : '; the program went on meanwhile, so numbers in objects may be younger';
  reportTo.write(`\n${printable(file)}: ${formatBytes(outcome.bytes)}, taken ${printable(outcome.time)}${moment}\n\n`);
  reportTo.write(`${figuresTable(rows, colors)}\n\n`);
  if (json === '-') process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`);
  else if (json !== undefined) writeOutput(json, `${JSON.stringify(outcome, null, 2)}\n`);
  if (outcome.broken !== null) throw new CliError(`${printable(file)}: broken: ${printable(outcome.broken.message)}`);
  reportTo.write('  all checks passed\n\n');
}

function outcomeOf(file: string, snapshot: Snapshot): VerifyOutcome {
  const passed: VerifyRow[] = [];
  const { bytes, exact } = snapshot;
  const facts = { file, bytes, time: new Date(snapshot.header.time).toISOString(), exact, passed };
  const progress = readingProgress(file, bytes);
  try {
    verifySnapshot(snapshot, (row) => passed.push(row), progress.update);
    return { ...facts, broken: null };
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    return { ...facts, broken: { invariant: error.invariant, message: error.message } };
  } finally {
    progress.stop();
  }
}
