// Correcting what was understood of a model that takes pictures.

import { html, useState } from "../html.js";
import { Field, FileField } from "../parts/fields.js";
import { PRESETS } from "./presets.js";

const KEYS = ["color", "resize"];
const CHOICES = { color: ["RGB", "BGR"], resize: ["shortest", "squash", "pad"] };
const NAMES = { color: "Colour order", resize: "Resize" };

export function Correction({ made, fields, busy, onCorrect }) {
  const [chosen, setChosen] = useState({ preset: "", crop: "", labels: fields.labels, threshold: fields.threshold });
  const change = (name) => (event) => setChosen((now) => ({ ...now, [name]: event.target.value }));

  function submit(event) {
    event.preventDefault();
    const { labels, threshold, ...rest } = chosen;
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ""));
    if (given.crop) given.crop = Number(given.crop);
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
          ${KEYS.map((key) => html`
            <${Field} key=${key} label=${NAMES[key]}>
              <select value=${chosen[key] ?? ""} onChange=${change(key)}>
                <option value="">${made.preprocessing?.[key] ?? "as understood"}</option>
                ${CHOICES[key].filter((choice) => choice !== made.preprocessing?.[key]).map((choice) => html`<option key=${choice}>${choice}</option>`)}
              </select>
            <//>
          `)}
          <${Field} label="Centre kept" hint="0 to 1">
            <input type="number" min="0.1" max="1" step="any" placeholder=${made.preprocessing?.crop ?? ""} value=${chosen.crop} onInput=${change("crop")} />
          <//>
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

// What was asked for before: a preset's name, or an object.
function earlier(preprocessing) {
  if (!preprocessing) return {};
  return preprocessing.startsWith("{") ? JSON.parse(preprocessing) : { preset: preprocessing };
}
