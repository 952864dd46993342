// What the board shows, from what the server counts.

// `step_s` seconds a step from `since` on; a step without requests has no share and no latency.
export function figures(stats) {
  const { requests, errors, cached, step_s: step, now } = stats;
  const times = requests.map((_, place) => stats.since + (place + 1) * step);
  const each = rates(stats);
  const part = (values) => values.map((value, place) => (requests[place] ? value / requests[place] : null));
  const labelled = requests.map((_, place) => sum(Object.values(stats.labels).map((values) => values[place])) + stats.other_labels[place]);
  const partOfLabelled = (values) => values.map((value, place) => (labelled[place] ? value / labelled[place] : null));
  const sizes = Object.entries(now.batches);
  const runs = sum(Object.values(now.batches));
  return {
    times,
    requests: sum(requests),
    errors: sum(errors),
    cached: sum(cached),
    p50: newest(stats.p50_ms),
    p99: newest(stats.p99_ms),
    rates: [
      { label: "Requests", values: each(requests), color: "series-1" },
      { label: "Errors", values: each(errors), color: "bad" },
    ],
    latencies: [
      { label: "Median", values: stats.p50_ms, color: "series-1" },
      { label: "95 %", values: stats.p95_ms, color: "series-3" },
      { label: "99 %", values: stats.p99_ms, color: "series-2" },
    ],
    shares: stats.versions.slice(0, 7).map(({ id, version, requests: own }) => ({ label: `${id} ${version}`, values: part(own) })),
    labels: [
      ...Object.entries(stats.labels).map(([label, values]) => ({ label, values: partOfLabelled(values) })),
      ...(sum(stats.other_labels) ? [{ label: "others", values: partOfLabelled(stats.other_labels), color: "rest" }] : []),
    ],
    confidences: [
      { label: "Highest tenth from", values: stats.confidence_p90, color: "series-3" },
      { label: "Median", values: stats.confidence_p50, color: "series-1" },
      { label: "Lowest tenth to", values: stats.confidence_p10, color: "series-2" },
    ],
    hits: [{ label: "Cached", values: part(cached), color: "series-1" }],
    runs,
    batches: sizes
      .map(([bound, number], place) => ({ label: sizeLabel(sizes, bound, place), share: runs ? number / runs : 0, number }))
      .filter(({ number }, place) => number || place < 4),
    responses: answered(now.responses),
  };
}

// Counts by second.  The last step is not over: it is left open until enough of it is to say something.
function rates({ requests, since, step_s: step, at }) {
  const last = requests.length - 1;
  const passed = at - (since + last * step);
  return (values) => values.map((value, place) => (place < last ? value / step : passed > step / 4 ? value / passed : null));
}

function answered(responses) {
  const all = sum(Object.values(responses));
  return ["2xx", "4xx", "5xx"].map((kind) => ({ label: kind, share: all ? (responses[kind] ?? 0) / all : 0, text: String(responses[kind] ?? 0) }));
}

function sizeLabel(sizes, bound, place) {
  const from = place ? Number(sizes[place - 1][0]) + 1 : 1;
  if (bound === "+Inf") return `${from} and more`;
  return Number(bound) === from ? bound : `${from} to ${bound}`;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const newest = (values) => values.findLast((value) => value !== null) ?? null;
