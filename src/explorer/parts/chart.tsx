/** A chart over time by uPlot, with the collector's phases as bands behind the lines and a crosshair shared by all. */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { CycleRecord } from '../../serve/explorer/protocol.ts';
import { dark } from '../data/settings.ts';
import { language, t } from '../i18n/index.ts';
import { bandsOf, type Values } from './series.ts';

export interface ChartLine {
  /** Which colour: a name of style.css, `--line-…`. */
  readonly key: string;
  readonly label: string;
  readonly values: Values;
  readonly fill?: boolean;
  readonly dash?: boolean;
}

interface ChartProps {
  readonly label: string;
  /** Seconds since the heap was made. */
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
  readonly cycles: readonly CycleRecord[];
  readonly show: (value: number) => string;
  readonly height: number;
  /** The values are bytes. */
  readonly binary?: boolean;
}

/** Least width of a pause on the screen, so that it can be seen, and the height of the strip that has them. */
const MARK_PX = 1;
const STRIP_PX = 7;

/** Bytes between lines of the grid: 1, 2, 4, … of each unit. */
const BINARY_STEPS = Array.from({ length: 41 }, (_, i) => 2 ** i);

/** A colour of style.css. */
function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Bands and marks, behind the lines. `cycles` gives those of now. */
function bandPlugin(cycles: () => readonly CycleRecord[]): uPlot.Plugin {
  return {
    hooks: {
      drawClear: (u) => {
        const { ctx, bbox } = u;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        for (const band of bandsOf(cycles())) {
          const from = u.valToPos(band.from, 'x', true);
          const to = u.valToPos(band.to, 'x', true);
          if (to < bbox.left || from > bbox.left + bbox.width) continue;
          ctx.fillStyle = colour(`--band-${band.kind}`);
          const width = Math.max(to - from, MARK_PX * devicePixelRatio);
          const height = band.kind === 'stop' ? STRIP_PX * devicePixelRatio : bbox.height;
          ctx.fillRect(from, bbox.top, width, height);
        }
        ctx.restore();
      },
    },
  };
}

function known(value: number | null | undefined, show: (value: number) => string): string {
  return value === null || value === undefined ? '–' : show(value);
}

function seconds(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(1)} s`;
}

function makePlot(into: HTMLElement, first: ChartProps, props: () => ChartProps): uPlot {
  const grid = { stroke: colour('--rule'), width: 1 };
  const text = colour('--muted');
  const binary = first.binary === true ? { incrs: BINARY_STEPS } : {};
  const axis = { stroke: text, grid, ticks: grid, font: '11px system-ui, sans-serif' };
  return new uPlot(
    {
      width: Math.max(200, into.clientWidth),
      height: first.height,
      cursor: { sync: { key: 'spanheap' }, drag: { x: true, y: false } },
      legend: { live: true },
      scales: { x: { time: false }, y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.05 : 1] } },
      axes: [
        { ...axis, values: (_u, ticks) => ticks.map((s) => `${Math.round(s * 10) / 10} s`), size: 28 },
        { ...axis, values: (_u, ticks) => ticks.map((v) => props().show(v)), size: 78, ...binary },
      ],
      series: [
        { label: t('overview.span'), value: (u, v) => seconds(v ?? u.data[0].at(-1)) },
        ...first.lines.map((line): uPlot.Series => {
          const stroke = colour(`--line-${line.key}`);
          return {
            label: line.label,
            stroke,
            width: 1.5,
            points: { show: false },
            // Without a cursor: what is now.
            value: (u, v, i, at) => known(at === null ? u.data[i]?.at(-1) : v, props().show),
            ...(line.fill === true ? { fill: `color-mix(in srgb, ${stroke} 14%, transparent)` } : {}),
            ...(line.dash === true ? { dash: [5, 4] } : {}),
          };
        }),
      ],
      plugins: [bandPlugin(() => props().cycles)],
    },
    dataOf(first),
    into,
  );
}

/** What the mouse can do with the legend, the keyboard can: lines are switched off and on. */
function forKeyboard(u: uPlot): void {
  u.over.setAttribute('role', 'img');
  u.root.querySelectorAll<HTMLElement>('.u-legend .u-series').forEach((row, i) => {
    const name = row.querySelector<HTMLElement>('th');
    if (name === null || i === 0) return;
    name.tabIndex = 0;
    name.setAttribute('role', 'button');
    name.setAttribute('aria-pressed', 'true');
    name.addEventListener('click', () => name.setAttribute('aria-pressed', String(u.series[i]!.show)));
    name.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      name.click();
    });
  });
}

function dataOf(props: ChartProps): uPlot.AlignedData {
  return [[...props.times], ...props.lines.map((line) => line.values)] as uPlot.AlignedData;
}

export function Chart(props: ChartProps): JSX.Element {
  const into = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const look = `${dark.value} ${language.value} ${props.lines.map((line) => line.key).join()}`;
  useEffect(() => {
    const u = makePlot(into.current!, latest.current, () => latest.current);
    plot.current = u;
    forKeyboard(u);
    const resize = new ResizeObserver(([entry]) => {
      u.setSize({ width: Math.max(200, Math.floor(entry!.contentRect.width)), height: latest.current.height });
    });
    resize.observe(into.current!);
    return () => {
      resize.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [look]);
  useEffect(() => {
    const u = plot.current;
    if (u === null) return;
    // While the reader has zoomed in, the window stays where he put it.
    const { min, max } = u.scales['x']!;
    const data = u.data[0];
    const zoomed = data.length > 0 && (min! > data[0]! || max! < data.at(-1)!);
    u.setData(dataOf(props), !zoomed);
    if (zoomed) u.redraw();
  });
  const last = props.lines.map((line) => {
    const value = line.values.at(-1);
    return `${line.label} ${value === null || value === undefined ? '–' : props.show(value)}`;
  });
  useEffect(() => {
    plot.current?.over.setAttribute('aria-label', `${props.label}: ${last.join(', ')}`);
  });
  return (
    <figure class="chart" aria-label={props.label}>
      <div ref={into} />
    </figure>
  );
}
