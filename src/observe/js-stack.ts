/**
 * The JavaScript stack of the moment. V8 gives it as objects, which cost less than its text and say more; what an engine
 * without them gives is read as text.
 *
 * A profile is to name the user's code. Of the library's own frames only the outermost of each run is kept, what the
 * program called: `Heap.new`, `Heap.scope`. Whether a frame is the library's is told by its file, as seen from the file that
 * this function is in: its sources, or the installed package. In a program that was bundled into one file neither is so;
 * then only the allocator's own functions are left out, by name, and source maps tell the rest (serve/pprof-sources.ts).
 */
import type { StackFrame } from '../spans/profile-records.ts';

/** What V8 tells of a call (its `CallSite`). */
export interface CallSite {
  getFileName(): string | null | undefined;
  getScriptNameOrSourceURL?(): string | null | undefined;
  getPosition(): number;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
  toString(): string;
}

interface V8Error {
  stackTraceLimit?: number;
  prepareStackTrace?: ((error: Error, sites: readonly CallSite[]) => unknown) | undefined;
}

const sitesOf = (_: Error, sites: readonly CallSite[]): readonly CallSite[] => sites;

/**
 * The stack, this function innermost, at most `limit` frames: call sites or, where the engine has none, text. Program and
 * runtime may have settings of their own for stacks, which are as before when this returns.
 */
export function captureStack(limit: number): readonly CallSite[] | string {
  const settings = Error as unknown as V8Error;
  const hadLimit = Object.hasOwn(settings, 'stackTraceLimit');
  const hadPrepare = Object.hasOwn(settings, 'prepareStackTrace');
  const { stackTraceLimit, prepareStackTrace } = settings;
  try {
    settings.stackTraceLimit = limit;
    settings.prepareStackTrace = sitesOf;
    // Read before the settings are put back: V8 calls the function when `stack` is read.
    return (new Error().stack ?? '') as unknown as readonly CallSite[] | string;
  } catch {
    // Somebody has frozen Error.
    return '';
  } finally {
    if (hadLimit) Reflect.set(settings, 'stackTraceLimit', stackTraceLimit);
    else Reflect.deleteProperty(settings, 'stackTraceLimit');
    if (hadPrepare) Reflect.set(settings, 'prepareStackTrace', prepareStackTrace);
    else Reflect.deleteProperty(settings, 'prepareStackTrace');
  }
}

export function fileOfSite(site: CallSite): string {
  return site.getFileName() ?? site.getScriptNameOrSourceURL?.() ?? '';
}

export function frameOfSite(site: CallSite): StackFrame {
  return {
    functionName: nameIn(site.toString()),
    file: fileOfSite(site),
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
  };
}

/** From `Class.method [as alias] (file:1:2)`; a function without name has no brackets. */
function nameIn(text: string): string {
  const end = text.endsWith(')') ? text.indexOf(' (') : -1;
  return end < 0 ? '' : text.slice(0, end).replace(/ \[as .*\]$/, '');
}

/** Frames from the text of a stack, as Firefox, Safari or V8 write it. */
export function parseStack(text: string): StackFrame[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', file = '', row, column] =
      /^\s*at (?:(.*?) \()?(.*?):(\d+):(\d+)\)?$/.exec(line) ?? /^(.*?)@(.*?):(\d+):(\d+)$/.exec(line) ?? [];
    return row === undefined ? [] : [{ functionName: name, file, line: Number(row), column: Number(column) }];
  });
}

const SOURCES = '/src/';
const OWN_SOURCE = 'observe/js-stack.ts';
/** Folders of our sources whose code is a program that uses the library. */
const PROGRAMS = /^(?:cli|serve|explorer|analyze)\//;
const PACKAGE = /^(.*[\\/]node_modules[\\/]spanheap[\\/])/;

/** Tells the library's files from others, by the file of `captureStack`; null: it cannot be told. */
export function libraryOf(captureFile: string): ((file: string) => boolean) | null {
  if (captureFile.endsWith(SOURCES + OWN_SOURCE)) {
    const root = captureFile.slice(0, -OWN_SOURCE.length);
    return (file) => file.startsWith(root) && !PROGRAMS.test(file.slice(root.length));
  }
  const root = PACKAGE.exec(captureFile)?.[1];
  return root === undefined ? null : (file) => file.startsWith(root);
}

/** What a function of the library is called where it is documented. */
export function publicName(functionName: string): string {
  // The bundler renames a class that refers to itself; and all references have one class for each type, which is named R.
  return functionName.replace(/^_(?=[A-Z])/, '').replace(/^R\./, 'Reference.');
}

/** What may be called between `captureStack` and the program, when files do not tell. */
const ALLOCATOR = new Set(
  'captureStack refs #note sample onSample sampled popDue reuse small smallSlow smallScan fromWindow nextFree tiny newTinyBlock route allocNoscan allocScan guardedMalloc mallocLarge mallocgc newobject allocZeroed copyOut'.split(
    ' ',
  ),
);

/** The frames without the library's own, of each run of which the outermost stays. `isLibrary` null: see above. */
export function withoutLibrary<T extends Pick<StackFrame, 'functionName' | 'file'>>(
  frames: readonly T[],
  isLibrary: ((file: string) => boolean) | null,
): T[] {
  if (isLibrary === null) {
    const first = frames.findIndex(({ functionName }) => !ALLOCATOR.has(functionName.replace(/^.*\./, '')));
    return frames.slice(Math.max(0, first));
  }
  const kept: T[] = [];
  let outer = false;
  for (let i = frames.length - 1; i >= 0; i--) {
    const frame = frames[i]!;
    // Functions of the engine, such as Array.map, are part of the run that they are in.
    const inside: boolean = frame.file === '' ? outer : isLibrary(frame.file);
    if (!(inside && outer)) kept.push(frame);
    outer = inside;
  }
  return kept.reverse();
}

/** Whether a stack was noted whole, since files did not tell where the library ends. */
export function isWhole(frames: readonly StackFrame[]): boolean {
  return frames[0]?.functionName.endsWith('captureStack') === true;
}
