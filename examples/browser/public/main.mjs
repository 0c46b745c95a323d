/** The page: makes the galaxy, starts the workers, and draws what they do, frame by frame, out of the same memory. */
import { createHeap } from '/spanheap/index.js';
import { Galaxy, MAX_WORKERS, move, place, Stars, shareOf } from './galaxy.mjs';
import { Picture } from './picture.mjs';

const parameters = new URLSearchParams(location.search);
const STARS = Number(parameters.get('stars')) || 60_000;
const WORKERS = Math.min(MAX_WORKERS, Number(parameters.get('workers')) || 4);
const number = new Intl.NumberFormat('en');

const element = (id) => document.getElementById(id);
const say = (text) => {
  element('state').textContent = text;
};

if (!crossOriginIsolated) {
  say('The server must send the headers COOP and COEP: without them the browser gives this page no shared memory.');
  throw new Error('not cross-origin isolated');
}

const heap = createHeap({ maxBytes: 64 * 2 ** 20 });
// Made outside of any scope, these references last as long as the page.
const galaxy = heap.new(Galaxy, { stars: heap.make(Stars, STARS) });
const { stars, wanted } = galaxy;
const arms = Array.from({ length: WORKERS }, (_, arm) => stars.slice(...shareOf(STARS, arm, WORKERS)));
heap.roots.set('galaxy', galaxy);
heap.scope(() => {
  for (const [arm, own] of arms.entries()) {
    const cursor = own.cursor();
    while (cursor.next()) place(cursor.value, cursor.index, arm, WORKERS);
  }
});

const picture = new Picture(element('sky'));
let paused = matchMedia('(prefers-reduced-motion: reduce)').matches;
/** Whether the sun was ever elsewhere than in the middle. */
let sunMoved = false;

const workers = await Promise.all(Array.from({ length: WORKERS }, (_, index) => startWorker(index)));
showWorkers();
element('stars').textContent = number.format(STARS);
setPaused(paused);
element('pause').disabled = false;
element('check').disabled = false;
requestAnimationFrame(frame);

/** Starts a worker and sends it the one message it ever gets; resolves when it has attached itself to the heap. */
function startWorker(index) {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' });
  heap.watch(worker);
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(`worker ${index}: ${event.message}`));
    worker.postMessage({ shared: heap.share(), index, workers: WORKERS });
  });
}

/** Whether all workers have done the steps that were wanted. In a scope. */
function settled() {
  for (let i = 0; i < WORKERS; i++) if (galaxy.done.at(i).load() !== wanted.load()) return false;
  return true;
}

let frames = 0;
let second = performance.now();

function frame() {
  heap.scope(() => {
    if (!paused && settled()) wanted.add(1);
    picture.draw((plot) => {
      for (const [arm, own] of arms.entries()) {
        const cursor = own.cursor();
        while (cursor.next()) plot(cursor.value.x, cursor.value.y, arm);
      }
    });
  });
  frames++;
  if (performance.now() - second >= 1000) showNumbers();
  requestAnimationFrame(frame);
}

function showNumbers() {
  element('fps').textContent = String(Math.round((frames * 1000) / (performance.now() - second)));
  element('steps').textContent = number.format(wanted.load());
  element('memory').textContent = `${(heap.stats().heapInUseBytes / 2 ** 20).toFixed(1)} MiB`;
  frames = 0;
  second = performance.now();
}

function showWorkers() {
  const items = workers.map(({ thread, first, last }, arm) => {
    const item = document.createElement('li');
    item.innerHTML =
      '<svg viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="5"></circle></svg><span></span>';
    item.querySelector('circle').setAttribute('fill', picture.colour(arm));
    item.lastChild.textContent = `Thread ${thread}: ${number.format(first)} – ${number.format(last)}`;
    return item;
  });
  element('workers').replaceChildren(...items);
}

function setPaused(value) {
  paused = value;
  element('pause').textContent = paused ? 'Go on' : 'Pause';
  say(paused ? 'Paused.' : `${WORKERS} workers are at it.`);
}

element('pause').addEventListener('click', () => setPaused(!paused));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', showWorkers);

/**
 * Checks all structures of the heap while the workers are at it, then some stars against plain objects that went the same
 * way: all steps from the start.
 */
element('check').addEventListener('click', () => {
  const { objects, threads } = heap.verify();
  const found = `The heap is sound: ${number.format(objects)} objects, ${threads} threads.`;
  if (sunMoved) return say(found);
  setPaused(true);
  const whenSettled = () => {
    if (!heap.scope(settled)) return setTimeout(whenSettled, 4);
    say(`${found} ${checkStars()}`);
  };
  whenSettled();
});

function checkStars() {
  const steps = wanted.load();
  let checked = 0;
  heap.scope(() => {
    for (const [arm, own] of arms.entries()) {
      for (let i = 0; i < own.length; i += 101) {
        const plain = { x: 0, y: 0, vx: 0, vy: 0 };
        place(plain, i, arm, WORKERS);
        for (let step = 0; step < steps; step++) move(plain, 0, 0);
        const { x, y, vx, vy } = own.at(i);
        if (x !== plain.x || y !== plain.y || vx !== plain.vx || vy !== plain.vy) {
          throw new Error(`star ${i} of arm ${arm} is not where it should be`);
        }
        checked++;
      }
    }
  });
  return `${number.format(checked)} stars are after ${number.format(steps)} steps exactly where plain JS objects are.`;
}

function moveSun(x, y) {
  sunMoved = true;
  galaxy.sunX = x;
  galaxy.sunY = y;
}

const sky = element('sky');
sky.addEventListener('pointerdown', (event) => {
  sky.setPointerCapture(event.pointerId);
  moveSun(...picture.toGalaxy(event.clientX, event.clientY));
});
sky.addEventListener('pointermove', (event) => {
  if (sky.hasPointerCapture(event.pointerId)) moveSun(...picture.toGalaxy(event.clientX, event.clientY));
});
sky.addEventListener('keydown', (event) => {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (way === undefined) return;
  event.preventDefault();
  moveSun(galaxy.sunX + 0.05 * way[0], galaxy.sunY + 0.05 * way[1]);
});
