/**
 * A shop that forgets nothing: sessions end, and stay in memory all the same. Takes three snapshots, in which
 * `spanheap inspect` shows who keeps them: see docs/observe.md.
 *
 *     node examples/leak/shop.mjs [FOLDER]
 */
import { join } from 'node:path';
import { createHeap, map, ref, slice, string, struct, u32 } from 'spanheap';
import { writeSnapshotSync } from 'spanheap/observe';

const Session = struct('Session', { user: string, basket: slice(string), clicks: u32 });
const Request = struct('Request', { url: string, session: ref(Session) });
const Requests = slice(ref(Request));

const folder = process.argv[2] ?? '.';
const heap = createHeap({ maxBytes: 2 ** 26 });
const sessions = heap.new(map(string, ref(Session)));
/** Requests by what sent them, for the statistics page: only the last ones were meant to be kept. */
const requests = heap.new(map(string, ref(Requests)));
heap.roots.set('sessions', sessions);
heap.roots.set('requests', requests);
const AGENTS = ['Firefox', 'Chromium', 'curl/8.5'];

function visit(number) {
  const session = heap.new(Session, { user: `user ${number}`, clicks: 1 });
  for (let i = 0; i < 5; i++) session.basket.push(`article ${(number * 7 + i) % 50}`);
  sessions.set(`session ${number}`, session);
  const agent = AGENTS[number % AGENTS.length];
  if (requests.get(agent) === undefined) requests.set(agent, heap.new(Requests));
  requests.get(agent).push(heap.new(Request, { url: `/basket/${number % 20}`, session }));
}

/** Users come, and all but the last hundred go. */
function day(first, count) {
  for (let number = first; number < first + count; number++) {
    heap.scope(() => visit(number));
    sessions.delete(`session ${number - 100}`);
  }
}

for (const [i, name] of ['morning', 'noon', 'evening'].entries()) {
  day(i * 5000, 5000);
  const file = join(folder, `${name}.sphsnap`);
  writeSnapshotSync(heap, file);
  console.log(`${file}: ${heap.stats().liveObjects} objects, ${sessions.size} sessions`);
}
heap.detach();
