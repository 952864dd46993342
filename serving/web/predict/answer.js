// What the model says about a picture.

import { describe } from "../catalogue.js";
import { duration, share } from "../figures.js";
import { html, useEffect, useState } from "../html.js";
import { Bars } from "../parts/bars.js";
import { Feedback } from "./feedback.js";

export function Answer({ answer, options }) {
  const threshold = useThreshold(answer, options);
  const unknown = answer.class_label !== answer.predicted_label;
  const items = answer.predictions.map(({ label, probability }) => ({ label, share: probability }));
  return html`
    <div class=${unknown ? "verdict unknown" : "verdict"}>
      <p class="best">${answer.class_label}</p>
      <p class="sure">${unknown ? doubt(answer, threshold) : `${share(answer.confidence)} confidence`}</p>
    </div>
    <${Bars} items=${items} mark=${threshold || undefined} />
    <${Facts} answer=${answer} />
    <${Feedback} key=${answer.request_id} answer=${answer} />
  `;
}

export function Facts({ answer }) {
  const mode = answer.mode && answer.mode !== "fp32" ? ` (${answer.mode})` : "";
  const entries = {
    Model: answer.model_id,
    Version: answer.model_version + mode,
    Time: duration(answer.latency_ms),
    Cached: answer.cached ? "yes" : "no",
  };
  return html`
    <dl class="facts">
      ${Object.entries(entries).map(([term, value]) => html`<div key=${term}><dt>${term}</dt><dd>${value}</dd></div>`)}
    </dl>
  `;
}

function doubt({ predicted_label: guess, confidence }, threshold) {
  const needed = threshold ? ` of ${share(threshold)}` : "";
  return `The best guess, ${guess}, has ${share(confidence)} confidence: under the threshold${needed}.`;
}

// The confidence that is asked for: by this request, else by the version.
function useThreshold(answer, { threshold }) {
  const [known, setKnown] = useState(0);
  const { model_id: id, model_version: version } = answer;
  useEffect(() => {
    let here = true;
    describe({ id, version }).then(
      (info) => here && setKnown(info.threshold),
      () => {}, // the answer stands without it
    );
    return () => (here = false);
  }, [id, version]);
  return threshold ?? known;
}
