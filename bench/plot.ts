// A plot as one self-contained SVG file: panels one above the other, grouped bars, a legend that they share.
import * as echarts from 'echarts';
import type { Panel, Plot } from './harness.ts';
import { fixed } from './report.ts';

const WIDTH = 960;
const HEAD = 112;
const PANEL = 230;
const GAP = 62;
const FOOT = 44;
const COLOURS = ['#2563eb', '#f59e0b', '#0d9488', '#e11d48'];
const FONT = 'Helvetica, Arial, sans-serif';

export function svg(plot: Plot): string {
  const height = HEAD + plot.panels.length * (PANEL + GAP) - GAP + FOOT;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  const top = (i: number) => HEAD + i * (PANEL + GAP);
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: { fontFamily: FONT },
    title: [
      { text: plot.title, left: 11, top: 10, textStyle: { fontSize: 17, fontFamily: FONT } },
      ...plot.panels.map((panel, i) => ({
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
      data: Object.keys(plot.panels[0]?.series ?? {}),
    },
    grid: plot.panels.map((_, i) => ({ left: 62, right: 20, top: top(i), height: PANEL })),
    xAxis: plot.panels.map((panel, i) => ({
      gridIndex: i,
      type: 'category' as const,
      data: [...panel.groups],
      axisTick: { show: false },
    })),
    yAxis: plot.panels.map((_, i) => ({
      gridIndex: i,
      type: plot.log ? ('log' as const) : ('value' as const),
      ...(plot.log && { min: 1 }),
      splitLine: { lineStyle: { color: '#e2e8f0' } },
    })),
    series: plot.panels.flatMap(seriesOf),
  });
  const text = chart.renderToSVGString();
  chart.dispose();
  return `${text}\n`;
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
