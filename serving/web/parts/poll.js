// Asking again and again while somebody looks.

import { useEffect, useRef, useState } from "../html.js";
import { ask } from "../api.js";

// {value, problem, again}: the newest answer of `path`, every `seconds` while `on` and the tab is in front.
export function usePolled(path, seconds, on) {
  const [state, setState] = useState({});
  const look = useRef();
  useEffect(() => {
    if (!on || !path) return;
    let here = true;
    let timer;
    const round = async () => {
      clearTimeout(timer);
      try {
        if (document.visibilityState === "visible") {
          const value = await ask(path);
          if (here) setState({ value, path });
        }
      } catch (problem) {
        if (here) setState((now) => ({ ...now, problem }));
      }
      if (here) timer = setTimeout(round, seconds * 1000);
    };
    look.current = round;
    round();
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [path, seconds, on]);
  return { ...state, again: () => look.current?.() };
}
