// What to learn from, and how; the classes are shown before anything starts.

import { byId } from "../catalogue.js";
import { count } from "../figures.js";
import { html, useEffect, useState } from "../html.js";
import { useIntake } from "../intake.js";
import { Bars } from "../parts/bars.js";
import { Field, FileField } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";
import { Steps, TO_SEND } from "../models/steps.js";
import { useUpload } from "../models/upload.js";
import { classesOf, namesIn } from "./archive.js";

const DEFAULTS = { model_id: "", epochs: "", gate: "better", labels: "join", augment: false, trust_labels: false, from_feedback: false, activate: false };
const FLAGS = {
  augment: "Learn from turned and moved copies as well",
  trust_labels: "Trust the labels, also where they look wrong",
  from_feedback: "Learn from feedback as well",
  activate: "Let it go live by itself where it is better",
};

export function LearnForm({ catalogue, active, onStarted }) {
  const [file, setFile] = useState(null);
  const [fields, setFields] = useState(DEFAULTS);
  const upload = useUpload();
  const change = (name) => (event) => setFields((now) => ({ ...now, [name]: event.target.value }));
  const found = useClasses(file);
  useIntake(active, ["archive"], ([dropped]) => setFile(dropped));

  async function submit(event) {
    event?.preventDefault();
    const job = await upload.upload("/retrain", { ...fields, file, wait: "false" });
    if (job) onStarted(job);
  }
  const images = catalogue.models.filter(({ kind }) => kind === "image");
  return html`
    <form id="learn" onSubmit=${submit}>
      <${FileField} id="archive" label="Pictures" hint="a ZIP with a folder for each class" accept=".zip,application/zip" required=${!fields.from_feedback} value=${file} onFiles=${setFile} />
      <${Classes} found=${found} />
      <details>
        <summary>Model and options</summary>
        <${Field} label="Learns on top of">
          <select value=${fields.model_id} onChange=${change("model_id")}>
            <option value="">the default</option>
            ${byId(images, catalogue.defaultId).map(({ id, versions }) => html`
              <optgroup key=${id} label=${id}>${versions.map(({ version }) => html`<option key=${version}>${id}@${version}</option>`)}</optgroup>
            `)}
          </select>
        <//>
        <div class="columns spaced">
          <${Field} label="Epochs"><input type="number" min="1" max="1000" placeholder="30" value=${fields.epochs} onInput=${change("epochs")} /><//>
          <${Field} label="Accept it">
            <select value=${fields.gate} onChange=${change("gate")}>
              <option value="better">if it is better</option><option value="not_worse">if it is not worse</option><option value="none">in any case</option>
            </select>
          <//>
          <${Field} label="Its classes">
            <select value=${fields.labels} onChange=${change("labels")}>
              <option value="join">join the old</option><option value="replace">replace the old</option>
            </select>
          <//>
        </div>
        ${Object.entries(FLAGS).map(([name, text]) => html`
          <label class="check" key=${name}><input type="checkbox" checked=${fields[name]} onChange=${(event) => setFields((now) => ({ ...now, [name]: event.target.checked }))} /> ${text}</label>
        `)}
      </details>
      <button aria-disabled=${upload.busy}>Start learning</button>
      <div class="outcome" aria-live="polite">
        ${upload.busy && html`<${Steps} upload=${upload} steps=${TO_SEND} />`}
        ${upload.phase === "failed" && html`<${ProblemNote} problem=${upload.problem} again=${submit} />`}
        ${upload.phase === "idle" && html`<p class="hint">Predictions go on meanwhile. The result waits for your decision.</p>`}
      </div>
    </form>
  `;
}

function Classes({ found }) {
  if (!found) return null;
  if (found.problem) return html`<p class="bad" role="alert">${found.problem}</p>`;
  const { classes } = found;
  if (!classes.length) return html`<p class="bad" role="alert">There is no folder with pictures in it.</p>`;
  const most = classes[0].count;
  const items = classes.map(({ label, count: number }) => ({ label, share: number / most, text: count(number) }));
  return html`
    <div class="classes" role="region" aria-label="Classes" tabindex="0">
      <p><strong>${classes.length} ${classes.length === 1 ? "class" : "classes"}</strong> <span class="hint">${count(classes.reduce((sum, each) => sum + each.count, 0))} pictures</span></p>
      <${Bars} items=${items} />
    </div>
  `;
}

function useClasses(file) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    setFound(null);
    if (!file) return;
    let wanted = true;
    namesIn(file).then(
      (names) => wanted && setFound({ classes: classesOf(names) }),
      (error) => wanted && setFound({ problem: error.message }),
    );
    return () => (wanted = false);
  }, [file]);
  return found;
}
