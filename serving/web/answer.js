// What the model says about a picture.

import { element, group } from "./dom.js";
import { duration, share } from "./figures.js";

export function showAnswer(place, answer) {
  const unknown = answer.class_label !== answer.predicted_label;
  place.replaceChildren(
    group("div", { class: unknown ? "verdict unknown" : "verdict" }, ...(unknown ? doubt(answer) : verdict(answer))),
    group("ol", { class: "bars" }, ...answer.predictions.map(bar)),
    facts(answer),
  );
}

export function showWaiting(place) {
  const seconds = element("span", "", { "aria-hidden": "true" });
  const line = group("div", { class: "waiting" }, group("p", {}, "Looking… ", seconds), element("progress"));
  line.lastChild.setAttribute("aria-label", "Waiting for the answer");
  place.replaceChildren(line);
  const start = performance.now();
  const timer = setInterval(() => {
    seconds.textContent = `${Math.round((performance.now() - start) / 1000)} s`;
    if (!line.isConnected) clearInterval(timer);
  }, 1000);
}

function verdict({ class_label: label, confidence }) {
  return [element("p", label, { class: "best" }), element("p", `${share(confidence)} confidence`, { class: "sure" })];
}

function doubt({ class_label: label, predicted_label: guess, confidence }) {
  return [
    element("p", label, { class: "best" }),
    element("p", `The best guess, ${guess}, has ${share(confidence)} confidence: under the threshold.`, { class: "sure" }),
  ];
}

function bar({ label, probability }) {
  // The text says it all: the drawn bar is for the eye.
  const drawn = element("span", "", { class: "bar", "aria-hidden": "true" });
  drawn.style.setProperty("--share", probability);
  return group("li", {}, element("span", label), element("span", share(probability), { class: "figure" }), drawn);
}

function facts({ model_id: model, model_version: version, latency_ms: latency, cached }) {
  const entries = { Model: model, Version: version, Time: duration(latency), Cached: cached ? "yes" : "no" };
  const pairs = Object.entries(entries).map(([term, value]) =>
    group("div", {}, element("dt", term), element("dd", value)),
  );
  return group("dl", { class: "facts" }, ...pairs);
}
