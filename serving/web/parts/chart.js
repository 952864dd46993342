// Curves over time or over steps, drawn as SVG in the page's own colours; their newest values stand below as text.

import { html, useEffect, useRef, useState } from "../html.js";
import { countedTicks, scale, ticks } from "./scale.js";

const HEIGHT = 180;
const LEFT = 58;
const RIGHT = 28;
const TOP = 8;
const BOTTOM = HEIGHT - 28;

// `xs` rise; each of `series` is {label, values, color (a token’s name)}.  `format` writes a value, `formatX` a place.
// `stacked` lays the series on one another; `top` is where the scale ends.
export function Chart({ title, xs, series, format, formatX, stacked, top }) {
  const [at, setAt] = useState(null);
  const where = at ?? lastPlace(series);
  return html`
    <figure class="chart">
      <figcaption><h3>${title}</h3><span class="hint small figure">${where !== null && xs[where] !== undefined ? formatX(xs[where]) : ""}</span></figcaption>
      <${Plot} xs=${xs} series=${stacked ? piled(series) : series} format=${format} formatX=${formatX} stacked=${stacked} top=${top} at=${at} onPoint=${setAt} />
      <ul class=${stacked ? "legend varied" : "legend"}>
        ${series.map(({ label, values, color }) => html`
          <li key=${label}><span class="swatch" style=${painted(color)}></span><span class="name">${label}</span> <span class="figure">${known(values[where]) ? format(values[where]) : "–"}</span></li>
        `)}
      </ul>
    </figure>
  `;
}

function Plot({ xs, series, format, formatX, stacked, top, at, onPoint }) {
  const [host, width] = useWidth();
  const values = series.flatMap((each) => each.values).filter(known);
  const [low, high] = [Math.min(0, ...values), top ?? (Math.max(0, ...values) || 1) * 1.08];
  const x = scale(xs[0], xs.at(-1), LEFT, width - RIGHT);
  const y = scale(low, high, BOTTOM, TOP);
  const point = ({ clientX, currentTarget }) => onPoint(nearest(xs, x, clientX - currentTarget.getBoundingClientRect().left));
  return html`
    <div class="plot" ref=${host} aria-hidden="true" onPointerMove=${point} onPointerLeave=${() => onPoint(null)}>
      ${width > 0 && html`
        <svg width=${width} height=${HEIGHT}>
          ${ticks(low, high, 4).map((value) => html`
            <g key=${value}><line class="grid" x1=${LEFT} x2=${width - RIGHT} y1=${y(value)} y2=${y(value)} /><text class="side" x=${LEFT - 8} y=${y(value)} dy=".35em">${whole(format(value))}</text></g>
          `)}
          ${countedTicks(xs[0], xs.at(-1), (width - LEFT) / 75).map((value) => html`<text key=${value} x=${x(value)} y=${HEIGHT - 6}>${formatX(value)}</text>`)}
          ${series.map(({ label, values: own, color }) => {
            const runs = unbroken(own).map((run) => run.map((place) => [x(xs[place]), y(own[place])]));
            return html`<path key=${label} class=${stacked ? "area" : "line"} style=${painted(color)} d=${runs.map(stacked ? area : line).join("")} />`;
          })}
          ${at !== null && html`<line class="pointer" x1=${x(xs[at])} x2=${x(xs[at])} y1=${TOP} y2=${BOTTOM} />`}
        </svg>
      `}
    </div>
  `;
}

const known = (value) => value !== null && value !== undefined;
const painted = (color) => ({ "--color": `var(--${color})` });

// Beside an axis a whole number is written as one.
const whole = (text) => text.replace(/\.0(?!\d)/, "");

function useWidth() {
  const host = useRef();
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watcher = new ResizeObserver(([{ contentRect }]) => setWidth(Math.round(contentRect.width)));
    watcher.observe(host.current);
    return () => watcher.disconnect();
  }, []);
  return [host, width];
}

// The newest place at which anything is known.
function lastPlace(series) {
  const last = Math.max(-1, ...series.map(({ values }) => values.findLastIndex(known)));
  return last < 0 ? null : last;
}

// Each series on top of the sum of those after it: the first is drawn first, behind the others.
function piled(series) {
  const sums = new Array(series[0]?.values.length ?? 0).fill(0);
  return series
    .toReversed()
    .map((each) => ({ ...each, values: each.values.map((value, place) => (known(value) ? (sums[place] += value) : null)) }))
    .toReversed();
}

// The places of `values` that are known, in runs without a gap.
function unbroken(values) {
  const runs = [];
  values.forEach((value, place) => {
    if (!known(value)) return;
    if (runs.at(-1)?.at(-1) === place - 1) runs.at(-1).push(place);
    else runs.push([place]);
  });
  return runs;
}

const written = (points) => points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
// A value between gaps becomes a dot: a line of no length has round ends.
const line = (points) => `M${written(points)}${points.length === 1 ? "h0" : ""}`;
const area = (points) => `M${written([[points[0][0], BOTTOM], ...points, [points.at(-1)[0], BOTTOM]])}Z`;

function nearest(xs, x, where) {
  const distances = xs.map((each) => Math.abs(x(each) - where));
  return distances.indexOf(Math.min(...distances));
}
