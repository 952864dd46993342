// Shares as bars.  The text says it all: the drawn bar is for the eye.

import { share } from "../figures.js";
import { html } from "../html.js";

// Each item has a `label` and a `share` (0..1), or `text` in the share's place; `mark` draws a line at a share.
export function Bars({ items, mark }) {
  return html`
    <ol class="bars">
      ${items.map(
        (item, place) => html`
          <li key=${place}>
            <span>${item.label}</span>
            <span class="figure">${item.text ?? share(item.share)}</span>
            <span class="bar" aria-hidden="true" style=${{ "--share": item.share, "--mark": mark ?? -1 }}></span>
          </li>
        `,
      )}
    </ol>
  `;
}
