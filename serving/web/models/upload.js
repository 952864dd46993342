// Sending a model, and following it on its way, as the server tells it.

import { send } from "../api.js";
import { useRef, useState } from "../html.js";

const IDLE = { phase: "idle", sent: 0, total: 0 };
const OVER = new Set(["idle", "done", "failed"]);

export function useUpload() {
  const [state, setState] = useState(IDLE);
  const calling = useRef();

  async function upload(path, fields) {
    if (calling.current) return undefined;
    const { signal } = (calling.current = new AbortController());
    setState({ ...IDLE, phase: "sending" });
    const onProgress = ({ loaded, total, lengthComputable }) =>
      lengthComputable && setState((now) => ({ ...now, sent: loaded, total }));
    const onEvent = ({ phase }) => setState((now) => ({ ...now, phase }));
    try {
      const result = await send(path, form(fields), { onProgress, onEvent, signal });
      setState((now) => ({ ...now, phase: "done", result }));
      return result;
    } catch (problem) {
      setState((now) => (problem.code === "called_off" ? IDLE : { ...now, phase: "failed", problem }));
      return undefined;
    } finally {
      calling.current = undefined;
    }
  }
  return {
    ...state,
    busy: !OVER.has(state.phase),
    upload,
    cancel: () => calling.current?.abort(),
    reset: () => setState(IDLE),
  };
}

// What was left empty is not sent: the server then decides.
function form(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== "" && value !== null && value !== undefined) body.append(name, value);
  }
  return body;
}
