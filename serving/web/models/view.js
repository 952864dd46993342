// The second view: the models there are, what can be done to them, and bringing one in with a look before.

import { useCatalogue, refreshCatalogue } from "../catalogue.js";
import { html, useEffect } from "../html.js";
import { Confirmation, Said } from "../parts/confirm.js";
import { ProblemNote } from "../parts/problem.js";
import { Bring } from "./bring.js";
import { ModelList } from "./list.js";

export function ModelsView({ active }) {
  const catalogue = useCatalogue();
  useEffect(() => {
    // At first the page itself is asking.
    if (active && catalogue.loaded) refreshCatalogue();
  }, [active]);
  return html`
    <div class="row head"><h2 id="models-title">Models</h2><${Said} /></div>
    <div class="two">
      <section class="stack" aria-labelledby="models-title">
        <${ProblemNote} problem=${catalogue.problem} again=${refreshCatalogue} />
        <${ModelList} catalogue=${catalogue} active=${active} />
      </section>
      <${Bring} active=${active} />
    </div>
    ${active && html`<${Confirmation} />`}
  `;
}
