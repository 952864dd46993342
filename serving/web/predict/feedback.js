// Whether the answer was right: one click, also where it is one of the others that were thought of; else a choice.

import { tell } from "../api.js";
import { describe } from "../catalogue.js";
import { html, useId, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";

const OTHERS = 2;

// `brief` leaves the question and the others out where a table's head asks.
export function Feedback({ answer, brief }) {
  const [state, setState] = useState({ step: "asked" });
  const id = useId();

  async function give(label) {
    setState({ step: "sending" });
    try {
      const { correct } = await tell("/feedback", { request_id: answer.request_id, label });
      setState({ step: "noted", label, correct });
    } catch (problem) {
      setState({ step: "failed", problem, label });
    }
  }
  async function correct() {
    let labels = answer.predictions.map(({ label }) => label);
    try {
      labels = (await describe({ id: answer.model_id, version: answer.model_version })).labels ?? labels;
    } catch {
      // Those that are listed are offered; another can be typed.
    }
    setState({ step: "correcting", labels });
  }
  function submit(event) {
    event.preventDefault();
    const label = new FormData(event.target).get("truth").trim();
    if (label) give(label);
  }

  return html`
    <div class="feedback" role="group" aria-label="Feedback">
      ${state.step === "asked" && html`
        <span class=${brief ? "unseen" : ""}>Was this right?</span>
        <button class="quiet small" type="button" onClick=${() => give(answer.predicted_label)}>Yes</button>
        <button class="quiet small" type="button" onClick=${correct}>No</button>
        ${!brief && html`
          <span class="others">${answer.predictions.slice(1, 1 + OTHERS).map(({ label }) => html`
            <button key=${label} class="quiet small" type="button" aria-label="No, it is ${label}" onClick=${() => give(label)}>it is ${label}</button>
          `)}</span>
        `}
      `}
      ${state.step === "correcting" && html`
        <form class="row" onSubmit=${submit}>
          <label for=${id}>It is</label>
          <input id=${id} name="truth" list="${id}-labels" autocomplete="off" ref=${focus} required maxlength="256" />
          <datalist id="${id}-labels">${state.labels.map((label) => html`<option value=${label} key=${label} />`)}</datalist>
          <button class="quiet">Tell it</button>
        </form>
      `}
      <span role="status">
        ${state.step === "sending" && "Sending…"}
        ${state.step === "noted" && html`<span class="good">${thanks(state)}</span>`}
      </span>
      ${state.step === "failed" && html`<${ProblemNote} problem=${state.problem} again=${() => give(state.label)} />`}
    </div>
  `;
}

const focus = (input) => input?.focus();

function thanks({ label, correct }) {
  return correct ? "Noted: it was right." : `Noted: it is ${label}.`;
}
