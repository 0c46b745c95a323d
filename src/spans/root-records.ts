/**
 * The records of named roots: the list of those that have names, the newest first, and those that wait for another name.
 * Everything here holds the heap lock, but for readers at their own risk.
 *
 * A record whose root was deleted keeps its name, which may come again. When as many names were new as there were roots
 * when the list was last looked through, it is looked through again, and the records without root are taken off and kept,
 * by size, for names to come. So of each size there are some two times as many records as names at once, and those that
 * were new while the collector marked. Only names that are longer than all those sizes keep their place.
 *
 * A record that gets a name gets a serial number too, and goes to the front. So a thread that remembers where names are
 * looks through those only that are newer than what it has seen; and what it remembers of a record is true as long as
 * that has the number that it had.
 *
 * Who else is looking, while the collector marks. The marker goes along the list without the lock, and whoever takes a
 * snapshot reads the names of records that it found on the list when the cycle began. So until the cycle has marked all,
 * none is taken off the list. It begins while the world is stopped, and who is in here reaches no safepoint.
 *
 * Who dies in here leaves a list of the same roots: a record is made ready before it is linked, and its number goes
 * before it is unlinked, so that no thread stores a root in what is on no list. What it had in hand is lost.
 */
import { NIL, type Ref, type Words } from '../base/brand.ts';
import {
  H_PERSISTENT_NEXT,
  H_ROOT_CREDIT,
  H_ROOT_FREE,
  H_ROOT_SERIAL,
  H_ROOTS,
  H_WRITE_BARRIER,
  ROOT_LISTS,
} from '../layout/header.ts';
import { ROOT_ADDR, ROOT_NAME, ROOT_NAME_BYTES, ROOT_NEXT, ROOT_SERIAL, ROOT_TYPE } from '../layout/root.ts';
import type { Proc } from '../sync/proc.ts';
import type { Mem } from '../sys/mem.ts';
import { readText, wordsOf, writeText } from './meta-text.ts';
import { outOfMetadata, persistentAlloc } from './persistent.ts';

/** New names that there are in any case before the list is looked through. */
const MIN_CREDIT = 64;

const encoder = new TextEncoder();

/** A root as it stands in the heap. */
export interface RootInfo {
  readonly name: string;
  readonly addr: number;
  /** Type number of the reference's kind. */
  readonly type: number;
}

/** Which list a record belongs to that has room for a name of so many bytes; ROOT_LISTS and more: none. */
export function rootListOf(bytes: number): number {
  return 32 - Math.clz32(wordsOf(bytes) - 1);
}

export function rootSerial({ mf }: Mem, r: Ref): number {
  return mf[(r + ROOT_SERIAL) >>> 1]!;
}

export function rootName(mem: Mem, r: Ref): string {
  return readText(mem, r + ROOT_NAME, mem.m[r + ROOT_NAME_BYTES]);
}

/** Calls `visit` for each record that was named after serial number `seen`. Returns the last number given. */
export function eachNewerRoot(mem: Mem, seen: number, visit: (r: Ref, serial: number) => void): number {
  const { m, mf } = mem;
  for (let r = m[H_ROOTS] as Ref; r !== NIL; r = m[r + ROOT_NEXT] as Ref) {
    const serial = rootSerial(mem, r);
    // Somebody died who was about to unlink it.
    if (serial === 0) continue;
    if (serial <= seen) break;
    visit(r, serial);
  }
  return mf[H_ROOT_SERIAL >>> 1]!;
}

/** A record for a name that has none, without root. Throws OutOfMemoryError. */
export function addRoot(t: Proc, name: string): Ref {
  const { mem } = t;
  const { m, mf } = mem;
  const bytes = encoder.encode(name);
  const r = makeRecord(t, bytes.length);
  writeText(mem, r + ROOT_NAME, bytes);
  m[r + ROOT_NAME_BYTES] = bytes.length;
  const serial = mf[H_ROOT_SERIAL >>> 1]! + 1;
  mf[H_ROOT_SERIAL >>> 1] = serial;
  mf[(r + ROOT_SERIAL) >>> 1] = serial;
  m[r + ROOT_NEXT] = m[H_ROOTS];
  t.pause('roots.link');
  Atomics.store(m, H_ROOTS, r);
  return r;
}

