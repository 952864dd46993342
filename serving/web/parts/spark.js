// A few numbers as a small curve; the text beside it says what matters.

import { html } from "../html.js";

const WIDTH = 96;
const HEIGHT = 24;

export function Spark({ values }) {
  const most = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, place) => `${(place * step).toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 3)).toFixed(1)}`);
  return html`
    <svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" width=${WIDTH} height=${HEIGHT} aria-hidden="true" preserveAspectRatio="none">
      <polygon points="0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}" />
      <polyline points=${points.join(" ")} />
    </svg>
  `;
}
