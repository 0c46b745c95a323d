/**
 * `--html`: one page for all replays of a run, complete in itself: curves over time (drawn by uPlot from the figures in
 * the page), the breakdown as a bar and a sum, the waste by size class. Every drawing has a table beside it.
 */
import type { ClassOutcome, Curves, ReplayOutcome } from '../replay/outcome.ts';
import { formatBytes, formatCount, formatPercent, formatSeconds } from '../sizes.ts';
import { escapeHtml, escapeJson, htmlTable } from './html.ts';
import { wasteChart } from './waste-chart.ts';
import {
  bySlot,
  errorsInWords,
  fragmentationInWords,
  type Part,
  partsOf,
  recordingInWords,
  threadsInWords,
} from './wording.ts';

export interface PageAssets {
  readonly uplotScript: string;
  readonly uplotStyle: string;
  readonly pageScript: string;
  readonly pageStyle: string;
}

/** The page fetches nothing, whatever stands in it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/** Rows of the table beside the curves. */
const CURVE_ROWS = 24;

export function pageReport(outcomes: readonly ReplayOutcome[], assets: PageAssets): string {
  const names = outcomes.map((outcome) => baseName(outcome.file)).join(', ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escapeHtml(names)} – spanheap replay</title>
<style>${assets.uplotStyle}</style>
<style>${assets.pageStyle}</style>
</head>
<body>
<header><h1>spanheap replay</h1></header>
<main>
${outcomes.map(section).join('\n')}
</main>
<script>${assets.uplotScript}</script>
<script>${assets.pageScript}</script>
</body>
</html>
`;
}

function baseName(file: string): string {
  return file.split('/').at(-1) ?? file;
}

function section(outcome: ReplayOutcome, index: number): string {
  const id = `replay-${index + 1}`;
  return `<article aria-labelledby="${id}">
<h2 id="${id}">${escapeHtml(baseName(outcome.file))}</h2>
<p class="note">${escapeHtml(recordingInWords(outcome))}, replayed ${escapeHtml(threadsInWords(outcome))} in a heap of
${formatBytes(outcome.maxBytes)} with the size classes of ${outcome.sizeClasses.replace('go', 'Go ')}.</p>
${figures(outcome)}
${mistakes(outcome)}
${curves(outcome, id)}
${breakdown(outcome, id)}
${waste(outcome, id)}
</article>`;
}

function figures(outcome: ReplayOutcome): string {
  const figure = (name: string, value: string, note: string): string =>
    `<div><dt>${name}</dt><dd><strong>${escapeHtml(value)}</strong> <span>${escapeHtml(note)}</span></dd></div>`;
  const errors = outcome.verified ? formatCount(outcome.errors) : '–';
  return `<dl class="figures">
${figure('Events per second', formatCount(outcome.eventsPerSecond), formatSeconds(outcome.seconds))}
${figure('Peak live', formatBytes(outcome.peakLiveBytes), 'most that the program had at once')}
${figure('Peak heap', formatBytes(outcome.peakHeapBytes), 'most that spans took')}
${figure('Fragmentation', fragmentationInWords(outcome), 'peak heap ÷ peak live')}
${figure('Errors', errors, errorsInWords(outcome))}
</dl>`;
}

function mistakes(outcome: ReplayOutcome): string {
  if (outcome.mistakes.length === 0) return '';
  const items = outcome.mistakes.map((mistake) => `<li>${escapeHtml(mistake)}</li>`).join('');
  return `<div class="mistakes" role="alert"><p>First errors:</p><ul>${items}</ul></div>`;
}

function curves(outcome: ReplayOutcome, id: string): string {
  const rows = curveRows(outcome.curves);
  const { curves: data } = outcome;
  const table = htmlTable<number>(
    'The same as figures',
    [
      { head: 'event', numeric: true, cell: (i) => formatCount(data.events[i]) },
      { head: 'second', numeric: true, cell: (i) => data.seconds[i].toFixed(3) },
      { head: 'live', numeric: true, cell: (i) => formatBytes(data.liveBytes[i]) },
      { head: 'heap', numeric: true, cell: (i) => formatBytes(data.heapBytes[i]) },
      { head: 'released', numeric: true, cell: (i) => formatBytes(data.releasedBytes[i]) },
    ],
    rows,
  );
  return `<section aria-labelledby="${id}-curves">
<h3 id="${id}-curves">Over time</h3>
<p class="note">Live: what the program asked for. Heap: pages of spans in use. Released: free pages without memory
behind them, not touched yet or given back to the system. The arrow keys move along the curves.</p>
<div class="beside">
<div class="chart" tabindex="0" role="img" aria-label="Curves of live, heap and released bytes over the events of the
recording; the table beside it has the figures." data-curves="${id}-data"></div>
<div class="scroll" tabindex="0" role="region" aria-label="Curves as a table">${table}</div>
</div>
<script type="application/json" id="${id}-data">${escapeJson(data)}</script>
</section>`;
}

/** About `CURVE_ROWS` samples, evenly spread, and the one with the highest heap. */
export function curveRows(curves: Curves): number[] {
  const last = curves.events.length - 1;
  if (last < 0) return [];
  const rows = new Set<number>([curves.heapBytes.indexOf(Math.max(...curves.heapBytes))]);
  for (let i = 0; i < CURVE_ROWS; i++) rows.add(Math.round((i * last) / (CURVE_ROWS - 1)));
  return [...rows].sort((a, b) => a - b);
}

function breakdown(outcome: ReplayOutcome, id: string): string {
  const parts = partsOf(outcome.breakdown);
  const total = outcome.breakdown.totalBytes;
  const swatch = (color: string): string => (color === '' ? '' : `<i class="swatch ${color}"></i>`);
  const name = (part: Part): string =>
    part.sign === '=' ? `<b>= ${escapeHtml(part.name)}</b>` : swatch(part.color) + escapeHtml(part.name);
  const bar = parts
    .filter((part) => part.color !== '' && part.bytes > 0)
    .map((part) => `<i class="${part.color}" style="flex-grow:${part.bytes}" title="${part.name}"></i>`)
    .join('');
  const table = htmlTable(
    `At the sample with the highest heap, after event ${formatCount(outcome.breakdown.event)}`,
    [
      { head: 'part', cell: name },
      { head: 'size', numeric: true, cell: (part) => formatBytes(part.bytes) },
      { head: 'bytes', numeric: true, cell: (part) => formatCount(part.bytes) },
      { head: 'of total', numeric: true, cell: (part) => formatPercent(part.bytes, total) },
      { head: 'what it is', cell: (part) => escapeHtml(part.meaning) },
    ],
    parts,
  );
  return `<section aria-labelledby="${id}-parts">
<h3 id="${id}-parts">Where the memory was</h3>
<div class="bar" aria-hidden="true">${bar}</div>
<div class="scroll wide" tabindex="0" role="region" aria-label="Parts of the memory">${table}</div>
</section>`;
}

function waste(outcome: ReplayOutcome, id: string): string {
  const slot = (c: ClassOutcome): string => (c.sizeClass === 0 ? 'large' : formatCount(c.size));
  const table = htmlTable<ClassOutcome>(
    'Size classes; all but the allocations at the same moment as above',
    [
      { head: 'slot bytes', numeric: true, cell: slot },
      { head: 'allocations', numeric: true, cell: (c) => formatCount(c.allocations) },
      { head: 'asked for', numeric: true, cell: (c) => formatBytes(c.allocatedBytes) },
      { head: 'spans', numeric: true, cell: (c) => formatCount(c.spans) },
      { head: 'in spans', numeric: true, cell: (c) => formatBytes(c.spanBytes) },
      { head: 'live', numeric: true, cell: (c) => formatBytes(c.liveBytes) },
      { head: 'rounding', numeric: true, cell: (c) => formatBytes(c.roundingBytes) },
      { head: 'deferred', numeric: true, cell: (c) => formatBytes(c.deferredBytes) },
      { head: 'free slots', numeric: true, cell: (c) => formatBytes(c.freeSlotBytes) },
      { head: 'tails', numeric: true, cell: (c) => formatBytes(c.tailBytes) },
      { head: 'waste', numeric: true, cell: (c) => formatPercent(c.spanBytes - c.liveBytes, c.spanBytes) },
    ],
    bySlot(outcome.classes),
  );
  return `<section aria-labelledby="${id}-waste">
<h3 id="${id}-waste">Waste by size class</h3>
<p class="legend" aria-hidden="true"><i class="swatch rounding"></i>size-class rounding
<i class="swatch deferred"></i>deferred frees <i class="swatch free-slots"></i>free slots <i class="swatch tails"></i>tails</p>
<div class="scroll wide" tabindex="0" role="region" aria-label="Waste by size class, drawn">${wasteChart(outcome.classes)}</div>
<div class="scroll wide tall" tabindex="0" role="region" aria-label="Size classes">${table}</div>
</section>`;
}
