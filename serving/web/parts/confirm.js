// Asking before something is done, with what it comes to; what was done is said afterwards.

import { html, useEffect, useRef, useState } from "../html.js";
import { createStore, useStore } from "../store.js";
import { ProblemNote } from "./problem.js";

const wanted = createStore(null);
const told = createStore("");

// `question` is {title, consequences, action, danger, run}; `run` does it and gives the sentence to say.
export const confirm = (question) => wanted.set(question);
export const say = (text) => told.set(text);

export function Confirmation() {
  const question = useStore(wanted);
  const dialog = useRef();
  const [state, setState] = useState({});
  useEffect(() => {
    setState({});
    if (question) dialog.current.showModal();
  }, [question]);

  async function run(event) {
    event?.preventDefault();
    setState({ busy: true });
    try {
      say(await question.run());
      dialog.current.close();
    } catch (problem) {
      setState({ problem });
    }
  }
  return html`
    <dialog id="confirmation" aria-labelledby="confirmation-title" ref=${dialog} onClose=${() => wanted.set(null)}>
      ${question && html`
        <form onSubmit=${run}>
          <h2 id="confirmation-title">${question.title}</h2>
          ${question.consequences.map((text) => html`<p key=${text}>${text}</p>`)}
          <div aria-live="polite">
            ${state.busy && html`<progress aria-label="Working"></progress>`}
            <${ProblemNote} problem=${state.problem} again=${run} />
          </div>
          <div class="row end">
            <button class="quiet" type="button" onClick=${() => dialog.current.close()}>Cancel</button>
            <button class=${question.danger ? "danger" : ""} aria-disabled=${Boolean(state.busy)}>${question.action}</button>
          </div>
        </form>
      `}
    </dialog>
  `;
}

export function Said() {
  const text = useStore(told);
  return html`<p class="said good" role="status">${text}</p>`;
}
