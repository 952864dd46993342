// The versions there are, and which one answers.

import { ask } from "./api.js";
import { $, element, group } from "./dom.js";
import { size } from "./figures.js";
import { showProblem } from "./problem.js";

const TAKES = { image: "pictures", features: "features" };
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

let serving;

export async function showModels() {
  try {
    const { models } = await ask("/models");
    serving = models.find((model) => model.default);
    showServing(serving ? `Serving ${serving.id} ${serving.version}` : "No model is live yet", Boolean(serving));
    const inOrder = models.toSorted((one, other) => other.default - one.default);
    $("models").replaceChildren(...(models.length ? inOrder.map(entry) : [none()]));
  } catch (problem) {
    showServing(problem.message, false);
    showProblem($("models"), problem, showModels);
  }
}

export function isServing({ model_id: model, model_version: version }) {
  return serving?.id === model && serving.version === version;
}

function showServing(text, good) {
  $("serving").className = good ? "on" : "off";
  if ($("serving").textContent !== text) $("serving").textContent = text;
}

function entry(model) {
  const facts = [TAKES[model.kind], size(model.size_bytes), `added ${day.format(new Date(model.created_at))}`];
  return group(
    "li",
    {},
    group("p", {}, element("strong", model.id), " ", element("span", model.version), ...badges(model)),
    element("p", facts.filter(Boolean).join(" · "), { class: "hint small" }),
  );
}

function badges(model) {
  if (!model.live) return [];
  const live = element("span", "live", { class: "badge" });
  return model.default ? [live, element("span", "default", { class: "badge strong" })] : [live];
}

function none() {
  return element("li", "None yet. Choose an ONNX file above and upload it.", { class: "hint" });
}
