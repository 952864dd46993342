// What was answered for each true label, as a table whose diagonal is what was right.

import { html } from "../html.js";

export function Confusion({ title, confusion }) {
  const { labels, counts, beyond } = confusion;
  const sums = counts.map((row) => row.reduce((sum, each) => sum + each, 0));
  return html`
    <h4>${title}</h4>
    <div class="scroll" tabindex="0" role="region" aria-label=${title}>
      <table class="confusion">
        <caption class="unseen">${title}: rows are true labels, columns what was answered.</caption>
        <thead><tr><td></td>${labels.map((label) => html`<th key=${label} scope="col"><span>${label}</span></th>`)}</tr></thead>
        <tbody>
          ${counts.map((row, truth) => html`
            <tr key=${labels[truth]}>
              <th scope="row">${labels[truth]}</th>
              ${row.map((number, answer) => html`
                <td key=${answer} class=${truth === answer ? "right" : number ? "" : "none"} style=${{ "--share": sums[truth] ? number / sums[truth] : 0 }}>${number}</td>
              `)}
            </tr>
          `)}
        </tbody>
      </table>
    </div>
    ${beyond > 0 && html`<p class="hint small">${beyond} more were of labels that are not shown.</p>`}
  `;
}
