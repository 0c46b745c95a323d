/**
 * The library as Node loads it. What takes a thread longest is V8 reading its text and compiling each function when it is
 * first called: 30 ms for the import, 8 for the first heap, 12 for the first types. V8 can write down what it has
 * compiled (its code cache) and take it up again in another thread or process, in less than half of that time. Node lets
 * programs do so with scripts, not with modules. So the text of the library, a module that imports nothing, is made a script
 * here, whose value is its exports.
 *
 * Compiled code comes from
 * - the thread that started this one: the first thread that shares a heap lays it down for all workers to come;
 * - a file beside the library, which `spanheap warm` writes, and the build: for one version of Node and one set of V8's
 *   options. V8 itself refuses what does not fit.
 *
 * It is used for exactly the text and the place it was made from. V8 compares no more than the text's length, and until
 * Node 22 takes the script's name from the code. Nor does it check the code, which would crash the process if it was
 * damaged: so the file has a checksum.
 */
import { readFileSync } from 'node:fs';
import nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { builtin, isMainThread } from '../runtime/worker-threads.ts';

export type Library = typeof import('../index.ts');

/** The library's file. */
export interface Source {
  readonly url: string;
  /** Of nothing but ASCII. */
  readonly text: Buffer;
}

/** Compiled code, and what of. */
interface Code {
  readonly url: string;
  readonly text: Uint8Array;
  readonly bytes: Uint8Array;
}

interface WorkerThreads {
  getEnvironmentData(key: string): unknown;
  setEnvironmentData(key: string, value: unknown): void;
}

/** Under what name a thread leaves compiled code for those that it starts. */
const ENVIRONMENT = 'spanheap.code.1';

export function loadLibrary(url: string): Library {
  const source = readSource(url);
  const isForeign = new Script('Object').runInThisContext() !== Object;
  // A test runner's sandbox: what scripts make belongs to another realm, whose Map and Error are not those of the program.
  // biome-ignore lint/security/noGlobalEval: the only way to run a script in this realm; under another name it is global.
  const run = eval;
  if (isForeign) return run(scriptText(source)) as Library;
  const inherited = inheritedCode(source);
  // Who has told Node to keep compiled modules gets that.
  if (inherited === undefined && nodeCachesModules())
    return nodeModule.createRequire(url)(fileURLToPath(url)) as Library;
  const script = scriptOf(source, inherited ?? codeInFile(source));
  const library = script.runInThisContext() as Library;
  if (script.cachedDataRejected !== false) library.whenFirstShared(() => layDown(source, script));
  return library;
}

export function readSource(url: string): Source {
  return { url, text: readFileSync(new URL(url)) };
}

/**
 * The build has put the beginning and the end of a function around the module, in comments, and `return` is as long as
 * `export`: so all stays on the line and in the column where source maps say it is.
 */
function scriptText({ text }: Source): string {
  const script = Buffer.from(text);
  script.write('  ', script.indexOf('/*(function'));
  script.write('return', script.lastIndexOf('export{'));
  script.write('  ', script.lastIndexOf('/*})()'));
  return script.toString('latin1');
}

/** `cachedData` is what V8 has compiled of it before, here or elsewhere; if V8 does not accept it, it reads the text. */
export function scriptOf(source: Source, cachedData?: Uint8Array): Script {
  const code = cachedData && { cachedData: cachedData as Buffer };
  return new Script(scriptText(source), { filename: source.url, ...code });
}

/** Where the file of compiled code is. */
export function cacheFileOf({ url }: Source): URL {
  return new URL(`./code-${process.version}-${process.arch}.cache`, url);
}

/** What is in it: a line about the rest, the text, the code. */
export function packCode({ url, text }: Source, code: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${JSON.stringify({ url, length: text.length, crc: crc32(code) })}\n`),
    text,
    code,
  ]);
}

function codeInFile(source: Source): Uint8Array | undefined {
  try {
    const packed = readFileSync(cacheFileOf(source));
    const begin = packed.indexOf('\n') + 1;
    const { url, length, crc } = JSON.parse(packed.toString('utf8', 0, begin)) as Record<string, never>;
    const bytes = packed.subarray(begin + length);
    const fits = isFor(source, { url, text: packed.subarray(begin, begin + length), bytes });
    return fits && crc32(bytes) === crc ? bytes : undefined;
  } catch {
    // None was made, or it may not be read, or is damaged: then V8 reads the text.
    return undefined;
  }
}

function isFor({ url, text }: Source, code: Code): boolean {
  return code.url === url && text.equals(code.text);
}

function crc32(bytes: Uint8Array): number {
  return (builtin('node:zlib') as { crc32(bytes: Uint8Array): number }).crc32(bytes);
}

function inheritedCode(source: Source): Uint8Array | undefined {
  // The main thread inherits nothing, and does not have the module loaded yet.
  if (isMainThread()) return undefined;
  const code = workerThreads()?.getEnvironmentData(ENVIRONMENT) as Code | null | undefined;
  return code != null && isFor(source, code) ? code.bytes : undefined;
}

function layDown({ url, text }: Source, script: Script): void {
  try {
    const code: Code = { url, text: inSharedMemory(text), bytes: inSharedMemory(script.createCachedData()) };
    workerThreads()?.setEnvironmentData(ENVIRONMENT, code);
  } catch {
    // No memory for it: then workers compile for themselves.
  }
}

function inSharedMemory(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function workerThreads(): WorkerThreads | undefined {
  return builtin('node:worker_threads') as WorkerThreads | undefined;
}

/** Whether Node keeps compiled modules (`NODE_COMPILE_CACHE`, `module.enableCompileCache`), and lets them be required. */
function nodeCachesModules(): boolean {
  const { getCompileCacheDir } = nodeModule as { getCompileCacheDir?(): string | undefined };
  const { require_module: requires } = process.features as { require_module?: boolean };
  return requires === true && getCompileCacheDir?.() !== undefined;
}
