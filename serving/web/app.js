// The page: one view at a time below a head that stays.  Views that were open keep their state.

import { keyWanted } from "./api.js";
import { AccessDialog } from "./access.js";
import { refreshCatalogue } from "./catalogue.js";
import { html, render, useEffect, useState } from "./html.js";
import { handIn, kindOf } from "./intake.js";
import { PredictView } from "./predict/view.js";
import { goTo, useView, viewNow } from "./router.js";
import { Status } from "./status.js";

// The first view comes with the page, the others when they are first wanted.
const LATER = {
  models: async () => (await import("./models/view.js")).ModelsView,
  learn: async () => (await import("./learn/view.js")).LearnView,
  watch: async () => (await import("./watch/view.js")).WatchView,
};
const TITLES = { predict: "Lens", models: "Models · Lens", learn: "Learn · Lens", watch: "Watch · Lens" };

function Views() {
  const view = useView();
  const [opened, setOpened] = useState({ predict: PredictView });
  useEffect(() => {
    document.title = TITLES[view];
    for (const link of document.querySelectorAll("nav a[href^='#']")) {
      if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!opened[view]) LATER[view]().then((made) => setOpened((now) => ({ ...now, [view]: made })));
  }, [view]);
  return html`
    ${Object.entries(opened).map(([name, View]) => html`
      <div key=${name} id="view-${name}" class="view" hidden=${name !== view}><${View} active=${name === view} /></div>
    `)}
    <${AccessDialog} />
  `;
}

render(html`<${Status} />`, document.getElementById("status"));
render(html`<${Views} />`, document.querySelector("main"));
document.querySelector(".skip").addEventListener("click", (event) => {
  // What follows the # names a view.
  event.preventDefault();
  document.querySelector("main").focus();
});
document.getElementById("open-access").addEventListener("click", () => keyWanted.set(true));
refreshCatalogue();

// Whoever comes back to this tab may have changed what is live from elsewhere.
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refreshCatalogue());

document.addEventListener("paste", (event) => {
  if (take(event.clipboardData, event.target)) event.preventDefault();
});
document.addEventListener("dragover", (event) => {
  if (isText(event.target)) return;
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  document.body.classList.remove("over");
  const [file] = event.dataTransfer.files;
  // The browser would leave the page for what is dropped on it.
  if (file || !isText(event.target)) event.preventDefault();
  take(event.dataTransfer, event.target);
});

// Takes files, or the address of a picture, out of a drop or a paste; false where there is nothing for us in it.
function take(transfer, target) {
  const files = [...transfer.files];
  if (files.length) {
    handFiles(files);
    return true;
  }
  if (isText(target)) return false;
  const text = (transfer.getData("text/uri-list") || transfer.getData("text/plain")).trim();
  if (!/^https?:\/\/\S+$/i.test(text)) return false;
  goTo("predict");
  handIn("address", text);
  return true;
}

function handFiles(files) {
  const kind = kindOf(files[0]);
  if (kind === "archive") goTo("learn");
  // A model can be brought in where one is: on the first view, or among the models.
  else if (kind === "picture") goTo(viewNow() === "models" ? "models" : "predict");
  else if (viewNow() !== "predict") goTo("models");
  handIn(kind, files.filter((file) => kindOf(file) === kind));
  const others = files.filter((file) => kindOf(file) !== kind);
  if (others.length && kind === "model") handFiles(others);
}

function isText(target) {
  return target.matches?.("input:not([type=file]), textarea, select") ?? false;
}
