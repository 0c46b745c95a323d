/** `spanheap inspect`: reads a heap snapshot and shows what is in it, and who keeps it there. */
import { type Command, Option } from 'commander';
import pico from 'picocolors';
import { totalsBySize } from '../../analyze/by-type.ts';
import { SnapshotObjects } from '../../analyze/read-object.ts';
import { dropPassingRoots } from '../../analyze/root-groups.ts';
import type { Snapshot } from '../../analyze/snapshot.ts';
import { UsageError } from '../errors.ts';
import { inspectCsv } from '../inspect/csv.ts';
import { writeForDevTools } from '../inspect/devtools-file.ts';
import { diffOf } from '../inspect/diff-view.ts';
import { analyse, readGraph, readOlder, withSnapshot } from '../inspect/load.ts';
import type { InspectOutcome } from '../inspect/outcome.ts';
import { inspectReport } from '../inspect/report.ts';
import { parseAddress, type Subject } from '../inspect/subject.ts';
import { keyedPlaces, stringsOf, valuesOf } from '../inspect/texts-view.ts';
import { objectOf, overviewOf, pathOf, retainersView, rootsOf, summaryOf, typeOf } from '../inspect/views.ts';
import { checkOutputs, writeOutput } from '../output.ts';
import { parseCount } from '../sizes.ts';
import { refuseWithout } from '../usage.ts';

const TOP = 10;
const MOST_TOP = 100_000;
/** Paths that are shown unless --top says more. */
const PATHS = 3;

interface CommandOptions {
  readonly top?: number;
  readonly type?: string;
  readonly object?: number;
  readonly path?: number;
  readonly retainers?: number;
  readonly roots?: boolean;
  readonly namedRoots?: boolean;
  readonly sizes?: boolean;
  readonly strings?: boolean;
  readonly diff?: string;
  readonly middle?: string;
  readonly json?: string;
  readonly heapsnapshot?: string;
  readonly csv?: boolean;
}

export function addInspectCommand(program: Command): void {
  const address = (flags: string, description: string): Option => {
    const option = new Option(flags, description);
    return option.argParser((text) => parseAddress(text, option.long as string));
  };
  program
    .command('inspect')
    .summary('show what is in a heap snapshot, and who keeps it there')
    .description(
      'Read a heap snapshot and show its objects and bytes by type, the objects that keep most others alive, and the ' +
        'roots. The other options ask for something in particular instead; several can be given at once.',
    )
    .argument('<file>', 'snapshot, as heap.snapshot() and writeSnapshot() make it')
    .addOption(
      new Option('--top <n>', `lines of each table (default: ${TOP}; of --path ${PATHS} ways)`).argParser((text) =>
        parseCount(text, '--top', 1, MOST_TOP),
      ),
    )
    .option('--type <name>', 'objects of a type: where pointers to them are, which are biggest')
    .addOption(address('--object <address>', 'an object: its fields, what it keeps alive and what it hangs on'))
    .addOption(address('--path <address>', 'the shortest ways from the roots to an object: who keeps it alive'))
    .addOption(address('--retainers <address>', 'all pointers to an object'))
    .option('--roots', 'all roots, by what would be garbage without them')
    .option(
      '--named-roots',
      'leave out what threads hold for the moment: references of JavaScript, which lets go of them only when it ' +
        'collects its own garbage',
    )
    .option('--sizes', 'objects by the size of their slots')
    .option('--strings', 'strings and bytes that are in the heap several times')
    .option('--diff <old>', 'what has changed since another snapshot of the same heap')
    .option('--middle <file>', 'with --diff: only new objects that were there in this one already, taken in between')
    .option('--json <file>', 'write what was found as JSON; - for standard output, the report then goes to stderr')
    .option('--heapsnapshot <file>', "write the objects as Chrome's DevTools read them (Memory, Load profile)")
    .addOption(
      new Option(
        '--csv',
        'print the main table as comma-separated values, not the report; of one thing at a time',
      ).conflicts('json'),
    )
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: CommandOptions) => inspect(file, options));
}

