// Text to take along, and a button that takes it.

import { html, useState } from "../html.js";

export function Copyable({ text, label }) {
  const [said, setSaid] = useState("");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      // Away from localhost and https browsers allow no clipboard.
      setSaid("Select the text and copy it");
    }
  }
  return html`
    <div class="copyable">
      <pre tabindex="0" role="region" aria-label=${label}>${text}</pre>
      <div class="row">
        <button class="quiet" type="button" onClick=${copy}>Copy</button>
        <span class="hint small" role="status">${said}</span>
      </div>
    </div>
  `;
}
