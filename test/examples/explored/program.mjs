// A program whose heap the explorer's tests look at. Prints the address, then its roots' addresses, and stays. With
// --large a heap of 1 GiB, most of it in use, of which every tick changes a part.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { array, attachHeap, createHeap, f64, map, ref, slice, string, struct, u32 } from '../../../dist/index.js';
import { explore } from '../../../dist/observe.js';

const Author = struct('Author', { name: string, posts: u32 });
const Post = struct('Post', {
  id: u32,
  title: string,
  author: ref(Author),
  tags: slice(string),
  scores: array(f64, 4),
  get next() {
    return ref(Post);
  },
});
const Shelf = struct('Shelf', { name: string, first: ref(Post), count: u32, byTitle: map(string, ref(Post)) });

const TITLES = ['Pages', 'Spans', 'Caches', '<img src=x onerror=alert(1)>', 'Sweeping', '标记'];

function makePost(heap, id, author, next) {
  return heap.new(Post, {
    id,
    title: `${TITLES[id % TITLES.length]} ${id}`,
    author,
    tags: ['heap', `tag ${id % 7}`],
    scores: [id, id / 2, id / 4, 0],
    next,
  });
}

/** A shelf of posts, most of which are replaced all the time. */
function live(heap, name, posts) {
  const shelf = heap.scope(() => heap.new(Shelf, { name, count: posts }));
  heap.roots.set(name, shelf);
  let id = 0;
  const renew = () => {
    heap.scope(() => {
      const author = heap.new(Author, { name: `Author of ${name}`, posts });
      shelf.first = null;
      for (let i = 0; i < posts; i++) shelf.first = makePost(heap, id++, author, shelf.first);
      shelf.byTitle.clear();
      for (let post = shelf.first, i = 0; post !== null && i < 12; post = post.next, i++) {
        shelf.byTitle.set(post.title, post);
      }
    });
  };
  renew();
  return renew;
}

if (isMainThread) {
  const large = process.argv.includes('--large');
  const heap = createHeap({ maxBytes: 2 ** 30, gcPercent: large ? -1 : 100 });
  if (large) {
    const big = 1 << 20;
    for (let i = 0; i < 530; i++) heap.raw.pin(heap.raw.mallocgc(big, null, false));
    const sizes = [48, 256, 1024, 4096, 16384];
    heap.scope(() => {
      for (let bytes = 0, i = 0; bytes < 410 * big; i++) {
        const size = sizes[i % sizes.length] * 4;
        heap.raw.mallocgc(size, null, false);
        bytes += size;
      }
    });
  }
  const renew = live(heap, 'main', 2000);
  heap.raw.pin(heap.raw.mallocgc(600_000, null, true));
  const worker = new Worker(new URL(import.meta.url), { workerData: { shared: heap.share(), large } });
  await new Promise((resolve) => worker.once('message', resolve));
  const port = process.argv.find((a) => a.startsWith('--port='))?.slice(7) ?? '0';
  const explorer = await explore(heap, { port: Number(port), name: 'explored', interval: 250, keepAlive: true });
  console.log(explorer.url);
  const held = [];
  setInterval(() => {
    renew();
    if (large) for (let i = 0; i < 40; i++) held.push(heap.raw.pin(heap.raw.mallocgc(60_000, null, false)));
    if (held.length > 400) {
      for (const pin of held.splice(0, 300)) {
        heap.raw.free(pin.addr);
        pin.unpin();
      }
    }
  }, 60);
} else {
  const heap = attachHeap(workerData.shared);
  const renew = live(heap, 'worker', 500);
  parentPort.postMessage('ready');
  setInterval(renew, 90);
}
