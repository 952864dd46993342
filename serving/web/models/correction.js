// Correcting what was understood of a model that takes pictures.

import { html, useState } from "../html.js";
import { Field, FileField } from "../parts/fields.js";
import { PRESETS } from "./presets.js";

const CHOICES = {
  color: ["Colour order", ["RGB", "BGR"]],
  layout: ["Layout", ["NCHW", "NHWC"]],
  resize: ["Resize", ["shortest", "squash", "pad"]],
};
const NUMBERS = {
  size: ["Size", "height, width"],
  crop: ["Centre kept", "0 to 1"],
  scale: ["Scale", "of a pixel"],
  mean: ["Mean", "one, or three"],
  std: ["Deviation", "one, or three"],
};

export function Correction({ made, fields, busy, onCorrect }) {
  const [chosen, setChosen] = useState({ preset: "", labels: fields.labels, threshold: fields.threshold });
  const change = (name) => (event) => setChosen((now) => ({ ...now, [name]: event.target.value }));
  const understood = made.preprocessing ?? {};

  function submit(event) {
    event.preventDefault();
    const { labels, threshold, ...rest } = chosen;
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ""));
    for (const name of Object.keys(NUMBERS)) if (given[name]) given[name] = numbers(given[name]);
    const preprocessing = Object.keys(given).length ? JSON.stringify({ ...earlier(fields.preprocessing), ...given }) : fields.preprocessing;
    onCorrect({ labels, threshold, preprocessing });
  }
  return html`
    <details>
      <summary>Correct it</summary>
      <form id="correction" onSubmit=${submit}>
        <div class="columns">
          <${Field} label="Pixels">
            <select value=${chosen.preset} onChange=${change("preset")}>
              <option value="">as understood</option>
              ${PRESETS.map((preset) => html`<option key=${preset}>${preset}</option>`)}
            </select>
          <//>
          ${Object.entries(CHOICES).map(([key, [label, choices]]) => html`
            <${Field} key=${key} label=${label}>
              <select value=${chosen[key] ?? ""} onChange=${change(key)}>
                <option value="">${understood[key] ?? "as understood"}</option>
                ${choices.filter((choice) => choice !== understood[key]).map((choice) => html`<option key=${choice}>${choice}</option>`)}
              </select>
            <//>
          `)}
          ${Object.entries(NUMBERS).map(([key, [label, hint]]) => html`
            <${Field} key=${key} label=${label} hint=${hint}>
              <input
                inputmode="decimal" autocomplete="off" pattern="[\\-+0-9.eE, ]+" title="Numbers, with commas between them"
                placeholder=${short(understood[key])} value=${chosen[key] ?? ""} onInput=${change(key)}
              />
            <//>
          `)}
          <${Field} label="“Unknown” below" hint="0 to 1">
            <input type="number" min="0" max="1" step="any" placeholder="0: never" value=${chosen.threshold} onInput=${change("threshold")} />
          <//>
        </div>
        <${FileField} label="Labels" hint="JSON, or one a line" accept=".json,.txt" value=${chosen.labels} onFiles=${(file) => setChosen((now) => ({ ...now, labels: file }))} />
        <div class="row end"><button class="quiet" aria-disabled=${busy}>Upload it corrected</button></div>
      </form>
    </details>
  `;
}

// "0.5" is a number, "0.5, 0.4, 0.3" is a list of them.
function numbers(text) {
  const all = text.split(/[\s,]+/).filter(Boolean).map(Number);
  return all.length === 1 ? all[0] : all;
}

const short = (value) => [value ?? []].flat().map((each) => Number(each.toPrecision(3))).join(", ");

// What was asked for before: a preset's name, or an object.
function earlier(preprocessing) {
  if (!preprocessing) return {};
  return preprocessing.startsWith("{") ? JSON.parse(preprocessing) : { preset: preprocessing };
}
