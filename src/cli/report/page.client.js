/*
 * Runs in the page that --html writes: draws the curves from the figures in the page. uPlot stands before it as a global.
 * Plain JavaScript, because it goes into the page as it is here.
 */
(() => {
  const UNITS = ['B', 'KiB', 'MiB', 'GiB'];
  const bytes = (n) => {
    let unit = 0;
    while (unit < UNITS.length - 1 && n >= 1023.5) {
      n /= 1024;
      unit++;
    }
    return `${Number(n.toFixed(unit === 0 || n >= 100 ? 0 : n >= 10 ? 1 : 2))} ${UNITS[unit]}`;
  };
  const count = (n) => n.toLocaleString('en-US');
  const color = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name);
  const powersOf2 = Array.from({ length: 33 }, (_, i) => 2 ** i);

  const options = (width) => ({
    width,
    height: 330,
    cursor: { points: { size: 7 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: { range: (_u, _min, max) => [0, max * 1.05 || 1] } },
    legend: { live: true },
    series: [
      { label: 'event', value: (_u, v) => (v == null ? '–' : count(v)) },
      series('live', '--live', 1),
      series('heap', '--heap', 2),
      series('released', '--released', 1),
    ],
    axes: [
      axis({ values: (_u, ticks) => ticks.map(count), space: 90 }),
      axis({ values: (_u, ticks) => ticks.map(bytes), incrs: powersOf2, size: 76 }),
    ],
  });
  function series(label, name, width) {
    return {
      label,
      width,
      stroke: color(name),
      points: { show: false },
      fill: label === 'live' ? () => `color-mix(in srgb, ${color(name)()} 18%, transparent)` : undefined,
      value: (_u, v) => (v == null ? '–' : bytes(v)),
    };
  }
  function axis(more) {
    return {
      stroke: color('--muted'),
      grid: { stroke: color('--line'), width: 1 },
      ticks: { stroke: color('--line') },
      ...more,
    };
  }

  for (const chart of document.querySelectorAll('[data-curves]')) {
    const data = JSON.parse(document.getElementById(chart.dataset.curves).textContent);
    const plot = new uPlot(
      options(chart.clientWidth),
      [data.events, data.liveBytes, data.heapBytes, data.releasedBytes],
      chart,
    );
    new ResizeObserver(() => plot.setSize({ width: chart.clientWidth, height: 330 })).observe(chart);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw());
    chart.addEventListener('keydown', (event) => {
      const last = data.events.length - 1;
      const at = plot.cursor.idx ?? 0;
      const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last, PageUp: at - 20, PageDown: at + 20 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const to = Math.max(0, Math.min(last, steps[event.key]));
      plot.setCursor({ left: plot.valToPos(data.events[to], 'x'), top: plot.valToPos(data.heapBytes[to], 'y') });
    });
  }
})();