const EXAMPLES = `
Bytes are those of slots: what was asked for, rounded up to its size class. "Retained" is what would be garbage without
the object, the type or the root. Addresses are written as the reports show them: 0x1f40.

Examples:
  spanheap inspect heap.sphsnap
  spanheap inspect heap.sphsnap --type Post --top 20
  spanheap inspect heap.sphsnap --path 0x2a040 --object 0x2a040
  spanheap inspect later.sphsnap --diff earlier.sphsnap
  spanheap inspect third.sphsnap --diff first.sphsnap --middle second.sphsnap
  spanheap inspect heap.sphsnap --heapsnapshot heap.heapsnapshot

Exit code: 0 all went well, 1 a file, address or type is at fault, 2 the command line is.`;

async function inspect(file: string, options: CommandOptions): Promise<void> {
  const { json, csv = false, heapsnapshot, diff, middle } = options;
  const inputs = [file, diff, middle].filter((input) => input !== undefined);
  if (diff === undefined) refuseWithout('--diff', { '--middle': middle });
  if (csv) checkOneAsked(options);
  checkOutputs(
    [
      ['--json', json],
      ['--heapsnapshot', heapsnapshot],
    ],
    inputs,
    'snapshots',
  );
  const outcome = await withSnapshot(file, async (snapshot) => {
    const objects = new SnapshotObjects(snapshot);
    const subject = subjectOf(file, snapshot, objects, options);
    const found = await outcomeOf(subject, snapshot, objects, options);
    if (heapsnapshot !== undefined) writeForDevTools(subject, snapshot, heapsnapshot);
    return found;
  });
  if (csv) {
    process.stdout.write(inspectCsv(outcome));
    return;
  }
  // Standard output is either the report or the JSON, never both.
  const reportTo = json === '-' ? process.stderr : process.stdout;
  const colors = pico.createColors(pico.isColorSupported && reportTo.isTTY === true);
  reportTo.write(`\n${inspectReport(outcome, options.top ?? TOP, colors)}\n\n`);
  const text = `${JSON.stringify(outcome, null, 2)}\n`;
  if (json === '-') process.stdout.write(text);
  else if (json !== undefined) writeOutput(json, text);
}

/** A file of comma-separated values has one table. */
function checkOneAsked({ diff, type, object, path, retainers, roots, sizes, strings }: CommandOptions): void {
  const views = { diff, type, object, path, retainers, roots, sizes, strings };
  const asked = Object.entries(views).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]));
  if (asked.length > 1) throw new UsageError(`--csv prints one table: choose one of ${asked.join(', ')}`);
}

function subjectOf(file: string, snapshot: Snapshot, objects: SnapshotObjects, options: CommandOptions): Subject {
  const graph = readGraph(file, snapshot);
  if (options.namedRoots === true) dropPassingRoots(graph);
  return { file, graph, dominators: analyse(file, graph), keyedPlace: keyedPlaces(graph, objects) };
}

/** What was asked for; an overview if nothing was. */
async function outcomeOf(
  subject: Subject,
  snapshot: Snapshot,
  objects: SnapshotObjects,
  options: CommandOptions,
): Promise<InspectOutcome> {
  const { top = TOP, type, object, path, retainers, roots, sizes, strings, diff, middle } = options;
  const contents = (node: number) => valuesOf(subject, snapshot, objects, node, top);
  const older = diff === undefined ? undefined : await readOlder(diff, snapshot);
  const between = middle === undefined ? null : await readOlder(middle, snapshot);
  const views: Omit<InspectOutcome, 'file' | 'summary'> = {
    ...(older !== undefined && { diff: diffOf(subject, older, between) }),
    ...(type !== undefined && { type: typeOf(subject, type, top) }),
    ...(object !== undefined && { object: objectOf(subject, object, top, contents) }),
    ...(path !== undefined && { path: pathOf(subject, path, options.top ?? PATHS) }),
    ...(retainers !== undefined && { retainers: retainersView(subject, retainers, top) }),
    ...(roots === true && { roots: rootsOf(subject) }),
    ...(sizes === true && { sizes: totalsBySize(subject.graph) }),
    ...(strings === true && { strings: stringsOf(subject, snapshot, top) }),
  };
  const isAsked = Object.keys(views).length > 0;
  return {
    file: subject.file,
    summary: summaryOf(subject, snapshot.meta, options.namedRoots === true),
    ...(isAsked ? views : { overview: overviewOf(subject, top) }),
  };
}
