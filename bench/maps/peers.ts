// The maps that the map case measures. A process opens one of them.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHeap, type Heap, map, type SharedMap, string, u32 } from '../../src/index.ts';
import { KEY_MAX, KEYS, type KeySet, type MapPeer } from './workload.ts';

export const MAPS = ['spanheap', 'js', 'shareable', 'sharedmap', 'lmdb'] as const;
export type MapName = (typeof MAPS)[number];

const BYTES = 512 << 20;
const number = (n: number): number => n;

export async function openMap(name: MapName, keys: KeySet, lmdb: string | undefined): Promise<MapPeer> {
  switch (name) {
    case 'spanheap':
      return erase(openSpanheap());
    case 'js':
      return erase(openJs());
    case 'shareable':
      return erase(await openShareable());
    case 'sharedmap':
      return erase(await openSharedmap(keys));
    case 'lmdb':
      return erase(openLmdb(lmdb));
  }
}

const erase = <V>(peer: MapPeer<V>): MapPeer => peer as unknown as MapPeer;

const Scores = map(string, u32);

function openSpanheap(): MapPeer<number> {
  // The collector runs, as it does for JavaScript's own map: what is outgrown and replaced is its.
  const heap = createHeap({ maxBytes: BYTES, gc: 'on' });
  return ofHeap(heap, heap.new(Scores));
}

/** The map that another thread made in this heap. */
export function findMap(heap: Heap): MapPeer<number> {
  return ofHeap(heap, heap.roots.get('map', Scores)!);
}

/** Makes it. */
export function nameMap(heap: Heap): void {
  heap.roots.set('map', heap.new(Scores));
}

function ofHeap(heap: Heap, scores: SharedMap<string, number>): MapPeer<number> {
  return {
    get: (key) => scores.get(key),
    set: (key, value) => void scores.set(key, value),
    value: number,
    run: (batch) => heap.scope(batch),
  };
}

export function openJs(): MapPeer<number> {
  const js = new Map<string, number>();
  return { get: (key) => js.get(key), set: (key, value) => void js.set(key, value), value: number, run: (fn) => fn() };
}

/** In shared memory, growing, without locks: for one writer. Its values are numbers, strings or JSON. */
async function openShareable(): Promise<MapPeer<number>> {
  const { ShareableMap } = await import('shared-memory-datastructures');
  const it = new ShareableMap<string, number>({ expectedSize: 2 * KEYS, averageBytesPerValue: KEY_MAX });
  return { get: (key) => it.get(key), set: (key, value) => void it.set(key, value), value: number, run: (fn) => fn() };
}

/** In shared memory, of fixed size, with locks. Its values are strings; a key of full length it does not find again. */
async function openSharedmap(keys: KeySet): Promise<MapPeer<string>> {
  const { default: SharedMap } = (await import('sharedmap')) as unknown as { default: Sharedmap };
  const it = new SharedMap(
    2 * KEYS,
    keys === 'user:12345' ? 'user:12345'.length + 1 : KEY_MAX + 1,
    String(KEYS).length,
  );
  return { get: (key) => it.get(key), set: (key, value) => it.set(key, value), value: String, run: (fn) => fn() };
}

/** Its declarations name the class, its module exports it as the default. */
type Sharedmap = new (
  size: number,
  keySize: number,
  valueSize: number,
) => {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
};

/** A database in mapped memory, here without waiting for the disk, a transaction a batch, which suits it best. */
function openLmdb(path: string | undefined): MapPeer<number> {
  if (path === undefined) throw new Error('lmdb needs the folder it is installed in');
  const { open } = createRequire(join(path, 'package.json'))('lmdb') as Lmdb;
  const dir = mkdtempSync(join(tmpdir(), 'spanheap-lmdb-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const db = open({ path: dir, noSync: true, mapSize: BYTES });
  return {
    get: (key) => db.get(key),
    set: (key, value) => void db.putSync(key, value),
    value: number,
    run: (batch) => db.transactionSync(batch),
  };
}

/** What is used of it: it is not installed with the project. */
interface Lmdb {
  readonly open: (options: object) => {
    get(key: string): number | undefined;
    putSync(key: string, value: number): void;
    transactionSync(fn: () => number): number;
  };
}
