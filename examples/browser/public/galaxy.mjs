/** What the page and the workers share: the types, and how a star moves. */
import { array, atomic, f64, slice, struct, u32 } from '/spanheap/index.js';

/** Place and speed; the middle of the picture is 0, and 1 its nearest edge. */
export const Star = struct('Star', { x: f64, y: f64, vx: f64, vy: f64 });

export const Stars = slice(Star);

/** Most workers there can be. */
export const MAX_WORKERS = 8;

export const Galaxy = struct('Galaxy', {
  stars: Stars,
  /** What attracts the stars. The page writes it as the pointer moves, and the workers read it: no message is sent. */
  sunX: f64,
  sunY: f64,
  /** Steps that the page wants done; it adds one for every frame. */
  wanted: atomic(u32),
  /** Steps that each worker has done. */
  done: array(atomic(u32), MAX_WORKERS),
});

const STEP = 1 / 240;
/** Speed of what goes round, and how soft the middle is. */
const SPEED = 0.9;
const SOFT = 0.02;

/**
 * Puts star `i` of an arm on a circle around the middle, somewhere random but the same each time.
 * @param {{ x: number, y: number, vx: number, vy: number }} star
 * @param {number} i
 * @param {number} arm 0 … `arms` − 1
 * @param {number} arms
 */
export function place(star, i, arm, arms) {
  const seed = 4 * (i * arms + arm);
  const r = 0.03 + 0.95 * random(seed) ** 0.75;
  // The sum of three is nearly a bell curve: most stars are in the middle of their arm.
  const aside = random(seed + 1) + random(seed + 2) + random(seed + 3) - 1.5;
  const angle = 2 * Math.PI * (arm / arms - 0.22 * Math.log(r)) + (aside * 0.28) / (r + 0.08);
  star.x = r * Math.cos(angle);
  star.y = r * Math.sin(angle);
  const v = (SPEED * r) / Math.sqrt(r * r + SOFT);
  star.vx = -v * Math.sin(angle) + 0.04 * aside;
  star.vy = v * Math.cos(angle);
}

/**
 * One step of one star. The pull falls as 1/r, for which all circles have the same speed, as in real galaxies.
 * @param {{ x: number, y: number, vx: number, vy: number }} star
 * @param {number} sunX
 * @param {number} sunY
 */
export function move(star, sunX, sunY) {
  const dx = star.x - sunX;
  const dy = star.y - sunY;
  const pull = (SPEED * SPEED * STEP) / (dx * dx + dy * dy + SOFT);
  const vx = star.vx - pull * dx;
  const vy = star.vy - pull * dy;
  star.vx = vx;
  star.vy = vy;
  star.x += vx * STEP;
  star.y += vy * STEP;
}

/**
 * 0 ≤ result < 1, the same for the same `i`.
 * @param {number} i
 */
function random(i) {
  let h = Math.imul(i, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/**
 * The stars that worker `index` of `workers` moves: one arm of the galaxy.
 * @param {number} stars
 * @param {number} index
 * @param {number} workers
 * @returns {[from: number, to: number]}
 */
export function shareOf(stars, index, workers) {
  return [Math.floor((stars * index) / workers), Math.floor((stars * (index + 1)) / workers)];
}
