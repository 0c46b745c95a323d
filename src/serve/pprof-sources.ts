/**
 * From places in scripts that run to places in the sources they were made of, by source maps: inline ones, and files beside
 * the script. A script without a map, or with one that cannot be read, stays what it is: a profile of it is still a profile.
 *
 * Only files are read, never addresses of the network: what a script says of its map is not to be trusted more than that.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AnyMap, originalPositionFor, type TraceMap } from '@jridgewell/trace-mapping';
import { isWhole, libraryOf, publicName, withoutLibrary } from '../observe/js-stack.ts';
import type { StackFrame } from '../spans/profile-records.ts';

/** Scripts whose maps are kept between two profiles. */
const KEPT = 64;
/** Bytes of a script or a map at most; a larger one is left alone. */
const LARGEST = 256 << 20;
const MARK = 'sourceMappingURL=';

interface Loaded {
  /** Of the script: another one is another script. */
  readonly version: string;
  readonly map: TraceMap | null;
}

const loaded = new Map<string, Loaded>();

/** The path of a script that is a file; undefined for others: `node:internal/…`, `evalmachine`, addresses. */
function pathOf(file: string): string | undefined {
  if (file.startsWith('/') || /^[A-Za-z]:[\\/]/.test(file)) return file;
  try {
    return file.startsWith('file:') ? fileURLToPath(file) : undefined;
  } catch {
    return undefined;
  }
}

function mapOf(path: string): TraceMap | null {
  let version: string;
  try {
    const { mtimeMs, size } = statSync(path);
    version = `${mtimeMs} ${size}`;
    if (size > LARGEST) return null;
  } catch {
    return null;
  }
  const known = loaded.get(path);
  if (known?.version === version) return known.map;
  if (loaded.size >= KEPT) loaded.delete(loaded.keys().next().value!);
  const map = read(path);
  loaded.set(path, { version, map });
  return map;
}

/** Null: there is none that can be used. */
function read(path: string): TraceMap | null {
  try {
    const script = readFileSync(path, 'utf8');
    const at = script.lastIndexOf(MARK);
    const url = at < 0 ? '' : (/^\S*/.exec(script.slice(at + MARK.length))?.[0] ?? '');
    if (url.startsWith('data:')) return parse(inline(url), pathToFileURL(path).href);
    const mapUrl = url === '' ? new URL(`${pathToFileURL(path).href}.map`) : new URL(url, pathToFileURL(path));
    if (mapUrl.protocol !== 'file:' || statSync(mapUrl).size > LARGEST) return null;
    return parse(readFileSync(mapUrl, 'utf8'), mapUrl.href);
  } catch {
    return null;
  }
}

/** The text of `data:application/json;base64,…`. */
function inline(url: string): string {
  const comma = url.indexOf(',');
  const body = url.slice(comma + 1);
  return /;base64$/i.test(url.slice(0, comma)) ? Buffer.from(body, 'base64').toString() : decodeURIComponent(body);
}

function parse(text: string, url: string): TraceMap {
  // Some servers' maps begin with a line against being included as a script.
  return AnyMap(text.replace(/^\)\]\}'[^\n]*\n/, ''), url);
}

/** The place in its source that a frame is at; the frame itself, with a path for a file URL, if that is not known. */
function original(frame: StackFrame): StackFrame {
  const path = pathOf(frame.file);
  if (path === undefined) return frame;
  const map = frame.line > 0 ? mapOf(path) : null;
  const found = map && originalPositionFor(map, { line: frame.line, column: Math.max(0, frame.column - 1) });
  if (!found || found.source === null) return { ...frame, file: path };
  return {
    functionName: frame.functionName,
    file: pathOf(found.source) ?? found.source,
    line: found.line,
    column: found.column + 1,
  };
}

/** What a frame is called. Those without a name are told apart by their file at least. */
export function nameOf({ functionName, file }: StackFrame): string {
  if (functionName !== '') return functionName;
  return file === '' ? '(anonymous)' : `(anonymous) ${basename(file)}`;
}

/** Resolves stacks; the frames of one profile are few, and in many stacks. */
export class Sources {
  readonly #isMapped: boolean;
  readonly #frames = new Map<StackFrame, StackFrame>();

  /** `isMapped` false: no source maps are looked for. */
  constructor(isMapped: boolean) {
    this.#isMapped = isMapped;
  }

  /** The stack as its sources have it, without the frames of the library that were noted for want of a source map. */
  resolve(stack: readonly StackFrame[]): readonly StackFrame[] {
    const frames = stack.map((frame) => this.#original(frame));
    if (!isWhole(frames)) return frames;
    const isLibrary = libraryOf(frames[0]!.file);
    return withoutLibrary(frames, isLibrary).map((frame) =>
      isLibrary?.(frame.file) === true ? { ...frame, functionName: publicName(frame.functionName) } : frame,
    );
  }

  #original(frame: StackFrame): StackFrame {
    let found = this.#frames.get(frame);
    if (found === undefined) {
      found = this.#isMapped ? original(frame) : { ...frame, file: pathOf(frame.file) ?? frame.file };
      this.#frames.set(frame, found);
    }
    return found;
  }
}
