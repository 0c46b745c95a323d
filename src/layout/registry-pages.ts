/** The declarations of the page allocator's records; part of registry.ts. */
import { defineStruct } from './define.ts';
import {
  CHUNK_ALLOC,
  CHUNK_SCAV,
  CHUNK_WORDS,
  RANGE_BASE,
  RANGE_LIMIT,
  RANGE_WORDS,
  SUM_END,
  SUM_MAX,
  SUM_START,
  SUM_WORDS,
} from './pages.ts';

defineStruct('chunk', 'pallocData', CHUNK_WORDS, {
  alloc: [CHUNK_ALLOC, 'words', 'locked', 16],
  scavenged: [CHUNK_SCAV, 'words', 'locked', 16],
});

defineStruct('range', 'addrRange', RANGE_WORDS, {
  base: [RANGE_BASE, 'page', 'locked'],
  limit: [RANGE_LIMIT, 'page', 'locked'],
});

defineStruct('summary', 'pallocSum', SUM_WORDS, {
  start: [SUM_START, 'u32', 'locked'],
  max: [SUM_MAX, 'u32', 'locked'],
  end: [SUM_END, 'u32', 'locked'],
});
