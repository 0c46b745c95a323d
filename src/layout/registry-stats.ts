/** The declaration of meters and of the region for statistics; part of registry.ts. */
import { defineStruct } from './define.ts';
import {
  CUT_METERS,
  MC_METERS,
  MC_SHIFT,
  METER_WORDS,
  MT_CUT_ALLOCS,
  MT_CUT_FREES,
  MT_DRAWN,
  MT_RETURNED,
  MT_SHIFT,
  MT_TAKEN,
  PROC_CLASSES,
  PROC_METERS,
  PROC_SPAN_CLASSES,
  TM_CUT,
  TM_FINALIZERS_CALLED,
  TM_MAPPED,
  TM_PREV,
  TM_REFILLS,
  TM_SEQ,
  TM_TAG,
  TM_TINY_ALLOCS,
} from './proc.ts';
import {
  STATS_PAUSE_CPU,
  STATS_PAUSE_END,
  STATS_PAUSE_NS,
  STATS_RING,
  STATS_STOPPING,
  STATS_TOTAL,
  STATS_WORDS,
  TIME_HISTOGRAM,
} from './stats.ts';

defineStruct('classMeters', 'heapStatsDelta', 1 << MT_SHIFT, {
  taken: [MT_TAKEN, 'f64', 'owner'],
  returned: [MT_RETURNED, 'f64', 'owner'],
  cutAllocs: [MT_CUT_ALLOCS, 'f64', 'owner'],
  cutFrees: [MT_CUT_FREES, 'f64', 'owner'],
  drawn: [MT_DRAWN, 'f64', 'owner'],
});

defineStruct('meters', 'heapStatsDelta', METER_WORDS, {
  classes: [0, 'words', 'owner', PROC_SPAN_CLASSES << MT_SHIFT],
  now: [TM_MAPPED, 'words', 'owner', 2 * CUT_METERS],
  cut: [TM_CUT, 'words', 'owner', 2 * CUT_METERS],
  events: [TM_REFILLS, 'words', 'owner', TM_FINALIZERS_CALLED + 2 - TM_REFILLS],
  seq: [TM_SEQ, 'u32', 'atomic'],
  tag: [TM_TAG, 'u32', 'atomic'],
  prev: [TM_PREV, 'u32', 'owner'],
});

defineStruct('stats', 'memstats', STATS_WORDS, {
  pauseNs: [STATS_PAUSE_NS, 'words', 'locked', 2 * STATS_RING],
  pauseEnd: [STATS_PAUSE_END, 'words', 'locked', 2 * STATS_RING],
  total: [STATS_TOTAL, 'words', 'locked', 4 * TIME_HISTOGRAM],
  stopping: [STATS_STOPPING, 'words', 'locked', 4 * TIME_HISTOGRAM],
  pauseCpu: [STATS_PAUSE_CPU, 'f64', 'locked'],
});

const lines = PROC_METERS % (1 << MT_SHIFT) === 0 && MT_SHIFT === MC_SHIFT && MC_METERS === PROC_METERS - PROC_CLASSES;
const fits = lines && TM_TINY_ALLOCS + 2 === TM_CUT && TM_FINALIZERS_CALLED + 2 <= TM_SEQ;
if (!fits) throw new Error('layout: meters are not where they should be');
