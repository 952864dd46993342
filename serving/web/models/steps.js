// How far an upload is, step by step: the file's bytes, then the phases that the server tells of.

import { size } from "../figures.js";
import { html } from "../html.js";

const SEND = ["sending", "Send the file"];
const STORE = ["storing", "Store it"];
const PROVE = [
  ["inspecting", "Inspect it"],
  ["proving", "Prove it in a sandbox"],
];
const WARM = ["warming", "Warm it up on every worker"];
const OPTIMIZE = ["optimizing", "Look for a faster way to run it"];

export const TO_SEND = [SEND];
export const TO_GO_LIVE = [SEND, ...PROVE, STORE, WARM];
export const toStore = ({ optimize }) => [SEND, ...PROVE, STORE, ...(optimize ? [OPTIMIZE] : [])];

// `steps` are pairs of a phase and what is done in it.
export function Steps({ upload: { phase, sent, total }, steps }) {
  const at = steps.findIndex(([name]) => name === phase);
  const sending = phase === "sending" && (sent < total || !total);
  return html`
    <div id="sending">
      <progress id="sent" max="1" value=${sending ? fraction(sent, total) : undefined} aria-label="Upload"></progress>
      <p id="amount" class="hint small" aria-hidden="true">${phase === "sending" && total > 0 && `${size(sent)} of ${size(total)}`}</p>
      <ol class="steps">
        ${steps.map(([name, text], place) => html`
          <li key=${name} class=${place < at ? "past" : place === at ? "now" : ""} aria-current=${place === at ? "step" : undefined}>${text}</li>
        `)}
      </ol>
    </div>
  `;
}

// The step that is being taken, for those who hear the page.
export const stepNow = ({ phase }, steps) => steps.find(([name]) => name === phase)?.[1];

const fraction = (sent, total) => (total ? sent / total : 0);
