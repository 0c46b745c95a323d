/**
 * Who replays what, and where everyone meets: made once from a recording, then only read. A *lane* is one thread of the
 * replay (the main thread, or one worker).
 *
 *   order   [ lane 0's events … | lane 1's events … | … ]   each in recorded order; lane k's are
 *                                                            order[starts[k] … starts[k + 1])
 *   steps   one byte per event: its operation and
 *           STEP_AWAITS     the object may still be in the making on another lane: wait for its address
 *           STEP_PUBLISHES  another lane will free or resize the object made here: tell its address
 *   stops   event numbers at which all lanes meet: everything before is done, nothing after has begun. There the heap
 *           is sampled, so a sample belongs to an exact point of the recording and its parts add up.
 *   gates   event numbers: nothing from there on begins before everything before is done. They keep lanes from holding
 *           much more than the program did by running ahead. From one gate to the next no more is allocated than an eighth
 *           of what the live objects leave of the heap, so that memory is not short for that alone; and no more than an
 *           eighth of the program's peak, so that the heap's is not much higher for that alone. Or a single object.
 *
 * How events become lanes:
 * - 1 lane: all of them, in recorded order.
 * - `by-thread`, when the recording has at least as many threads as there are lanes: a recorded thread stays on one lane,
 *   threads with most events first, each to the lane with least so far. What a thread frees for another is freed there.
 * - `by-object` otherwise: objects are dealt to the lanes in turn, 64 consecutive ones each, and are resized and freed
 *   where they were made, except that an object that lived for 512 events or more is freed by the next lane. Short-lived
 *   ones stay, as threads keep them: handing over what is freed at once would make the lanes take turns.
 *
 * No deadlock: an event waits only for events that come before it in the recording, so the earliest unfinished one can
 * always run.
 */
import { NEVER, OP_ALLOC, OP_CALLOC, OP_FREE, OP_RESIZE, type Recording } from './recording.ts';

export const STEP_OP_MASK = 3;
export const STEP_AWAITS = 4;
export const STEP_PUBLISHES = 8;

/** Consecutive objects that `by-object` gives to one lane: a span's worth of small ones, not a word of bookkeeping each. */
const OBJECTS_PER_DEAL = 64;

/** An object freed this many events after it was made is handed over to the next lane. */
const HANDED_OVER_AFTER = 512;

/** Stops at equal distances … */
const EVEN_STOPS = 300;
/** … and where the live bytes reach a new peak, this much above the last stop's, in the upper half of the curve. */
const PEAK_STEP = 1.01;

/** What may be allocated from one gate to the next: this part of what is left of the heap, and of the program's peak … */
const AHEAD_SHARE = 8;
/** … but of a small peak not less than this: what threads hold in spans of their own is more. */
const LEAST_OF_PEAK = 256 << 10;

export type Distribution = 'one-lane' | 'by-thread' | 'by-object';

export interface Plan {
  readonly lanes: number;
  readonly distribution: Distribution;
  readonly steps: Uint8Array<SharedArrayBuffer>;
  readonly order: Uint32Array<SharedArrayBuffer>;
  readonly starts: Uint32Array<SharedArrayBuffer>;
  readonly stops: Uint32Array<SharedArrayBuffer>;
  /** Sum of the sizes of live objects at each stop. */
  readonly liveAtStops: Float64Array<SharedArrayBuffer>;
  readonly gates: Uint32Array<SharedArrayBuffer>;
}

/** `maxBytes`: of the heap. */
export function planReplay(recording: Recording, lanes: number, maxBytes: number): Plan {
  const distribution: Distribution =
    lanes === 1 ? 'one-lane' : recording.threadIds.length >= lanes ? 'by-thread' : 'by-object';
  const laneOf = distribution === 'by-thread' ? lanesByThread(recording, lanes) : lanesByObject(recording, lanes);
  return {
    lanes,
    distribution,
    steps: stepsOf(recording, laneOf),
    ...orderOf(laneOf, lanes),
    ...stopsOf(recording),
    gates: gatesOf(recording, maxBytes),
  };
}

function lanesByThread(recording: Recording, lanes: number): Uint8Array {
  const { events, eventThreads, threadIds } = recording;
  const eventsOf = new Float64Array(threadIds.length);
  for (let e = 0; e < events; e++) eventsOf[eventThreads[e]]++;
  const busiestFirst = Array.from(threadIds.keys()).sort((a, b) => eventsOf[b] - eventsOf[a] || a - b);
  const laneOfThread = new Uint8Array(threadIds.length);
  const load = new Float64Array(lanes);
  for (const thread of busiestFirst) {
    const lane = load.indexOf(Math.min(...load));
    laneOfThread[thread] = lane;
    // +1: a thread takes its place even when it has hardly an event, so that no lane stays empty.
    load[lane] = load[lane] + eventsOf[thread] + 1;
  }
  const laneOf = new Uint8Array(events);
  for (let e = 0; e < events; e++) laneOf[e] = laneOfThread[eventThreads[e]];
  return laneOf;
}

