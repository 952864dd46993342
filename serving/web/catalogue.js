// The versions there are and which one answers, as last heard from the server.

import { ask } from "./api.js";
import { createStore, useStore } from "./store.js";

const PAGE = 500;
const store = createStore({ models: [], defaultId: null, problem: null, loaded: false });
const details = new Map();

export const useCatalogue = () => useStore(store);

let newest = 0;

export async function refreshCatalogue() {
  const mine = ++newest;
  // What was asked earlier and comes later is older news.
  const told = (news) => mine === newest && store.set({ ...store.get(), ...news, loaded: true });
  try {
    told({ ...(await everyVersion()), problem: null });
  } catch (problem) {
    told({ problem });
  }
}

async function everyVersion() {
  const models = [];
  let page;
  do {
    const query = new URLSearchParams({ limit: PAGE, ...(page && { cursor: page.next }) });
    page = await ask(`/models?${query}`);
    models.push(...page.models);
  } while (page.next);
  return { models, defaultId: page.default };
}

export const catalogueNow = () => store.get();

// What answers where a request names no model.
export const serving = ({ models }) => models.find((model) => model.default);

// All that is known about one version.  Versions never change, but another may come to bear the same name.
export async function describe({ id, version, sha256 }) {
  const key = `${id}@${version}@${sha256 ?? ""}`;
  if (!details.has(key)) {
    const query = new URLSearchParams({ id, version });
    details.set(key, ask(`/models/info?${query}`));
    details.get(key).catch(() => details.delete(key));
  }
  return details.get(key);
}

// The versions by id, the default's id first, the newest version first.
export function byId(models, defaultId) {
  const groups = Map.groupBy(models, ({ id }) => id);
  const order = ([one], [other]) => (other === defaultId) - (one === defaultId) || one.localeCompare(other);
  return [...groups].sort(order).map(([id, versions]) => ({ id, versions: versions.toReversed() }));
}
