// One version in the list, and what can be done to it.

import { catalogueNow, describe } from "../catalogue.js";
import { count, duration, moment, share, size } from "../figures.js";
import { html, useEffect, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { Spark } from "../parts/spark.js";
import { giveAlias, makeDefault, makeLive, remove, takeAlias } from "./changes.js";
import { Understood } from "./understood.js";

export function Version({ model, stats, quality, circumstances }) {
  const [open, setOpen] = useState(false);
  const accuracy = accuracyOf(model, quality);
  return html`
    <li class="version">
      <details onToggle=${(event) => setOpen(event.target.open)}>
        <summary>
          <span class="what"><strong>${model.version}</strong> <${Badges} model=${model} /></span>
          <span class="fact"><span class="hint">Accuracy</span><span class="figure">${accuracy}</span></span>
          <span class="fact"><span class="hint">Median</span><span class="figure">${stats?.p50_ms ? duration(stats.p50_ms) : "–"}</span></span>
          <span class="fact wide"><span class="hint">Last hour</span><span class="figure">${count(stats?.count ?? 0)} <${Spark} values=${stats?.requests ?? [0, 0]} /></span></span>
          <span class="fact"><span class="hint">Size</span><span class="figure">${size(model.size_bytes)}</span></span>
        </summary>
        ${open && html`<${Manage} model=${model} circumstances=${circumstances} />`}
      </details>
    </li>
  `;
}

function Badges({ model }) {
  return html`
    ${model.default && html`<span class="badge strong">default</span>`}
    ${model.live && html`<span class="badge good">live</span>`}
    ${model.state === "damaged" && html`<span class="badge bad">damaged</span>`}
    ${model.mode !== "fp32" && html`<span class="badge">${model.mode}</span>`}
    ${model.aliases.map((alias) => html`<span class="badge" key=${alias}>@${alias}</span>`)}
  `;
}

// What feedback says counts more than what was measured when the version was made.
function accuracyOf({ metrics }, quality) {
  if (quality?.accuracy !== undefined && quality.accuracy !== null) return share(quality.accuracy);
  return typeof metrics.accuracy === "number" ? share(metrics.accuracy) : "–";
}

function Manage({ model, circumstances }) {
  const [info, setInfo] = useState({});
  useEffect(() => {
    describe(model).then(
      (found) => setInfo({ found }),
      (problem) => setInfo({ problem }),
    );
  }, []);
  return html`
    <div class="manage">
      <div class="row">
        ${!model.live && html`<button class="quiet small" type="button" onClick=${() => makeLive(model, circumstances)}>Make live</button>`}
        ${!model.default && html`<button class="quiet small" type="button" onClick=${() => makeDefault(model, circumstances)}>Make default</button>`}
        ${model.live || model.aliases.length
          ? html`<span class="hint small">${model.live ? "It is live" : "It has an alias"}, so it cannot be deleted.</span>`
          : html`<button class="danger small" type="button" onClick=${() => remove(model)}>Delete</button>`}
      </div>
      <${Aliases} model=${model} />
      <${ProblemNote} problem=${info.problem} />
      ${info.found && html`<${Understood} ...${info.found} />`}
      <p class="hint small">Called ${model.name}, added ${moment(model.created_at)}, SHA-256 <code>${model.sha256.slice(0, 12)}…</code></p>
    </div>
  `;
}

function Aliases({ model }) {
  function add(event) {
    event.preventDefault();
    const alias = new FormData(event.target).get("alias").trim().toLowerCase();
    if (!alias) return;
    giveAlias(model, alias, catalogueNow().models.find(({ id, aliases }) => id === model.id && aliases.includes(alias)));
    event.target.reset();
  }
  return html`
    <form class="row aliases" onSubmit=${add}>
      ${model.aliases.map((alias) => html`
        <button key=${alias} class="quiet small" type="button" aria-label="Take the alias ${alias} away" onClick=${() => takeAlias(model, alias)}>@${alias} ×</button>
      `)}
      <input name="alias" aria-label="Alias for ${model.version}" placeholder="another name, e.g. champion" autocomplete="off" spellcheck="false" maxlength="63" />
      <button class="quiet small">Add alias</button>
    </form>
  `;
}
