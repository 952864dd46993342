// Which view the address names: what follows the #, the first view where nothing does.

import { useEffect, useState } from "./html.js";

export const VIEWS = ["predict", "models", "learn", "watch"];

export const viewNow = () => {
  const name = location.hash.slice(1);
  return VIEWS.includes(name) ? name : VIEWS[0];
};

export function useView() {
  const [view, setView] = useState(viewNow());
  useEffect(() => {
    const follow = () => setView(viewNow());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return view;
}

export const goTo = (view) => (location.hash = view);
