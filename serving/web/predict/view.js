// The first view: ask about a picture, or several, or values; and bring a model.

import { refreshCatalogue, serving, useCatalogue, catalogueNow } from "../catalogue.js";
import { html, useRef, useState } from "../html.js";
import { useIntake } from "../intake.js";
import { QuickUpload } from "../models/quick_upload.js";
import { FileField } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";
import { Waiting } from "../parts/waiting.js";
import { Answer } from "./answer.js";
import { Features } from "./features.js";
import { Gallery } from "./gallery.js";
import { NO_OPTIONS, Options, asFields, chosenVersion } from "./options.js";
import { useQuestions } from "./questions.js";
import { Snippets } from "./snippets.js";

export function PredictView({ active }) {
  const catalogue = useCatalogue();
  const [options, setOptions] = useState(NO_OPTIONS);
  const [deed, setDeed] = useState(null);
  const fields = asFields(options);
  const version = chosenVersion(catalogue, options.model);
  const takesFeatures = version?.kind === "features";
  return html`
    <div class="two">
      <section class="card" aria-labelledby="ask-title">
        <h2 id="ask-title">${takesFeatures ? "Ask the model" : "What is in the picture?"}</h2>
        ${takesFeatures
          ? html`
              <${Features} version=${version} fields=${fields} onDeed=${setDeed} />
              <${Options} catalogue=${catalogue} options=${options} onChange=${setOptions} />
            `
          : html`<${Pictures} active=${active} fields=${fields} onDeed=${setDeed}>
              <${Options} catalogue=${catalogue} options=${options} onChange=${setOptions} />
            <//>`}
        ${deed && html`<${Snippets} deed=${deed} />`}
      </section>
      <${QuickUpload} active=${active} />
    </div>
  `;
}

function Pictures({ active, fields, onDeed, children }) {
  const [address, setAddress] = useState("");
  const [files, setFiles] = useState([]);
  const [missing, setMissing] = useState(false);
  const addressField = useRef();
  const questions = useQuestions(fields, noteWhatAnswers);

  function askFiles(chosen) {
    if (!chosen.length) return;
    setFiles(chosen);
    setAddress("");
    setMissing(false);
    onDeed({ files: chosen.map(({ name }) => name), fields });
    questions.askAboutFiles(chosen);
  }
  function askUrl(text) {
    setAddress(text);
    setFiles([]);
    setMissing(false);
    const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
    onDeed({ json: { image_url: url, ...fields } });
    questions.askAboutUrl(url);
  }
  function submit(event) {
    event.preventDefault();
    if (address.trim()) askUrl(address.trim());
    else if (files.length) askFiles(files);
    else {
      setMissing(true);
      addressField.current.focus();
    }
  }
  useIntake(active, ["picture", "address"], (items, kind) => (kind === "address" ? askUrl(items) : askFiles(items)));

  return html`
    <form id="predict" onSubmit=${submit} novalidate>
      <div class="field">
        <label class="label" for="url">Address of a picture</label>
        <div class="row">
          <input
            id="url" name="url" type="url" inputmode="url" placeholder="https://…" autocomplete="off" spellcheck="false"
            ref=${addressField} value=${address} onInput=${(event) => setAddress(event.target.value)}
          />
          <button>Classify</button>
        </div>
      </div>
      <div class="row chooser">
        <${FileField} id="file" name="file" label="or a file" hint="one or several" accept="image/*" multiple value=${files} onFiles=${askFiles} />
        <${Photograph} onPhoto=${(photo) => askFiles([photo])} />
      </div>
      ${children}
    </form>
    ${questions.pictures.length > 1
      ? html`<${Gallery} pictures=${questions.pictures} onAgain=${questions.askAgain} />`
      : html`<${One} picture=${questions.pictures[0]} missing=${missing} onAgain=${() => questions.askAgain()} />`}
  `;
}

// Phones have an application for it, which a chooser of pictures opens; elsewhere the page looks through the camera.
function Photograph({ onPhoto }) {
  const [Camera, setCamera] = useState(null);
  async function open() {
    const chooser = document.getElementById("file");
    if (matchMedia("(pointer: coarse)").matches) {
      chooser.setAttribute("capture", "environment");
      chooser.click();
      chooser.removeAttribute("capture");
    } else {
      const { Camera: made } = await import("./camera.js");
      setCamera(() => made);
    }
  }
  function over(photo) {
    setCamera(null);
    if (photo) onPhoto(photo);
  }
  return html`
    <button class="quiet" type="button" onClick=${open}>Take a photo</button>
    ${Camera && html`<${Camera} onPhoto=${over} />`}
  `;
}

// The stage opens the chooser for the mouse alone: keys and screen readers have the chooser itself, and its one label.
function One({ picture, missing, onAgain }) {
  return html`
    <div class="result">
      <div id="stage" onClick=${() => document.getElementById("file").click()}>
        <${Preview} key=${picture?.preview} picture=${picture} />
      </div>
      <div id="answer" role="status"><${Outcome} picture=${picture} missing=${missing} onAgain=${onAgain} /></div>
    </div>
  `;
}

function Preview({ picture }) {
  const [state, setState] = useState("loading");
  if (!picture) return html`<span class="invitation">Drop pictures anywhere,<br />paste one, or click here</span>`;
  return html`
    <img
      id="preview" src=${picture.preview} alt="The picture ${picture.name}" hidden=${state !== "shown"}
      onLoad=${() => setState("shown")} onError=${() => setState("broken")}
    />
    ${state === "broken" && html`<span class="invitation">This picture cannot be shown here.</span>`}
  `;
}

function Outcome({ picture, missing, onAgain }) {
  if (missing) return html`<p class="bad">Give the address of a picture, or choose a file.</p>`;
  if (!picture) return html`<p class="hint">The label, how sure the model is and how long it took appear here.</p>`;
  if (picture.problem) return html`<${ProblemNote} problem=${picture.problem} again=${onAgain} />`;
  if (picture.answer) return html`<${Answer} answer=${picture.answer} options=${picture.options} />`;
  return html`<${Waiting} key=${picture.options} text="Looking…" />`;
}

// Somebody else may have changed what is live: an answer tells.
function noteWhatAnswers({ model_id: id, model_version: version }) {
  const known = serving(catalogueNow());
  if (known?.id !== id || known.version !== version) refreshCatalogue();
}
