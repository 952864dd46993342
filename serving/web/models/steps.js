// How far an upload is, step by step.

import { size } from "../figures.js";
import { html } from "../html.js";
import { PHASES } from "./upload.js";

export const TO_STORE = [
  ["sending", "Send the file"],
  ["proving", "Inspect it, and prove it in a sandbox"],
  ["warming", "Store it"],
];
export const TO_GO_LIVE = [...TO_STORE.slice(0, 2), ["warming", "Store it, and warm it up on every worker"]];

// `steps` are pairs of a phase of the upload and what is done in it.
export function Steps({ upload, steps }) {
  const at = PHASES.indexOf(upload.phase);
  return html`
    <div id="sending">
      <progress id="sent" max="1" value=${upload.phase === "sending" ? fraction(upload) : undefined} aria-label="Upload"></progress>
      <p id="amount" class="hint small" aria-hidden="true">${upload.phase === "sending" && upload.total > 0 && `${size(upload.sent)} of ${size(upload.total)}`}</p>
      <ol class="steps">
        ${steps.map(([phase, text], place) => html`
          <li key=${phase} class=${place < at ? "past" : place === at ? "now" : ""} aria-current=${place === at ? "step" : undefined}>${text}</li>
        `)}
      </ol>
    </div>
  `;
}

const fraction = ({ sent, total }) => (total ? sent / total : 0);
