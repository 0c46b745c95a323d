// Any allocator that is a WebAssembly module with a memory and malloc/free (or mi_malloc/mi_free), called from
// JavaScript. The exports are handed out as they are: V8 compiles a direct call to them.
import { readFileSync } from 'node:fs';
import type { Peer } from './peer.ts';

type Fn = (...args: number[]) => number;

export async function openWasm(file: string): Promise<Peer> {
  const module = await WebAssembly.compile(readFileSync(file));
  const exports = await instantiate(module);
  const find = (...names: string[]): Fn | undefined =>
    names.map((n) => exports[n]).find((f): f is Fn => typeof f === 'function');
  const malloc = find('malloc', 'mi_malloc');
  const free = find('free', 'mi_free');
  if (!malloc || !free) throw new Error(`${file}: exports neither malloc/free nor mi_malloc/mi_free`);
  const memory = exports['memory'];
  if (!(memory instanceof WebAssembly.Memory)) throw new Error(`${file}: exports no memory`);
  const zalloc = find('zalloc', 'mi_zalloc');
  const words = () => new Int32Array(memory.buffer);
  return { malloc, free, ...(zalloc && { zalloc }), words, run: (fn) => fn() };
}

async function instantiate(module: WebAssembly.Module): Promise<WebAssembly.Exports> {
  const wanted = WebAssembly.Module.imports(module);
  if (wanted.some((i) => i.module === 'wasi_snapshot_preview1')) {
    const { WASI } = await import('node:wasi');
    const wasi = new WASI({ version: 'preview1' });
    const instance = await WebAssembly.instantiate(module, wasi.getImportObject() as WebAssembly.Imports);
    wasi.initialize(instance);
    return instance.exports;
  }
  const imports: WebAssembly.Imports = {};
  for (const { module: from, name } of wanted) {
    imports[from] ??= {};
    imports[from][name] = () => 0;
  }
  return (await WebAssembly.instantiate(module, imports)).exports;
}
