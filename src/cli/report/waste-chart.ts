/** The waste of each size class as stacked columns, an SVG that needs no script. The figures are in the table below it. */
import type { ClassOutcome } from '../replay/outcome.ts';
import { formatBytes, formatCount } from '../sizes.ts';
import { escapeHtml } from './html.ts';
import { bySlot } from './wording.ts';

const WIDTH = 960;
const HEIGHT = 240;
const LEFT = 64;
const TOP = 8;
const BOTTOM = 36;
const GRID_LINES = 4;
/** Width of a slot-size label in columns' units, so that labels never touch. */
const LABEL_WIDTH = 44;

/** The ways in which a span's bytes are not the program's, from the axis upwards; the names are CSS classes too. */
const LAYERS = [
  { color: 'rounding', name: 'rounding', bytes: (c: ClassOutcome): number => c.roundingBytes },
  { color: 'deferred', name: 'deferred frees', bytes: (c: ClassOutcome): number => c.deferredBytes },
  { color: 'free-slots', name: 'free slots', bytes: (c: ClassOutcome): number => c.freeSlotBytes },
  { color: 'tails', name: 'tails', bytes: (c: ClassOutcome): number => c.tailBytes },
] as const;

export function wasteChart(classes: readonly ClassOutcome[]): string {
  const shown = bySlot(classes);
  const highest = niceCeiling(Math.max(1, ...shown.map(wasteOf)));
  const step = (WIDTH - LEFT) / Math.max(1, shown.length);
  const labelEvery = Math.max(1, Math.ceil(LABEL_WIDTH / step));
  const parts: string[] = [grid(highest)];
  shown.forEach((c, i) => {
    const left = LEFT + i * step;
    parts.push(column(c, left, step, highest));
    const isLarge = c.sizeClass === 0;
    const besideLarge = shown.at(-1)?.sizeClass === 0 && i > shown.length - 1 - labelEvery;
    if (isLarge || (i % labelEvery === 0 && !besideLarge)) parts.push(label(c, left + step / 2));
  });
  return `<svg class="waste" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Waste by size class as stacked columns; the table below has the figures.">
${parts.join('\n')}
</svg>`;
}

function wasteOf(c: ClassOutcome): number {
  return LAYERS.reduce((sum, layer) => sum + Math.max(0, layer.bytes(c)), 0);
}

function heightOf(bytes: number, highest: number): number {
  return (Math.max(0, bytes) / highest) * (HEIGHT - TOP - BOTTOM);
}

function grid(highest: number): string {
  const lines: string[] = [];
  for (let i = 0; i <= GRID_LINES; i++) {
    const bytes = (highest * i) / GRID_LINES;
    const y = (HEIGHT - BOTTOM - heightOf(bytes, highest)).toFixed(1);
    lines.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y}" y2="${y}"/>`);
    lines.push(
      `<text class="axis" x="${LEFT - 8}" y="${y}" dy="0.35em" text-anchor="end">${formatBytes(bytes)}</text>`,
    );
  }
  return lines.join('\n');
}

function column(c: ClassOutcome, left: number, step: number, highest: number): string {
  let y = HEIGHT - BOTTOM;
  const x = (left + step * 0.12).toFixed(1);
  const width = (step * 0.76).toFixed(1);
  const rects = LAYERS.map((layer) => {
    const height = heightOf(layer.bytes(c), highest);
    y -= height;
    return `<rect class="${layer.color}" x="${x}" y="${y.toFixed(1)}" width="${width}" height="${height.toFixed(1)}"/>`;
  });
  const told = LAYERS.map((layer) => `${layer.name} ${formatBytes(layer.bytes(c))}`).join(', ');
  return `<g><title>${escapeHtml(`${whatOf(c)}: ${told}`)}</title>${rects.join('')}</g>`;
}

function label(c: ClassOutcome, center: number): string {
  const y = HEIGHT - BOTTOM + 16;
  // The word is wider than its column and would be cut off at the right.
  if (c.sizeClass === 0) return `<text class="axis" x="${WIDTH}" y="${y}" text-anchor="end">large</text>`;
  return `<text class="axis" x="${center.toFixed(1)}" y="${y}" text-anchor="middle">${slotName(c)}</text>`;
}

function whatOf(c: ClassOutcome): string {
  return c.sizeClass === 0 ? 'Large objects' : `Slots of ${formatCount(c.size)} bytes`;
}

function slotName(c: ClassOutcome): string {
  return c.size < 1024 ? `${c.size}` : `${Number((c.size / 1024).toFixed(1))}K`;
}

/** The next of 4, 6, 8, 12, 16, 24 … of B, KiB, MiB: its quarters are short to write. */
function niceCeiling(bytes: number): number {
  const power = 2 ** Math.ceil(Math.log2(bytes));
  return Math.max(GRID_LINES, power * 0.75 >= bytes ? power * 0.75 : power);
}
