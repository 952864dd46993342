// What was understood of a model: what goes in, what comes out, how a picture becomes its input.

import { html } from "../html.js";

export function Understood({ inputs, outputs, preprocessing, labels, threshold }) {
  const labelled = typeof labels === "number" ? labels : labels?.length;
  return html`
    <dl class="understood">
      <div><dt>Takes</dt><dd>${inputs.map(tensor).join("; ")}</dd></div>
      <div><dt>Gives</dt><dd>${outputs.map(tensor).join("; ")}</dd></div>
      ${preprocessing && html`<div><dt>Pictures</dt><dd>${picture(preprocessing)}</dd></div>`}
      <div><dt>Labels</dt><dd>${labelled ?? "none"}</dd></div>
      ${threshold > 0 && html`<div><dt>Unknown below</dt><dd>${threshold}</dd></div>`}
    </dl>
  `;
}

const tensor = ({ name, dtype_name: type, shape }) => `${name}: ${type} [${(shape ?? ["?"]).map((size) => size ?? "?").join(", ")}]`;

function picture(spec) {
  const size = spec.size.join(" × ");
  const scaled = spec.mean ? `(pixel${scale(spec.scale)} − ${list(spec.mean)}) ÷ ${list(spec.std)}` : "";
  return [size, spec.color, spec.layout, spec.resize, scaled].filter(Boolean).join(" · ");
}

// 1/255 says more than 0.003922.
function scale(factor) {
  if (factor === 1) return "";
  const parts = 1 / factor;
  return Math.abs(parts - Math.round(parts * 2) / 2) < 1e-3 ? ` ÷ ${Math.round(parts * 2) / 2}` : ` × ${number(factor)}`;
}

const number = (value) => Number(value.toPrecision(4));
const list = (values) => (new Set(values).size === 1 ? number(values[0]) : `[${values.map(number).join(", ")}]`);
