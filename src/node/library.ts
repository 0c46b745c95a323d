/**
 * The library as Node loads it. What takes a thread longest is V8 reading its text and compiling each function when it is
 * first called: 30 ms for the import, 8 for the first heap, 12 for the first types. V8 can write down what it has
 * compiled (its code cache) and take it up again in another thread or process, in a third of that time. Node lets programs do
 * so with scripts; with modules it does so itself from 22.1 on, where the program's owner asks for it. So the library's text, a
 * module that imports nothing, is made a script here, with its exports as the result.
 *
 * Compiled code comes from
 * - the thread that started this one: the first thread that shares a heap lays it down for all workers to come;
 * - a file beside the library, which `spanheap warm` writes, and the build: for one version of Node and one set of V8's
 *   options. V8 itself refuses what does not fit.
 *
 * It is used for exactly the text it was made from, which is kept with it: V8 compares no more than the length.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { builtin, isMainThread } from '../runtime/worker-threads.ts';

export type Library = typeof import('../index.ts');

interface WorkerThreads {
  getEnvironmentData(key: string): unknown;
  setEnvironmentData(key: string, value: unknown): void;
}

/** Under what name a thread leaves text and compiled code for those that it starts. */
const ENVIRONMENT = 'spanheap.code';

/** Where the file of compiled code is, from the library's own. */
export function cacheFileOf(library: URL): URL {
  return new URL(`./code-${process.version}-${process.arch}.cache`, library);
}

/** Text and compiled code in one, as they are in the file. */
export function packCode(text: Uint8Array, script: Script): Uint8Array {
  const code = script.createCachedData();
  const packed = new Uint8Array(new SharedArrayBuffer(text.length + code.length));
  packed.set(text);
  packed.set(code, text.length);
  return packed;
}

/** The compiled code, if it is of this text. */
function codeFor(text: Buffer, packed: Uint8Array | undefined): Buffer | undefined {
  if (packed === undefined || !text.equals(packed.subarray(0, text.length))) return undefined;
  return Buffer.from(packed.buffer, packed.byteOffset + text.length, packed.length - text.length);
}

/**
 * The script whose value is the library; `text` is that of the module. `cachedData` is what V8 has compiled of it before,
 * here or elsewhere; if V8 does not accept it, it reads the text.
 *
 * The build has put the beginning and the end of a function around the module, in comments, and `return` is as long as
 * `export`: so all stays where source maps say it is.
 */
export function scriptOf(library: URL, text: Buffer, cachedData?: Buffer): Script {
  const script = Buffer.from(text);
  script.write('  ', script.indexOf('/*(function'));
  script.write('return', script.lastIndexOf('export{'));
  script.write('  ', script.lastIndexOf('/*})()'));
  return new Script(script.toString('latin1'), { filename: library.href, ...(cachedData && { cachedData }) });
}

/** Loads the library: the file of a module of nothing but ASCII, which imports nothing. */
export function loadLibrary(library: URL): Library {
  const text = readFileSync(library);
  const code = codeFor(text, inheritedCode()) ?? codeFor(text, readIfThere(cacheFileOf(library)));
  // Node's own cache has what V8 compiled when the module was loaded, and no function that was called later.
  if (code === undefined && nodeCachesModules()) return createRequire(library)(fileURLToPath(library)) as Library;
  const script = scriptOf(library, text, code);
  const loaded = script.runInThisContext() as Library;
  if (script.cachedDataRejected !== false) {
    loaded.whenFirstShared(() => environment().setEnvironmentData(ENVIRONMENT, packCode(text, script)));
  }
  return loaded;
}

/** Whether Node keeps compiled modules (`NODE_COMPILE_CACHE`, `module.enableCompileCache`), and lets them be required. */
function nodeCachesModules(): boolean {
  const { getCompileCacheDir } = builtin('node:module') as { getCompileCacheDir?(): string | undefined };
  const { require_module: requires } = process.features as { require_module?: boolean };
  return requires === true && getCompileCacheDir?.() !== undefined;
}

function inheritedCode(): Uint8Array | undefined {
  // The main thread inherits nothing, and does not have the module loaded yet.
  return isMainThread() ? undefined : (environment().getEnvironmentData(ENVIRONMENT) as Uint8Array | undefined);
}

function environment(): WorkerThreads {
  return builtin('node:worker_threads') as WorkerThreads;
}

function readIfThere(file: URL): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    // None was made, or it may not be read: then V8 reads the text.
    return undefined;
  }
}
