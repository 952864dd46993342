// Several pictures at once: what each is, as pictures, as a table, and to take along.

import { duration, share } from "../figures.js";
import { html } from "../html.js";
import { csv, download } from "../parts/download.js";
import { ProblemNote } from "../parts/problem.js";
import { Feedback } from "./feedback.js";

export function Gallery({ pictures, onAgain }) {
  const done = pictures.filter(({ answer, problem }) => answer || problem).length;
  return html`
    <div class="gallery">
      <p role="status">${done < pictures.length ? `Looking… ${done} of ${pictures.length}` : summary(pictures)}</p>
      <progress class=${done < pictures.length ? "" : "done"} max=${pictures.length} value=${done} aria-label="Pictures looked at"></progress>
      <ul class="tiles">${pictures.map((picture) => html`<${Tile} key=${picture.key} picture=${picture} />`)}</ul>
      <div class="scroll" tabindex="0" role="region" aria-label="Results">
        <table class="wide">
          <thead><tr><th scope="col">Picture</th><th scope="col">Label</th><th scope="col" class="number">Confidence</th><th scope="col" class="number">Time</th><th scope="col">Model</th><th scope="col">Right?</th></tr></thead>
          <tbody>${pictures.map((picture) => html`<${Row} key=${picture.key} picture=${picture} onAgain=${() => onAgain([picture])} />`)}</tbody>
        </table>
      </div>
      <div class="row">
        <button class="quiet" type="button" onClick=${() => download("lens.csv", table(pictures), "text/csv")}>Download CSV</button>
        <button class="quiet" type="button" onClick=${() => download("lens.json", list(pictures), "application/json")}>Download JSON</button>
      </div>
    </div>
  `;
}

function Tile({ picture: { name, preview, answer, problem } }) {
  return html`
    <li>
      <img src=${preview} alt="" loading="lazy" onError=${(event) => event.target.classList.add("broken")} />
      <span class="name small">${name}</span>
      <strong class=${problem ? "bad" : ""}>${answer ? answer.class_label : problem ? "Failed" : "…"}</strong>
    </li>
  `;
}

function Row({ picture: { name, answer, problem }, onAgain }) {
  if (problem) return html`<tr><th scope="row">${name}</th><td colspan="5"><${ProblemNote} problem=${problem} again=${onAgain} /></td></tr>`;
  if (!answer) return html`<tr><th scope="row">${name}</th><td colspan="5" class="hint">Looking…</td></tr>`;
  return html`
    <tr>
      <th scope="row">${name}</th>
      <td>${answer.class_label}</td>
      <td class="number">${share(answer.confidence)}</td>
      <td class="number">${duration(answer.latency_ms)}${answer.cached && html` <span class="hint">cached</span>`}</td>
      <td>${answer.model_id} ${answer.model_version}</td>
      <td><${Feedback} answer=${answer} brief /></td>
    </tr>
  `;
}

function summary(pictures) {
  const failed = pictures.filter(({ problem }) => problem).length;
  return failed ? `${pictures.length - failed} answered, ${failed} failed` : `${pictures.length} pictures answered`;
}

function table(pictures) {
  const head = ["picture", "label", "class_label", "confidence", "model", "version", "latency_ms", "cached", "request_id", "error"];
  const rows = pictures.map(({ name, answer, problem }) => [
    name,
    answer?.predicted_label,
    answer?.class_label,
    answer?.confidence,
    answer?.model_id,
    answer?.model_version,
    answer?.latency_ms,
    answer?.cached,
    (answer ?? {}).request_id ?? problem?.requestId,
    problem?.message,
  ]);
  return csv([head, ...rows]);
}

function list(pictures) {
  return JSON.stringify(pictures.map(({ name, answer, problem }) => ({ picture: name, answer, error: problem?.message })), null, 2);
}
