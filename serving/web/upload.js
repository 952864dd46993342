// Bringing a model in: real progress while it is sent, then what the server makes of it.

import { send } from "./api.js";
import { $, element } from "./dom.js";
import { size } from "./figures.js";
import { showProblem } from "./problem.js";

let busy = false;

export function startUpload(onLive) {
  $("upload").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!busy) await upload(onLive);
  });
}

async function upload(onLive) {
  setBusy(true);
  say("Sending…");
  try {
    const { model, live_on: liveOn } = await send("/upload", fields(), showProgress);
    say(`${model.id} ${model.version} is live on ${liveOn.replace("/", " of ")} workers and answers from now on.`, "good");
    $("upload").reset();
    onLive();
  } catch (problem) {
    showProblem($("uploaded"), problem, () => $("upload").requestSubmit());
  } finally {
    setBusy(false);
  }
}

// What was left empty is not sent: the server then decides.
function fields() {
  const form = new FormData($("upload"));
  for (const [name, value] of [...form]) if (value === "" || value.size === 0) form.delete(name);
  return form;
}

function showProgress({ loaded, total, lengthComputable }) {
  if (!lengthComputable) return;
  $("sent").value = loaded / total;
  $("amount").textContent = `${size(loaded)} of ${size(total)}`;
  if (loaded === total) {
    // No value: a bar that moves, for it is not known how long the rest takes.
    $("sent").removeAttribute("value");
    $("amount").textContent = "";
    say("Testing it, then warming it up on every worker…");
  }
}

function setBusy(value) {
  busy = value;
  // A disabled button would lose the keyboard's focus.
  $("upload").querySelector("button").setAttribute("aria-disabled", String(value));
  $("sending").hidden = !value;
  $("amount").textContent = "";
  $("sent").value = 0;
}

function say(text, kind = "hint") {
  $("uploaded").replaceChildren(element("p", text, { class: kind }));
}