function lanesByObject(recording: Recording, lanes: number): Uint8Array {
  const { events, ops, subjects, results, born } = recording;
  const laneOf = new Uint8Array(events);
  if (lanes === 1) return laneOf;
  const home = new Uint8Array(recording.objects);
  for (let e = 0; e < events; e++) {
    const subject = subjects[e];
    const op = ops[e];
    if (op === OP_ALLOC || op === OP_CALLOC) home[subject] = Math.floor(subject / OBJECTS_PER_DEAL) % lanes;
    let lane = home[subject];
    if (op === OP_RESIZE) home[results[e]] = lane;
    if (op === OP_FREE && e - born[subject] >= HANDED_OVER_AFTER) lane = (lane + 1) % lanes;
    laneOf[e] = lane;
  }
  return laneOf;
}

function stepsOf(recording: Recording, laneOf: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const { events, ops, subjects, born } = recording;
  const steps = new Uint8Array(new SharedArrayBuffer(events));
  for (let e = 0; e < events; e++) {
    const op = ops[e];
    steps[e] = op;
    if (op === OP_ALLOC || op === OP_CALLOC) continue;
    const maker = born[subjects[e]];
    if (laneOf[maker] === laneOf[e]) continue;
    steps[e] = op | STEP_AWAITS;
    steps[maker] = steps[maker] | STEP_PUBLISHES;
  }
  return steps;
}

function orderOf(laneOf: Uint8Array, lanes: number): Pick<Plan, 'order' | 'starts'> {
  const starts = new Uint32Array(new SharedArrayBuffer((lanes + 1) * 4));
  for (const lane of laneOf) starts[lane + 1]++;
  for (let lane = 0; lane < lanes; lane++) starts[lane + 1] = starts[lane + 1] + starts[lane];
  const order = new Uint32Array(new SharedArrayBuffer(laneOf.length * 4));
  const next = starts.slice();
  for (let e = 0; e < laneOf.length; e++) {
    const lane = laneOf[e];
    const at = next[lane];
    order[at] = e;
    next[lane] = at + 1;
  }
  return { order, starts };
}

function stopsOf(recording: Recording): Pick<Plan, 'stops' | 'liveAtStops'> {
  const { events, ops, subjects, results, sizes, peakLiveBytes } = recording;
  const every = Math.max(1, Math.ceil(events / EVEN_STOPS));
  const stops = [0];
  const liveAtStops = [0];
  let live = 0;
  let highest = 0;
  for (let e = 0; e < events; e++) {
    const op = ops[e];
    const size = sizes[subjects[e]];
    if (op === OP_FREE) live -= size;
    else if (op === OP_RESIZE) live += sizes[results[e]] - size;
    else live += size;
    const done = e + 1;
    const newPeak = live > highest * PEAK_STEP && live * 2 > peakLiveBytes;
    const isPeak = live === peakLiveBytes && highest < live;
    if (done % every !== 0 && done !== events && !newPeak && !isPeak) continue;
    stops.push(done);
    liveAtStops.push(live);
    if (live > highest) highest = live;
  }
  return {
    stops: new Uint32Array(sharedCopy(Uint32Array.from(stops))),
    liveAtStops: new Float64Array(sharedCopy(Float64Array.from(liveAtStops))),
  };
}

function gatesOf(recording: Recording, maxBytes: number): Uint32Array<SharedArrayBuffer> {
  const { events, ops, subjects, results, sizes, peakLiveBytes } = recording;
  const gates: number[] = [];
  const ofPeak = Math.max(LEAST_OF_PEAK, peakLiveBytes / AHEAD_SHARE);
  let live = 0;
  let allocated = 0; // since the last gate
  let most = Math.min(ofPeak, maxBytes / AHEAD_SHARE);
  for (let e = 0; e < events; e++) {
    const op = ops[e];
    const made = op === OP_FREE ? 0 : sizes[op === OP_RESIZE ? results[e] : subjects[e]];
    allocated += made;
    if (op !== OP_FREE && allocated > most) {
      gates.push(e);
      allocated = made;
      most = Math.min(ofPeak, Math.max(0, maxBytes - live) / AHEAD_SHARE);
    }
    live += made;
    if (op === OP_FREE || op === OP_RESIZE) live -= sizes[subjects[e]];
  }
  return new Uint32Array(sharedCopy(Uint32Array.from(gates)));
}

function sharedCopy(column: Uint32Array | Float64Array): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(column.byteLength);
  new Uint8Array(buffer).set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  return buffer;
}

/** Whether the object is live after the first `events` events. */
export function isLiveAfter(recording: Pick<Recording, 'born' | 'died'>, object: number, events: number): boolean {
  const died = recording.died[object];
  return recording.born[object] < events && (died === NEVER || died >= events);
}
