// Bringing a model in with a look before: sent, understood, tried with a picture, corrected, and only then live.

import { catalogueNow, refreshCatalogue } from "../catalogue.js";
import { html, useState } from "../html.js";
import { useIntake } from "../intake.js";
import { Field, FileField } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";
import { deleteVersion } from "./changes.js";
import { idFrom, nextVersion } from "./names.js";
import { PRESETS } from "./presets.js";
import { Review } from "./review.js";
import { Steps, toStore } from "./steps.js";
import { useUpload } from "./upload.js";

const EMPTY = { file: null, labels: null, id: "", preprocessing: "", threshold: "", optimize: false };

export function Bring({ active }) {
  const [fields, setFields] = useState(EMPTY);
  const [made, setMade] = useState(null);
  const [said, setSaid] = useState("");
  const upload = useUpload();
  const choose = (name) => (file) => setFields((now) => ({ ...now, [name]: file }));
  useIntake(active && !made, ["model", "labels"], ([file], kind) => choose(kind === "model" ? "file" : "labels")(file));

  // Sends what stands in the form; versions never change, so a correction is a new one and the old one goes.
  async function bring(corrected = {}) {
    const { id: wanted, optimize, ...rest } = { ...fields, ...corrected };
    const id = (wanted || idFrom(rest.file.name)).toLowerCase();
    // What was just made may not have come back in the catalogue yet.
    const known = [...catalogueNow().models, ...(made ? [made.model] : [])];
    setSaid("");
    const result = await upload.upload("/models/upload", {
      ...rest,
      id,
      name: id,
      version: nextVersion(known, id),
      activate: "never",
      progress: true,
      ...(optimize ? { optimize: "auto" } : {}),
    });
    if (!result) return;
    if (made) await deleteVersion(made.model.id, made.model.version);
    setFields((now) => ({ ...now, ...corrected, id }));
    setMade(result);
    await refreshCatalogue();
  }
  function over(text) {
    setFields(EMPTY);
    setMade(null);
    setSaid(text);
    upload.reset();
    refreshCatalogue();
  }
  return html`
    <section class="card" aria-labelledby="look-title">
      <h2 id="look-title">Bring a model</h2>
      ${made
        ? html`<${Review} key=${made.model.version} made=${made} fields=${fields} upload=${upload} active=${active} onCorrect=${bring} onOver=${over} />`
        : html`<${Form} fields=${fields} setFields=${setFields} choose=${choose} upload=${upload} onSubmit=${() => bring()} />`}
      <p class="good" role="status">${said}</p>
    </section>
  `;
}

function Form({ fields, setFields, choose, upload, onSubmit }) {
  const change = (name) => (event) => setFields((now) => ({ ...now, [name]: event.target.value }));
  function submit(event) {
    event.preventDefault();
    onSubmit();
  }
  return html`
    <form id="bring" onSubmit=${submit}>
      <${FileField} label="Model" hint=".onnx" accept=".onnx" required value=${fields.file} onFiles=${choose("file")} />
      <${FileField} label="Labels" hint="JSON, or one a line" accept=".json,.txt" value=${fields.labels} onFiles=${choose("labels")} />
      <details>
        <summary>Id, preprocessing, threshold, speed</summary>
        <${Field} label="Id"><input placeholder="the file’s name" autocomplete="off" spellcheck="false" maxlength="63" value=${fields.id} onInput=${change("id")} /><//>
        <${Field} label="Preprocessing">
          <select value=${fields.preprocessing} onChange=${change("preprocessing")}>
            <option value="">as the model says</option>
            ${PRESETS.map((preset) => html`<option key=${preset}>${preset}</option>`)}
          </select>
        <//>
        <${Field} label="Say “unknown” below" hint="0 to 1">
          <input type="number" min="0" max="1" step="any" placeholder="0: never" value=${fields.threshold} onInput=${change("threshold")} />
        <//>
        <label class="check">
          <input type="checkbox" checked=${fields.optimize} onChange=${(event) => setFields((now) => ({ ...now, optimize: event.target.checked }))} />
          Look for a faster way to run it (about two minutes)
        </label>
      </details>
      <div class="row">
        <button aria-disabled=${upload.busy}>Upload and look</button>
        ${upload.busy && html`<button class="quiet" type="button" onClick=${upload.cancel}>Call off</button>`}
      </div>
      <div class="outcome" aria-live="polite">
        ${upload.busy && html`<${Steps} upload=${upload} steps=${toStore(fields)} />`}
        ${upload.phase === "failed" && html`<${ProblemNote} problem=${upload.problem} again=${onSubmit} />`}
        ${upload.phase === "idle" && html`<p class="hint">Nothing goes live before you have seen what was understood of it, and tried it.</p>`}
      </div>
    </form>
  `;
}
