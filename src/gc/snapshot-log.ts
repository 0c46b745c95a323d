/**
 * The log of a heap snapshot: what pointer slots held when it began, for those that were stored to since.
 *
 * A snapshot copies object memory while the program goes on (observe/snapshot). Beside it, each thread notes, before its
 * first store to a slot, what the slot holds; the notes are written behind the copied pages, and whoever reads the
 * snapshot puts them back. So its pointers are those of one moment.
 *
 * Which store is the first, when threads race for a slot? There is one bit a slot. A thread reads the slot, then sets its
 * bit (`Atomics.or`), and only then, when this returns, stores. Whoever finds the bit 0 notes what it has read. Its bit
 * came first of all bits of the slot, each store comes after its own thread's bit, so its read came before every store.
 * And nobody's bit was set before the world had been stopped for the snapshot, so no store since then is missed.
 *
 * Which stores come by here: those of pointers into objects that others may know, that is, all that the collector's
 * write barrier sees with the address of a slot. What does not:
 *
 *   - shadow stacks and handle tables: they were copied in the stop. Named roots, too.
 *   - Objects that are filled in before anybody knows them (`realloc`, `copyOut` as far as it goes by `moveBytes`): no
 *     safepoint lies between their allocation and that, so either they were allocated after the stop, and are not in the
 *     snapshot, or they were filled before it.
 *   - Plain stores of words that include pointers (map/slots.ts): each follows a reported store of the same pointer.
 *
 * Objects in spans that are younger than the snapshot are of no interest. A span's bits are of the current epoch only if
 * it was made, or made again, since the cycle began, which moved the epoch on.
 *
 * A thread may be terminated anywhere. The note is written before the bit is set, behind those that count, and counts
 * afterwards; so who dies in between leaves a note that may be true or not. Its reaper finds that, and gives the
 * snapshot up (threads/repair-snapshot.ts).
 *
 * Why a bitmap: a set of addresses that threads share needs more memory for each entry than the eight bytes of the note,
 * and a bit in each slot's own place of a reservation costs memory only where there are stores.
 */
import { NIL } from '../base/brand.ts';
import { PAGE_SHIFT } from '../layout/constants.ts';
import {
  LOG_COUNT,
  LOG_ENTRIES,
  LOG_NEXT,
  LOG_PAGES,
  LOG_ROOM,
  PHASE_HELD,
  PHASE_SHIFT,
  PROC_SNAP_LOG,
  SNAP_EPOCH,
  SNAP_LOG_COUNT,
  SNAP_LOG_LIMIT,
  SNAP_LOGS,
  SNAP_OWNER_MASK,
  SNAP_STATE,
  WHY_LOG,
} from '../layout/snapshot.ts';
import { SPAN_BASE, SPAN_BITS_EPOCH, SPAN_OWNER, SPAN_STATE, SPAN_STATE_IN_USE } from '../layout/span.ts';
import type { MHeap } from '../spans/mheap.ts';
import { giveUp } from '../threads/hold.ts';

/** Notes what the slot at an address holds, before it is stored to. In a region, no lock held; not a safepoint. */
export type SnapshotLog = (slot: number) => void;

export function makeSnapshotLog(heap: MHeap): SnapshotLog {
  const { t } = heap;
  const { m, i32, plan } = t.mem;
  const mine = t.ref + PROC_SNAP_LOG;

  return function note(slot: number): void {
    const s = m[plan.spans + (slot >>> PAGE_SHIFT)];
    if (m[s + SPAN_STATE] !== SPAN_STATE_IN_USE || m[s + SPAN_BITS_EPOCH] === m[SNAP_EPOCH]) return;
    const word = plan.snapshotBits + (slot >>> 7);
    const bit = 1 << (slot >>> 2);
    // Set bits stay set.
    if ((m[word] & bit) !== 0) return;
    let segment = m[mine];
    if (segment === 0 || i32[segment + LOG_COUNT] === LOG_ROOM) {
      segment = newSegment(heap);
      if (segment === 0) return;
    }
    const count = i32[segment + LOG_COUNT];
    const at = segment + LOG_ENTRIES + count;
    i32[at + 1] = i32[slot >>> 2];
    i32[at] = slot;
    t.pause('snapshot.note');
    if ((Atomics.or(m, word, bit) & bit) !== 0) {
      i32[at] = 0;
      return;
    }
    i32[at + 2] = 0;
    i32[segment + LOG_COUNT] = count + 2;
  };
}

/**
 * Where this thread writes on; 0: there is no memory for it, and the snapshot is given up. It is first in the thread's own
 * record, then the snapshot's, then in the list: whoever dies in between leaves a span that his reaper finds.
 */
function newSegment(heap: MHeap): number {
  const { t } = heap;
  const { m, i32 } = t.mem;
  const state = Atomics.load(m, SNAP_STATE);
  if (state >>> PHASE_SHIFT !== PHASE_HELD) return 0;
  const isMore = Atomics.add(m, SNAP_LOG_COUNT, 1) < m[SNAP_LOG_LIMIT];
  const s = isMore ? heap.allocManual(LOG_PAGES) : NIL;
  if (s === NIL) {
    giveUp(m, WHY_LOG);
    return 0;
  }
  // While it waited for the heap's lock the snapshot's thread may have been reaped, or the snapshot given up.
  if (Atomics.load(m, SNAP_STATE) !== state) {
    heap.freeManual(s);
    return 0;
  }
  const segment = m[s + SPAN_BASE] >>> 2;
  i32[segment + LOG_COUNT] = 0;
  i32[segment + LOG_ENTRIES] = 0;
  m[t.ref + PROC_SNAP_LOG] = segment;
  t.pause('snapshot.segment');
  m[s + SPAN_OWNER] = state & SNAP_OWNER_MASK;
  for (let first = Atomics.load(m, SNAP_LOGS); ; ) {
    i32[segment + LOG_NEXT] = first;
    const seen = Atomics.compareExchange(m, SNAP_LOGS, first, segment);
    if (seen === first) return segment;
    first = seen;
  }
}
