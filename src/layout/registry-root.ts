/** The declaration of the records of named roots; part of registry.ts. */
import { defineStruct } from './define.ts';
import { ROOT_ADDR, ROOT_NAME, ROOT_NAME_BYTES, ROOT_NEXT, ROOT_SERIAL, ROOT_TYPE } from './root.ts';

defineStruct('root', '', ROOT_NAME, {
  next: [ROOT_NEXT, 'ref', 'locked'],
  addr: [ROOT_ADDR, 'addr', 'locked'],
  type: [ROOT_TYPE, 'u32', 'locked'],
  nameBytes: [ROOT_NAME_BYTES, 'u32', 'locked'],
  serial: [ROOT_SERIAL, 'f64', 'locked'],
});
