// The third view: teaching a model with pictures of one's own, following it, and deciding on what came of it.

import { refreshCatalogue, useCatalogue } from "../catalogue.js";
import { moment } from "../figures.js";
import { html, useEffect, useState } from "../html.js";
import { Confirmation, Said } from "../parts/confirm.js";
import { usePolled } from "../parts/poll.js";
import { ProblemNote } from "../parts/problem.js";
import { LearnForm } from "./form.js";
import { RunningJob, STATES } from "./running.js";

const SHOWN = 20;

export function LearnView({ active }) {
  const catalogue = useCatalogue();
  const [chosen, setChosen] = useState(null);
  const { value, problem, again } = usePolled(`/jobs?limit=${SHOWN}`, 10, active);
  const jobs = value?.jobs ?? [];
  useEffect(() => {
    if (chosen === null && jobs.length) setChosen(jobs[0].id);
  }, [jobs]);
  function started({ id }) {
    setChosen(id);
    again();
  }
  function ended() {
    refreshCatalogue();
    again();
  }
  return html`
    <div class="two teach">
      <div class="stack">
        <section class="card" aria-labelledby="learn-title">
          <h2 id="learn-title">Teach a model</h2>
          <${LearnForm} catalogue=${catalogue} active=${active} onStarted=${started} />
        </section>
        <section class="card" aria-labelledby="jobs-title">
          <h2 id="jobs-title">Jobs</h2>
          <${ProblemNote} problem=${value ? null : problem} again=${again} />
          <${Jobs} jobs=${jobs} chosen=${chosen} onChoose=${setChosen} />
        </section>
      </div>
      <section class="card job" aria-label="The job">
        <${Said} />
        ${chosen
          ? html`<${RunningJob} key=${chosen} id=${chosen} onEnd=${ended} />`
          : html`<p class="hint">What is learned, how it goes and how good it is appear here.</p>`}
      </section>
    </div>
    ${active && html`<${Confirmation} />`}
  `;
}

function Jobs({ jobs, chosen, onChoose }) {
  if (!jobs.length) return html`<p class="hint">None yet.</p>`;
  return html`
    <ul class="jobs">
      ${jobs.map(({ id, model_id: model, version, base_version: base, state, created_at: at }) => html`
        <li key=${id}>
          <button class="choice" type="button" aria-pressed=${id === chosen} onClick=${() => onChoose(id)}>
            <span>${model} ${version ?? `from ${base}`}</span>
            <span class="badge ${STATES[state][1]}">${STATES[state][0]}</span>
            <span class="hint small">${moment(at)}</span>
          </button>
        </li>
      `)}
    </ul>
  `;
}
