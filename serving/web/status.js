// What is live, said in the page's head.

import { serving, useCatalogue } from "./catalogue.js";
import { html } from "./html.js";

export function Status() {
  const catalogue = useCatalogue();
  const model = serving(catalogue);
  if (!catalogue.loaded) return html`<p id="serving" role="status">Looking up what is live…</p>`;
  const text = catalogue.problem?.message ?? (model ? `Serving ${model.id} ${model.version}` : "No model is live yet");
  return html`<p id="serving" role="status" class=${model && !catalogue.problem ? "on" : "off"}>${text}</p>`;
}
