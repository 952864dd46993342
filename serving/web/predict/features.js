// Asking a model that takes features: a form made from its inputs, and the request itself beside it.

import { tell } from "../api.js";
import { describe } from "../catalogue.js";
import { Fragment, html, useEffect, useState } from "../html.js";
import { Field } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";
import { Waiting } from "../parts/waiting.js";
import { Facts } from "./answer.js";
import { sample, slots, typed, valuesOf, withValue } from "./signature.js";

export function Features({ version, fields, onDeed }) {
  const [info, setInfo] = useState(null);
  const [text, setText] = useState("");
  const [result, setResult] = useState({});

  useEffect(() => {
    let here = true;
    setResult({});
    describe(version).then(
      (found) => {
        if (!here) return;
        setInfo(found);
        setText(written(sample(found.inputs)));
      },
      (problem) => here && setResult({ problem }),
    );
    return () => (here = false);
  }, [version.id, version.version]);

  async function run(event) {
    event?.preventDefault();
    const request = parsed(text);
    if (!request) return setResult({ problem: { message: "The request is not valid JSON: check quotes, commas and brackets." } });
    const { model_id = version.id, sticky_key } = fields;
    const json = { ...request, model_id, ...(sticky_key && { sticky_key }) };
    setResult({ waiting: true });
    try {
      const answer = await tell("/predict", json);
      setResult({ answer });
      onDeed({ json });
    } catch (problem) {
      setResult({ problem });
    }
  }

  if (!info) return result.problem ? html`<${ProblemNote} problem=${result.problem} />` : html`<p class="hint">Looking up the model’s inputs…</p>`;
  return html`
    <form id="features" class="result" onSubmit=${run}>
      <div class="inputs">
        <p class="hint">${version.id} ${version.version} takes values, not pictures.</p>
        <${Inputs} inputs=${info.inputs} request=${parsed(text)} onChange=${(request) => setText(written(request))} />
        <div class="row">
          <button>Run</button>
          <button class="quiet" type="button" onClick=${() => setText(written(sample(info.inputs)))}>Sample values</button>
        </div>
        <${Field} label="The request" hint="JSON">
          <textarea id="request" rows="8" spellcheck="false" value=${text} onInput=${(event) => setText(event.target.value)}></textarea>
        <//>
      </div>
      <div id="answer" role="status">
        ${result.waiting && html`<${Waiting} text="Running…" />`}
        ${result.problem && html`<${ProblemNote} problem=${result.problem} again=${run} />`}
        ${result.answer && html`<${Outputs} answer=${result.answer} />`}
        ${!Object.keys(result).length && html`<p class="hint">The model’s outputs appear here.</p>`}
      </div>
    </form>
  `;
}

function Inputs({ inputs, request, onChange }) {
  const all = slots(inputs);
  const single = all.length === 1;
  return all.map((slot) => {
    const values = valuesOf(request, slot, single);
    const about = `${slot.type} [${slot.shape.map((size) => size ?? "?").join(", ")}]`;
    return html`
      <fieldset key=${slot.name}>
        <legend>${slot.name} <span class="hint small">${about}</span></legend>
        ${values
          ? html`<div class="values">${values.map((value, place) => html`
              <input
                key=${place} aria-label="${slot.name} ${place + 1}" value=${String(value ?? "")} spellcheck="false"
                inputmode=${slot.type === "string" ? "text" : "decimal"}
                onChange=${(event) => onChange(withValue(request, slot, place, typed(event.target.value, slot.type), single))}
              />
            `)}</div>`
          : html`<p class="hint small">Too many or open values for fields: write them into the request.</p>`}
      </fieldset>
    `;
  });
}

function Outputs({ answer }) {
  return html`
    <${Fragment}>
      <p class="best">${brief(answer.prediction)}</p>
      ${answer.non_finite && html`<p class="hint">NaN or infinity is shown as null.</p>`}
      <dl class="outputs">
        ${Object.entries(answer.outputs).map(([name, value]) => html`
          <div key=${name}><dt>${name}</dt><dd><pre tabindex="0">${written(value)}</pre></dd></div>
        `)}
      </dl>
      <${Facts} answer=${answer} />
    <//>
  `;
}

function brief(prediction) {
  const text = prediction.length === 1 ? JSON.stringify(prediction[0]) : JSON.stringify(prediction);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

// Short lists stay on one line.
const written = (value) =>
  JSON.stringify(value, null, 2).replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, inner) => `[${inner.replace(/\s*\n\s*/g, " ")}]`);
