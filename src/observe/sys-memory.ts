/** What allocator memory is used for (Go: the `Sys` fields of MemStats). Bytes that are in use; the rest was never touched. */
import { CHUNK_PAGES } from '../layout/constants.ts';
import { FIX_IN_USE, FIX_SPANS, FIX_SPECIALS, FIX_TAKEN, FIX_WORDS, FIXALLOCS } from '../layout/fixalloc.ts';
import { GATE_WORDS } from '../layout/gate.ts';
import {
  H_BITS_REGION_NEXT,
  H_BUCKET_WORDS,
  H_GROWN_PAGES,
  H_PERSISTENT_NEXT,
  HEADER_WORDS,
} from '../layout/header.ts';
import { CHUNK_WORDS } from '../layout/pages.ts';
import { METER_WORDS, PROC_STACKS } from '../layout/proc.ts';
import { SPAN_PART_WORDS, SPAN_PARTS } from '../layout/span.ts';
import { gatesInUse } from '../malloc/gate.ts';
import { roomEnd } from '../spans/reuse-stack.ts';
import type { Mem } from '../sys/mem.ts';
import { attachedProcs, usedProcs } from '../threads/stop-the-world.ts';

export interface SysMemory {
  readonly mspanInuse: number;
  readonly mspanSys: number;
  /** Records of attached threads, and of all that ever were; of their reuse stacks only what is in the reuse room. */
  readonly mcacheInuse: number;
  readonly mcacheSys: number;
  /** Buckets of the heap profile. */
  readonly buckets: number;
  /** Of pages, spans and the collector: bitmaps, page maps, summaries, side tables, work buffers. */
  readonly gc: number;
  /** Header, mcentrals, types, roots, special records, gates. */
  readonly other: number;
}

export function readSysMemory(mem: Mem): SysMemory {
  const { m, plan } = mem;
  const grown = m[H_GROWN_PAGES];
  const fix = (index: number, word: number): number => m[plan.fixallocs + index * FIX_WORDS + word];
  let tables = 0;
  for (let i = 0; i < FIXALLOCS; i++) if (i !== FIX_SPANS && i !== FIX_SPECIALS) tables += fix(i, FIX_TAKEN);
  const mspan = fix(FIX_SPANS, FIX_TAKEN);
  const buckets = Atomics.load(m, H_BUCKET_WORDS);
  const maps = grown + 3 * (grown >>> 5) + Math.ceil(grown / CHUNK_PAGES) * CHUNK_WORDS;
  const summaries = plan.ranges - plan.summaries[0]!;
  const persistent = m[H_PERSISTENT_NEXT] - plan.persistent;
  const record = PROC_STACKS + METER_WORDS;
  const room = roomEnd(mem) - plan.reuseRoom;
  const gates = gatesInUse(mem) * GATE_WORDS;
  return {
    mspanInuse: fix(FIX_SPANS, FIX_IN_USE) * SPAN_PARTS * SPAN_PART_WORDS * 4,
    mspanSys: mspan * 4,
    mcacheInuse: (attachedProcs(mem).length * record + room) * 4,
    mcacheSys: (usedProcs(mem).length * record + room) * 4,
    buckets: buckets * 4,
    gc: (m[H_BITS_REGION_NEXT] - plan.gcBits + maps + summaries + tables) * 4,
    other: (HEADER_WORDS + plan.procs - plan.centrals + gates + Math.max(0, persistent - mspan - tables - buckets)) * 4,
  };
}

/** All of it. */
export function metadataBytes(mem: Mem): number {
  const { mspanSys, mcacheSys, buckets, gc, other } = readSysMemory(mem);
  return mspanSys + mcacheSys + buckets + gc + other;
}
