/** The part of `heap.verify()` that checks named roots: the records of their names, and what they lead to. */
import { NIL, type Ref } from '../base/brand.ts';
import { H_PERSISTENT_NEXT, H_ROOT_FREE, H_ROOT_SERIAL, H_ROOTS, H_TYPES, ROOT_LISTS } from '../layout/header.ts';
import { ROOT_ADDR, ROOT_NAME, ROOT_NAME_BYTES, ROOT_NEXT } from '../layout/root.ts';
import type { TypeTable } from '../malloc/rtype.ts';
import { wordsOf } from '../spans/meta-text.ts';
import type { MHeap } from '../spans/mheap.ts';
import { listRoots, rootListOf, rootSerial } from '../spans/root-records.ts';
import type { Mem } from '../sys/mem.ts';
import { objectAt, whatIsAt } from './objects.ts';
import { fail, hex } from './verify.ts';

export function verifyRoots(heap: MHeap, table: TypeTable): void {
  const { mem } = heap.t;
  verifyRootRecords(mem);
  const names = new Set<string>();
  for (const { name, addr, type: number } of listRoots(mem)) {
    const at = `root ${JSON.stringify(name)}`;
    if (names.has(name)) fail('roots.name', `${at}: another root has the same name`);
    names.add(name);
    const type = table.get(number);
    if (type === undefined) fail('roots.type', `${at} has type number ${number} of ${mem.m[H_TYPES]}`);
    if (objectAt(heap, addr) === null) fail('roots.addr', `${at} leads to ${hex(addr)}, which ${whatIsAt(heap, addr)}`);
  }
}

function verifyRootRecords(mem: Mem): void {
  const { m, mf, plan } = mem;
  const seen = new Set<number>();
  const limit = m[H_PERSISTENT_NEXT];
  const look = (r: Ref): string => {
    const at = `root record ${hex(r)}`;
    if (r < plan.persistent || r + ROOT_NAME > limit) fail('roots.list', `${at} is outside of persistent memory`);
    if (seen.has(r)) fail('roots.list', `${at} is twice on the lists`);
    seen.add(r);
    const bytes = m[r + ROOT_NAME_BYTES];
    if (bytes < 1 || r + ROOT_NAME + wordsOf(bytes) > limit) fail('roots.name', `${at} has a name of ${bytes} bytes`);
    return at;
  };
  let last = mf[H_ROOT_SERIAL >>> 1]! + 1;
  for (let r = m[H_ROOTS] as Ref; r !== NIL; r = m[r + ROOT_NEXT] as Ref) {
    const at = look(r);
    const serial = rootSerial(mem, r);
    // 0 is what somebody leaves who dies before he has unlinked it.
    if (!(serial < last) || (serial === 0 && m[r + ROOT_ADDR] !== 0))
      fail('roots.serial', `${at} has number ${serial}, and the one before it ${last}`);
    if (serial !== 0) last = serial;
  }
  for (let list = 0; list < ROOT_LISTS; list++) {
    for (let r = m[H_ROOT_FREE + list] as Ref; r !== NIL; r = m[r + ROOT_NEXT] as Ref) {
      const at = look(r);
      if (rootSerial(mem, r) !== 0 || m[r + ROOT_ADDR] !== 0)
        fail('roots.unused', `${at} is in use, and waits for a name`);
      if (rootListOf(m[r + ROOT_NAME_BYTES]) !== list) fail('roots.unused', `${at} is on the list of another size`);
    }
  }
}
