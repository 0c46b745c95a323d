/** Copying bytes, up and down, with every alignment and overlap; and that nobody sees half a word of it. */
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { createHeap } from '../../../src/index.ts';
import type { Malloc } from '../../../src/malloc/malloc.ts';
import { moveBytes } from '../../../src/spans/move.ts';
import { until } from '../../support/workers.ts';

const heap = createHeap({ gc: 'off', maxBytes: 2 ** 22, maxThreads: 2 });
const { mem } = (heap.raw as unknown as Malloc).t;
const FROM = 2 ** 20;

const SIZES = [0, 1, 3, 4, 7, 8, 12, 63, 127, 128, 129, 131, 132, 135, 136, 140, 500, 512, 1021, 4096];
const STARTS = [0, 1, 2, 4, 8, 12];
const DISTANCES = [0, 1, 4, 8, 12, 16, 60, 64, 128, 132, 136, 1000, 5000];

test.each(SIZES)('%i bytes', (size) => {
  const area = mem.u8.subarray(FROM, FROM + 16384);
  const expected = new Uint8Array(area.length);
  for (const start of STARTS) {
    for (const distance of DISTANCES) {
      for (const to of [6000 + start + distance, 6000 + start - distance]) {
        for (let i = 0; i < area.length; i++) area[i] = expected[i] = (i * 7 + (i >>> 8)) & 0xff;
        moveBytes(mem, FROM + to, FROM + 6000 + start, size);
        expected.copyWithin(to, 6000 + start, 6000 + start + size);
        expect(Buffer.compare(area, expected), `${size} bytes from ${6000 + start} to ${to}`).toBe(0);
      }
    }
  }
});

test('bits of a NaN stay as they are', () => {
  mem.i32.fill(0x7ff00001, FROM >>> 2, (FROM >>> 2) + 64);
  moveBytes(mem, FROM + 4096, FROM, 256);
  moveBytes(mem, FROM + 8192, FROM, 64);
  for (const at of [4096, 8192]) expect(mem.i32[((FROM + at) >>> 2) + 15]).toBe(0x7ff00001);
});

test('who reads meanwhile sees whole words', async () => {
  const words = 64;
  // All ones or all zeroes go to one place, again and again; both begin and end in the middle of 8 bytes.
  const [ones, zeroes, place] = [FROM + 4, FROM + 4096 + 4, FROM + 8192 + 4];
  mem.i32.fill(-1, ones >>> 2, (ones >>> 2) + words);
  mem.i32.fill(0, zeroes >>> 2, (zeroes >>> 2) + words);
  const seen = new Int32Array(new SharedArrayBuffer(12));
  const reader = new Worker(
    `const { workerData: { words, from, count, seen } } = require('node:worker_threads');
     while (Atomics.load(seen, 0) === 0) {
       for (let i = from; i < from + count; i++) {
         const word = words[i];
         if (word !== 0 && word !== -1) Atomics.add(seen, 1, 1);
         else if (word === -1) Atomics.add(seen, 2, 1);
       }
     }`,
    { eval: true, workerData: { words: mem.i32, from: place >>> 2, count: words, seen } },
  );
  const turn = (): void => {
    for (let i = 0; i < 20_000; i++) moveBytes(mem, place, i % 2 === 0 ? ones : zeroes, words * 4);
  };
  await until('the reader has seen much', () => {
    turn();
    return Atomics.load(seen, 2) > 100_000;
  });
  Atomics.store(seen, 0, 1);
  await new Promise((resolve) => reader.once('exit', resolve));
  expect(seen[1]).toBe(0);
});
