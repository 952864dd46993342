// A failure in words: what the server says, what to do about it, and a way to do it.

import { keyWanted } from "../api.js";
import { html } from "../html.js";

const ADVICE = {
  unreachable: "Is it still running?",
  url_unreachable: "Open the address in another tab to check it, or save the picture and choose the file.",
  url_forbidden: "Save the picture and choose the file instead.",
  not_an_image: "Choose another file, or the address of the picture itself, not of the page it is on.",
  image_damaged: "Save it anew as JPEG or PNG and try that.",
  image_too_large: "Scale it down and try again.",
  body_too_large: "Choose a smaller file.",
  not_onnx: "Convert the model to ONNX first and choose the .onnx file.",
  no_model: "Bring an ONNX model in first, under “Bring a model”.",
  wrong_input_kind: "Choose a model that takes pictures under “Model and options”.",
  invalid_labels: "The file needs one label for each class, in the model’s order.",
  version_exists: "Give it another version.",
  rate_limited: "Wait a moment.",
  storage_full: "Delete versions that nobody needs, or make room on the server’s disk.",
};
const NEEDS_KEY = new Set(["unauthorized", "forbidden"]);

// `again` is what to do when the same is asked once more; without it there is no such button.
export function ProblemNote({ problem, again }) {
  if (!problem) return null;
  const advice = ADVICE[problem.code];
  return html`
    <div class="problem">
      <p class="bad">${problem.message}</p>
      ${advice && html`<p>${advice}</p>`}
      ${way(problem, again)}
      ${problem.requestId && html`<p class="hint small">Request ${problem.requestId}</p>`}
    </div>
  `;
}

function way(problem, again) {
  if (NEEDS_KEY.has(problem.code)) {
    return html`<button class="quiet" type="button" onClick=${() => keyWanted.set(true)}>Enter an API key</button>`;
  }
  if (!again || !mayPass(problem)) return null;
  return html`<button class="quiet" type="button" onClick=${again}>Try again</button>`;
}

function mayPass({ status }) {
  return status === 0 || status === 429 || status >= 500;
}
