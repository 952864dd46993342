// How an id's requests are split between its versions: sliders, a shadow, and what each arm got.

import { ask, tell } from "../api.js";
import { count, duration, share } from "../figures.js";
import { html, useState } from "../html.js";
import { Field } from "../parts/fields.js";
import { usePolled } from "../parts/poll.js";
import { ProblemNote } from "../parts/problem.js";
import { balanced } from "./weights.js";

const SLIDERS = 5;
const STATES = { broken: "bad", holding: "good", too_early: "" };

export function Traffic({ id, versions, live, active }) {
  const [open, setOpen] = useState(false);
  const path = `/traffic?${new URLSearchParams({ id })}`;
  const { value: traffic, problem, again } = usePolled(path, 5, open && active);
  return html`
    <details class="traffic" onToggle=${(event) => setOpen(event.target.open)}>
      <summary>Traffic</summary>
      <${ProblemNote} problem=${traffic ? null : problem} again=${again} />
      ${traffic && html`<${Split} key="${traffic.split} ${JSON.stringify(traffic.weights)} ${traffic.shadow}" id=${id} versions=${versions} live=${live} traffic=${traffic} onChange=${again} />`}
      ${traffic?.split && html`<${Arms} arms=${traffic.arms} />`}
    </details>
  `;
}

function Split({ id, versions, live, traffic, onChange }) {
  const own = versions.map(({ version }) => version);
  const [weights, setWeights] = useState(() => ({ ...Object.fromEntries(own.slice(0, SLIDERS).map((version) => [version, 0])), ...traffic.weights }));
  const others = own.filter((version) => !(version in weights));
  const [shadow, setShadow] = useState(traffic.shadow ?? "");
  const [state, setState] = useState({});

  // Who answers is no shadow as well.
  function weigh(version, weight) {
    const next = balanced(weights, version, weight);
    setWeights(next);
    if (next[shadow] > 0) setShadow("");
  }
  async function change(request, sentence) {
    setState({ busy: true });
    try {
      const { live_on: liveOn } = await request;
      setState({ said: `${sentence} ${liveOn.replace("/", " of ")} workers know.` });
      onChange();
    } catch (problem) {
      setState({ problem });
    }
  }
  function apply(event) {
    event.preventDefault();
    const used = Object.fromEntries(Object.entries(weights).filter(([, weight]) => weight > 0));
    const body = { id, weights: used, ...(shadow ? { shadow } : {}) };
    change(tell("/traffic", body, { method: "PUT" }), "The requests are split this way from now on.");
  }
  function end() {
    change(ask(`/traffic?${new URLSearchParams({ id })}`, { method: "DELETE" }), `${live?.version ?? "The live version"} answers everything again.`);
  }
  return html`
    <form onSubmit=${apply}>
      <p class="hint small">
        Whoever sends the same <code>X-Sticky-Key</code> stays with one version; without a key the same picture does.
        A shadow gets a copy of each request and answers nobody.
      </p>
      <div class="sliders">
        ${Object.entries(weights).map(([version, weight]) => html`
          <label key=${version} class="slider">
            <span>${version}</span>
            <input type="range" min="0" max="100" step="1" value=${weight} aria-valuetext="${weight} percent"
              onInput=${(event) => weigh(version, Number(event.target.value))} />
            <output class="figure">${Math.round(weight)}%</output>
          </label>
        `)}
      </div>
      <div class="columns">
        ${others.length > 0 && html`
          <${Field} label="Another version">
            <select value="" onChange=${({ target }) => target.value && setWeights({ ...weights, [target.value]: 0 })}>
              <option value="">choose to add it</option>
              ${others.map((version) => html`<option key=${version}>${version}</option>`)}
            </select>
          <//>
        `}
        <${Field} label="Shadow">
          <select value=${shadow} onChange=${(event) => setShadow(event.target.value)}>
            <option value="">none</option>
            ${own.map((version) => html`<option key=${version} disabled=${weights[version] > 0}>${version}</option>`)}
          </select>
        <//>
      </div>
      <div class="row end">
        ${traffic.split && html`<button class="quiet small" type="button" onClick=${end}>End the split</button>`}
        <button class="small" aria-disabled=${Boolean(state.busy)}>Apply</button>
      </div>
      <p class="good small" role="status">${state.said}</p>
      <${ProblemNote} problem=${state.problem} />
    </form>
  `;
}

function Arms({ arms }) {
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="What each version got">
      <table>
        <thead><tr><th scope="col">Version</th><th scope="col" class="number">Share</th><th scope="col" class="number">Requests</th><th scope="col" class="number">Errors</th><th scope="col" class="number">99 % under</th><th scope="col" class="number">Agreement</th></tr></thead>
        <tbody>
          ${arms.map((arm) => html`
            <tr key="${arm.arm} ${arm.role}">
              <th scope="row">${arm.arm} ${arm.role === "shadow" && html`<span class="badge">shadow</span>`} ${arm.state && html`<span class="badge ${STATES[arm.state]}" title=${arm.reason}>${arm.state.replace("_", " ")}</span>`}</th>
              <td class="number">${arm.share === null || arm.share === undefined ? "–" : share(arm.share)}</td>
              <td class="number">${count(arm.requests)}</td>
              <td class="number">${count(arm.errors)}</td>
              <td class="number">${arm.p99_ms === null ? "–" : duration(arm.p99_ms)}</td>
              <td class="number">${arm.agreement === null || arm.agreement === undefined ? "–" : share(arm.agreement)}</td>
            </tr>
          `)}
        </tbody>
      </table>
    </div>
  `;
}
