// A failure in words: what the server says, what to do about it, and a way to do it.

import { keyWanted } from "../api.js";
import { counted } from "../figures.js";
import { html } from "../html.js";

const ADVICE = {
  unreachable: "Is it still running? Start it if it is not; then try again.",
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
  invalid_model: "Export the model anew, with all its weights in the one .onnx file.",
  model_not_found: "It may have been deleted: choose another under “Model and options”.",
  version_exists: "Give it another version.",
  overloaded: "Many are asking at once.",
  draining: "It comes back if somebody starts it again.",
  deadline_exceeded: "Try it once more when less is going on.",
  internal_error: "Try it once more; if it stays, whoever runs the server finds the request’s number in its log.",
  no_memory: "Delete versions that nobody needs, or give the server more memory.",
  storage_full: "Delete versions that nobody needs, or make room on the server’s disk.",
};
const NEEDS_KEY = new Set(["unauthorized", "forbidden"]);

// `again` is what to do when the same is asked once more; without it there is no such button.
export function ProblemNote({ problem, again }) {
  if (!problem) return null;
  const advice = [ADVICE[problem.code], problem.wait && `Wait ${counted(problem.wait, "second")}.`].filter(Boolean);
  return html`
    <div class="problem">
      <p class="bad">${problem.message}</p>
      ${advice.length > 0 && html`<p>${advice.join(" ")}</p>`}
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
