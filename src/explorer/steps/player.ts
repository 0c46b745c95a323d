/** A walk that is being looked at: its steps, where the reader is, and the cards there. */
import { sizeClassOf } from '../../layout/span-class.ts';
import { Film, type Step, type Walk, WordNames } from '../../observe/steps.ts';
import { type Card, CardMaker, type Touched, touched } from './cards.ts';
import type { Sandbox } from './sandbox.ts';

export class Player {
  readonly walk: Walk;
  readonly #box: Sandbox;
  readonly #film: Film;
  readonly #names: WordNames;
  readonly #touched: readonly Touched[];
  readonly #proc: number;

  /** `box`: the heap of the walk, as it was left. */
  constructor(box: Sandbox, walk: Walk) {
    this.walk = walk;
    this.#box = box;
    this.#film = new Film(walk.start, walk.steps);
    this.#film.seek(walk.steps.length);
    const { mem, ref } = box.malloc.t;
    this.#names = new WordNames(mem, box.malloc.cache.heap.tinySpanClass, walk.start, this.#film.words);
    this.#touched = touched(walk, this.#names);
    this.#proc = ref;
  }

  step(index: number): Step {
    return this.walk.steps[index]!;
  }

  /** The structures as they are after step `index`. */
  cards(index: number): Card[] {
    this.#film.seek(index + 1);
    const { mem } = this.#box.malloc.t;
    const maker = new CardMaker(mem, this.#names, this.#film.words, this.#proc, this.step(index));
    return this.#touched.map((t) => maker.card(t));
  }

  /** Words of allocator memory that the step wrote. */
  written(index: number): number {
    return this.step(index).changes.length;
  }

  /** Slot size of a span class; 0 for large objects. */
  sizeOf(spanClass: number): number {
    return this.#box.malloc.cache.heap.classes.size[sizeClassOf(spanClass)] ?? 0;
  }

  isTiny(spanClass: number): boolean {
    return spanClass === this.#box.malloc.cache.heap.tinySpanClass;
  }
}
