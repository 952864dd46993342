// Waiting, with the seconds counted: an answer may take long.

import { html, useEffect, useState } from "../html.js";

export function Waiting({ text, label = "Waiting for the answer" }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const start = performance.now();
    const timer = setInterval(() => setSeconds(Math.round((performance.now() - start) / 1000)), 1000);
    return () => clearInterval(timer);
  }, []);
  return html`
    <div class="waiting">
      <p>${text} <span aria-hidden="true">${seconds > 0 && `${seconds} s`}</span></p>
      <progress aria-label=${label}></progress>
    </div>
  `;
}
