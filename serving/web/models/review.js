// The look before a model goes live: what was understood, a trial picture, corrections, and the three ways on.

import { ask, tell } from "../api.js";
import { html, useState } from "../html.js";
import { FileField } from "../parts/fields.js";
import { Bars } from "../parts/bars.js";
import { ProblemNote } from "../parts/problem.js";
import { useIntake } from "../intake.js";
import { deleteVersion } from "./changes.js";
import { Correction } from "./correction.js";
import { Steps, toStore } from "./steps.js";
import { Understood } from "./understood.js";

export function Review({ made, fields, upload, active, onCorrect, onOver }) {
  const { id, version } = made.model;
  const [asDefault, setAsDefault] = useState(true);
  const [state, setState] = useState({});

  async function finish(step, request, sentence) {
    setState({ step });
    try {
      onOver(sentence(await request()));
    } catch (problem) {
      setState({ problem });
    }
  }
  const goLive = () =>
    finish(
      "Warming it up on every worker…",
      () => tell("/models/activate", { id, version, default: asDefault }),
      ({ live_on: on }) => `${id} ${version} is live on ${on.replace("/", " of ")} workers.`,
    );
  const keep = () => onOver(`${id} ${version} waits among the models; nothing has changed.`);
  const discard = () => finish("Deleting it…", () => deleteVersion(id, version), () => `${id} ${version} is gone.`);

  return html`
    <div class="review">
      <p><strong>${id} ${version}</strong> passed its tests. <span class="hint">It answers nobody yet.</span></p>
      <h3>What was understood</h3>
      <${Understood} ...${made.info} preprocessing=${made.preprocessing} labels=${made.labels} threshold=${Number(fields.threshold)} />
      ${made.kind === "image" && html`
        <${Correction} made=${made} fields=${fields} busy=${upload.busy} onCorrect=${onCorrect} />
        ${upload.busy && html`<${Steps} upload=${upload} steps=${toStore(fields)} />`}
        ${upload.phase === "failed" && html`<${ProblemNote} problem=${upload.problem} />`}
        <${Trial} id=${id} version=${version} active=${active} />
      `}
      <h3>Go live?</h3>
      <label class="check"><input type="checkbox" checked=${asDefault} onChange=${(event) => setAsDefault(event.target.checked)} /> It also answers where no model is named</label>
      <div class="row ways">
        <button type="button" aria-disabled=${Boolean(state.step)} onClick=${goLive}>Go live</button>
        <button class="quiet" type="button" onClick=${keep}>Keep for later</button>
        <button class="danger" type="button" onClick=${discard}>Discard</button>
      </div>
      <div aria-live="polite">
        ${state.step && html`<p class="hint">${state.step}</p><progress aria-label="Working"></progress>`}
        <${ProblemNote} problem=${state.problem} />
      </div>
    </div>
  `;
}

function Trial({ id, version, active }) {
  const [files, setFiles] = useState([]);
  const [state, setState] = useState({});
  useIntake(active, ["picture"], (dropped) => tryIt(dropped[0]));

  async function tryIt(file) {
    if (!file) return;
    setFiles([file]);
    setState({ waiting: true, preview: URL.createObjectURL(file) });
    const body = new FormData();
    body.append("file", file);
    body.append("model_id", `${id}@${version}`);
    try {
      const answer = await ask("/predict", { method: "POST", body });
      setState((now) => ({ preview: now.preview, answer }));
    } catch (problem) {
      setState((now) => ({ preview: now.preview, problem }));
    }
  }
  return html`
    <h3>Try it</h3>
    <${FileField} label="A picture you know" accept="image/*" value=${files[0] ?? null} onFiles=${tryIt} />
    <div class="trial" aria-live="polite">
      ${state.preview && html`<img src=${state.preview} alt="" />`}
      <div>
        ${state.waiting && html`<p class="hint">Looking…</p>`}
        <${ProblemNote} problem=${state.problem} again=${() => tryIt(files[0])} />
        ${state.answer && html`<p class="best">${state.answer.class_label}</p><${Bars} items=${state.answer.predictions.map(({ label, probability }) => ({ label, share: probability }))} />`}
        ${!state.preview && html`<p class="hint">It is asked by name, so nobody else gets its answer.</p>`}
      </div>
    </div>
  `;
}
