/** The replay of one lane against a fake heap: the calls it makes, and that --verify finds each kind of fault. */
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { ARRIVED, createControl, positionWord } from '../../../src/cli/replay/control.ts';
import { Lane, laneInput } from '../../../src/cli/replay/lane.ts';
import { fillPattern, nonZeroOffset, patternMismatch } from '../../../src/cli/replay/pattern.ts';
import { planReplay } from '../../../src/cli/replay/plan.ts';
import { OutOfMemoryError } from '../../../src/index.ts';
import { type Faults, fakeHeap } from './fake-heap.ts';
import { readText, trace } from './recordings.ts';

const EVENTS = trace('a 1 100 0', 'c 2 33 0', 'r 1 3 250 0', 'a 4 7 0', 'f 2 0', 'r 3 5 10 0', 'f 5 0', 'f 4 0');

async function replay(text: string, verify: boolean, faults: Faults = {}) {
  const recording = await readText(text);
  const plan = planReplay(recording, 1, 1 << 30);
  const { heap, calls } = fakeHeap(faults);
  const lane = new Lane(heap, laneInput(recording, plan, createControl(1), verify), 0);
  for (let stop = 0; stop < plan.stops.length; stop++) lane.runTo(stop);
  return { findings: lane.findings(), calls, recording };
}

test('calls the heap as the program did', async () => {
  const { calls, findings } = await replay(EVENTS, false);
  expect(calls).toEqual([
    'malloc 100',
    'malloc 33 zeroed',
    'realloc 250',
    'malloc 7',
    'free',
    'realloc 10',
    'free',
    'free',
  ]);
  expect(findings.samples.map((s) => s.liveBytes)).toEqual([0, 100, 133, 283, 290, 257, 17, 7, 0]);
});

test('--verify on a heap without fault finds none', async () => {
  const { findings } = await replay(EVENTS, true);
  expect(findings.errors).toBe(0);
});

describe('--verify finds', () => {
  test('calloc that is not zero', async () => {
    const { findings } = await replay(EVENTS, true, { dirtyCalloc: 0 });
    expect(findings.errors).toBe(1);
    expect(findings.mistakes[0]).toMatchObject({ kind: 'not-zero', object: 1, offset: 0 });
  });

  test('objects that overlap', async () => {
    const { findings } = await replay(trace('a 1 16 0', 'a 2 16 0', 'f 1 0'), true, { overlap: 1 });
    expect(findings.mistakes).toEqual([{ kind: 'changed', object: 0, address: 64, offset: 0 }]);
  });

  test('content that a resize lost', async () => {
    const { findings } = await replay(EVENTS, true, { forgetOnResize: 1 });
    expect(findings.errors).toBe(1);
    expect(findings.mistakes[0]).toMatchObject({ kind: 'lost-by-resize', object: 2 });
  });

  test('and nothing of it is looked for without --verify', async () => {
    const { findings } = await replay(EVENTS, false, { dirtyCalloc: 0, forgetOnResize: 0 });
    expect(findings.errors).toBe(0);
  });
});

describe('a lane that finds memory out', () => {
  // By thread: lane 0 has the thread with most events, 1.
  const TWO = trace('a 1 100 1', 'a 2 100 1', 'a 3 100 1', 'a 4 48 0', 'f 1 1', 'a 5 64 0');

  /** Lane 1, while another thread says 100 ms later that lane 0 has come to event `position`. */
  async function lanesOf(times: number, position: number) {
    const recording = await readText(TWO);
    const plan = planReplay(recording, 2, 1 << 30);
    expect([...plan.order.subarray(plan.starts[1])]).toEqual([3, 5]);
    const control = createControl(2);
    const { heap, calls } = fakeHeap({ outOfMemory: { nth: 1, times } });
    const lane = new Lane(heap, laneInput(recording, plan, control, false), 1);
    const told: number[] = [];
    const { scope } = heap;
    heap.scope = (fn) => {
      told.push(Atomics.load(control.words, positionWord(0)));
      return scope(fn);
    };
    // At the one stop that counts nobody is to be waited for.
    const stop = plan.stops.length - 1;
    Atomics.store(control.words, ARRIVED, 1);
    const words = `const { words, word, position } = require('node:worker_threads').workerData;
      Atomics.wait(words, word, 0, 100);
      Atomics.store(words, word, position);
      Atomics.notify(words, word);`;
    const workerData = { words: control.words, word: positionWord(0), position };
    const worker = new Worker(words, { eval: true, workerData });
    try {
      lane.runTo(stop);
    } finally {
      await worker.terminate();
    }
    return { calls, told, lane };
  }

  test('waits until all before it is done, and goes on where it was', async () => {
    const { calls, told } = await lanesOf(1, 0x7fffffff);
    expect(calls).toEqual(['malloc 48', 'malloc 64', 'malloc 64']);
    expect(told).toEqual([0, 0x7fffffff]);
  });

  test('and tries once', async () => {
    await expect(lanesOf(2, 0x7fffffff)).rejects.toThrow(OutOfMemoryError);
  });

  test('alone it has nobody to wait for', async () => {
    await expect(replay(EVENTS, false, { outOfMemory: { nth: 1, times: 1 } })).rejects.toThrow(OutOfMemoryError);
  });
});

describe('the pattern', () => {
  const buffer = new SharedArrayBuffer(4096);
  const memory = { u8: new Uint8Array(buffer), i32: new Int32Array(buffer) };

  test.each([0, 1, 3, 4, 5, 8, 63, 64, 1000])('fills %d bytes at any alignment, and nothing beside them', (size) => {
    for (const address of [64, 65, 66, 67, 68]) {
      memory.u8.fill(0xee);
      fillPattern(memory, address, size, 5);
      expect(patternMismatch(memory, address, size, 5)).toBe(-1);
      expect(memory.u8[address - 1]).toBe(0xee);
      expect(memory.u8[address + size]).toBe(0xee);
    }
  });

  test('is the same bytes at every alignment, so that a resize may move them', () => {
    fillPattern(memory, 64, 99, 7);
    memory.u8.copyWithin(1025, 64, 64 + 99);
    expect(patternMismatch(memory, 1025, 99, 7)).toBe(-1);
  });

  test('names the first wrong byte', () => {
    for (const offset of [0, 1, 7, 40, 98]) {
      fillPattern(memory, 64, 99, 9);
      memory.u8[64 + offset] ^= 0x10;
      expect(patternMismatch(memory, 64, 99, 9)).toBe(offset);
      expect(patternMismatch(memory, 64, offset, 9)).toBe(-1);
    }
  });

  test('differs between objects, early', () => {
    for (let object = 0; object < 500; object++) {
      fillPattern(memory, 64, 16, object);
      expect(patternMismatch(memory, 64, 16, object + 1)).toBeGreaterThanOrEqual(0);
      expect(patternMismatch(memory, 64, 16, object + 1)).toBeLessThan(2);
    }
  });

  test('zero is zero', () => {
    memory.u8.fill(0);
    expect(nonZeroOffset(memory, 65, 500)).toBe(-1);
    memory.u8[64 + 77] = 1;
    expect(nonZeroOffset(memory, 64, 500)).toBe(77);
    expect(nonZeroOffset(memory, 65, 500)).toBe(76);
    expect(nonZeroOffset(memory, 64, 77)).toBe(-1);
  });
});
