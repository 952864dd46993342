// The report on a training: the verdict, the new version beside the old one, the data, and what to do with it.

import { count, counted, share } from "../figures.js";
import { html } from "../html.js";
import { Confusion } from "./confusion.js";

export function Report({ report }) {
  const { candidate, base, gate, paired } = report;
  if (!candidate) return html`<${Found} report=${report} />`;
  return html`
    <p class="gate ${gate.passed ? "good" : "doubtful"}"><strong>${gate.passed ? "Better by the gate." : "Not accepted by the gate."}</strong> ${gate.reason}</p>
    <div class="scroll" tabindex="0" role="region" aria-label="The new version and the old one">
      <table>
        <thead><tr><td></td><th scope="col" class="number">New</th><th scope="col" class="number">Old</th></tr></thead>
        <tbody>
          ${compared(candidate, base).map(([name, fresh, old]) => html`<tr key=${name}><th scope="row">${name}</th><td class="number">${fresh}</td><td class="number">${old}</td></tr>`)}
        </tbody>
      </table>
    </div>
    <p class="hint">${paired.conclusion}</p>
    <h3>Each class: how many of its pictures were recognised</h3>
    <${PerClass} candidate=${candidate} base=${base} />
    <h3>What is taken for what</h3>
    <div class="pair">
      <div><${Confusion} title="New" confusion=${candidate.confusion} /></div>
      <div><${Confusion} title="Old" confusion=${base.confusion} /></div>
    </div>
    <${Data} data=${report.data} />
    <${Suspicions} suspicions=${report.suspicions} />
  `;
}

// What was found before there was anything to judge.
function Found({ report }) {
  return html`
    ${report.data && html`<${Data} data=${report.data} />`}
    ${report.issues && html`<${LeftOut} issues=${report.issues} all=${report.issues.length} />`}
    <${Suspicions} suspicions=${report.suspicions ?? []} />
  `;
}

function compared(candidate, base) {
  return [
    ["Accuracy", share(candidate.accuracy), share(base.accuracy)],
    ["Its 95 % interval", between(candidate), between(base)],
    ["Loss", candidate.loss.toFixed(3), base.loss.toFixed(3)],
    ["Confidence off by", share(candidate.ece), share(base.ece)],
    ["Held-out pictures", count(candidate.count), count(base.count)],
  ];
}

const between = ({ low, high }) => `${share(low).replace("%", "")} – ${share(high)}`;

function PerClass({ candidate, base }) {
  const old = new Map(base.per_class.map((each) => [each.label, each.recall]));
  return html`
    <ul class="per-class">
      ${candidate.per_class.map(({ label, recall, count: held }) => html`
        <li key=${label}>
          <span class="name">${label} <span class="hint small">${counted(held, "picture")}</span></span>
          <span class="figure">${share(recall)} <span class="hint">was ${old.has(label) ? share(old.get(label)) : "unknown"}</span></span>
          <span class="bar new" aria-hidden="true" style=${{ "--share": recall }}></span>
          <span class="bar" aria-hidden="true" style=${{ "--share": old.get(label) ?? 0 }}></span>
        </li>
      `)}
    </ul>
  `;
}

function Data({ data }) {
  if (!data.classes) return null;
  return html`
    <h3>The pictures</h3>
    <p>${counted(data.pictures, "picture")}: learned from ${count(data.training)}, held out ${count(data.held_out)}.${data.new_labels.length > 0 && ` New: ${data.new_labels.join(", ")}.`}</p>
    ${data.notes?.map((note) => html`<p key=${note} class="hint">${note}</p>`)}
    <${LeftOut} issues=${data.issues} all=${Object.values(data.counts).reduce((sum, each) => sum + each, 0)} />
  `;
}

// The server names a thousand at once; "all" is how many there are.
function LeftOut({ issues, all }) {
  if (!issues.length) return null;
  return html`
    <details>
      <summary>${counted(all, "entry", "entries")} left out or noticed</summary>
      <ul class="small">${issues.map(({ name, reason }, place) => html`<li key=${place}>${name}: ${reason}</li>`)}</ul>
      ${all > issues.length && html`<p class="hint small">These are the first ${count(issues.length)}; GET /jobs with the job's id and a cursor names the others.</p>`}
    </details>
  `;
}

function Suspicions({ suspicions }) {
  if (!suspicions.length) return null;
  return html`
    <h3>Labels that look wrong</h3>
    <ul>
      ${suspicions.map(({ label, looks_like: like, doubted, count: all, pictures }) => html`
        <li key="${label} ${like}">${doubted} of ${all} pictures called ${label} look like ${like}. <span class="hint small">${pictures.slice(0, 5).join(", ")}</span></li>
      `)}
    </ul>
  `;
}
