/**
 * Clearing memory. `fill` on shared memory is slow in V8 (byte by byte or word by word; 22 µs for 64 KiB), so it is done in
 * loops of 8-byte stores, 8 to a round: the compiler checks bounds and branches once a cache line. From 8 KiB on the
 * platform's own way is faster, where there is one (sys/memset.ts).
 */
import { ZERO_CHUNK } from '../layout/constants.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { hasMemset, memsetZero } from '../sys/memset.ts';

type Doubles = Float64Array<ArrayBufferLike>;

/** Elements from which on calling `memset` is faster than the loop: 8 KiB. */
const MEMSET_MIN = 1024;

/**
 * Clears a slot that nobody else reads yet: `addr` and `size` are multiples of 8, as all size classes are. Straight stores
 * for the small classes: a loop costs more in its own checks than in its stores.
 */
export function zeroSmall(f64: Doubles, addr: number, size: number): void {
  const i = addr >>> 3;
  f64[i] = 0;
  if (size === 8) return;
  f64[i + 1] = 0;
  if (size === 16) return;
  f64[i + 2] = 0;
  if (size === 24) return;
  f64[i + 3] = 0;
  if (size === 32) return;
  f64[i + 4] = 0;
  if (size === 40) return;
  f64[i + 5] = 0;
  if (size === 48) return;
  f64[i + 6] = 0;
  if (size === 56) return;
  f64[i + 7] = 0;
  if (size > 64) zeroFresh(f64, i + 8, i + (size >>> 3));
}

/** The same for a tiny block: through `zeroSmall` an object of 8 bytes in recycled memory takes 8.7 ns instead of 7.5. */
export function zeroTiny(f64: Doubles, addr: number): void {
  const i = addr >>> 3;
  f64[i] = 0;
  f64[i + 1] = 0;
}

/** Of memory that nobody else reads yet: `memset` promises nothing about the order and width of its stores. */
function zeroFresh(f64: Doubles, from: number, end: number): void {
  if (end - from >= MEMSET_MIN && hasMemset) memsetZero(f64, from * 8, end * 8);
  else zeroLoop(f64, from, end);
}

function zeroLoop(f64: Doubles, from: number, end: number): void {
  let i = zeroLines(f64, from, end);
  for (; i < end; i++) f64[i] = 0;
}

/** Clears whole cache lines from `i` on while they fit below `end`; returns where it stopped. */
function zeroLines(f64: Doubles, i: number, end: number): number {
  for (; i + 8 <= end; i += 8) {
    f64[i] = 0;
    f64[i + 1] = 0;
    f64[i + 2] = 0;
    f64[i + 3] = 0;
    f64[i + 4] = 0;
    f64[i + 5] = 0;
    f64[i + 6] = 0;
    f64[i + 7] = 0;
  }
  return i;
}

/**
 * Clears large memory in pieces of 256 KiB and polls between them, so that a stop does not wait for gigabytes (Go:
 * `memclrNoHeapPointersChunked`). No lock may be held; the memory must not be reachable by the collector yet.
 * `addr` and `size` are multiples of 64.
 */
export function zeroLarge(t: Proc, addr: number, size: number): void {
  const { f64 } = t.mem;
  const end = (addr + size) / 8;
  for (let i = addr / 8; i < end; i += ZERO_CHUNK / 8) {
    t.poll();
    zeroFresh(f64, i, Math.min(i + ZERO_CHUNK / 8, end));
  }
}

/** Less than 8 bytes: whole words in one store each, for others may read them as pointers meanwhile. */
function zeroEnds({ u8, i32 }: Mem, from: number, end: number): void {
  let at = from;
  while (at < end) {
    if ((at & 3) === 0 && at + 4 <= end) {
      i32[at >>> 2] = 0;
      at += 4;
    } else {
      u8[at++] = 0;
    }
  }
}

/** Clears any bytes of memory that nobody else reads yet. */
export function zeroFreshBytes(mem: Mem, addr: number, n: number): void {
  if (n >= MEMSET_MIN * 8 && hasMemset) memsetZero(mem.f64, addr, addr + n);
  else zeroBytes(mem, addr, n);
}

/** Clears any bytes, which others may be reading. */
export function zeroBytes(mem: Mem, addr: number, n: number): void {
  const end = addr + n;
  const first = Math.min(end, Math.ceil(addr / 8) * 8);
  const last = Math.max(first, end - (end % 8));
  zeroEnds(mem, addr, first);
  if (last > first) zeroLoop(mem.f64, first / 8, last / 8);
  zeroEnds(mem, last, end);
}
