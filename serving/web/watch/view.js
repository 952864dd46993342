// The fourth view: what the service is doing, from its own figures.

import { count, duration, rate, share } from "../figures.js";
import { html, useMemo, useState } from "../html.js";
import { Bars } from "../parts/bars.js";
import { Chart } from "../parts/chart.js";
import { usePolled } from "../parts/poll.js";
import { ProblemNote } from "../parts/problem.js";
import { figures } from "./figures.js";

const RANGES = [
  ["5 min", 300, 2],
  ["15 min", 900, 3],
  ["1 hour", 3600, 10],
  ["6 hours", 21_600, 30],
  ["1 day", 86_400, 60],
  ["7 days", 604_800, 120],
];
const STEPS = 60;
const COLORS = ["series-1", "series-2", "series-3", "series-4", "series-5", "series-6", "series-7"];

export function WatchView({ active }) {
  const [range, setRange] = useState(RANGES[1]);
  const [paused, setPaused] = useState(false);
  const [, seconds, every] = range;
  const { value: stats, problem, again } = usePolled(`/stats?seconds=${seconds}&steps=${STEPS}`, every, active && !paused);
  return html`
    <section aria-labelledby="watch-title">
      <div class="row head">
        <h2 id="watch-title">What it is doing</h2>
        <div class="choices" role="group" aria-label="Time range">
          ${RANGES.map((each) => html`<button key=${each[0]} type="button" class="choice" aria-pressed=${each === range} onClick=${() => setRange(each)}>${each[0]}</button>`)}
        </div>
        <button class="quiet small" type="button" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? "Go on" : "Pause"}</button>
      </div>
      <${ProblemNote} problem=${problem && !stats ? problem : null} again=${again} />
      ${stats ? html`<${Board} stats=${stats} seconds=${seconds} paused=${paused} />` : !problem && html`<p class="card hint" role="status">${paused ? "Paused." : "Looking…"}</p>`}
    </section>
  `;
}

function Board({ stats, seconds, paused }) {
  const told = useMemo(() => figures(stats), [stats]);
  const clock = clockFor(seconds);
  return html`
    <dl class="stats">
      <${Stat} term="Requests" value=${count(told.requests)} note="${rate(told.requests / seconds)} a second" />
      <${Stat} term="Errors" value=${count(told.errors)} note=${told.requests ? share(told.errors / told.requests) : "–"} bad=${told.errors > 0} />
      <${Stat} term="Median" value=${told.p50 === null ? "–" : duration(told.p50)} note="of the newest step" />
      <${Stat} term="99 % under" value=${told.p99 === null ? "–" : duration(told.p99)} note="of the newest step" />
      <${Stat} term="From the cache" value=${told.requests ? share(told.cached / told.requests) : "–"} note=${told.cached === 1 ? "1 answer" : `${count(told.cached)} answers`} />
      <${Stat} term="Right now" value=${count(stats.now.in_progress)} note="${count(stats.now.queued)} waiting for a model" />
    </dl>
    <div class="charts">
      <${Panel}><${Chart} title="Requests a second" xs=${told.times} series=${told.rates} format=${rate} formatX=${clock} /><//>
      <${Panel}><${Chart} title="Time to answer" xs=${told.times} series=${told.latencies} format=${duration} formatX=${clock} /><//>
      <${Panel}><${Chart} title="Which model answers" xs=${told.times} series=${painted(told.shares)} format=${share} formatX=${clock} stacked top=${1} /><//>
      <${Panel}><${Chart} title="Labels" xs=${told.times} series=${painted(told.labels)} format=${share} formatX=${clock} stacked top=${1} /><//>
      <${Panel}><${Chart} title="Confidence" xs=${told.times} series=${told.confidences} format=${share} formatX=${clock} top=${1} /><//>
      <${Panel}><${Chart} title="Answers from the cache" xs=${told.times} series=${told.hits} format=${share} formatX=${clock} top=${1} /><//>
      <${Panel}>
        <h3>Rows run at once</h3>
        <p class="hint small">Since the server started: ${count(told.runs)} runs, ${told.runs ? (stats.now.rows / told.runs).toFixed(2) : "–"} rows each.</p>
        <${Bars} items=${told.batches} />
      <//>
      <${Panel}>
        <h3>Answers since the server started</h3>
        <p class="hint small">4xx: what a caller got wrong. 5xx: what the service could not do.</p>
        <${Bars} items=${told.responses} />
      <//>
    </div>
    <p class="hint small">
      ${stats.every > 1 ? `Every ${stats.every}th request was looked at; counts are scaled up. ` : ""}
      <span role="status">${paused ? "Paused." : ""}</span>
      All workers together; shadows are left out. For Prometheus: <a href="/metrics">/metrics</a>
    </p>
  `;
}

const Panel = ({ children }) => html`<div class="card">${children}</div>`;

function Stat({ term, value, note, bad }) {
  return html`<div class="card stat"><dt>${term}</dt><dd class=${bad ? "value bad" : "value"}>${value}</dd><dd class="hint small">${note}</dd></div>`;
}

const painted = (series) => series.map((each, place) => ({ ...each, color: each.color ?? COLORS[place % COLORS.length] }));

function clockFor(seconds) {
  const style = seconds <= 900 ? { timeStyle: "medium" } : seconds <= 86_400 ? { timeStyle: "short" } : { weekday: "short", hour: "2-digit" };
  const format = new Intl.DateTimeFormat("en-GB", style);
  return (unix) => format.format(unix * 1000);
}
