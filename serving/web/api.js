// The way to the server.  Each function gives the answer's body, or throws a Problem.

import { createStore } from "./store.js";

const KEY = "lens-key";
const EVENTS = "text/event-stream";

// Kept until the tab is closed, and nowhere else.
export const apiKey = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

// Whether somebody wants the dialog for the key.
export const keyWanted = createStore(false);

// `wait` is how many seconds later the server would rather be asked again, where it says so.
export class Problem extends Error {
  constructor(status, { detail, code = "unreadable_answer", request_id: requestId }, wait) {
    super(sentence(detail) ?? `The server answered ${status} and gave no reason.`);
    Object.assign(this, { status, code, requestId, wait: Number(wait) || undefined });
  }
}

export async function ask(path, { headers, ...options } = {}) {
  let response, text;
  try {
    response = await fetch(path, { ...options, headers: { ...authorization(), ...headers } });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw new Problem(0, { detail: "Called off.", code: "called_off" });
    throw unreachable("The server cannot be reached.");
  }
  return answer(response.status, text, response.headers.get("Retry-After"));
}

export function tell(path, body, { method = "POST", ...options } = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method, body: JSON.stringify(body), headers, ...options });
}

// fetch cannot tell how much of a body has gone; XMLHttpRequest can.  Where the answer is a stream of events,
// `onEvent` gets the data of each but the last, which holds the answer itself.
export function send(path, form, { onProgress, onEvent, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const told = () => request.getResponseHeader("Content-Type")?.startsWith(EVENTS);
    let heard = 0;
    request.open("POST", path);
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", onProgress);
    request.addEventListener("progress", () => {
      if (!told()) return;
      const { news, end } = readEvents(request.responseText.slice(heard));
      heard += end;
      news.filter(({ kind }) => kind === "progress").forEach(({ data }) => onEvent(data));
    });
    request.addEventListener("load", () => {
      try {
        const last = told() && readEvents(request.responseText).news.find(({ kind }) => kind === "end")?.data;
        if (told() && !last) throw unreachable("The connection broke off before there was an answer.");
        const wait = request.getResponseHeader("Retry-After");
        resolve(last ? checked(last.status, last.answer) : answer(request.status, request.responseText, wait));
      } catch (problem) {
        reject(problem);
      }
    });
    request.addEventListener("error", () => reject(unreachable("The connection broke off before there was an answer.")));
    request.addEventListener("abort", () => reject(new Problem(0, { detail: "Called off.", code: "called_off" })));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// The events of a stream, as they come.  EventSource could not bring the key along.
export async function* events(path, signal) {
  let response;
  try {
    response = await fetch(path, { headers: { ...authorization(), Accept: EVENTS }, signal });
  } catch {
    throw unreachable("The server cannot be reached.");
  }
  if (!response.ok) answer(response.status, await response.text(), response.headers.get("Retry-After"));
  let rest = "";
  for await (const chunk of chunks(response.body.pipeThrough(new TextDecoderStream()))) {
    rest += chunk;
    const { news, end } = readEvents(rest);
    rest = rest.slice(end);
    for (const { data } of news) yield data;
  }
}

// {news, end}: the whole events at the beginning of `text`, each {kind, data}, and where what follows them begins.
function readEvents(text) {
  const end = text.lastIndexOf("\n\n") + 1;
  const news = [];
  for (const block of text.slice(0, end).split("\n\n")) {
    const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    if (field("data")) news.push({ kind: field("event"), data: JSON.parse(field("data")) });
  }
  return { news, end };
}

// Not every browser can walk through a stream with for await.
async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) yield value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

function authorization() {
  const key = apiKey.get();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

function answer(status, text, wait) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    // What stands between us and the server may answer in words of its own.
    throw new Problem(status, {}, wait);
  }
  return checked(status, body, wait);
}

function checked(status, body, wait) {
  if (status >= 200 && status < 300) return body;
  throw new Problem(status, body, wait);
}

function unreachable(detail) {
  return new Problem(0, { detail, code: "unreachable" });
}

function sentence(detail) {
  if (Array.isArray(detail)) return detail.map(({ loc, msg }) => `${loc.at(-1)}: ${msg}`).join("; ");
  return typeof detail === "string" ? detail : undefined;
}
