// The first page: ask about a picture, bring a model, see what is live.

import { apiKey } from "./api.js";
import { $, choose } from "./dom.js";
import { isServing, showModels } from "./models.js";
import { askAboutUrl, startPicture } from "./picture.js";
import { startUpload } from "./upload.js";

startPicture((answer) => isServing(answer) || showModels());
startUpload(showModels);
showModels();

// Whoever comes back to this tab may have changed what is live from elsewhere.
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && showModels());

document.addEventListener("paste", (event) => {
  if (take(event.clipboardData, $("file"), event.target)) event.preventDefault();
});
document.addEventListener("dragover", (event) => {
  if (isText(event.target)) return;
  event.preventDefault();
  $("stage").classList.add("over");
});
document.addEventListener("dragleave", (event) => event.relatedTarget || $("stage").classList.remove("over"));
document.addEventListener("drop", (event) => {
  $("stage").classList.remove("over");
  const [file] = event.dataTransfer.files;
  // The browser would leave the page for what is dropped on it.
  if (file || !isText(event.target)) event.preventDefault();
  take(event.dataTransfer, chooserAt(event.target, file), event.target);
});

// Takes a file, or the address of a picture, out of a drop or a paste; false where there is nothing for us in it.
function take(transfer, chooser, target) {
  const [file] = transfer.files;
  if (file) {
    choose(chooser, file);
    return true;
  }
  if (isText(target)) return false;
  const text = transfer.getData("text/uri-list") || transfer.getData("text/plain");
  if (!/^https?:\/\/\S+$/i.test(text.trim())) return false;
  askAboutUrl(text.trim());
  return true;
}

function chooserAt(target, file) {
  if (target.matches?.("input[type=file]")) return target;
  if (!target.closest?.("#upload")) return $("file");
  return /\.onnx$/i.test(file?.name ?? "") ? $("model") : $("labels");
}

function isText(target) {
  return target.matches?.("input:not([type=file]), textarea, select") ?? false;
}

$("open-access").addEventListener("click", () => {
  $("key").value = apiKey.get();
  $("access").returnValue = "";
  $("access").showModal();
});
$("close-access").addEventListener("click", () => $("access").close());
$("access").addEventListener("close", () => {
  if ($("access").returnValue !== "use") return;
  apiKey.set($("key").value.trim());
  showModels();
});
