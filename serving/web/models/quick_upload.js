// The short way: a model and its labels, live at once.

import { html, useState } from "../html.js";
import { refreshCatalogue } from "../catalogue.js";
import { useIntake } from "../intake.js";
import { Field, FileField } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";
import { PRESETS } from "./presets.js";
import { Steps, TO_GO_LIVE, stepNow } from "./steps.js";
import { useUpload } from "./upload.js";

const EMPTY = { model: null, labels: null, name: "", preprocessing: "", threshold: "" };

export function QuickUpload({ active }) {
  const [fields, setFields] = useState(EMPTY);
  const upload = useUpload();
  const change = (name) => (event) => setFields((now) => ({ ...now, [name]: event.target.value }));
  const choose = (name) => (file) => setFields((now) => ({ ...now, [name]: file }));
  useIntake(active, ["model", "labels"], ([file], kind) => choose(kind)(file));

  async function submit(event) {
    event?.preventDefault();
    if (await upload.upload("/upload", { ...fields, progress: true })) {
      setFields(EMPTY);
      refreshCatalogue();
    }
  }
  return html`
    <section class="card" aria-labelledby="bring-title">
      <h2 id="bring-title">Bring a model</h2>
      <form id="upload" onSubmit=${submit}>
        <${FileField} id="model" name="model" label="Model" hint=".onnx" accept=".onnx" required value=${fields.model} onFiles=${choose("model")} />
        <${FileField} id="labels" name="labels" label="Labels" hint="JSON, or one a line" accept=".json,.txt" value=${fields.labels} onFiles=${choose("labels")} />
        <details>
          <summary>Name, preprocessing, threshold</summary>
          <${Field} label="Name"><input id="name" name="name" placeholder="the file’s name" autocomplete="off" spellcheck="false" value=${fields.name} onInput=${change("name")} /><//>
          <${Field} label="Preprocessing">
            <select id="preprocessing" name="preprocessing" value=${fields.preprocessing} onChange=${change("preprocessing")}>
              <option value="">as the model says</option>
              ${PRESETS.map((preset) => html`<option key=${preset}>${preset}</option>`)}
            </select>
          <//>
          <${Field} label="Say “unknown” below" hint="0 to 1">
            <input id="threshold" name="threshold" type="number" min="0" max="1" step="any" placeholder="0: never" value=${fields.threshold} onInput=${change("threshold")} />
          <//>
        </details>
        <button aria-disabled=${upload.busy}>Upload and go live</button>
        <div class="outcome">
          ${upload.busy && html`<${Steps} upload=${upload} steps=${TO_GO_LIVE} />`}
          <div id="uploaded" role="status">${said(upload, submit)}</div>
        </div>
      </form>
      <p class="hint small">To look at it first, with a trial picture, bring it in under <a href="#models">Models</a>.</p>
    </section>
  `;
}

function said(upload, again) {
  if (upload.phase === "failed") return html`<${ProblemNote} problem=${upload.problem} again=${again} />`;
  if (upload.phase === "done") {
    const { model, live_on: liveOn } = upload.result;
    return html`<p class="good">${model.id} ${model.version} is live on ${liveOn.replace("/", " of ")} workers and answers from now on.</p>`;
  }
  if (upload.busy) return html`<span class="unseen">${stepNow(upload, TO_GO_LIVE)}</span>`;
  return html`<p class="hint">It is tested and warmed up first; the current model answers until then.</p>`;
}
