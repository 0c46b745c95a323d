/** The declarations of the allocation trace's ring and events, for registry.ts. */
import { defineStruct } from './define.ts';
import {
  EVENT_A,
  EVENT_B,
  EVENT_C,
  EVENT_D,
  EVENT_HEAD,
  EVENT_SEQ,
  EVENT_TIME,
  EVENT_WORDS,
  RING_CAPACITY,
  RING_EVENTS,
  RING_HEAD,
  RING_LOST,
  RING_TAIL,
  RING_WAITING,
  RING_WORDS,
} from './trace.ts';

defineStruct('traceRing', 'traceBuf', RING_WORDS, {
  head: [RING_HEAD, 'u32', 'atomic'],
  lost: [RING_LOST, 'u32', 'atomic'],
  tail: [RING_TAIL, 'u32', 'atomic'],
  waiting: [RING_WAITING, 'u32', 'atomic'],
  events: [RING_EVENTS, 'words', 'owner', RING_CAPACITY * EVENT_WORDS],
});

defineStruct('traceEvent', '', EVENT_WORDS, {
  head: [EVENT_HEAD, 'u32', 'owner'],
  seq: [EVENT_SEQ, 'u32', 'owner'],
  time: [EVENT_TIME, 'f64', 'owner'],
  a: [EVENT_A, 'u32', 'owner'],
  b: [EVENT_B, 'u32', 'owner'],
  c: [EVENT_C, 'u32', 'owner'],
  d: [EVENT_D, 'u32', 'owner'],
});
