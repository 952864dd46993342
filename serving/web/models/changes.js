// What can be done to a version, each with its consequences said before.

import { ask, tell } from "../api.js";
import { refreshCatalogue } from "../catalogue.js";
import { confirm } from "../parts/confirm.js";

const workers = (liveOn) => `on ${liveOn.replace("/", " of ")} workers`;

async function done(request, sentence) {
  const answer = await request;
  await refreshCatalogue();
  return sentence(answer);
}

export function makeLive(model, { live, isDefault }) {
  const { id, version } = model;
  confirm({
    title: `Make ${id} ${version} live?`,
    consequences: [
      `Every worker loads and warms it up first. From then on it answers every request for ${id}` +
        (isDefault ? ", and every request that names no model." : "."),
      live ? `${live.version} stays, and comes back with one roll back.` : `Nothing answers for ${id} until now.`,
    ],
    action: "Make live",
    run: () =>
      done(tell("/models/activate", { id, version }), ({ live_on: on }) => `${id} ${version} is live ${workers(on)}.`),
  });
}

export function makeDefault({ id, version }, { standing }) {
  confirm({
    title: `Let ${id} answer by default?`,
    consequences: [
      `${id} ${version} becomes live and answers every request that names no model.`,
      standing ? `Until now that is ${standing.id} ${standing.version}; it stays, and still answers when it is named.` : "",
    ].filter(Boolean),
    action: "Make default",
    run: () =>
      done(
        tell("/models/activate", { id, version, default: true }),
        ({ live_on: on }) => `${id} ${version} answers by default ${workers(on)}.`,
      ),
  });
}

export function rollBack(id, live) {
  confirm({
    title: `Roll ${id} back?`,
    consequences: [
      `What was live before ${live.version} answers for ${id} again, on every worker, as soon as it is warm.`,
      `${live.version} stays. Each further roll back goes one step further.`,
    ],
    action: "Roll back",
    run: () =>
      done(tell("/models/rollback", { id }), ({ version, live_on: on }) => `${id} ${version} is live again ${workers(on)}.`),
  });
}

export function remove({ id, version }) {
  confirm({
    title: `Delete ${id} ${version}?`,
    consequences: [
      "The model, its labels and its measurements are gone for good; there is no way back but another upload.",
      `Requests for ${id}@${version} will be answered “not found”. What it predicted stays on record.`,
    ],
    action: "Delete",
    danger: true,
    run: () => done(deleteVersion(id, version), () => `${id} ${version} is deleted.`),
  });
}

export function deleteVersion(id, version) {
  return ask(`/models?${new URLSearchParams({ id, version })}`, { method: "DELETE" });
}

// `holder` is the version that has the alias until now, if any.
export function giveAlias({ id, version }, alias, holder) {
  confirm({
    title: `Call ${id} ${version} “${alias}”?`,
    consequences: [
      `Requests for ${id}@${alias} are answered by ${version} from then on; until it is taken away, ${version} cannot be deleted.`,
      holder ? `Until now that is ${holder.version}, which loses the name.` : "",
    ].filter(Boolean),
    action: "Add alias",
    run: () => done(putAlias(id, alias, version), (answer) => `${id}@${answer.alias} now means ${answer.version}.`),
  });
}

export function takeAlias({ id, version }, alias) {
  confirm({
    title: `Take the name “${alias}” away?`,
    consequences: [`Requests for ${id}@${alias} will be answered “not found”. ${version} stays and answers under its own name.`],
    action: "Take it away",
    danger: true,
    run: () => done(putAlias(id, alias, null), (answer) => `${id}@${answer.alias} is gone.`),
  });
}

const putAlias = (id, alias, version) => tell("/models/alias", { id, alias, version }, { method: "PUT" });
