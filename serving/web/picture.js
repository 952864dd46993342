// Asking about a picture: by address or as a file, with the picture shown at once.  The last question wins.

import { showAnswer, showWaiting } from "./answer.js";
import { ask } from "./api.js";
import { $, element } from "./dom.js";
import { showProblem } from "./problem.js";

let question;

export function askAboutUrl(text) {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  $("url").value = url;
  $("file").value = "";
  preview(url, `The picture at ${url}`);
  const body = JSON.stringify({ image_url: url });
  return classify({ body, headers: { "Content-Type": "application/json" } });
}

export function askAboutFile(file) {
  $("url").value = "";
  preview(URL.createObjectURL(file), `The picture ${file.name}`);
  const body = new FormData();
  body.append("file", file);
  return classify({ body });
}

export function startPicture(onAnswer) {
  $("predict").addEventListener("submit", (event) => {
    event.preventDefault();
    const [url, file] = [$("url").value.trim(), $("file").files[0]];
    if (url) askAboutUrl(url);
    else if (file) askAboutFile(file);
    else askForOne();
  });
  $("file").addEventListener("change", () => $("file").files.length && askAboutFile($("file").files[0]));
  $("predict").addEventListener("answer", (event) => onAnswer(event.detail));
  $("preview").addEventListener("load", () => ($("preview").hidden = false));
  $("preview").addEventListener("error", () => ($("invitation").textContent = "This picture cannot be shown here."));
}

async function classify(request) {
  question?.abort();
  const mine = (question = new AbortController());
  showWaiting($("answer"));
  try {
    const answer = await ask("/predict", { method: "POST", ...request, signal: mine.signal });
    if (mine !== question) return;
    showAnswer($("answer"), answer);
    $("predict").dispatchEvent(new CustomEvent("answer", { detail: answer }));
  } catch (problem) {
    if (mine === question) showProblem($("answer"), problem, () => classify(request));
  }
}

function preview(source, description) {
  const image = $("preview");
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  image.hidden = true;
  $("invitation").textContent = "";
  image.alt = description;
  image.src = source;
}

function askForOne() {
  $("answer").replaceChildren(element("p", "Give the address of a picture, or choose a file.", { class: "bad" }));
  $("url").focus();
}
