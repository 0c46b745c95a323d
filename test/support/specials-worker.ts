/** The worker of the tests of cleanups, finalizers and interned text. Its role says what it does. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachHeap, i32, type Reference, ref, type SharedHeap, string, struct } from '../../src/index.ts';
import { random } from './random.ts';

export const Link = struct('Link', {
  key: i32,
  get next() {
    return ref(Link);
  },
});
export const Named = struct('Named', { key: i32, name: string });

export interface SpecialsInput {
  readonly shared: SharedHeap;
  readonly role: keyof typeof roles;
  readonly rounds: number;
  readonly seed: number;
}

const roles = {
  /** Registers a cleanup and a finalizer for each object of the list, and sits in its event loop. */
  register({ shared }: SpecialsInput): void {
    const heap = attachHeap(shared);
    heap.scope(() => {
      for (let link = heap.roots.get('list', Link) ?? null; link !== null; link = link.next) {
        heap.cleanup(link, (key: number) => parentPort!.postMessage(['cleanup', key]), link.key);
        heap.finalizer(link, (l) => parentPort!.postMessage(['finalizer', l.key, l.next?.key ?? 0]));
      }
    });
    // What keeps the event loop alive, until the test has seen enough.
    parentPort!.once('message', () => heap.detach());
    parentPort!.postMessage(['ready', heap.threadId]);
  },

  /** Interns texts out of a few, keeps some in the heap, and compares where their bytes are. */
  intern({ shared, rounds, seed }: SpecialsInput): void {
    const heap = attachHeap(shared);
    const rnd = random(seed);
    let errors = 0;
    const bytesOf = (n: Reference): number => heap.memory.i32[(heap.addressOf(n) + 4) >>> 2]!;
    for (let i = 0; i < rounds; i++) {
      heap.scope(() => {
        const text = `text number ${rnd.below(20)}`;
        const mine = heap.new(Named, { name: heap.intern(text) });
        const root = `root ${rnd.below(4)}`;
        const theirs = heap.roots.get(root, Named);
        const same = heap.new(Named, { name: heap.intern(theirs?.name ?? text) });
        // Who reads the text of a root again must find the same bytes, as long as the root holds them.
        if (theirs !== undefined && bytesOf(theirs) !== bytesOf(same)) errors++;
        if (mine.name !== text) errors++;
        if (rnd.oneIn(3)) heap.roots.set(root, mine);
        if (rnd.oneIn(5)) heap.roots.delete(root);
      });
      if (rnd.oneIn(20)) heap.gc();
    }
    heap.detach();
    parentPort!.postMessage(['errors', errors]);
  },
};

if (parentPort !== null && workerData !== null) {
  const input = workerData as SpecialsInput;
  roles[input.role](input);
}
