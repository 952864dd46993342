// Which model to ask, and how.

import { byId } from "../catalogue.js";
import { html } from "../html.js";
import { Field } from "../parts/fields.js";

export const NO_OPTIONS = { model: "", topK: "", threshold: "", stickyKey: "" };

// The fields of a request; what was left as it is is not sent, the server then decides.
export function asFields({ model, topK, threshold, stickyKey }) {
  const fields = {};
  if (model) fields.model_id = model;
  if (topK !== "") fields.top_k = Number(topK);
  if (threshold !== "") fields.threshold = Number(threshold);
  if (stickyKey) fields.sticky_key = stickyKey;
  return fields;
}

// The version that the chosen reference, or none, stands for now.
export function chosenVersion({ models }, reference) {
  if (!reference) return models.find((model) => model.default);
  const [id, name] = reference.split("@");
  return models.find(
    (model) => model.id === id && (name ? model.version === name || model.aliases.includes(name) : model.live),
  );
}

export function Options({ catalogue, options, onChange }) {
  const change = (name) => (event) => onChange({ ...options, [name]: event.target.value });
  return html`
    <details class="options">
      <summary>Model and options</summary>
      <div class="columns">
        <${Field} label="Model">
          <select id="which" value=${options.model} onChange=${change("model")}>
            <option value="">the default</option>
            ${byId(catalogue.models, catalogue.defaultId).map(references)}
          </select>
        <//>
        <${Field} label="Classes listed">
          <input type="number" min="1" step="1" placeholder="3" value=${options.topK} onInput=${change("topK")} />
        <//>
        <${Field} label="Threshold" hint="0 to 1">
          <input type="number" min="0" max="1" step="any" placeholder="as the model says" value=${options.threshold} onInput=${change("threshold")} />
        <//>
        <${Field} label="Sticky key" hint="for a split">
          <input autocomplete="off" spellcheck="false" maxlength="256" placeholder="none" value=${options.stickyKey} onInput=${change("stickyKey")} />
        <//>
      </div>
    </details>
  `;
}

function references({ id, versions }) {
  const live = versions.find((version) => version.live);
  return html`
    <optgroup label=${id} key=${id}>
      ${live && html`<option value=${id}>${id} (live: ${live.version})</option>`}
      ${versions.map(({ version, aliases }) => html`
        <option value="${id}@${version}" key=${version}>${id}@${version}</option>
        ${aliases.map((alias) => html`<option value="${id}@${alias}" key=${alias}>${id}@${alias} (${version})</option>`)}
      `)}
    </optgroup>
  `;
}
