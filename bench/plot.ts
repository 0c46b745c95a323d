// A plot as one self-contained SVG file: panels one above the other, grouped bars or lines over time, a legend that they
// share.
import * as echarts from 'echarts';
import type { Panel, Plot, Timeline, TimePanel } from './harness.ts';
import { fixed } from './report.ts';

const WIDTH = 960;
const HEAD = 112;
const PANEL = 230;
const GAP = 62;
const FOOT = 44;
const COLOURS = ['#2563eb', '#f59e0b', '#0d9488', '#e11d48'];
const FONT = 'Helvetica, Arial, sans-serif';

export function svg(plot: Plot): string {
  const { title, panels, log } = plot;
  return draw(title, panels, Object.keys(panels[0]?.series ?? {}), {
    xAxis: panels.map((panel, i) => ({
      gridIndex: i,
      type: 'category' as const,
      data: [...panel.groups],
      axisTick: { show: false },
    })),
    yAxis: panels.map((_, i) => ({
      gridIndex: i,
      type: log ? ('log' as const) : ('value' as const),
      ...(log && { min: 1 }),
      splitLine: { lineStyle: { color: '#e2e8f0' } },
    })),
    series: panels.flatMap(seriesOf),
  });
}

export function timelineSvg({ title, panels }: Timeline): string {
  return draw(title, panels, Object.keys(panels[0]?.lines ?? {}), {
    xAxis: panels.map((panel, i) => ({
      gridIndex: i,
      type: 'value' as const,
      min: 0,
      max: panel.seconds.at(-1) ?? 1,
      axisLabel: { formatter: '{value} s', showMaxLabel: false },
      splitLine: { show: false },
    })),
    yAxis: panels.map((_, i) => ({
      gridIndex: i,
      type: 'value' as const,
      min: 0,
      splitLine: { lineStyle: { color: '#e2e8f0' } },
    })),
    series: panels.flatMap(linesOf),
  });
}

/** Titles, grids and the legend, which all plots have in common. */
function draw(
  title: string,
  panels: readonly { readonly title: string }[],
  legend: string[],
  content: echarts.EChartsOption,
): string {
  const height = HEAD + panels.length * (PANEL + GAP) - GAP + FOOT;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  const top = (i: number) => HEAD + i * (PANEL + GAP);
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: { fontFamily: FONT },
    title: [
      { text: title, left: 11, top: 10, textStyle: { fontSize: 17, fontFamily: FONT } },
      ...panels.map((panel, i) => ({
        text: panel.title,
        left: 57,
        top: top(i) - 28,
        textStyle: { fontSize: 13, fontWeight: 'normal' as const, fontFamily: FONT, color: '#475569' },
      })),
    ],
    legend: {
      left: 16,
      top: 44,
      itemGap: 32, // the width of text is only guessed: there is no browser here
      itemHeight: 10,
      itemWidth: 16,
      data: legend,
    },
    grid: panels.map((_, i) => ({ left: 62, right: 20, top: top(i), height: PANEL })),
    ...content,
  });
  const text = chart.renderToSVGString();
  chart.dispose();
  return `${text}\n`;
}

function linesOf(panel: TimePanel, i: number): echarts.LineSeriesOption[] {
  return Object.entries(panel.lines).map(([name, values], k) => ({
    name,
    type: 'line',
    xAxisIndex: i,
    yAxisIndex: i,
    showSymbol: false,
    lineStyle: { width: 1.5 },
    ...(panel.steps.includes(name) && { step: 'end' as const }),
    data: values.map((v, at) => [panel.seconds[at]!, v]),
    ...(k === 0 && { markArea: { silent: true, itemStyle: { color: '#e2e8f0' }, data: shadesOf(panel) } }),
  }));
}

/** From each moment that is shaded after one that is not, to the next that is not. */
function shadesOf({ seconds, shaded }: TimePanel): [{ xAxis: number }, { xAxis: number }][] {
  const shades: [{ xAxis: number }, { xAxis: number }][] = [];
  let from: number | undefined;
  for (const [at, second] of seconds.entries()) {
    if (shaded[at]) from ??= second;
    else if (from !== undefined) {
      shades.push([{ xAxis: from }, { xAxis: second }]);
      from = undefined;
    }
  }
  return shades;
}

function seriesOf(panel: Panel, i: number): echarts.BarSeriesOption[] {
  return Object.entries(panel.series).map(([name, values]) => ({
    name,
    type: 'bar',
    xAxisIndex: i,
    yAxisIndex: i,
    barGap: '8%',
    barCategoryGap: '26%',
    data: values.map((v) => v ?? '-'),
    label: {
      show: true,
      position: 'top',
      fontSize: 9,
      color: '#475569',
      formatter: ({ value }) => (typeof value === 'number' ? fixed(value) : ''),
    },
  }));
}
