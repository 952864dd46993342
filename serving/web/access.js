// The dialog for the API key.

import { apiKey, keyWanted } from "./api.js";
import { refreshCatalogue } from "./catalogue.js";
import { html, useEffect, useRef } from "./html.js";
import { useStore } from "./store.js";

export function AccessDialog() {
  const dialog = useRef();
  const field = useRef();
  const wanted = useStore(keyWanted);
  useEffect(() => {
    if (!wanted) return;
    field.current.value = apiKey.get();
    dialog.current.returnValue = "";
    dialog.current.showModal();
  }, [wanted]);

  function closed() {
    keyWanted.set(false);
    if (dialog.current.returnValue !== "use") return;
    apiKey.set(field.current.value.trim());
    refreshCatalogue();
  }
  return html`
    <dialog id="access" aria-labelledby="access-title" ref=${dialog} onClose=${closed}>
      <form method="dialog">
        <h2 id="access-title">API key</h2>
        <p class="hint">Only where this server asks for one. It is kept until this tab is closed.</p>
        <label class="label" for="key">Key</label>
        <input id="key" type="password" autocomplete="off" spellcheck="false" ref=${field} />
        <div class="row end">
          <button id="close-access" class="quiet" type="button" onClick=${() => dialog.current.close()}>Cancel</button>
          <button id="use-key" value="use">Use this key</button>
        </div>
      </form>
    </dialog>
  `;
}
