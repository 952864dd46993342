// A failure in words: what the server says, what to do about it, and a way to do it.

import { $, button, element, group } from "./dom.js";

const ADVICE = {
  unreachable: "Is it still running?",
  url_unreachable: "Open the address in another tab to check it, or save the picture and choose the file.",
  url_forbidden: "Save the picture and choose the file instead.",
  not_an_image: "Choose another file, or the address of the picture itself, not of the page it is on.",
  image_damaged: "Save it anew as JPEG or PNG and try that.",
  image_too_large: "Scale it down and try again.",
  body_too_large: "Choose a smaller file.",
  not_onnx: "Convert the model to ONNX first and choose the .onnx file.",
  no_model: "Choose an ONNX file under “Bring a model”.",
  wrong_input_kind: "Make a model that takes pictures the default under “Bring a model”.",
  invalid_labels: "The file needs one label for each class, in the model’s order.",
  rate_limited: "Wait a moment.",
};
const NEEDS_KEY = new Set(["unauthorized", "forbidden"]);

// `again` is what to do when the same is asked once more.
export function showProblem(place, problem, again) {
  const lines = [element("p", problem.message, { class: "bad" })];
  if (ADVICE[problem.code]) lines.push(element("p", ADVICE[problem.code]));
  if (NEEDS_KEY.has(problem.code)) lines.push(button("Enter an API key", () => $("open-access").click()));
  else if (mayPass(problem)) lines.push(button("Try again", again));
  if (problem.requestId) lines.push(element("p", `Request ${problem.requestId}`, { class: "hint small" }));
  place.replaceChildren(group("div", { class: "problem" }, ...lines));
}

function mayPass({ status }) {
  return status === 0 || status === 429 || status >= 500;
}