function makeRecord(t: Proc, bytes: number): Ref {
  const { m } = t.mem;
  const list = rootListOf(bytes);
  const isKept = list < ROOT_LISTS;
  if (m[H_ROOT_CREDIT] > 0) m[H_ROOT_CREDIT]--;
  else if (isKept && m[H_ROOT_FREE + list] === NIL) unlinkUnused(t);
  let r: Ref = isKept ? takeUnused(m, list) : (NIL as Ref);
  if (r !== NIL) return r;
  const words = ROOT_NAME + (isKept ? 1 << list : wordsOf(bytes));
  r = persistentAlloc(t, words);
  if (r === NIL && isKept) {
    unlinkUnused(t);
    r = takeUnused(m, list);
  }
  if (r === NIL) throw outOfMetadata(t.mem, words);
  return r;
}

function takeUnused(m: Words, list: number): Ref {
  const r = m[H_ROOT_FREE + list] as Ref;
  if (r === NIL) return r;
  m[H_ROOT_FREE + list] = m[r + ROOT_NEXT];
  m.fill(0, r + ROOT_NAME, r + ROOT_NAME + (1 << list));
  return r;
}

/** Takes the records that have no root off the list, unless the collector marks. */
function unlinkUnused(t: Proc): void {
  const { m, mf } = t.mem;
  if (m[H_WRITE_BARRIER] !== 0) return;
  let roots = 0;
  let link = H_ROOTS;
  for (let r = m[link] as Ref; r !== NIL; r = m[link] as Ref) {
    const list = rootListOf(m[r + ROOT_NAME_BYTES]);
    if (m[r + ROOT_ADDR] !== 0) roots++;
    if (m[r + ROOT_ADDR] !== 0 || list >= ROOT_LISTS) {
      link = r + ROOT_NEXT;
      continue;
    }
    mf[(r + ROOT_SERIAL) >>> 1] = 0;
    t.pause('roots.unlink');
    Atomics.store(m, link, m[r + ROOT_NEXT]);
    t.pause('roots.unlinked');
    m[r + ROOT_NEXT] = m[H_ROOT_FREE + list];
    Atomics.store(m, H_ROOT_FREE + list, r);
  }
  m[H_ROOT_CREDIT] = Math.max(MIN_CREDIT, roots);
}

/**
 * All roots that are set. World stopped, or heap lock held, or at the reader's risk: then a root may have the address of
 * one moment and the type or name of another, or be missing. What is no record that is older than the last ends the list.
 */
export function listRoots(mem: Mem): RootInfo[] {
  const { m, plan } = mem;
  const end = Math.min(m[H_PERSISTENT_NEXT], plan.end);
  const roots: RootInfo[] = [];
  let last = Number.POSITIVE_INFINITY;
  let left = (end - plan.persistent) / ROOT_NAME;
  for (let r = Atomics.load(m, H_ROOTS) as Ref; r >= plan.persistent && r < end && left > 0; left--) {
    const bytes = m[r + ROOT_NAME_BYTES];
    const serial = rootSerial(mem, r);
    if (!(bytes > 0 && r + ROOT_NAME + wordsOf(bytes) <= end && serial < last)) break;
    const addr = m[r + ROOT_ADDR] >>> 0;
    if (addr !== 0) roots.push({ name: rootName(mem, r), addr, type: m[r + ROOT_TYPE] });
    if (serial !== 0) last = serial;
    r = m[r + ROOT_NEXT] as Ref;
  }
  return roots;
}
