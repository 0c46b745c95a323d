/** The declaration of special records; part of registry.ts. */
import { defineStruct } from './define.ts';
import {
  SPECIAL_ADDR,
  SPECIAL_BUCKET_NEXT,
  SPECIAL_KIND,
  SPECIAL_NEXT,
  SPECIAL_PROC,
  SPECIAL_QUEUE_NEXT,
  SPECIAL_SERIAL,
  SPECIAL_SERIAL_HIGH,
  SPECIAL_WORDS,
} from './special.ts';

defineStruct('special', 'special', SPECIAL_WORDS, {
  next: [SPECIAL_NEXT, 'ref', 'locked'],
  addr: [SPECIAL_ADDR, 'addr', 'locked'],
  kind: [SPECIAL_KIND, 'u32', 'locked'],
  data: [SPECIAL_PROC, 'words', 'locked', SPECIAL_WORDS - SPECIAL_PROC],
});

const fits =
  Math.max(SPECIAL_QUEUE_NEXT, SPECIAL_SERIAL_HIGH, SPECIAL_BUCKET_NEXT) < SPECIAL_WORDS &&
  Math.max(SPECIAL_ADDR, SPECIAL_NEXT, SPECIAL_KIND) < Math.min(SPECIAL_PROC, SPECIAL_SERIAL);
if (!fits) throw new Error('layout: special records have no room for each kind');
