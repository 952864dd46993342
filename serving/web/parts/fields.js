// Form fields with their labels.

import { cloneElement, html, useEffect, useId, useRef } from "../html.js";

// The label is not around its field: it would take what a select offers for part of its own text.
export function Field({ label, hint, children }) {
  const own = useId();
  const id = children.props.id ?? own;
  return html`
    <div class="field">
      <label class="label" for=${id}>${label} ${hint && html`<span class="hint">${hint}</span>`}</label>
      ${cloneElement(children, { id })}
    </div>
  `;
}

// A file chooser that also shows what was dropped.  With `multiple` the value is a list.
export function FileField({ id, name, label, hint, accept, required, multiple, value, onFiles }) {
  const input = useRef();
  const own = useId();
  const files = [value ?? []].flat();
  useEffect(() => {
    const held = [...input.current.files];
    if (held.length === files.length && held.every((file, at) => file === files[at])) return;
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    input.current.files = transfer.files;
  }, files);
  return html`
    <div class="field">
      <label class="label" for=${id ?? own}>${label} ${hint && html`<span class="hint">${hint}</span>`}</label>
      <input
        ref=${input} id=${id ?? own} name=${name} type="file" accept=${accept} required=${required} multiple=${multiple}
        onChange=${(event) => onFiles(multiple ? [...event.target.files] : (event.target.files[0] ?? null))}
      />
    </div>
  `;
}
