// The first page: ask about a picture, bring a model, see what is live.
// Every text from outside goes in through textContent, so a name is only ever a name.

const $ = (id) => document.getElementById(id);

function element(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function headers(extra = {}) {
  const key = sessionStorage.getItem("lens-key");
  return key ? { Authorization: `Bearer ${key}`, ...extra } : extra;
}

function reason(body) {
  if (typeof body?.detail === "string") return body.detail;
  if (Array.isArray(body?.detail)) return body.detail.map((item) => `${item.loc.at(-1)}: ${item.msg}`).join("; ");
  return "The server gave no reason.";
}

function showProblem(place, body) {
  place.replaceChildren(element("p", reason(body), { class: "bad" }));
  if (body?.request_id) place.append(element("p", `Request ${body.request_id}`, { class: "facts" }));
}

function showAnswer(answer) {
  const unknown = answer.class_label === "unknown";
  const list = element("ol", undefined, { class: "bars" });
  for (const { label, probability } of answer.predictions) {
    const item = element("li");
    item.append(element("span", label), element("span", `${(probability * 100).toFixed(1)} %`));
    item.append(element("meter", undefined, { value: probability, min: 0, max: 1, "aria-label": label }));
    list.append(item);
  }
  const facts = `${answer.model_id} ${answer.model_version} · ${answer.latency_ms.toFixed(1)} ms` +
    (answer.cached ? " · from the cache" : "");
  $("answer").replaceChildren(
    element("p", answer.class_label, { class: "best" }),
    element("p", unknown ? `Best guess ${answer.predicted_label}, but under the threshold.` : "", { class: "hint" }),
    list,
    element("p", facts, { class: "facts" }),
  );
}

async function predict(request, preview) {
  $("preview").src = preview;
  $("preview").alt = "The picture you asked about";
  $("preview").hidden = false;
  $("answer").replaceChildren(element("p", "Looking…", { class: "hint" }));
  $("classify").disabled = true;
  try {
    const response = await fetch("/predict", { method: "POST", ...request });
    const body = await response.json();
    response.ok ? showAnswer(body) : showProblem($("answer"), body);
  } catch {
    showProblem($("answer"), { detail: "The server cannot be reached. Is it still running?" });
  } finally {
    $("classify").disabled = false;
  }
}

function predictFile(file) {
  const form = new FormData();
  form.append("file", file);
  return predict({ body: form, headers: headers() }, URL.createObjectURL(file));
}

function predictUrl(url) {
  const body = JSON.stringify({ image_url: url });
  return predict({ body, headers: headers({ "Content-Type": "application/json" }) }, url);
}

$("predict").addEventListener("submit", (event) => {
  event.preventDefault();
  const url = $("url").value.trim();
  if (url) predictUrl(url);
  else if ($("file").files.length) predictFile($("file").files[0]);
  else $("url").focus();
});
$("file").addEventListener("change", () => $("file").files.length && predictFile($("file").files[0]));
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((item) => item.type.startsWith("image/"));
  if (file) predictFile(file);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) predictFile(event.dataTransfer.files[0]);
  });
}

function send(form, onProgress) {
  // fetch cannot tell how much of a body has gone; XMLHttpRequest can.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/upload");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event));
    request.addEventListener("load", () => resolve({ ok: request.status === 201, body: request.response }));
    request.addEventListener("error", () => reject(new Error("The connection broke off.")));
    request.send(form);
  });
}

$("upload").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = $("upload").querySelector("button");
  const form = new FormData($("upload"));
  for (const name of ["labels", "name", "preprocessing"]) {
    const value = form.get(name);
    if (!value || value.size === 0) form.delete(name);
  }
  button.disabled = true;
  $("sent").hidden = false;
  $("uploaded").replaceChildren(element("p", "Sending…", { class: "hint" }));
  try {
    const { ok, body } = await send(form, ({ loaded, total }) => {
      $("sent").value = loaded / total;
      if (loaded === total) $("uploaded").replaceChildren(element("p", "Inspecting, proving, warming…", { class: "hint" }));
    });
    if (ok) {
      const { id, version } = body.model;
      $("uploaded").replaceChildren(element("p", `${id} ${version} is live on ${body.live_on} workers.`, { class: "good" }));
    } else showProblem($("uploaded"), body);
  } catch (error) {
    showProblem($("uploaded"), { detail: error.message });
  } finally {
    button.disabled = false;
    $("sent").hidden = true;
    showModels();
  }
});

$("key").value = sessionStorage.getItem("lens-key") ?? "";
$("key").addEventListener("change", () => {
  sessionStorage.setItem("lens-key", $("key").value);
  showModels();
});

function modelRow(model) {
  const row = element("tr");
  const size = model.size_bytes >= 1e6 ? `${(model.size_bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(model.size_bytes / 1e3)} kB`;
  const state = model.default ? "live, default" : model.live ? "live" : "";
  for (const text of [model.id, model.version, model.kind === "image" ? "pictures" : "features", size, state]) {
    row.append(element("td", text));
  }
  return row;
}

async function showModels() {
  try {
    const response = await fetch("/models", { headers: headers() });
    const body = await response.json();
    if (!response.ok) throw new Error(reason(body));
    $("models").replaceChildren(...body.models.map(modelRow));
    const live = body.models.find((model) => model.default);
    $("serving").textContent = live ? `Serving ${live.id} ${live.version}` : "No model is live yet.";
  } catch (error) {
    $("serving").textContent = error.message;
  }
}

showModels();
