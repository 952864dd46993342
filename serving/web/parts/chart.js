// Curves over time or over steps, drawn by uPlot in the page's own colours; their newest values stand below as text.

import { html, useEffect, useRef, useState } from "../html.js";
import uPlot from "../vendor/uplot-1.6.32.js";

const HEIGHT = 180;
const STYLE = "/static/vendor/uplot-1.6.32.css";
const dark = matchMedia("(prefers-color-scheme: dark)");

// `xs` rise; each of `series` is {label, values, color (a token’s name), dash}.  `format` writes a value,
// `formatX` a place.  `stacked` lays the series on one another; `top` is where the scale ends.
export function Chart({ title, xs, series, format, formatX, stacked, top }) {
  const place = useRef();
  const chart = useRef();
  const [at, setAt] = useState(null);
  const [scheme, setScheme] = useState(dark.matches);
  const shown = stacked ? pile(series) : series;
  const names = series.map(({ label, color }) => `${label} ${color}`).join();

  useEffect(() => {
    const follow = () => setScheme(dark.matches);
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    const host = place.current;
    // It may be gone again before its first effect.
    if (!host) return;
    style();
    const options = settings({ shown, format, formatX, stacked, top, onCursor: setAt, width: host.clientWidth });
    const plot = (chart.current = new uPlot(options, [xs, ...shown.map(({ drawn, values }) => drawn ?? values)], host));
    const resized = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: HEIGHT }));
    resized.observe(host);
    return () => {
      resized.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [names, scheme, stacked]);
  useEffect(() => {
    chart.current?.setData([xs, ...shown.map(({ drawn, values }) => drawn ?? values)]);
  }, [xs, series]);

  const where = at ?? lastPlace(series);
  return html`
    <figure class="chart">
      <figcaption><h3>${title}</h3><span class="hint small figure">${where !== null && xs[where] !== undefined ? formatX(xs[where]) : ""}</span></figcaption>
      <div class="plot" ref=${place} aria-hidden="true"></div>
      <ul class="legend">
        ${series.map(({ label, values, color }) => html`
          <li key=${label}><span class="swatch" style=${{ "--color": `var(--${color})` }}></span><span class="name">${label}</span> <span class="figure">${written(values[where], format)}</span></li>
        `)}
      </ul>
    </figure>
  `;
}

const written = (value, format) => (value === null || value === undefined ? "–" : format(value));

// The newest place at which anything is known.
function lastPlace(series) {
  const places = series.map(({ values }) => values.findLastIndex((value) => value !== null && value !== undefined));
  const last = Math.max(-1, ...places);
  return last < 0 ? null : last;
}

// Each series on top of the sum of those after it: the first is drawn first, behind the others.
function pile(series) {
  const sums = new Array(series[0]?.values.length ?? 0).fill(0);
  return series
    .toReversed()
    .map((each) => ({ ...each, drawn: each.values.map((value, place) => (value === null ? null : (sums[place] += value))) }))
    .toReversed();
}

function settings({ shown, format, formatX, stacked, top, onCursor, width }) {
  const colors = getComputedStyle(document.documentElement);
  const token = (name) => colors.getPropertyValue(`--${name}`).trim();
  const axis = { stroke: token("soft"), font: `12px ${colors.fontFamily}`, grid: { stroke: token("line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: { x: { time: false }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), top ?? Math.max((high ?? 1) * 1.08, 1e-9)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 90, size: 30, values: (_, places) => places.map((each) => formatX(each)) },
      { ...axis, size: 58, values: (_, values) => values.map((each) => format(each)) },
    ],
    series: [
      {},
      ...shown.map(({ color, dash }) => ({
        stroke: token(color),
        width: stacked ? 1 : 2,
        dash,
        fill: stacked ? token(color) : undefined,
        points: { show: true, size: 5, fill: token(color), filter: alone },
      })),
    ],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

// A value between gaps has no line to be seen by.
function alone(plot, which) {
  const values = plot.data[which];
  const there = (place) => values[place] !== null && values[place] !== undefined;
  return values.flatMap((_, place) => (there(place) && !there(place - 1) && !there(place + 1) ? [place] : []));
}

function style() {
  if (document.querySelector(`link[href="${STYLE}"]`)) return;
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href: STYLE });
  document.head.append(link);
}
