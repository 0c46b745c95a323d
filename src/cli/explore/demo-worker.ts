/**
 * A worker of the demonstration: it keeps its site changing. Pages are replaced all the time, and how many there are goes
 * up and down in waves of a minute, so the heap grows and shrinks, and has always something to collect.
 */
import { workerData } from 'node:worker_threads';
import { attachHeap, type Heap, type Infer, ref, type SharedHeap, slice } from '../../index.ts';
import { Author, Comment, Page, Pages, Site } from './demo-types.ts';

/** What a worker is started with. */
export interface DemoInput {
  readonly shared: SharedHeap;
  readonly name: string;
  /** Most pages of the site, and milliseconds between two rounds. */
  readonly pages: number;
  readonly pauseMs: number;
}

const AUTHORS = 200;
const PAGES_A_ROUND = 60;
const WAVE_MS = 60_000;
/** One page in so many has a picture. */
const PICTURES = 40;
const PICTURE_BYTES = 120_000;
const MAX_COMMENTS = 12;
const LINKS = 5;
const WORDS = 'heap span page chunk arena class window sweep mark root mutator barrier pacer cycle tiny large'.split(
  ' ',
);

type SiteRef = Infer<typeof Site>;
type PageRef = Infer<typeof Page>;

/** Numbers that are the same in each run (mulberry32). */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

class DemoSite {
  readonly #heap: Heap;
  readonly #name: string;
  readonly #most: number;
  readonly #random: (below: number) => number;
  readonly #begun = performance.now();
  #made = 0;

  constructor(heap: Heap, { name, pages }: DemoInput) {
    this.#heap = heap;
    this.#name = name;
    this.#most = pages;
    this.#random = makeRandom(name.length * 7919 + name.charCodeAt(0));
    heap.scope(() => {
      const authors = heap.make(slice(ref(Author)), AUTHORS);
      for (let i = 0; i < AUTHORS; i++)
        authors.set(i, heap.new(Author, { name: `author ${i}`, born: 1900 + (i % 100) }));
      heap.roots.set(name, heap.new(Site, { name, authors, pages: heap.make(Pages, pages) }));
    });
  }

  /** Makes some pages, in the places of others, or takes pages away, as the wave wants it. */
  round(): void {
    const phase = ((performance.now() - this.#begun) / WAVE_MS) * 2 * Math.PI;
    const wanted = Math.floor(this.#most * (0.6 - 0.4 * Math.cos(phase)));
    this.#heap.scope(() => {
      const site = this.#heap.roots.get(this.#name, Site)!;
      for (let i = 0; i < PAGES_A_ROUND; i++)
        this.#heap.scope(() => this.#replace(site, this.#random(this.#most), wanted));
      this.#heap.scope(() => this.#visit(site));
    });
  }

  #replace(site: SiteRef, place: number, wanted: number): void {
    const keep = place < wanted;
    site.pages.set(place, keep ? this.#page(site) : null);
  }

  #page(site: SiteRef): PageRef {
    const random = this.#random;
    const number = this.#made++;
    const author = site.authors.at(random(AUTHORS))!;
    const page = this.#heap.new(Page, {
      title: `Page ${number} of ${this.#name}`,
      text: this.#text(20 + random(120)),
      rank: random(1000) / 10,
      author,
    });
    if (number % PICTURES === 0) page.picture = new Uint8Array(1000 + random(PICTURE_BYTES)).fill(number);
    page.links = this.#heap.make(Pages, LINKS);
    for (let i = 0; i < LINKS; i++) page.links.set(i, site.pages.at(random(this.#most)) ?? null);
    // Pages that lead to old pages that lead to older ones would keep all that ever were.
    for (let i = 0; i < LINKS; i++) this.#cutLinks(page.links.at(i));
    for (let i = random(MAX_COMMENTS); i > 0; i--) {
      page.comments = this.#heap.new(Comment, {
        by: site.authors.at(random(AUTHORS))!,
        text: this.#text(3 + random(20)),
        next: page.comments,
      });
    }
    return page;
  }

  #cutLinks(page: PageRef | null | undefined): void {
    if (page === null || page === undefined) return;
    for (let i = 0; i < page.links.length; i++) page.links.set(i, null);
  }

  /** Counts the words of some pages. */
  #visit({ pages, words }: SiteRef): void {
    for (let i = 0; i < 20; i++) {
      const page = pages.at(this.#random(this.#most));
      if (page === null || page === undefined) continue;
      page.visits++;
      const word = page.text.split(' ', 2)[this.#random(2)] ?? '';
      words.set(`${word} ${this.#random(500)}`, { pages: 1, visits: page.visits });
    }
  }

  #text(count: number): string {
    return Array.from({ length: count }, () => WORDS[this.#random(WORDS.length)]).join(' ');
  }
}

const input = workerData as DemoInput;
const site = new DemoSite(attachHeap(input.shared), input);
setInterval(() => site.round(), input.pauseMs);
