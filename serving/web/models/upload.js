// Sending a model, and following it on its way: sent, inspected and proved, stored, warm, live.

import { ask, send } from "../api.js";
import { useRef, useState } from "../html.js";

const LOOK_EVERY_MS = 400;
const IDLE = { phase: "idle", sent: 0, total: 0 };

// The phases in their order; "stored" is heard of by looking at the list, for the upload's own answer comes last.
export const PHASES = ["sending", "proving", "warming", "done"];

export function useUpload() {
  const [state, setState] = useState(IDLE);
  const calling = useRef();

  async function upload(path, fields) {
    if (calling.current) return undefined;
    const abort = (calling.current = new AbortController());
    const known = await versionsNow();
    setState({ ...IDLE, phase: "sending" });
    const follow = follower(known, abort.signal, () => setState((now) => ({ ...now, phase: "warming" })));
    const onProgress = (event) => {
      if (event.loaded === event.total) follow();
      setState((now) => progressed(now, event));
    };
    try {
      const result = await send(path, form(fields), onProgress, abort.signal);
      setState((now) => ({ ...now, phase: "done", result }));
      return result;
    } catch (problem) {
      setState((now) => (problem.code === "called_off" ? IDLE : { ...now, phase: "failed", problem }));
      return undefined;
    } finally {
      abort.abort();
      calling.current = undefined;
    }
  }
  return {
    ...state,
    busy: ["sending", "proving", "warming"].includes(state.phase),
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

function progressed(now, { loaded, total, lengthComputable }) {
  if (!lengthComputable) return now;
  const over = loaded === total && now.phase === "sending";
  return { ...now, phase: over ? "proving" : now.phase, sent: loaded, total };
}

// Looks at the list until there is a version that was not there before.
function follower(known, signal, onStored) {
  let following = false;
  return async () => {
    if (following) return;
    following = true;
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      if (signal.aborted) return;
      const now = await versionsNow();
      if (!signal.aborted && known && now && [...now].some((version) => !known.has(version))) return onStored();
    }
  };
}

async function versionsNow() {
  try {
    const { models } = await ask("/models");
    return new Set(models.map(({ id, version, sha256 }) => `${id}@${version}@${sha256}`));
  } catch {
    return undefined;
  }
}
