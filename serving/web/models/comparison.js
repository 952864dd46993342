// Two versions side by side: how good, how fast, and how often they agree.

import { ask } from "../api.js";
import { count, duration, share, size } from "../figures.js";
import { html, useState } from "../html.js";
import { Field, FileField } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";

const NONE = "–";

export function Comparison({ id, versions, live, quality, stats }) {
  const [open, setOpen] = useState(false);
  const [pair, setPair] = useState([(live ?? versions[0]).version, versions.find((model) => model !== (live ?? versions[0])).version]);
  const models = pair.map((version) => versions.find((model) => model.version === version)).filter(Boolean);
  const choose = (place) => (event) => setPair((now) => now.map((each, at) => (at === place ? event.target.value : each)));
  return html`
    <details class="comparison" onToggle=${(event) => setOpen(event.target.open)}>
      <summary>Compare two versions</summary>
      ${open && html`<div class="columns">
        ${["One", "The other"].map((label, place) => html`
          <${Field} key=${label} label=${label}>
            <select value=${pair[place]} onChange=${choose(place)}>${versions.map(({ version }) => html`<option key=${version}>${version}</option>`)}</select>
          <//>
        `)}
      </div>`}
      ${open && models.length === 2 && html`
        <${Table} id=${id} models=${models} quality=${quality} stats=${stats} />
        ${models[0].kind === "image" && html`<${Agreement} key=${pair.join()} id=${id} models=${models} />`}
      `}
    </details>
  `;
}

function Table({ id, models, quality, stats }) {
  const judged = models.map(({ version }) => quality?.versions.find((each) => each.version === version && each.model_id === id));
  const fast = models.map(({ version }) => stats?.versions.find((each) => each.id === id && each.version === version));
  const rows = [
    ["Accuracy by feedback", judged.map((each) => (each?.count ? `${share(each.accuracy)} of ${count(each.count)}` : NONE))],
    ["Its 95 % interval", judged.map((each) => (each?.count ? `${share(each.low)} – ${share(each.high)}` : NONE))],
    ["Measured when made", models.map(({ metrics }) => (typeof metrics.accuracy === "number" ? share(metrics.accuracy) : NONE))],
    ["Median time, last hour", fast.map((each) => (each?.p50_ms ? duration(each.p50_ms) : NONE))],
    ["95 % under", fast.map((each) => (each?.p95_ms ? duration(each.p95_ms) : NONE))],
    ["Requests, last hour", fast.map((each) => count(each?.count ?? 0))],
    ["Size", models.map((model) => size(model.size_bytes))],
    ["Run as", models.map(({ mode }) => mode)],
  ];
  const names = models.map(({ version }) => `${id}@${version}`);
  const verdict = quality?.comparisons.find(({ a, b }) => names.includes(a) && names.includes(b) && a !== b);
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Comparison">
      <table>
        <thead><tr><td></td>${models.map(({ version }) => html`<th key=${version} scope="col" class="number">${version}</th>`)}</tr></thead>
        <tbody>
          ${rows.map(([name, values]) => html`<tr key=${name}><th scope="row">${name}</th>${values.map((value, place) => html`<td key=${place} class="number">${value}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>
    ${verdict && html`<p class="spaced">${named(verdict)}</p>`}
  `;
}

// The server's sentence says A and B.
const named = ({ a, b, conclusion }) => conclusion.replace(/\b[AB]\b/g, (letter) => (letter === "A" ? a : b));

// Both are asked about the same pictures.
function Agreement({ id, models }) {
  const [files, setFiles] = useState([]);
  const [state, setState] = useState({});

  async function askBoth(chosen) {
    setFiles(chosen);
    setState({ said: "Asking both…" });
    try {
      const answers = [];
      for (const file of chosen) {
        answers.push(await Promise.all(models.map(({ version }) => labelOf(file, `${id}@${version}`))));
        setState({ said: `Asking both… ${answers.length} of ${chosen.length}` });
      }
      setState({ answers, said: summary(answers) });
    } catch (problem) {
      setState({ problem });
    }
  }
  const differing = (state.answers ?? []).map((pair, place) => [files[place].name, ...pair]).filter(([, one, other]) => one !== other);
  return html`
    <${FileField} label="Do they agree?" hint="choose pictures, and both are asked" accept="image/*" multiple value=${files} onFiles=${askBoth} />
    <p role="status">${state.said}</p>
    <${ProblemNote} problem=${state.problem} again=${() => askBoth(files)} />
    ${differing.length > 0 && html`
      <ul class="small">${differing.map(([name, one, other]) => html`<li key=${name}>${name}: ${one}, or ${other}</li>`)}</ul>
    `}
  `;
}

async function labelOf(file, reference) {
  const body = new FormData();
  body.append("file", file);
  body.append("model_id", reference);
  return (await ask("/predict", { method: "POST", body })).predicted_label;
}

function summary(answers) {
  const same = answers.filter(([one, other]) => one === other).length;
  return `They agree on ${same} of ${answers.length}.`;
}
