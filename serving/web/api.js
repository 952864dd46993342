// The way to the server.  Both functions give the answer's body, or throw a Problem.

const KEY = "lens-key";

export const apiKey = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

export class Problem extends Error {
  constructor(status, { detail, code = "unreadable_answer", request_id: requestId }) {
    super(sentence(detail) ?? `The server answered ${status} and gave no reason.`);
    Object.assign(this, { status, code, requestId });
  }
}

export async function ask(path, { headers, ...options } = {}) {
  let status, text;
  try {
    const response = await fetch(path, { ...options, headers: { ...authorization(), ...headers } });
    [status, text] = [response.status, await response.text()];
  } catch {
    throw unreachable("The server cannot be reached.");
  }
  return answer(status, text);
}

// fetch cannot tell how much of a body has gone; XMLHttpRequest can.
export function send(path, form, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", onProgress);
    request.addEventListener("load", () => {
      try {
        resolve(answer(request.status, request.responseText));
      } catch (problem) {
        reject(problem);
      }
    });
    request.addEventListener("error", () => reject(unreachable("The connection broke off before there was an answer.")));
    request.send(form);
  });
}

function authorization() {
  const key = apiKey.get();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

function answer(status, text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    // What stands between us and the server may answer in words of its own.
    throw new Problem(status, {});
  }
  if (status >= 200 && status < 300) return body;
  throw new Problem(status, body);
}

function unreachable(detail) {
  return new Problem(0, { detail, code: "unreachable" });
}

function sentence(detail) {
  if (Array.isArray(detail)) return detail.map(({ loc, msg }) => `${loc.at(-1)}: ${msg}`).join("; ");
  return typeof detail === "string" ? detail : undefined;
}
