/**
 * The words through which the lanes of one replay keep in step, in one shared buffer, each word on a cache line of its
 * own:
 *
 *   FAILED     1 once any lane failed: everyone stops at the next wait or batch
 *   GO         0 until all workers are ready
 *   ARRIVED    lanes that stand at the current stop
 *   ROUND      stops passed; lanes at a stop wait for it to change
 *   SLEEPERS   lanes in `Atomics.wait` on an address or a position; whoever changes one notifies only if there are any
 *   position of each lane: its next event; everything of this lane before that is done
 *
 * and a few times in seconds: when the replay began, how long it stood still for samples.
 */

const LINE = 16; // words of a 64-byte cache line

export const FAILED = 0 * LINE;
export const GO = 1 * LINE;
export const ARRIVED = 2 * LINE;
export const ROUND = 3 * LINE;
export const SLEEPERS = 4 * LINE;
const POSITIONS = 5 * LINE;

export const STARTED_AT = 0;
export const PAUSED = 1;

export interface Control {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly times: Float64Array<SharedArrayBuffer>;
}

export function createControl(lanes: number): Control {
  return {
    words: new Int32Array(new SharedArrayBuffer((POSITIONS + lanes * LINE) * 4)),
    times: new Float64Array(new SharedArrayBuffer(2 * 8)),
  };
}

export function positionWord(lane: number): number {
  return POSITIONS + lane * LINE;
}

/** Seconds on a clock that all threads share (each thread's `performance.now()` starts at its own zero). */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}

/** Seconds the replay has run, without the pauses. */
export function elapsed(control: Control): number {
  return now() - control.times[STARTED_AT] - control.times[PAUSED];
}

export function hasFailed(control: Control): boolean {
  return Atomics.load(control.words, FAILED) !== 0;
}

/** Stops every lane. True for the first to fail, whose error is the one to tell. */
export function setFailed(control: Control): boolean {
  const first = Atomics.exchange(control.words, FAILED, 1) === 0;
  Atomics.notify(control.words, ROUND);
  Atomics.notify(control.words, GO);
  return first;
}

/** Longest sleep before a look at FAILED and at what is awaited, in ms; a wake-up in time does not need it. */
export const SLEEP_MS = 20;
/** Looks at a word before going to sleep: about as long as waking a sleeper takes. */
export const SPINS = 2000;

/** Waits until `words[word]` is no longer `value`; false if the replay failed. */
export function waitWhile(control: Control, word: number, value: number): boolean {
  const { words } = control;
  for (let spin = 0; spin < SPINS; spin++) {
    if (Atomics.load(words, word) !== value) return true;
  }
  while (Atomics.load(words, word) === value) {
    if (hasFailed(control)) return false;
    Atomics.wait(words, word, value, SLEEP_MS);
  }
  return true;
}
