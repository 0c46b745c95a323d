/**
 * A second, slow marker that must agree with the first (Go: checkmark mode): with the world stopped at the end of a cycle,
 * everything that is reachable from the roots must be marked. It shares no code with marker.ts but the roots' lists, finds
 * types by their tables, and keeps its own set of visited objects in this thread's memory.
 */
import type { SpanRef } from '../base/brand.ts';
import { fatal } from '../base/fatal.ts';
import { H_GROWN_PAGES } from '../layout/header.ts';
import { SEGMENT_SLOTS, SEGMENT_WORDS } from '../layout/proc.ts';
import {
  SPAN_ALLOC_BITS,
  SPAN_CLASS,
  SPAN_ELEMSIZE,
  SPAN_GCMARK_BITS,
  SPAN_LARGE_TYPE,
  SPAN_STATE,
  SPAN_STATE_IN_USE,
  SPAN_TYPES,
} from '../layout/span.ts';
import { isLargeClass, isNoscan } from '../layout/span-class.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import { spanBase, spanOf } from '../spans/mspan.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { attachedProcs } from '../threads/stop-the-world.ts';
import { eachHandleSegment, eachNamedRoot, eachProcRoot, eachStackRange } from './roots.ts';
import { specialRoots } from './special-roots.ts';

const hex = (n: number): string => `0x${(n >>> 0).toString(16)}`;

/** Bytes between two visited bits: the smallest object. */
const GRAIN = 8;

class Walk {
  readonly #mem: Mem;
  readonly #table: TypeTable;
  readonly #visited: Uint8Array;
  /** Objects to look into: their addresses. */
  readonly #queue: number[] = [];

  constructor(mem: Mem, table: TypeTable) {
    this.#mem = mem;
    this.#table = table;
    this.#visited = new Uint8Array((mem.m[H_GROWN_PAGES] * 8192) / GRAIN / 8 + 1);
  }

  /** `from`: what the pointer was found in, for the message. */
  reach(p: number, from: string): void {
    const { m } = this.#mem;
    const addr = p >>> 0;
    const s = spanOf(this.#mem, addr);
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE) return;
    const small = !isLargeClass(m[s + SPAN_CLASS]);
    const size = m[s + SPAN_ELEMSIZE] >>> 0;
    const index = small ? Math.floor((addr - spanBase(m, s)) / size) : 0;
    const base = spanBase(m, s) + index * size;
    const slot = base / GRAIN;
    if ((this.#visited[slot >>> 3]! & (1 << (slot & 7))) !== 0) return;
    this.#visited[slot >>> 3]! |= 1 << (slot & 7);
    const alloc = m[s + SPAN_ALLOC_BITS] + index;
    // Freed by hand, with a pointer left to it: no object.
    if ((m[alloc >>> 5] & (1 << alloc)) === 0) return;
    const bit = m[s + SPAN_GCMARK_BITS] + index;
    if ((m[bit >>> 5] & (1 << bit)) === 0) {
      fatal(`checkmark: the object at ${hex(base)}, reachable from ${from}, was not marked`);
    }
    this.#queue.push(base);
  }

  run(): void {
    for (let addr = this.#queue.pop(); addr !== undefined; addr = this.#queue.pop()) this.scan(addr);
  }

  /** Reaches what an object leads to. */
  scan(addr: number): void {
    const { m, m16, i32 } = this.#mem;
    const s = spanOf(this.#mem, addr) as SpanRef;
    if (isNoscan(m[s + SPAN_CLASS])) return;
    const large = isLargeClass(m[s + SPAN_CLASS]);
    const size = m[s + SPAN_ELEMSIZE] >>> 0;
    const index = large ? 0 : Math.floor((addr - spanBase(m, s)) / size);
    const type = this.#table.get(large ? m[s + SPAN_LARGE_TYPE] : m16[m[s + SPAN_TYPES] + index]!);
    if (type === undefined || type.size === 0) return;
    const end = addr + size;
    for (let value = addr; value + type.size <= end; value += type.size) {
      for (const p of type.pointers) {
        const target = i32[(value + p) >>> 2];
        if (target !== 0) this.reach(target, `${type.name} at ${hex(addr)}`);
      }
    }
  }
}

/** Ends the process' heap (ERR_FATAL) when something reachable is not marked. World stopped, nothing grey. */
export function checkmark(t: Proc, table: TypeTable): void {
  const { mem } = t;
  const walk = new Walk(mem, table);
  const range = (name: string) => (from: number, end: number) => {
    for (let w = from; w < end; w++) if (mem.i32[w] !== 0) walk.reach(mem.i32[w], name);
  };
  for (const p of attachedProcs(mem)) {
    // What was pushed after marking began came from the heap or is new: it must be marked as well.
    eachStackRange(mem, p, range('a shadow stack'));
    eachProcRoot(mem, p, (addr) => walk.reach(addr, 'a thread’s own words'));
    eachHandleSegment(mem, p, (start) => range('a handle table')(start + SEGMENT_SLOTS, start + SEGMENT_WORDS));
  }
  eachNamedRoot(mem, (addr) => walk.reach(addr, 'a named root'));
  specialRoots(t, 0, mem.m[H_GROWN_PAGES], (addr) => walk.scan(addr));
  walk.run();
}
