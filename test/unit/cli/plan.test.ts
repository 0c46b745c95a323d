/** The plan of a replay: every event on one lane, waits where they must be, stops where the curve needs them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLiveAfter, planReplay, STEP_AWAITS, STEP_OP_MASK, STEP_PUBLISHES } from '../../../src/cli/replay/plan.ts';
import { OP_ALLOC, OP_CALLOC, OP_RESIZE, type Recording, RecordingBuilder } from '../../../src/cli/replay/recording.ts';

/** A recording from choices: each allocates, frees or resizes some object on some thread. */
function recordingOf(choices: readonly { pick: number; op: number; size: number; thread: number }[]): Recording {
  const builder = new RecordingBuilder();
  const live: number[] = [];
  for (const { pick, op, size, thread } of choices) {
    const number = builder.threadNumber(thread);
    const at = live.length === 0 ? 0 : pick % live.length;
    const id = builder.objects + 1;
    if (live.length === 0 || op < 2) live.push(builder.allocate(op === 0 ? OP_CALLOC : OP_ALLOC, id, size, number));
    else if (op === 2) builder.free(live.splice(at, 1)[0], number);
    else live[at] = builder.resize(live[at], id, size, number);
  }
  return builder.build('test', 'spanheap-trace');
}

const recordings = fc
  .array(fc.record({ pick: fc.nat(1000), op: fc.nat(3), size: fc.nat(5000), thread: fc.nat(5) }), {
    minLength: 1,
    maxLength: 1500,
  })
  .map(recordingOf);

test('lanes: every event once, in recorded order, with a wait wherever the object comes from another lane', () => {
  fc.assert(
    fc.property(recordings, fc.integer({ min: 1, max: 5 }), (recording, lanes) => {
      const { order, starts, steps } = planReplay(recording, lanes, 1 << 30);
      const laneOf = new Map<number, number>();
      for (let lane = 0; lane < lanes; lane++) {
        const part = order.subarray(starts[lane], starts[lane + 1]);
        part.forEach((event, i) => {
          if (i > 0) expect(event).toBeGreaterThan(part[i - 1]);
          laneOf.set(event, lane);
        });
      }
      expect(laneOf.size).toBe(recording.events);
      for (let e = 0; e < recording.events; e++) {
        expect(steps[e] & STEP_OP_MASK).toBe(recording.ops[e]);
        if (recording.ops[e] === OP_ALLOC || recording.ops[e] === OP_CALLOC) continue;
        const maker = recording.born[recording.subjects[e]];
        const crosses = laneOf.get(maker) !== laneOf.get(e);
        expect((steps[e] & STEP_AWAITS) !== 0).toBe(crosses);
        expect((steps[maker] & STEP_PUBLISHES) !== 0).toBe(crosses);
      }
    }),
    { numRuns: 40 },
  );
});

test('stops: rising, to the end, with the live bytes of that moment, and one at the peak', () => {
  fc.assert(
    fc.property(recordings, (recording) => {
      const { stops, liveAtStops } = planReplay(recording, 1, 1 << 30);
      expect(stops[0]).toBe(0);
      expect(stops.at(-1)).toBe(recording.events);
      stops.forEach((stop, i) => {
        if (i > 0) expect(stop).toBeGreaterThan(stops[i - 1]);
        if (i % 50 !== 0) return;
        let live = 0;
        for (let o = 0; o < recording.objects; o++) if (isLiveAfter(recording, o, stop)) live += recording.sizes[o];
        expect(liveAtStops[i]).toBe(live);
      });
      expect(Math.max(...liveAtStops)).toBe(recording.peakLiveBytes);
    }),
    { numRuns: 40 },
  );
});

test('as many recorded threads as lanes: a thread stays on one lane, the busiest alone', () => {
  const choices = Array.from({ length: 400 }, (_, i) => ({ pick: i, op: 1, size: 8, thread: i % 2 === 0 ? 0 : i % 7 }));
  const recording = recordingOf(choices);
  const { distribution, order, starts } = planReplay(recording, 2, 1 << 30);
  expect(distribution).toBe('by-thread');
  const threadsOf = (lane: number): Set<number> =>
    new Set([...order.subarray(starts[lane], starts[lane + 1])].map((e) => recording.eventThreads[e]));
  expect([...threadsOf(0)]).toEqual([0]);
  expect([...threadsOf(1)].every((thread) => thread !== 0)).toBe(true);
});

test('fewer recorded threads: objects are dealt out, long-lived ones are freed by the next lane, resizes stay', () => {
  const builder = new RecordingBuilder();
  const thread = builder.threadNumber(1);
  for (let i = 0; i < 1000; i++) builder.allocate(OP_ALLOC, i + 1, 8, thread);
  for (let i = 0; i < 1000; i++) builder.resize(i, i + 2000, 16, thread);
  for (let i = 1000; i < 1800; i++) builder.free(i, thread);
  for (let i = 0; i < 200; i++) builder.free(builder.allocate(OP_ALLOC, i + 4000, 8, thread), thread);
  const recording = builder.build('test', 'spanheap-trace');
  const { distribution, steps, starts } = planReplay(recording, 4, 1 << 30);
  expect(distribution).toBe('by-object');
  for (let lane = 0; lane < 4; lane++) expect(starts[lane + 1] - starts[lane]).toBeGreaterThan(700);
  let crossing = 0;
  steps.forEach((step, e) => {
    if ((step & STEP_AWAITS) === 0) return;
    expect(recording.ops[e]).not.toBe(OP_RESIZE);
    crossing++;
  });
  expect(crossing).toBe(800);
});

test('gates: lanes run ahead by an eighth of what is free, and of the peak, or by a single object', () => {
  fc.assert(
    fc.property(recordings, fc.integer({ min: 1000, max: 1e7 }), (recording, maxBytes) => {
      const { gates } = planReplay(recording, 2, maxBytes);
      const { ops, subjects, results, sizes, events } = recording;
      gates.forEach((gate, i) => {
        if (i > 0) expect(gate).toBeGreaterThan(gates[i - 1]);
      });
      const bounds = [0, ...gates, events];
      for (let i = 0; i + 1 < bounds.length; i++) {
        const made: number[] = [];
        for (let e = bounds[i]; e < bounds[i + 1]; e++) {
          if (ops[e] === OP_RESIZE) made.push(sizes[results[e]]);
          else if (ops[e] === OP_ALLOC || ops[e] === OP_CALLOC) made.push(sizes[subjects[e]]);
        }
        let live = 0;
        for (let o = 0; o < recording.objects; o++) if (isLiveAfter(recording, o, bounds[i])) live += sizes[o];
        const sum = made.reduce((total, size) => total + size, 0);
        const ofPeak = Math.max(256 << 10, recording.peakLiveBytes / 8);
        if (sum > Math.min(ofPeak, Math.max(0, maxBytes - live) / 8))
          expect(made.filter((size) => size > 0)).toHaveLength(1);
      }
    }),
    { numRuns: 40 },
  );
});
