// What was just done, as a command and as a program.

import { apiKey } from "../api.js";
import { html } from "../html.js";
import { Copyable } from "../parts/copy.js";

// A `deed` is what was sent: {files: names, fields}, or {json}.
export function Snippets({ deed }) {
  return html`
    <details class="snippets">
      <summary>The same from code</summary>
      <h3>curl</h3>
      <${Copyable} label="As curl" text=${curl(deed, location.origin)} />
      <h3>Python</h3>
      <${Copyable} label="As Python" text=${python(deed, location.origin)} />
    </details>
  `;
}

export function curl({ files, fields = {}, json }, origin) {
  const several = files?.length > 1;
  const parts = ["curl"];
  if (apiKey.get()) parts.push(`-H "Authorization: Bearer $LENS_KEY"`);
  if (json) parts.push(`-H "Content-Type: application/json"`, `-d ${quoted(JSON.stringify(json))}`);
  else {
    parts.push(several ? `-F "file=@$picture"` : `-F ${quoted(`file=@${path(files[0])}`)}`);
    parts.push(...Object.entries(fields).map(([name, value]) => `-F ${quoted(`${name}=${value}`)}`));
  }
  const command = [...parts, quoted(`${origin}/predict`)].join(" \\\n  ");
  if (!several) return command;
  return `for picture in ${files.map((name) => quoted(path(name))).join(" ")}; do\n${command}\necho\ndone`;
}

export function python({ files, fields = {}, json }, origin) {
  const keyed = Boolean(apiKey.get());
  const several = files?.length > 1;
  const sent = json
    ? [`json=${literal(json)}`]
    : [`files={"file": open(${several ? "picture" : literal(files[0])}, "rb")}`, ...(Object.keys(fields).length ? [`data=${literal(fields)}`] : [])];
  if (keyed) sent.push(`headers={"Authorization": f"Bearer {os.environ['LENS_KEY']}"}`);
  const asked = [
    `answer = requests.post(\n    ${[literal(`${origin}/predict`), ...sent, "timeout=60"].join(",\n    ")},\n)`,
    "answer.raise_for_status()",
    "print(answer.json())",
  ].join("\n");
  const program = several ? `for picture in ${literal(files)}:\n${asked.replace(/^/gm, "    ")}` : asked;
  return [...(keyed ? ["import os", ""] : []), "import requests", "", program].join("\n");
}

// curl takes a comma or a semicolon for the end of the name.
const path = (name) => (/[,;"\\]/.test(name) ? JSON.stringify(name) : name);

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A value as Python writes it; JSON's strings and numbers are the same there.
function literal(value) {
  if (value === null) return "None";
  if (value === true || value === false) return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([name, each]) => `${literal(name)}: ${literal(each)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}
