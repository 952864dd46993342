// The models: each id with its versions, its traffic and a comparison.

import { byId } from "../catalogue.js";
import { count, counted } from "../figures.js";
import { html, useEffect, useState } from "../html.js";
import { ask } from "../api.js";
import { usePolled } from "../parts/poll.js";
import { rollBack } from "./changes.js";
import { Comparison } from "./comparison.js";
import { Traffic } from "./traffic.js";
import { Version } from "./version.js";

const HOUR = "/stats?seconds=3600&steps=30";
const AT_FIRST = 10;
const MORE = 50;

export function ModelList({ catalogue, active }) {
  const { value: stats } = usePolled(HOUR, 15, active);
  const standing = catalogue.models.find((model) => model.default);
  const groups = byId(catalogue.models, catalogue.defaultId);
  if (!groups.length) return html`<p class="card hint">${catalogue.loaded ? "None yet. Bring one in." : "Looking…"}</p>`;
  return html`
    <ul id="models">
      ${groups.map(({ id, versions }) => html`
        <${Model} key=${id} id=${id} versions=${versions} stats=${stats} standing=${standing} active=${active} />
      `)}
    </ul>
  `;
}

function Model({ id, versions, stats, standing, active }) {
  const [length, setLength] = useState(AT_FIRST);
  const quality = useQuality(id, versions, active);
  const live = versions.find((model) => model.live);
  const circumstances = { live, isDefault: standing?.id === id, standing };
  // What is live or has a name is never out of sight.
  const shown = versions.filter(({ live: answers, aliases }, place) => place < length || answers || aliases.length);
  const hidden = versions.length - shown.length;
  const statsOf = ({ version }) => stats?.versions.find((each) => each.id === id && each.version === version);
  return html`
    <li class="card">
      <div class="row head">
        <h3>${id}</h3>
        <span class="hint small">${versions[0].kind === "image" ? "takes pictures" : "takes features"} · ${counted(versions.length, "version")}</span>
        ${live && versions.length > 1 && html`<button class="quiet small" type="button" onClick=${() => rollBack(id, live)}>Roll back</button>`}
      </div>
      <ul class="versions">
        ${shown.map((model) => html`
          <${Version}
            key="${model.version} ${model.sha256}" model=${model} stats=${statsOf(model)} circumstances=${circumstances}
            quality=${quality?.versions.find((each) => each.version === model.version && each.role === "answer" && each.model_id === id)}
          />
        `)}
      </ul>
      ${hidden > 0 && html`<button class="quiet small older" type="button" onClick=${() => setLength(length + MORE)}>Show older versions (${count(hidden)} more)</button>`}
      ${versions.length > 1 && html`
        ${live && html`<${Traffic} id=${id} versions=${versions} live=${live} active=${active} />`}
        <${Comparison} id=${id} versions=${versions} live=${live} quality=${quality} stats=${stats} />
      `}
    </li>
  `;
}

// What feedback says of each version; asked anew when the view is opened or the versions change.
function useQuality(id, versions, active) {
  const [quality, setQuality] = useState(null);
  // The list is made anew whenever it is drawn.
  const state = versions.map(({ version, live }) => `${version} ${live}`).join();
  useEffect(() => {
    // The server knows nothing of an id that has never answered.
    if (!active || !versions.some(({ live }) => live)) return;
    ask(`/quality?${new URLSearchParams({ id })}`).then(setQuality, () => setQuality(null));
  }, [id, state, active]);
  return quality;
}
