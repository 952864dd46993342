// A job while it runs, and what came of it.

import { tell } from "../api.js";
import { refreshCatalogue, useCatalogue } from "../catalogue.js";
import { count, duration } from "../figures.js";
import { html, useState } from "../html.js";
import { say } from "../parts/confirm.js";
import { ProblemNote } from "../parts/problem.js";
import { deleteVersion, makeLive } from "../models/changes.js";
import { Curves } from "./curves.js";
import { isOver, useJob } from "./job.js";
import { Report } from "./report.js";

export const STATES = {
  queued: ["Waits for its turn", ""],
  running: ["Learning", ""],
  succeeded: ["Done", "good"],
  failed: ["Failed", "bad"],
  cancelled: ["Cancelled", ""],
  interrupted: ["Interrupted", "doubt"],
  suspect_labels: ["Labels look wrong", "doubt"],
};
const PHASES = {
  queued: "Waits for its turn",
  starting: "Starts",
  reading: "Reads the pictures",
  judging_labels: "Judges the labels",
  features: "Looks at each picture",
  learning: "Learns",
  evaluating: "Compares it with the old version",
  exporting: "Writes the model",
  registering: "Tests and stores the version",
};

export function RunningJob({ id, onEnd }) {
  const { job, curve, problem, again } = useJob(id, onEnd);
  if (!job) return html`<${ProblemNote} problem=${problem} />${!problem && html`<p class="hint">Looking…</p>`}`;
  return html`
    <div class="row head">
      <h2 id="job-title">${job.model_id} ${job.version ?? `from ${job.base_version}`}</h2>
      <span class="badge ${STATES[job.state][1]}">${STATES[job.state][0]}</span>
    </div>
    ${isOver(job) ? html`<${Ended} job=${job} onResumed=${again} />` : html`<${Going} job=${job} />`}
    <${ProblemNote} problem=${problem} />
    ${job.report && html`<${Report} report=${job.report} />`}
    <${Curves} curve=${curve} />
  `;
}

function Going({ job }) {
  const [problem, setProblem] = useState(null);
  const { phase, done, total, fraction, eta_s: left } = job.progress;
  async function cancel() {
    try {
      await tell("/jobs/cancel", { id: job.id });
    } catch (failure) {
      setProblem(failure);
    }
  }
  return html`
    <div class="going">
      <progress max="1" value=${fraction} aria-label="Progress"></progress>
      <div class="row">
        <p role="status">${PHASES[phase] ?? phase}${job.ahead > 0 && ` behind ${job.ahead}`}</p>
        <p class="hint figure" aria-hidden="true">${total > 0 && `${count(done)} of ${count(total)}`}${left !== null && ` · about ${duration(left * 1000)} left`}</p>
        <button class="danger small" type="button" onClick=${cancel}>Cancel</button>
      </div>
      <${ProblemNote} problem=${problem} />
    </div>
  `;
}

function Ended({ job, onResumed }) {
  const catalogue = useCatalogue();
  const made = catalogue.models.find(({ id, version }) => id === job.model_id && version === job.version);
  const [problem, setProblem] = useState(null);
  const live = catalogue.models.find((model) => model.id === job.model_id && model.live);

  async function attempt(work) {
    try {
      setProblem(null);
      await work();
    } catch (failure) {
      setProblem(failure);
    }
  }
  const resume = () =>
    attempt(async () => {
      await tell("/jobs/resume", { id: job.id });
      onResumed();
    });
  const reject = () =>
    attempt(async () => {
      await deleteVersion(job.model_id, job.version);
      await refreshCatalogue();
      say(`${job.model_id} ${job.version} is rejected and gone.`);
    });
  return html`
    ${job.error && html`<${ProblemNote} problem=${{ message: job.error.detail, code: job.error.code }} />`}
    ${job.resumable && html`<button class="quiet" type="button" onClick=${resume}>Go on with it</button>`}
    ${made && html`
      <div class="row">
        ${made.live
          ? html`<p class="good">It is live.</p>`
          : html`
              <button type="button" onClick=${() => makeLive(made, { live, isDefault: catalogue.defaultId === made.id })}>Promote</button>
              <button class="danger" type="button" onClick=${reject}>Reject</button>
            `}
      </div>
    `}
    ${job.version && !made && html`<p class="hint">${job.version} is gone.</p>`}
    <${ProblemNote} problem=${problem} />
  `;
}
