/**
 * Step mode: one call of the allocator, taken apart. The words of allocator memory are compared at each named point of
 * the call (see `Proc.pause`), so what a step shows is what really happened on a real, small heap; nothing is played.
 *
 *   lessons.ts    situations, and the call that shows what happens in each
 *   calls.ts      the steps of one mallocgc, of one free
 *   recorder.ts   takes down what happens between the points
 *   points.ts     the points and Go's names for what was done there
 *   find.ts       the page allocator's walk through its summaries
 *   tape.ts       the words, and how they change; going forward and back
 *   words.ts      which structure and field a word is
 */
export { recordFree, recordMalloc, spanClassOf, type Walk } from './steps/calls.ts';
export { LESSONS, type Lesson, type StepHeap } from './steps/lessons.ts';
export { BOXES, type Box, POINTS } from './steps/points.ts';
export type { Step, StepParams } from './steps/recorder.ts';
export { Film, type WordChange } from './steps/tape.ts';
export { CARD_KINDS, type CardKind, type WordName, WordNames } from './steps/words.ts';
