// What was dropped or pasted anywhere on the page, on its way to the view that takes it.

import { useEffect } from "./html.js";
import { createStore, useStore } from "./store.js";

const store = createStore([]);

// `kind` is picture, model, labels, archive or address; `items` are its files, or one text.
export const handIn = (kind, items) => store.set([...store.get(), { kind, items }]);

// Calls `take` with the items of those kinds, once, also with what came before the view was there.
export function useIntake(active, kinds, take) {
  const handed = useStore(store);
  useEffect(() => {
    // The store is asked again: another part of the page may have been quicker.
    const mine = store.get().filter(({ kind }) => kinds.includes(kind));
    if (!active || !mine.length) return;
    store.set(store.get().filter((each) => !mine.includes(each)));
    for (const { items, kind } of mine) take(items, kind);
  }, [active, handed]);
}

export function kindOf({ name, type }) {
  if (/\.onnx$/i.test(name)) return "model";
  if (/\.zip$/i.test(name)) return "archive";
  if (/\.(json|txt|csv)$/i.test(name)) return "labels";
  return type === "application/zip" ? "archive" : "picture";
}
