// The floor: the least that an allocator on one Int32Array can do. A free list per size class, linked through the free
// blocks; memory comes a page at a time, and a table says which class a page holds, so that free() needs no header.
// No locks, no checks, no coalescing, one thread, nothing ever given back.
import type { Peer } from './peer.ts';

const PAGE_SHIFT = 13;
const PAGE = 1 << PAGE_SHIFT;
const SMALL_MAX = 1024; // classes 16 bytes apart up to here, powers of two above
const SMALL_CLASSES = SMALL_MAX >>> 4;
const CLASSES = 128;

function classOf(size: number): number {
  return size <= SMALL_MAX ? (size + 15) >>> 4 : SMALL_CLASSES + 22 - Math.clz32(size - 1);
}

function bytesOf(cls: number): number {
  return cls <= SMALL_CLASSES ? cls << 4 : SMALL_MAX << (cls - SMALL_CLASSES);
}

export function openFloor(bytes: number): Peer {
  const i32 = new Int32Array(new SharedArrayBuffer(bytes));
  const f64 = new Float64Array(i32.buffer);
  const heads = new Int32Array(CLASSES);
  const bumps = new Int32Array(CLASSES);
  const classOfPage = new Uint8Array(bytes >>> PAGE_SHIFT);
  let nextPage = 1;

  function carve(cls: number): number {
    const size = bytesOf(cls);
    let ptr = bumps[cls]!;
    if ((ptr & (PAGE - 1)) === 0 || (ptr & (PAGE - 1)) + size > PAGE) {
      ptr = nextPage << PAGE_SHIFT;
      nextPage += (size + PAGE - 1) >>> PAGE_SHIFT;
      if (nextPage << PAGE_SHIFT > bytes) throw new Error('the free list is out of memory');
      classOfPage[ptr >>> PAGE_SHIFT] = cls;
    }
    bumps[cls] = ptr + size;
    return ptr;
  }

  function malloc(size: number): number {
    const cls = classOf(size);
    const ptr = heads[cls]!;
    if (ptr === 0) return carve(cls);
    heads[cls] = i32[ptr >>> 2]!;
    return ptr;
  }

  function free(ptr: number): void {
    const cls = classOfPage[ptr >>> PAGE_SHIFT]!;
    i32[ptr >>> 2] = heads[cls]!;
    heads[cls] = ptr;
  }

  function zalloc(size: number): number {
    const ptr = malloc(size);
    const end = (ptr + size + 7) >>> 3; // blocks are multiples of 16 bytes
    let i = ptr >>> 3;
    for (; i + 8 <= end; i += 8) {
      f64[i] = f64[i + 1] = f64[i + 2] = f64[i + 3] = 0;
      f64[i + 4] = f64[i + 5] = f64[i + 6] = f64[i + 7] = 0;
    }
    for (; i < end; i++) f64[i] = 0;
    return ptr;
  }

  return { malloc, free, zalloc, words: () => i32, run: (fn) => fn() };
}
